//! Readers' reports about postings, and what moderators make of them. Several reports of one posting are one case.

use std::collections::HashMap;

use diesel::prelude::*;
use mail::{Block, EmailAddress, MailKind};
use serde::Serialize;
use store::page::Page;
use store::schema::{case_decisions, posting_reports, postings, report_cases};
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each, text_enum};
use utoipa::ToSchema;

use crate::holds::{self, Scope, Why};
use crate::lifecycle::{self, PostingError, require};
use crate::notices::{self, Notice};
use crate::posting::{CloseReason, Posting, PostingStatus};
use crate::review::Bench;
use crate::validate::FieldError;

/// Longest detail, in characters.
pub const MAX_DETAIL_CHARS: usize = 2000;
/// Reports of one case whose words are kept; further ones are counted.
const MAX_KEPT: i32 = 100;
/// Reports of one case that are shown.
const SHOWN: usize = 20;
const KIND: MailKind = MailKind::PostingModerated;

text_enum! {
    /// What is wrong with a posting.
    pub enum ReportReason {
        /// It asks for money or data, or pretends to be somebody else.
        Scam = "scam",
        /// There is no such role.
        NotReal = "not_real",
        /// It is filled, and still here.
        AlreadyFilled = "already_filled",
        /// What it says about pay or work is not true.
        Misleading = "misleading",
        /// It excludes people unlawfully.
        Discriminatory = "discriminatory",
        /// It is here more than once.
        Duplicate = "duplicate",
        /// One cannot apply as it says.
        BrokenLink = "broken_link",
        /// Something else.
        Other = "other",
    }
}

text_enum! {
    /// Where a case is.
    pub enum CaseState {
        /// Nobody decided yet.
        Open = "open",
        /// Nothing was wrong.
        Dismissed = "dismissed",
        /// The posting was closed.
        Acted = "acted",
    }
}

text_enum! {
    /// What a moderator does about a case.
    pub enum Decision {
        /// Nothing is wrong: the case ends, and a freeze with it.
        Dismiss = "dismiss",
        /// The posting leaves search at once; the case stays open.
        Freeze = "freeze",
        /// The posting comes back; the case stays open.
        Unfreeze = "unfreeze",
        /// The posting is closed for good, and the case ends.
        Close = "close",
    }
}

/// Why a case could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no such case.
    #[error("case not found")]
    NotFound,
    /// Another moderator was faster.
    #[error("the case is at version {0}")]
    VersionConflict(i32),
    /// The case or its posting is not where this decision makes sense.
    #[error("{0}")]
    StateConflict(&'static str),
    /// The report is not acceptable.
    #[error("the report has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
    /// The posting could not be changed.
    #[error(transparent)]
    Posting(#[from] PostingError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ReportError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a reader says.
#[derive(Debug, Clone)]
pub struct NewReport {
    /// What is wrong.
    pub reason: ReportReason,
    /// In words, at most 2000 characters.
    pub detail: String,
    /// Where a moderator may ask back; forgotten when the case ends.
    pub email: Option<EmailAddress>,
}

/// The reports of one posting until somebody decides.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = report_cases, treat_none_as_default_value = false)]
pub struct Case {
    /// Id.
    pub id: Id,
    /// Which posting.
    pub posting_id: Id,
    #[serde(skip)]
    open_for: Option<Id>,
    /// Where it is.
    pub state: CaseState,
    /// How many reports came.
    pub reports: i32,
    /// Grows with each report and decision.
    pub version: i32,
    /// When the first report came.
    pub opened_at: Timestamp,
    /// When the last report or decision came.
    pub updated_at: Timestamp,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = posting_reports, treat_none_as_default_value = false)]
pub struct Report {
    /// Id.
    pub id: Id,
    #[serde(skip)]
    case_id: Id,
    /// What is wrong.
    pub reason: ReportReason,
    /// In words.
    pub detail: String,
    /// Where a moderator may ask back; null when the reader did not say, and when the case has ended.
    pub email: Option<EmailAddress>,
    /// When it came.
    pub created_at: Timestamp,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, ToSchema)]
#[diesel(table_name = case_decisions, treat_none_as_default_value = false)]
pub struct CaseDecision {
    /// Id.
    pub id: Id,
    #[serde(skip)]
    case_id: Id,
    /// What was decided.
    pub decision: Decision,
    /// Why; the employer is told.
    pub note: Option<String>,
    /// By whom; none when their account is erased.
    pub decided_by: Option<Id>,
    /// When.
    pub decided_at: Timestamp,
}

/// A case with what was said and decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CaseView {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// How many of the kept reports name each reason.
    #[schema(value_type = Object)]
    pub reasons: HashMap<&'static str, usize>,
    /// The last reports, newest first, at most 20.
    pub latest: Vec<Report>,
    /// What was decided, oldest first.
    pub decisions: Vec<CaseDecision>,
}

