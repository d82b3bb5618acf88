//! Telling employers that postings are about to end.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{Block, Draft, EmailAddress, Entry, Footer, Layout, MailConfig, MailKind};
use store::schema::{employers, postings};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols};

use crate::find::to_posting;
use crate::notices::recipients;
use crate::posting::{EmployerRef, Posting, PostingRow, PostingStatus};

/// How long before its end a posting's employer is told.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a posting is public before anybody is told of its end.
const SETTLED: SignedDuration = SignedDuration::from_hours(24);
/// The kind of these mails.
const KIND: MailKind = MailKind::PostingEnds;
/// Postings named in one mail.
const NAMED: usize = 20;

/// Writes mails about up to `limit` postings that end within [`AHEAD`], one to each member of their employers who may renew
/// them; returns how many postings were warned of. Imported postings live as long as their source shows them, so nobody is
/// told. A pass: safe to run twice; a posting that gets another end is warned of again.
pub fn warn_due(
    tx: &mut DbConn,
    config: &MailConfig,
    random: &Random,
    limit: i64,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let due: Vec<Posting> = postings::table
        .inner_join(employers::table)
        .filter(
            postings::status
                .eq(PostingStatus::Published)
                .and(postings::source.is_null()),
        )
        // Whoever published it a moment ago for a few days knows.
        .filter(postings::published_at.le(now.minus(SETTLED)))
        .filter(
            postings::expires_at
                .gt(now)
                .and(postings::expires_at.le(now.plus(AHEAD))),
        )
        .filter(
            postings::warned_for
                .is_null()
                .or(postings::warned_for.ne(postings::expires_at)),
        )
        .order((postings::expires_at, postings::id))
        .limit(limit)
        .select((cols::<PostingRow>(), cols::<EmployerRef>()))
        .load::<(PostingRow, EmployerRef)>(tx)?
        .into_iter()
        .map(to_posting)
        .collect();
    let mut by_employer: BTreeMap<Id, Vec<&Posting>> = BTreeMap::new();
    for posting in &due {
        by_employer
            .entry(posting.row.employer_id)
            .or_default()
            .push(posting);
    }
    for (employer_id, ending) in by_employer {
        let drafts: Vec<Draft> = recipients(tx, employer_id)?
            .into_iter()
            .map(|recipient| draft(config, &ending, recipient, now))
            .collect();
        mail::enqueue(tx, &drafts, random, now)?;
    }
    for posting in &due {
        diesel::update(postings::table.find(posting.row.id))
            .set(postings::warned_for.eq(posting.row.expires_at))
            .execute(tx)?;
    }
    Ok(due.len())
}

fn draft(config: &MailConfig, ending: &[&Posting], recipient: EmailAddress, now: Timestamp) -> Draft {
    let first = ending[0];
    let employer = &first.employer.name;
    let subject = match ending {
        [one] => format!("Ends soon: {}", one.content().title),
        many => format!("{} postings of {employer} end soon", many.len()),
    };
    let entries = ending.iter().take(NAMED).map(|posting| Entry {
        title: posting.content().title.clone(),
        url: config.url(&format!("/postings/{}", posting.row.slug)),
        lines: vec![
            format!("Ends on {}", day_of(posting.row.expires_at)),
            format!("To renew it: POST /v1/postings/{}/renew", posting.row.id),
        ],
        links: Vec::new(),
    });
    let mut blocks = vec![
        Block::Paragraph(
            "These postings end by themselves within a week. Renewing one gives it another 60 days; those that are filled need nothing.".to_owned(),
        ),
        Block::List(entries.collect()),
    ];
    if ending.len() > NAMED {
        blocks.push(Block::Paragraph(format!("And {} more.", ending.len() - NAMED)));
    }
    let layout = Layout {
        title: subject.clone(),
        preheader: String::new(),
        blocks,
        footer: Footer {
            reason: format!("You get this because you look after the postings of {employer}."),
            links: Vec::new(),
        },
    };
    let rendered = layout.render(config);
    let end = first.row.expires_at.unwrap_or(now);
    Draft {
        kind: KIND,
        dedup_key: format!("{KIND}:{}:{}:{}", first.row.id, end.seconds(), recipient),
        recipient,
        subject,
        text: rendered.text,
        html: rendered.html,
        list: None,
        not_after: end,
    }
}

/// "2027-01-22" in UTC.
fn day_of(at: Option<Timestamp>) -> String {
    let text = at.map(|at| at.to_string()).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}
