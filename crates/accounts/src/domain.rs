//! Domains that employers have shown to be theirs: by a TXT record, or by a mail to one of the domain's own mailboxes.

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::EmailAddress;
use serde::Serialize;
use store::schema::{employer_domains, employers};
use store::{Db, DbConn, Id, Random, StoreError, Timestamp, cols};
use url::Host;

use crate::dns::TxtLookup;
use crate::quota::{MOST_DOMAINS, count_domains};
use crate::registration::minute_key;
use crate::{Actor, Deed, Employer, Letters, Role, list_members, record, secret};

/// What stands in the TXT record before the challenge.
pub(crate) const RECORD_PREFIX: &str = "backplane-verification=";

/// Mailboxes that only whoever runs a domain can have (RFC 2142; the names that certificate authorities write to).
pub const MAILBOXES: [&str; 5] = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];

/// How long a mailed proof can be used.
const MAILED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long a proof by mail holds.
const MAIL_HOLDS: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How often a proof by DNS is looked at again.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// When nobody answered, it is tried again so soon.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// A record that was missing so often in a row is gone: one day of a broken zone file costs nobody anything.
const MISSES: i32 = 3;
/// Domains that one pass looks at.
const PER_PASS: i64 = 50;

store::text_enum! {
    /// Where a domain stands.
    pub enum DomainState {
        /// Named, not shown to be theirs.
        Pending = "pending",
        /// Shown to be theirs.
        Verified = "verified",
        /// It was shown once; the record has gone, or the proof is too old.
        Lost = "lost",
    }
}

store::text_enum! {
    /// How a domain was shown to be theirs.
    pub enum DomainProof {
        /// By a TXT record, looked at every day.
        Dns = "dns",
        /// By a mail to one of the domain's own mailboxes; holds a year.
        Mail = "mail",
    }
}

/// A domain that an employer says is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = employer_domains, treat_none_as_default_value = false)]
pub struct EmployerDomain {
    /// Identifier.
    pub id: Id,
    /// For which employer.
    pub employer_id: Id,
    /// The domain in lower case, in its ASCII form.
    #[schema(example = "acme.example")]
    pub domain: String,
    /// Where it stands.
    pub state: DomainState,
    /// How it was shown.
    pub proof: Option<DomainProof>,
    /// What has to be published, after `backplane-verification=`.
    #[serde(skip)]
    pub challenge: String,
    /// When it was shown to be theirs.
    pub verified_at: Option<Timestamp>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// When it is looked at again.
    #[serde(skip)]
    pub next_check_at: Option<Timestamp>,
    /// Looks in a row at which the record was missing.
    #[serde(skip)]
    pub misses: i32,
    /// When it was named.
    pub created_at: Timestamp,
}

impl EmployerDomain {
    /// The text of the TXT record that shows the domain to be theirs.
    pub fn record(&self) -> String {
        format!("{RECORD_PREFIX}{}", self.challenge)
    }
}

/// Why something about a domain did not work.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// There is no such domain of this employer.
    #[error("there is no such domain")]
    NotFound,
    /// Not the name of a domain with at least two parts.
    #[error("a domain is a name such as acme.example, without scheme, path or port")]
    Name,
    /// Named already.
    #[error("the employer has named this domain already")]
    Exists,
    /// Ten are named.
    #[error("an employer can name at most 10 domains")]
    TooMany,
    /// The record is not there.
    #[error("the domain has no TXT record {RECORD_PREFIX}… with this value yet")]
    Unproven,
    /// Nobody answered.
    #[error("the domain's name servers did not answer")]
    Unanswered,
    /// Not one of [`MAILBOXES`].
    #[error("the mailbox is one of admin, administrator, hostmaster, postmaster, webmaster")]
    Mailbox,
    /// A mail left less than a minute ago.
    #[error("a mail left less than a minute ago")]
    TooSoon,
    /// A mailed proof that was never given out, was used, or is too old.
    #[error("the token is unknown, used or too old")]
    Token,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for DomainError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// `text` as the name of a domain: lower case, ASCII (IDNA), two to 253 characters, with a dot and no address of a machine.