/// Notes a report about a posting; the first one opens a case.
pub fn report(
    tx: &mut DbConn,
    posting: Id,
    new: NewReport,
    random: &Random,
    now: Timestamp,
) -> Result<(), ReportError> {
    let detail = new.detail.trim();
    let is_long = detail.chars().count() > MAX_DETAIL_CHARS;
    if is_long || (detail.is_empty() && new.reason == ReportReason::Other) {
        let (code, words) = if is_long {
            ("value_too_long", "at most 2000 characters")
        } else {
            ("value_missing", "say what is wrong")
        };
        return Err(ReportError::Invalid(vec![FieldError::new(
            "/detail", code, words,
        )]));
    }
    let fresh = Case {
        id: random.id(now),
        posting_id: posting,
        open_for: Some(posting),
        state: CaseState::Open,
        reports: 0,
        version: 0,
        opened_at: now,
        updated_at: now,
    };
    on_each!(tx, c => diesel::insert_into(report_cases::table)
        .values(&fresh)
        .on_conflict(report_cases::open_for)
        .do_nothing()
        .execute(c))?;
    let case: Case = diesel::update(report_cases::table.filter(report_cases::open_for.eq(posting)))
        .set((
            report_cases::reports.eq(report_cases::reports + 1),
            report_cases::version.eq(report_cases::version + 1),
            report_cases::updated_at.eq(now),
        ))
        .returning(cols::<Case>())
        .get_result(tx)?;
    if case.reports <= MAX_KEPT {
        let row = Report {
            id: random.id(now),
            case_id: case.id,
            reason: new.reason,
            detail: detail.to_owned(),
            email: new.email,
            created_at: now,
        };
        diesel::insert_into(posting_reports::table)
            .values(&row)
            .execute(tx)?;
    }
    Ok(())
}

/// Forgets `address` under reports, which stay without it; returns under how many.
pub fn forget_address(tx: &mut DbConn, address: &EmailAddress) -> Result<usize, StoreError> {
    Ok(diesel::update(posting_reports::table)
        .filter(posting_reports::email.eq(address))
        .set(posting_reports::email.eq(None::<EmailAddress>))
        .execute(tx)?)
}

/// Cases in this state, newest first, after the case `before`.
pub fn list(
    conn: &mut DbConn,
    state: CaseState,
    before: Option<Id>,
    limit: usize,
) -> Result<Page<CaseView, Id>, StoreError> {
    let mut query = report_cases::table
        .filter(report_cases::state.eq(state))
        .order(report_cases::id.desc())
        .limit(limit as i64 + 1)
        .select(cols::<Case>())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(report_cases::id.lt(before));
    }
    let rows: Vec<Case> = query.load(conn)?;
    let views = views(conn, rows)?;
    Ok(Page::cut(views, limit, |view: &CaseView| view.case.id))
}

/// The case `id`.
pub fn find(conn: &mut DbConn, id: Id) -> Result<Option<CaseView>, StoreError> {
    let found: Option<Case> = report_cases::table
        .find(id)
        .select(cols::<Case>())
        .first(conn)
        .optional()?;
    Ok(views(conn, found.into_iter().collect())?.pop())
}

fn views(conn: &mut DbConn, cases: Vec<Case>) -> Result<Vec<CaseView>, StoreError> {
    let ids: Vec<Id> = cases.iter().map(|case| case.id).collect();
    let reports: Vec<Report> = posting_reports::table
        .filter(posting_reports::case_id.eq_any(ids.clone()))
        .order(posting_reports::id.desc())
        .select(cols::<Report>())
        .load(conn)?;
    let decisions: Vec<CaseDecision> = case_decisions::table
        .filter(case_decisions::case_id.eq_any(ids))
        .order(case_decisions::id)
        .select(cols::<CaseDecision>())
        .load(conn)?;
    let view = |case: Case| {
        let own: Vec<&Report> = reports
            .iter()
            .filter(|report| report.case_id == case.id)
            .collect();
        let mut reasons = HashMap::new();
        for report in &own {
            *reasons.entry(report.reason.as_str()).or_insert(0) += 1;
        }
        CaseView {
            reasons,
            latest: own.into_iter().take(SHOWN).cloned().collect(),
            decisions: decisions
                .iter()
                .filter(|decision| decision.case_id == case.id)
                .cloned()
                .collect(),
            case,
        }
    };
    Ok(cases.into_iter().map(view).collect())
}

