//! The audit trail: who did what for which employer. Entries are written in the transaction of what they tell about, and
//! the database refuses to change them.

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use store::page::Page;
use store::schema::audit_entries;
use store::{DbConn, Id, Json, Random, StoreError, Timestamp, cols};

store::text_enum! {
    /// What sort of actor did something.
    pub enum ActorKind {
        /// A person who is signed in.
        User = "user",
        /// A program with an employer's key.
        ApiKey = "api_key",
        /// A person who runs this installation.
        Operator = "operator",
        /// This program, by the calendar.
        System = "system",
    }
}

/// Who does something, in which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What sort of actor.
    pub kind: ActorKind,
    /// Which user or key; `None` for the program itself.
    pub id: Option<Id>,
    /// The request, as in `X-Request-Id`.
    pub request_id: Option<String>,
}

impl Actor {
    /// This program, by the calendar.
    pub const SYSTEM: Self = Self {
        kind: ActorKind::System,
        id: None,
        request_id: None,
    };
}

/// What was done, in the words of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// For which employer.
    pub employer: Id,
    /// `noun.verb`, such as `member.removed`.
    pub action: &'static str,
    /// What it was done to: `member`, `api_key`, `posting` and so on.
    pub subject_kind: &'static str,
    /// Which of them.
    pub subject_id: Option<Id>,
    /// More about it, without addresses and secrets: an object, or null.
    pub detail: Value,
}

impl Deed {
    /// `action` was done to the employer itself.
    pub fn to_employer(employer: Id, action: &'static str, detail: Value) -> Self {
        Self {
            employer,
            action,
            subject_kind: "employer",
            subject_id: Some(employer),
            detail,
        }
    }
}

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = audit_entries, treat_none_as_default_value = false)]
pub struct AuditEntry {
    /// Identifier; later entries have greater ones.
    pub id: Id,
    /// When.
    pub at: Timestamp,
    /// For which employer.
    #[serde(skip)]
    pub employer_id: Option<Id>,
    /// What sort of actor.
    pub actor_kind: ActorKind,
    /// Which user or key; null for the program itself.
    pub actor_id: Option<Id>,
    /// What was done: `noun.verb`.
    #[schema(example = "api_key.made")]
    pub action: String,
    /// What it was done to.
    #[schema(example = "api_key")]
    pub subject_kind: String,
    /// Which of them.
    pub subject_id: Option<Id>,
    /// More about it.
    #[schema(value_type = Option<Object>)]
    pub detail: Json<Value>,
    /// The request, as in `X-Request-Id`.
    pub request_id: Option<String>,
}

/// Adds an entry: `actor` did `deed`.
pub fn record(
    tx: &mut DbConn,
    actor: &Actor,
    deed: Deed,
    random: &Random,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        id: random.id(now),
        at: now,
        employer_id: Some(deed.employer),
        actor_kind: actor.kind,
        actor_id: actor.id,
        action: deed.action.to_owned(),
        subject_kind: deed.subject_kind.to_owned(),
        subject_id: deed.subject_id,
        detail: Json(deed.detail),
        request_id: actor.request_id.clone(),
    };
    diesel::insert_into(audit_entries::table)
        .values(&entry)
        .execute(tx)?;
    Ok(())
}

/// Adds an entry about something that `actor` did with their own account. It belongs to no employer's trail.
pub(crate) fn record_own(
    tx: &mut DbConn,
    actor: &Actor,
    action: &'static str,
    (subject_kind, subject_id): (&'static str, Id),
    random: &Random,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        id: random.id(now),
        at: now,
        employer_id: None,
        actor_kind: actor.kind,
        actor_id: actor.id,
        action: action.to_owned(),
        subject_kind: subject_kind.to_owned(),
        subject_id: Some(subject_id),
        detail: Json(Value::Null),
        request_id: actor.request_id.clone(),
    };
    diesel::insert_into(audit_entries::table)
        .values(&entry)
        .execute(tx)?;
    Ok(())
}

/// What `user` did with their own account, newest first.
pub(crate) fn list_own(conn: &mut DbConn, user: Id, limit: i64) -> Result<Vec<AuditEntry>, StoreError> {
    Ok(audit_entries::table
        .filter(audit_entries::employer_id.is_null())
        .filter(audit_entries::actor_id.eq(user))
        .order(audit_entries::id.desc())
        .limit(limit)
        .select(cols::<AuditEntry>())
        .load(conn)?)
}

/// The trail of `employer`, newest first, before the entry `before`.
pub fn list_audit(
    conn: &mut DbConn,
    employer: Id,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<AuditEntry, Id>, StoreError> {
    let before = before.unwrap_or(Id::from_bytes([0xff; 16]));
    let rows = audit_entries::table
        .filter(audit_entries::employer_id.eq(employer))
        .filter(audit_entries::id.lt(before))
        .order(audit_entries::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<AuditEntry>())
        .load(conn)?;
    Ok(Page::cut(rows, limit, |row: &AuditEntry| row.id))
}

/// Forgets up to `limit` entries of before `before`: nobody is watched for ever. Returns how many.
pub(crate) fn forget_before(tx: &mut DbConn, limit: i64, before: Timestamp) -> Result<usize, StoreError> {
    let old: Vec<Id> = audit_entries::table
        .filter(audit_entries::at.le(before))
        .order((audit_entries::at, audit_entries::id))
        .limit(limit)
        .select(audit_entries::id)
        .load(tx)?;
    Ok(diesel::delete(audit_entries::table.filter(audit_entries::id.eq_any(old))).execute(tx)?)
}
