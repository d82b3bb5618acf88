//! Mails to those who look after a posting.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{Block, Draft, EmailAddress, Footer, Layout, MailConfig, MailKind};
use store::schema::{members, users};
use store::{DbConn, Id, Random, StoreError, Timestamp};

use crate::posting::{Posting, PostingStatus};

/// Members of one employer who are told.
const MAX_MEMBERS: i64 = 50;

/// Addresses of the members who may change a posting.
pub(crate) fn recipients(conn: &mut DbConn, employer_id: Id) -> Result<Vec<EmailAddress>, StoreError> {
    Ok(members::table
        .inner_join(users::table)
        .filter(members::employer_id.eq(employer_id))
        .filter(members::role.eq_any(["owner", "recruiter"]))
        .filter(users::verified_at.is_not_null())
        .order(users::id)
        .limit(MAX_MEMBERS)
        .select(users::email)
        .load(conn)?)
}

/// What a notice says.
pub(crate) struct Notice<'a> {
    /// Kind of the mail.
    pub(crate) kind: MailKind,
    /// Subject and title.
    pub(crate) subject: String,
    /// What it says under that.
    pub(crate) blocks: Vec<Block>,
    /// What makes it one of a kind, beside the recipient.
    pub(crate) about: String,
    /// The posting.
    pub(crate) posting: &'a Posting,
}

/// Writes a notice to everybody who may change the posting; returns how many.
pub(crate) fn tell(
    tx: &mut DbConn,
    config: &MailConfig,
    notice: &Notice<'_>,
    random: &Random,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let posting = notice.posting;
    let mut drafts = Vec::new();
    for recipient in recipients(tx, posting.row.employer_id)? {
        let mut blocks = notice.blocks.clone();
        if posting.row.status == PostingStatus::Published {
            blocks.push(Block::Button {
                label: "See the posting".to_owned(),
                url: config.url(&format!("/postings/{}", posting.row.slug)),
            });
        }
        let layout = Layout {
            title: notice.subject.clone(),
            preheader: String::new(),
            blocks,
            footer: Footer {
                reason: format!(
                    "You get this because you look after the postings of {}.",
                    posting.employer.name
                ),
                links: Vec::new(),
            },
        };
        let rendered = layout.render(config);
        drafts.push(Draft {
            kind: notice.kind,
            dedup_key: format!("{}:{}:{}", notice.kind, notice.about, recipient),
            recipient,
            subject: notice.subject.clone(),
            text: rendered.text,
            html: rendered.html,
            list: None,
            not_after: now.plus(SignedDuration::from_hours(5 * 24)),
        });
    }
    mail::enqueue(tx, &drafts, random, now)
}
