//! The mails of this crate.

use jiff::SignedDuration;
use mail::{Block, Draft, EmailAddress, Footer, Layout, MailConfig, MailKind};
use store::{DbConn, Random, StoreError, Timestamp};

/// Kinds of mail that a stranger can cause by typing an address.
pub(crate) const CAUSED_BY_STRANGERS: [MailKind; 3] = [
    MailKind::VerifyEmail,
    MailKind::ResetPassword,
    MailKind::AccountExists,
];

/// What mails are written with.
#[derive(Debug, Clone, Copy)]
pub struct Letters<'a> {
    /// Who we are and where.
    pub config: &'a MailConfig,
    /// Makes tokens and ids.
    pub random: &'a Random,
}

/// A mail's text, before it has a recipient.
pub(crate) struct Letter {
    pub(crate) kind: MailKind,
    pub(crate) subject: String,
    pub(crate) layout: Layout,
}

impl Letters<'_> {
    /// Puts `letter` into the outbox; false when one with the same `dedup_key` is there already.
    pub(crate) fn send(
        &self,
        tx: &mut DbConn,
        letter: Letter,
        recipient: &EmailAddress,
        dedup_key: String,
        worth_for: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rendered = letter.layout.render(self.config);
        let draft = Draft {
            kind: letter.kind,
            recipient: recipient.clone(),
            subject: letter.subject,
            text: rendered.text,
            html: rendered.html,
            list: None,
            dedup_key,
            not_after: now.plus(worth_for),
        };
        Ok(mail::enqueue(tx, &[draft], self.random, now)? == 1)
    }

    pub(crate) fn verify_email(&self, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::VerifyEmail,
            subject: format!("Confirm your address for {site}"),
            layout: Layout {
                title: "Confirm your address".to_owned(),
                preheader: "One click and your account is ready.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody, most likely you, made an account with this address at {site}. Confirm that it is yours:"
                    )),
                    self.button("Confirm my address", "/verify-email", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                    Block::Paragraph("Link and code work once, within 24 hours.".to_owned()),
                ],
                footer: not_you(
                    "If it was not you, do nothing: without confirmation the account cannot be used.",
                ),
            },
        }
    }

    pub(crate) fn account_exists(&self) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::AccountExists,
            subject: format!("You already have an account at {site}"),
            layout: Layout {
                title: "You already have an account".to_owned(),
                preheader: "Sign in, or choose a new password.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody, most likely you, tried to register with this address at {site}. There is an account \
                         already, and nothing was changed. You can sign in, or choose a new password if you forgot yours:"
                    )),
                    Block::Button {
                        label: "Choose a new password".to_owned(),
                        url: self.config.url("/forgot-password"),
                    },
                ],
                footer: not_you("If it was not you, do nothing: your account is as safe as before."),
            },
        }
    }

    pub(crate) fn reset_password(&self, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::ResetPassword,
            subject: format!("Choose a new password for {site}"),
            layout: Layout {
                title: "Choose a new password".to_owned(),
                preheader: "The link works once, within an hour.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody, most likely you, asked for a new password for your account at {site}."
                    )),
                    self.button("Choose a new password", "/reset-password", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                    Block::Paragraph(
                        "Link and code work once, within an hour. The new password signs you out everywhere."
                            .to_owned(),
                    ),
                ],
                footer: not_you("If it was not you, do nothing: your password stays as it is."),
            },
        }
    }

    pub(crate) fn password_changed(&self) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::PasswordChanged,
            subject: format!("Your password for {site} was changed"),
            layout: Layout {
                title: "Your password was changed".to_owned(),
                preheader: "If that was you, all is well.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "The password of your account at {site} was changed, and other devices were signed out."
                    )),
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

    pub(crate) fn invitation(&self, employer: &str, inviter: &str, role: crate::Role, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::Invitation,
            subject: format!("{inviter} invites you to {employer} at {site}"),
            layout: Layout {
                title: format!("Join {employer}"),
                preheader: format!("{inviter} invites you as {role}."),
                blocks: vec![
                    Block::Paragraph(format!(
                        "{inviter} invites you to work on the postings of {employer} at {site}, as {role}. \
                         You need an account with this address."
                    )),
                    self.button("Accept the invitation", "/accept-invitation", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                    Block::Paragraph("Link and code work once, within 7 days.".to_owned()),
                ],
                footer: not_you("If you do not know the sender, do nothing."),
            },
        }
    }

    pub(crate) fn button(&self, label: &str, path: &str, token: &str) -> Block {
        Block::Button {
            label: label.to_owned(),
            url: format!("{}?token={token}", self.config.url(path)),
        }
    }

    pub(crate) fn site(&self) -> &str {
        self.config.site()
    }
}

pub(crate) fn not_you(reason: &str) -> Footer {
    Footer {
        reason: reason.to_owned(),
        links: Vec::new(),
    }
}
