//! The mails of this crate about employers: domains and owners.

use mail::{Block, Layout, MailKind};

use crate::Letters;
use crate::letters::{Letter, not_you};

impl Letters<'_> {
    pub(crate) fn domain_proof(&self, employer: &str, domain: &str, token: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::DomainProof,
            subject: format!("Does {domain} belong to {employer}?"),
            layout: Layout {
                title: format!("Does {domain} belong to {employer}?"),
                preheader: "Confirm only if you know about it.".to_owned(),
                blocks: vec![
                    Block::Paragraph(format!(
                        "Somebody says at {site} that the employer {employer} owns the domain {domain}. This mail goes to a \
                         mailbox that only those who run the domain can read. If it is true, confirm it:"
                    )),
                    self.button("Yes, it is ours", "/confirm-domain", token),
                    Block::Paragraph("Or paste this code where you are asked for it:".to_owned()),
                    Block::Code(token.to_owned()),
                    Block::Paragraph("Link and code work once, within 24 hours.".to_owned()),
                ],
                footer: not_you("If you do not know about it, do nothing: without you it stays unconfirmed."),
            },
        }
    }

    pub(crate) fn domain_lost(&self, domain: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::DomainLost,
            subject: format!("{domain} is no longer confirmed at {site}"),
            layout: Layout {
                title: format!("{domain} is no longer confirmed"),
                preheader: "Publish the record again, or ask for another mail.".to_owned(),
                blocks: vec![Block::Paragraph(format!(
                    "Your employer's page at {site} showed that {domain} is yours. The TXT record has been missing for three \
                     days, or the mail that confirmed it is a year old, so the page does not show it any more. Publish the \
                     record again and check it, or ask for another mail."
                ))],
                footer: not_you("You get this mail because you are an owner of the employer."),
            },
        }
    }

    pub(crate) fn ownership_offered(&self, employer: &str, giver: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::OwnershipOffered,
            subject: format!("{giver} wants to hand {employer} over to you"),
            layout: Layout {
                title: format!("{employer} could be yours"),
                preheader: format!("{giver} offers you to become its owner."),
                blocks: vec![
                    Block::Paragraph(format!(
                        "{giver} offers you to become an owner of {employer} at {site}, in their place. Sign in and accept \
                         or decline the offer; it ends by itself after 7 days."
                    )),
                    Block::Button {
                        label: "Read how".to_owned(),
                        url: self.config.url("/docs"),
                    },
                ],
                footer: not_you("Nothing changes until you accept."),
            },
        }
    }

    pub(crate) fn ownership_offer_made(&self, employer: &str, heir: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::OwnershipOfferMade,
            subject: format!("You offered {employer} to {heir}"),
            layout: Layout {
                title: format!("You offered {employer} to {heir}"),
                preheader: "Take it back if it was not you.".to_owned(),
                blocks: vec![Block::Paragraph(format!(
                    "Your account offered {heir} to become an owner of {employer} at {site} in your place. If it was not you, \
                     take the offer back at once, change your password and end your other sessions."
                ))],
                footer: not_you("You get this mail because it is about the safety of your account."),
            },
        }
    }

    pub(crate) fn ownership_changed(&self, employer: &str, heir: &str, giver: &str) -> Letter {
        let site = self.site();
        Letter {
            kind: MailKind::OwnershipChanged,
            subject: format!("{employer} was handed over"),
            layout: Layout {
                title: format!("{employer} was handed over"),
                preheader: format!("{heir} is an owner now."),
                blocks: vec![Block::Paragraph(format!(
                    "{heir} accepted and is an owner of {employer} at {site} now. {giver} is a recruiter."
                ))],
                footer: not_you("You get this mail because you are the one or the other."),
            },
        }
    }
}
