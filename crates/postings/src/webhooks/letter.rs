//! The mail about an endpoint that was disabled.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::{Block, Draft, EmailAddress, Footer, Layout, MailConfig, MailKind};
use store::schema::{members, users};
use store::{DbConn, Random, StoreError, Timestamp};

use super::endpoint::Endpoint;

/// The kind of these mails.
const KIND: MailKind = MailKind::WebhookDisabled;
/// People who are written to.
const MAX_PEOPLE: i64 = 50;
/// How long the mail is worth sending.
const WORTH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Tells the owners of the endpoint's employer, or the operators for one of the board, that it was switched off because of
/// `reason`. What switches it off does that; beside it only a preview of the mail does.
pub fn write_letters(
    tx: &mut DbConn,
    endpoint: &Endpoint,
    reason: &str,
    config: &MailConfig,
    random: &Random,
    now: Timestamp,
) -> Result<(), StoreError> {
    let drafts: Vec<Draft> = recipients(tx, endpoint)?
        .into_iter()
        .map(|recipient| draft(endpoint, reason, config, recipient, now))
        .collect();
    mail::enqueue(tx, &drafts, random, now)?;
    Ok(())
}

fn recipients(conn: &mut DbConn, endpoint: &Endpoint) -> Result<Vec<EmailAddress>, StoreError> {
    let Some(employer_id) = endpoint.employer_id else {
        return Ok(users::table
            .filter(users::is_operator.eq(true))
            .filter(users::verified_at.is_not_null())
            .order(users::id)
            .limit(MAX_PEOPLE)
            .select(users::email)
            .load(conn)?);
    };
    Ok(members::table
        .inner_join(users::table)
        .filter(members::employer_id.eq(employer_id))
        .filter(members::role.eq("owner"))
        .filter(users::verified_at.is_not_null())
        .order(users::id)
        .limit(MAX_PEOPLE)
        .select(users::email)
        .load(conn)?)
}

fn draft(
    endpoint: &Endpoint,
    reason: &str,
    config: &MailConfig,
    recipient: EmailAddress,
    now: Timestamp,
) -> Draft {
    let host = url::Url::parse(&endpoint.url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let subject = format!("A webhook was switched off: {host}");
    let id = endpoint.id;
    let layout = Layout {
        title: subject.clone(),
        preheader: String::new(),
        blocks: vec![
            Block::Paragraph(format!(
                "We do not tell this address of changes any more, because {reason}."
            )),
            Block::Code(endpoint.url.clone()),
            Block::Paragraph(
                "What happens meanwhile is held for 30 days. When the address works again, switch the webhook on and have \
                 everything that was missed told again:"
                    .to_owned(),
            ),
            Block::Code(format!("PATCH /v1/webhooks/{id} {{\"state\": \"enabled\"}}")),
            Block::Code(format!("POST /v1/webhooks/{id}/replay {{\"since\": \"{}\"}}", since(endpoint, now))),
        ],
        footer: Footer {
            reason: "You get this because you look after this webhook.".to_owned(),
            links: Vec::new(),
        },
    };
    let rendered = layout.render(config);
    Draft {
        kind: KIND,
        dedup_key: format!("{KIND}:{id}:{}:{recipient}", now.seconds()),
        recipient,
        subject,
        text: rendered.text,
        html: rendered.html,
        list: None,
        not_after: now.plus(WORTH),
    }
}

/// From when on something was missed.
fn since(endpoint: &Endpoint, now: Timestamp) -> Timestamp {
    let taken = endpoint.last_success_at.or(endpoint.failing_since);
    Timestamp::from_seconds(taken.unwrap_or(now).seconds()).minus(SignedDuration::from_hours(1))
}
