//! The mails of this crate about the safety of an account.

use jiff::SignedDuration;
use mail::{Block, Layout, MailKind};
use store::{DbConn, StoreError, Timestamp};

use crate::letters::{Letter, not_you};
use crate::{Letters, User};

/// Writes every mail about further ways to sign in, a passkey called `passkey` and the identity provider `provider`, to `user`.
/// What adds and removes such ways writes them one by one; all of them only a preview does.
pub fn write_ways_to_sign_in(
    tx: &mut DbConn,
    user: &User,
    (passkey, provider): (&str, &str),
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let all = [
        letters.passkey_added(passkey),
        letters.passkey_removed(passkey),
        letters.provider_connected(provider),
        letters.provider_disconnected(provider),
    ];
    for letter in all {
        let key = format!("{}:{}:{}", letter.kind, user.id, now.micros());
        letters.send(tx, letter, &user.email, key, SignedDuration::from_hours(24), now)?;
    }
    Ok(())
}

impl Letters<'_> {
    pub(crate) fn new_sign_in(&self, user_agent: Option<&str>, now: Timestamp) -> Letter {
        let site = self.site();
        let program = user_agent.map_or_else(
            || "a program that does not say what it is".to_owned(),
            |agent| {
                agent
                    .chars()
                    .filter(|c| c.is_ascii_graphic() || *c == ' ')
                    .take(120)
                    .collect()
            },
        );
        let at = now.to_string();
        let at = at.get(..16).unwrap_or(&at).replace('T', " ");
        Letter {
            kind: MailKind::NewSignIn,
            subject: format!("A new sign-in to your account at {site}"),
            layout: Layout {
                title: "A new sign-in".to_owned(),
                preheader: "If that was you, all is well.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody signed in to your account at {site} from where you had not been before: on {at} UTC, with"
                    )),
                    Block::Code(program),
                    Block::Paragraph(
                        "If it was not you, choose a new password: that signs everybody else out.".to_owned(),
                    ),
                    Block::Button {
                        label: "Choose a new password".to_owned(),
                        url: self.config.url("/forgot-password"),
                    },
                ],
                footer: not_you("You get this mail because it is about the safety of your account."),
            },
        }
    }

    pub(crate) fn second_factor_on(&self) -> Letter {
        self.news(
            MailKind::SecondFactorOn,
            "Signing in asks for a code now",
            "A second factor was switched on for your account, and other devices were signed out. Keep the recovery codes \
             where you find them without your phone.",
        )
    }

    pub(crate) fn second_factor_off(&self) -> Letter {
        self.news(
            MailKind::SecondFactorOff,
            "Signing in asks for no code any more",
            "The second factor of your account was switched off. The password alone is enough now.",
        )
    }

    pub(crate) fn passkey_added(&self, name: &str) -> Letter {
        self.news(
            MailKind::PasskeyAdded,
            "A passkey was added",
            &format!(
                "The passkey \u{201c}{name}\u{201d} was added to your account. Whoever holds it signs in without a password."
            ),
        )
    }

    pub(crate) fn passkey_removed(&self, name: &str) -> Letter {
        self.news(
            MailKind::PasskeyRemoved,
            "A passkey was removed",
            &format!(
                "The passkey \u{201c}{name}\u{201d} was removed from your account. Nobody signs in with it any more."
            ),
        )
    }

    pub(crate) fn provider_connected(&self, provider: &str) -> Letter {
        self.news(
            MailKind::ProviderConnected,
            "Another way to sign in",
            &format!("Your account can be signed in to with {provider} now."),
        )
    }

    pub(crate) fn provider_disconnected(&self, provider: &str) -> Letter {
        self.news(
            MailKind::ProviderDisconnected,
            "One way less to sign in",
            &format!("Your account cannot be signed in to with {provider} any more."),
        )
    }

    fn news(&self, kind: MailKind, title: &str, words: &str) -> Letter {
        let site = self.site();
        Letter {
            kind,
            subject: format!("{title}: your account at {site}"),
            layout: Layout {
                title: title.to_owned(),
                preheader: "If that was you, all is well.".to_owned(),
                blocks: vec![
                    Block::Paragraph(words.to_owned()),
                    Block::Paragraph(
                        "If it was not you, take the account back with a new password:".to_owned(),
                    ),
                    Block::Button {
                        label: "Choose a new password".to_owned(),
                        url: self.config.url("/forgot-password"),
                    },
                ],
                footer: not_you("You get this mail because it is about the safety of your account."),
            },
        }
    }

    pub(crate) fn email_change_old(&self, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::EmailChange,
            subject: format!("Give your account at {site} another address?"),
            layout: Layout {
                title: "Another address for your account?".to_owned(),
                preheader: "Both mailboxes have to agree.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody who knows your password wants to give your account at {site} another address. If it was \
                         you, agree here and in the mail that went to the new address:"
                    )),
                    self.button("Agree", "/confirm-email-change", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                ],
                footer: not_you(
                    "If it was not you, do not agree, and choose a new password: somebody knows yours. Without you nothing \
                     changes.",
                ),
            },
        }
    }

    pub(crate) fn email_change_new(&self, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::EmailChange,
            subject: format!("Confirm your new address for {site}"),
            layout: Layout {
                title: "Confirm your new address".to_owned(),
                preheader: "Both mailboxes have to agree.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody, most likely you, wants to use this address for an account at {site}. Agree here and in the \
                         mail that went to the address of before:"
                    )),
                    self.button("Agree", "/confirm-email-change", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                    Block::Paragraph("Link and code work once, within 24 hours.".to_owned()),
                ],
                footer: not_you("If it was not you, do nothing: nothing changes."),
            },
        }
    }
}