/// Decides about a case: changes its posting, remembers who decided what and why, and tells the employer.
pub fn decide(
    tx: &mut DbConn,
    id: Id,
    decision: Decision,
    words: Option<String>,
    if_match: Option<i32>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<CaseView, ReportError> {
    let found: Option<Case> = report_cases::table
        .find(id)
        .select(cols::<Case>())
        .first(tx)
        .optional()?;
    let case = found.ok_or(ReportError::NotFound)?;
    if if_match.is_some_and(|version| version != case.version) {
        return Err(ReportError::VersionConflict(case.version));
    }
    if case.state != CaseState::Open {
        return Err(ReportError::StateConflict("the case has ended"));
    }
    act(tx, case.posting_id, decision, words.clone(), bench, now)?;
    let row = CaseDecision {
        id: bench.random.id(now),
        case_id: id,
        decision,
        note: words,
        decided_by: Some(bench.by),
        decided_at: now,
    };
    diesel::insert_into(case_decisions::table)
        .values(&row)
        .execute(tx)?;
    let state = match decision {
        Decision::Dismiss => CaseState::Dismissed,
        Decision::Close => CaseState::Acted,
        Decision::Freeze | Decision::Unfreeze => CaseState::Open,
    };
    let open_for = (state == CaseState::Open).then_some(case.posting_id);
    let changed = diesel::update(
        report_cases::table
            .find(id)
            .filter(report_cases::version.eq(case.version)),
    )
    .set((
        report_cases::state.eq(state),
        report_cases::open_for.eq(open_for),
        report_cases::version.eq(case.version + 1),
        report_cases::updated_at.eq(now),
    ))
    .execute(tx)?;
    if changed == 0 {
        return Err(ReportError::VersionConflict(case.version + 1));
    }
    if state != CaseState::Open {
        diesel::update(posting_reports::table.filter(posting_reports::case_id.eq(id)))
            .set(posting_reports::email.eq(None::<EmailAddress>))
            .execute(tx)?;
    }
    find(tx, id)?.ok_or(ReportError::NotFound)
}

fn act(
    tx: &mut DbConn,
    posting: Id,
    decision: Decision,
    reason: Option<String>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<(), ReportError> {
    let posting = match require(tx, posting, None) {
        Ok(posting) => posting,
        // It was erased meanwhile: there is nothing to act upon.
        Err(PostingError::NotFound) if decision == Decision::Dismiss => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let employer = posting.row.employer_id;
    let scope = Scope::Moderation(posting.row.id);
    let frozen = holds::active(tx, employer, scope)?;
    let why = Why {
        reason: reason.clone(),
        by: Some(bench.by),
    };
    match (decision, frozen) {
        (Decision::Freeze, None) => {
            if !matches!(
                posting.row.status,
                PostingStatus::Published | PostingStatus::Paused
            ) {
                return Err(ReportError::StateConflict("the posting is not public"));
            }
            holds::hold(tx, employer, scope, why, bench.random, now)?;
            tell(tx, &posting, "Taken out of search", reason, bench, now)?;
        }
        (Decision::Freeze, Some(_)) => {
            return Err(ReportError::StateConflict("the posting is frozen already"));
        }
        (Decision::Unfreeze, None) => return Err(ReportError::StateConflict("the posting is not frozen")),
        (Decision::Unfreeze | Decision::Dismiss, Some(hold)) => {
            holds::release(tx, hold.id, Some(bench.by), now)?;
            tell(tx, &posting, "Released by a moderator", reason, bench, now)?;
        }
        (Decision::Dismiss, None) => {}
        (Decision::Close, frozen) => {
            // The hold stays, so that renewing does not bring the posting back.
            if frozen.is_none() {
                holds::hold(tx, employer, scope, why, bench.random, now)?;
            }
            let now_at = require(tx, posting.row.id, None)?;
            if lifecycle::CLOSABLE.contains(&now_at.row.status) {
                lifecycle::end(tx, now_at, CloseReason::Other, now)?;
            }
            tell(tx, &posting, "Closed by a moderator", reason, bench, now)?;
        }
    }
    Ok(())
}

fn tell(
    tx: &mut DbConn,
    posting: &Posting,
    subject: &str,
    reason: Option<String>,
    bench: &Bench<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let words = format!("{subject}. Readers had reported this posting, and a moderator looked at it.");
    let answer = "To answer, write to the board's operator.".to_owned();
    let blocks = [Some(words), reason, Some(answer)].into_iter().flatten();
    let notice = Notice {
        kind: KIND,
        subject: format!("{subject}: {}", posting.content().title),
        blocks: blocks.map(Block::Paragraph).collect(),
        about: format!("{}/{}/{}", posting.row.id, posting.row.version, now.micros()),
        posting,
    };
    notices::tell(tx, bench.config, &notice, bench.random, now)?;
    Ok(())
}

/// How many cases are open.
pub fn count_open(conn: &mut DbConn) -> Result<i64, StoreError> {
    let open = report_cases::table.filter(report_cases::state.eq(CaseState::Open));
    Ok(open.count().get_result(conn)?)
}

/// How many postings wait for a moderator.
pub fn count_waiting(conn: &mut DbConn) -> Result<i64, StoreError> {
    let waiting = postings::table.filter(postings::status.eq(PostingStatus::InReview));
    Ok(waiting.count().get_result(conn)?)
}