fn checked_domain(text: &str) -> Result<String, DomainError> {
    let trimmed = text.trim().trim_end_matches('.');
    let Ok(Host::Domain(domain)) = Host::parse(trimmed) else {
        return Err(DomainError::Name);
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_name = domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && domain
            .rsplit('.')
            .next()
            .is_some_and(|top| !top.bytes().all(|b| b.is_ascii_digit()));
    if is_name {
        Ok(domain)
    } else {
        Err(DomainError::Name)
    }
}

/// Names a domain, with a challenge to be published.
pub fn add_domain(
    tx: &mut DbConn,
    employer: Id,
    name: &str,
    random: &Random,
    now: Timestamp,
) -> Result<EmployerDomain, DomainError> {
    let domain = checked_domain(name)?;
    crate::member::lock_employer(tx, employer)?;
    if list_domains(tx, employer)?
        .iter()
        .any(|known| known.domain == domain)
    {
        return Err(DomainError::Exists);
    }
    if count_domains(tx, employer)? >= MOST_DOMAINS {
        return Err(DomainError::TooMany);
    }
    let row = EmployerDomain {
        id: random.id(now),
        employer_id: employer,
        domain,
        state: DomainState::Pending,
        proof: None,
        challenge: random.token(),
        verified_at: None,
        checked_at: None,
        next_check_at: None,
        misses: 0,
        created_at: now,
    };
    diesel::insert_into(employer_domains::table)
        .values(&row)
        .execute(tx)?;
    Ok(row)
}

/// The domains that `employer` has named, in that order; at most 10.
pub fn list_domains(conn: &mut DbConn, employer: Id) -> Result<Vec<EmployerDomain>, StoreError> {
    Ok(employer_domains::table
        .filter(employer_domains::employer_id.eq(employer))
        .order(employer_domains::id)
        .limit(MOST_DOMAINS)
        .select(cols::<EmployerDomain>())
        .load(conn)?)
}

/// The domain `id` of `employer`.
///
/// # Errors
/// [`DomainError::NotFound`].
pub fn require_domain(conn: &mut DbConn, employer: Id, id: Id) -> Result<EmployerDomain, DomainError> {
    employer_domains::table
        .find(id)
        .filter(employer_domains::employer_id.eq(employer))
        .select(cols::<EmployerDomain>())
        .first(conn)
        .optional()?
        .ok_or(DomainError::NotFound)
}

/// Takes a domain away from the employer.
///
/// # Errors
/// [`DomainError::NotFound`].
pub fn remove_domain(
    tx: &mut DbConn,
    employer: Id,
    id: Id,
    now: Timestamp,
) -> Result<EmployerDomain, DomainError> {
    let domain = require_domain(tx, employer, id)?;
    diesel::delete(employer_domains::table.find(id)).execute(tx)?;
    show_verified(tx, employer, now)?;
    Ok(domain)
}

/// What a look at a domain's records said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The record is there.
    Present,
    /// It is not.
    Missing,
    /// Nobody answered.
    Unanswered,
}

/// Looks whether the record of `domain` is published. Call it with no transaction open.
pub async fn look_at(dns: &dyn TxtLookup, domain: &EmployerDomain) -> Look {
    match dns.texts(&domain.domain).await {
        Ok(texts) if texts.iter().any(|text| text.trim() == domain.record()) => Look::Present,
        Ok(_) => Look::Missing,
        Err(_) => Look::Unanswered,
    }
}

/// Notes what a look said, when an owner asked for it; the domain is the employer's when the record is there.
///
/// # Errors
/// [`DomainError::Unproven`] and [`DomainError::Unanswered`]: nothing is changed.
pub fn confirm_by_dns(
    tx: &mut DbConn,
    domain: &EmployerDomain,
    look: Look,
    now: Timestamp,
) -> Result<EmployerDomain, DomainError> {
    match look {
        Look::Missing => Err(DomainError::Unproven),
        Look::Unanswered => Err(DomainError::Unanswered),
        Look::Present => verified(tx, domain.id, DomainProof::Dns, now.plus(EVERY), now),
    }
}

fn verified(
    tx: &mut DbConn,
    id: Id,
    proof: DomainProof,
    next_check_at: Timestamp,
    now: Timestamp,
) -> Result<EmployerDomain, DomainError> {
    let domain: EmployerDomain = diesel::update(employer_domains::table.find(id))
        .set((
            employer_domains::state.eq(DomainState::Verified),
            employer_domains::proof.eq(proof),
            employer_domains::verified_at.eq(now),
            employer_domains::checked_at.eq(now),
            employer_domains::next_check_at.eq(next_check_at),
            employer_domains::misses.eq(0),
            employer_domains::mail_token_hash.eq(None::<Vec<u8>>),
        ))
        .returning(cols::<EmployerDomain>())
        .get_result(tx)
        .optional()?
        .ok_or(DomainError::NotFound)?;
    show_verified(tx, domain.employer_id, now)?;
    Ok(domain)
}

/// Mails a proof to `mailbox` of the domain.
pub fn mail_proof(
    tx: &mut DbConn,
    employer: &Employer,
    id: Id,
    mailbox: &str,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<(), DomainError> {
    let domain = require_domain(tx, employer.id, id)?;
    let mailbox = mailbox.trim().to_ascii_lowercase();
    if !MAILBOXES.contains(&mailbox.as_str()) {
        return Err(DomainError::Mailbox);
    }
    let address: EmailAddress = format!("{mailbox}@{}", domain.domain)
        .parse()
        .map_err(|_| DomainError::Name)?;
    let token = letters.random.token();
    let letter = letters.domain_proof(&employer.name, &domain.domain, &token);
    // By domain, not by employer: nobody's postmaster is flooded by a crowd of made-up employers.
    let key = format!("domain_proof:{}:{}", domain.domain, now.seconds().div_euclid(60));
    if !letters.send(tx, letter, &address, key, MAILED_FOR, now)? {
        return Err(DomainError::TooSoon);
    }
    diesel::update(employer_domains::table.find(id))
        .set((
            employer_domains::mail_token_hash.eq(secret::hash(&token)),
            employer_domains::mail_expires_at.eq(now.plus(MAILED_FOR)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Uses a mailed proof up: the domain is the employer's.
///
/// # Errors
/// [`DomainError::Token`].
pub fn confirm_by_mail(tx: &mut DbConn, token: &str, now: Timestamp) -> Result<EmployerDomain, DomainError> {
    let id: Id = employer_domains::table
        .filter(employer_domains::mail_token_hash.eq(secret::hash(token)))
        .filter(employer_domains::mail_expires_at.gt(now))
        .select(employer_domains::id)
        .first(tx)
        .optional()?
        .ok_or(DomainError::Token)?;
    verified(tx, id, DomainProof::Mail, now.plus(MAIL_HOLDS), now)
}

/// Shows the domain that was verified first on the employer's page, or none.
fn show_verified(tx: &mut DbConn, employer: Id, now: Timestamp) -> Result<(), StoreError> {
    let first: Option<String> = employer_domains::table
        .filter(employer_domains::employer_id.eq(employer))
        .filter(employer_domains::state.eq(DomainState::Verified))
        .order((employer_domains::verified_at, employer_domains::id))
        .select(employer_domains::domain)
        .first(tx)
        .optional()?;
    let shown: Option<String> = employers::table
        .find(employer)
        .select(employers::verified_domain)
        .first(tx)?;
    if shown == first {
        return Ok(());
    }
    diesel::update(employers::table.find(employer))
        .set((
            employers::verified_domain.eq(&first),
            employers::version.eq(employers::version + 1),
            employers::updated_at.eq(now),
        ))
        .execute(tx)?;
    Ok(())
}

/// What [`domain_pass`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DomainReport {
    /// Looked at.
    pub checked: usize,
    /// Lost.
    pub lost: usize,
    /// Whether nothing is due any more.
    pub is_caught_up: bool,
}

/// Looks again at verified domains whose time has come. A record that is missing three times in a row, a day apart, or a
/// mailed proof of a year ago, is lost: the owners are told, and the employer's page does not show the domain any more.
pub async fn domain_pass(
    db: &Db,
    dns: &dyn TxtLookup,
    config: &mail::MailConfig,
    random: &Random,
    now: Timestamp,
) -> Result<DomainReport, StoreError> {
    let due: Vec<EmployerDomain> = db.read_blocking(|conn| {
        Ok::<_, StoreError>(
            employer_domains::table
                .filter(employer_domains::state.eq(DomainState::Verified))
                .filter(employer_domains::next_check_at.le(now))
                .order((employer_domains::next_check_at, employer_domains::id))
                .limit(PER_PASS)
                .select(cols::<EmployerDomain>())
                .load(conn)?,
        )
    })?;
    let mut report = DomainReport {
        checked: due.len(),
        lost: 0,
        is_caught_up: (due.len() as i64) < PER_PASS,
    };
    for domain in due {
        let look = match domain.proof {
            Some(DomainProof::Mail) | None => Look::Missing,
            Some(DomainProof::Dns) => look_at(dns, &domain).await,
        };
        let letters = Letters { config, random };
        let is_lost = db.write_blocking(|tx| recheck(tx, &domain, look, letters, now))?;
        report.lost += usize::from(is_lost);
    }
    Ok(report)
}

/// Writes down what a later look said; true when the domain was lost by it.
fn recheck(
    tx: &mut DbConn,
    domain: &EmployerDomain,
    look: Look,
    letters: Letters<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let misses = match look {
        Look::Present => 0,
        Look::Missing => domain.misses + 1,
        Look::Unanswered => domain.misses,
    };
    let is_lost = look == Look::Missing && (domain.proof != Some(DomainProof::Dns) || misses >= MISSES);
    let wait = if look == Look::Unanswered { SOON } else { EVERY };
    let state = if is_lost {
        DomainState::Lost
    } else {
        DomainState::Verified
    };
    let changed = diesel::update(employer_domains::table.find(domain.id))
        .filter(employer_domains::state.eq(DomainState::Verified))
        .filter(employer_domains::next_check_at.eq(domain.next_check_at))
        .set((
            employer_domains::state.eq(state),
            employer_domains::checked_at.eq(now),
            employer_domains::next_check_at.eq((!is_lost).then(|| now.plus(wait))),
            employer_domains::misses.eq(misses),
        ))
        .execute(tx)?;
    if changed == 0 || !is_lost {
        return Ok(false); // another node looked at it, or all is well
    }
    show_verified(tx, domain.employer_id, now)?;
    let deed = Deed {
        employer: domain.employer_id,
        action: "domain.lost",
        subject_kind: "domain",
        subject_id: Some(domain.id),
        detail: serde_json::json!({"domain": domain.domain}),
    };
    record(tx, &Actor::SYSTEM, deed, letters.random, now)?;
    let owners = list_members(tx, domain.employer_id)?;
    for owner in owners.into_iter().filter(|member| member.role == Role::Owner) {
        let letter = letters.domain_lost(&domain.domain);
        let key = format!("{}:{}", minute_key("domain_lost", domain.id, now), owner.user_id);
        letters.send(tx, letter, &owner.email, key, MAILED_FOR, now)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_name_with_two_parts_and_nothing_around_it() {
        for (text, domain) in [
            (" Acme.Example. ", "acme.example"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("a-b.co.uk", "a-b.co.uk"),
        ] {
            assert_eq!(checked_domain(text).ok().as_deref(), Some(domain), "{text}");
        }
        for text in [
            "",
            "example",
            "https://acme.example",
            "acme.example/x",
            "acme.example:80",
            "a@acme.example",
            "127.0.0.1",
            "[::1]",
            "2130706433",
            "1.2",
            "-a.example",
            "a..example",
            "a_b.example",
            "xn--a\u{0}.example",
        ] {
            assert!(checked_domain(text).is_err(), "{text}");
        }
    }
}
