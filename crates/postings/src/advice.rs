//! Looking at a posting before it is public: what is wrong, what is missing, what is unwise.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::Serialize;
use store::schema::{employers, postings};
use store::{DbConn, Id, Json, StoreError, Timestamp, cols};
use taxonomy::{Provenance, Workplace};
use utoipa::ToSchema;

use crate::content::{Location, PostingContent};
use crate::holds;
use crate::input::PostingInput;
use crate::lifecycle::{PostingError, check_expiry};
use crate::posting::{EmployerRef, Posting, PostingStatus};
use crate::rules::PayTransparency;
use crate::transparency::{self, PayAssessment};
use crate::validate::{FieldError, publication_errors, validate};

/// Postings of the employer whose titles are compared with that of a new one.
const COMPARED: i64 = 5000;
/// Postings with such a title whose texts are compared, the newest.
const READ: usize = 100;
/// How alike two texts are from which on they count as the same, 0-1.
const ALIKE: f64 = 0.8;
/// Words of a piece of text that is compared.
const SHINGLE: usize = 4;
/// A description with fewer characters says too little.
const SHORT: usize = 300;

/// A posting of the same employer that says nearly the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NearDuplicate {
    /// Its id.
    pub id: Id,
    /// Its title.
    pub title: String,
    /// Where it is in its life.
    pub status: PostingStatus,
}

/// What came of looking at a posting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Assessment {
    /// Whether it could be published as it is.
    pub publishable: bool,
    /// What keeps it from being published.
    pub errors: Vec<FieldError>,
    /// What is allowed and unwise.
    pub warnings: Vec<FieldError>,
    /// Postings of the same employer that say nearly the same.
    pub near_duplicates: Vec<NearDuplicate>,
    /// What the rules of pay transparency say; null when something is wrong with it, or the operator does not use them.
    pub pay_transparency: Option<PayAssessment>,
    /// How it would be shown, with what was recognised; null when something is wrong with it.
    pub posting: Option<PostingContent>,
}

/// Looks at `input` as a posting of `employer_id`, or of nobody yet. Writes nothing.
pub fn assess(
    conn: &mut DbConn,
    employer_id: Option<Id>,
    input: PostingInput,
    choice: PayTransparency,
    now: Timestamp,
) -> Result<Assessment, PostingError> {
    let employer = match employer_id {
        Some(id) => Some(
            employers::table
                .find(id)
                .select(cols::<EmployerRef>())
                .first::<EmployerRef>(conn)
                .optional()?
                .ok_or(PostingError::EmployerNotFound)?,
        ),
        None => None,
    };
    let has_website = employer.is_some_and(|employer| employer.website.is_some());
    let expires_at = input.expires_at;
    let mut errors: Vec<FieldError> = check_expiry(expires_at, now).into_iter().collect();
    let content = match validate(input) {
        Ok(content) => content,
        Err(wrong) => {
            errors.splice(0..0, wrong);
            return Ok(Assessment {
                publishable: false,
                errors,
                warnings: Vec::new(),
                near_duplicates: Vec::new(),
                pay_transparency: None,
                posting: None,
            });
        }
    };
    errors.extend(publication_errors(&content, has_website));
    let employees = match employer_id {
        Some(id) => transparency::employees_of(conn, id)?,
        None => None,
    };
    let law = transparency::assess(&content, employees, now);
    if choice == PayTransparency::Refuse {
        errors.extend(law.missing());
    }
    let near_duplicates = match employer_id {
        Some(id) => near_duplicates(conn, id, None, &content)?,
        None => Vec::new(),
    };
    let mut warnings = warnings(&content, expires_at, now);
    warnings.extend(law_warnings(&law, choice));
    warnings.extend(near_duplicates.iter().map(duplicate_warning));
    Ok(Assessment {
        publishable: errors.is_empty(),
        errors,
        warnings,
        near_duplicates,
        pay_transparency: (choice != PayTransparency::Off).then_some(law),
        posting: Some(content),
    })
}

/// What is unwise about a posting as it is, near duplicates included.
pub fn warnings_of(
    conn: &mut DbConn,
    posting: &Posting,
    choice: PayTransparency,
    now: Timestamp,
) -> Result<Vec<FieldError>, StoreError> {
    let row = &posting.row;
    let mut found = warnings(posting.content(), row.expires_at, now);
    let law = transparency::assess_posting(conn, posting, now)?;
    found.extend(law_warnings(&law, choice));
    for hold in holds::list_active(conn, row.id)? {
        found.push(FieldError::new("", "held", hold.kind.words()));
    }
    let duplicates = near_duplicates(conn, row.employer_id, Some(row.id), posting.content())?;
    found.extend(duplicates.iter().map(duplicate_warning));
    Ok(found)
}

fn law_warnings(law: &PayAssessment, choice: PayTransparency) -> Vec<FieldError> {
    match choice {
        PayTransparency::Off => Vec::new(),
        PayTransparency::Warn => [law.missing(), law.advised()].concat(),
        PayTransparency::Refuse => law.advised(),
    }
}

fn duplicate_warning(duplicate: &NearDuplicate) -> FieldError {
    let NearDuplicate { id, title, status } = duplicate;
    let detail =
        format!("{title:?} (/v1/postings/{id}, {status}) says nearly the same; change that one instead?");
    FieldError::new("", "near_duplicate", detail)
}

/// What is allowed and unwise.
fn warnings(content: &PostingContent, expires_at: Option<Timestamp>, now: Timestamp) -> Vec<FieldError> {
    let inferred = |field: &str| content.provenance.get(field) == Some(&Provenance::Inferred);
    let pay = content.pay.as_ref();
    let is_wide = pay.and_then(|pay| pay.base.as_ref()).is_some_and(|base| {
        let ends = base.min.zip(base.max);
        ends.is_some_and(|(min, max)| max.hundredths() > min.hundredths().saturating_mul(2))
    });
    let letters: Vec<char> = content.title.chars().filter(|c| c.is_alphabetic()).collect();
    let is_loud = content.title.contains("!!")
        || (letters.len() > 8
            && letters.iter().filter(|c| c.is_uppercase()).count() * 10 > letters.len() * 8);
    let apply = content.apply.as_ref().and_then(|apply| apply.url.as_deref());
    let is_remote = content.workplace == Some(Workplace::Remote);
    let week = jiff::SignedDuration::from_hours(7 * 24);
    let checks = [
        (
            pay.is_none(),
            "/pay",
            "pay_missing",
            "many places require a range, and readers look for it",
        ),
        (
            inferred("pay"),
            "/pay",
            "pay_inferred",
            "read from the text; state it, so that it is sure to be right",
        ),
        (
            is_wide,
            "/pay/base",
            "range_wide",
            "the upper end is more than twice the lower; several ranges say more",
        ),
        (
            content.description_text.chars().count() < SHORT,
            "/description",
            "description_short",
            "say what the work is, with whom, on what, and what is asked for",
        ),
        (
            is_loud,
            "/title",
            "title_loud",
            "capitals and exclamation marks keep readers away",
        ),
        (
            content.locations.is_empty() && !is_remote,
            "/locations",
            "place_missing",
            "without a place the posting is in no search for one",
        ),
        (
            is_remote && content.remote_from.is_empty(),
            "/remote_from",
            "remote_from_missing",
            "say from which countries; readers elsewhere apply in vain",
        ),
        (
            content.discipline.is_none(),
            "/discipline",
            "discipline_missing",
            "none of the five was recognised: readers who filter by discipline will not see it",
        ),
        (
            content.seniority.is_none(),
            "/seniority",
            "seniority_missing",
            "a level helps readers to choose",
        ),
        (
            apply.is_some_and(|url| url.starts_with("http://")),
            "/apply/url",
            "apply_insecure",
            "applications would travel unencrypted; use https",
        ),
        (
            content.filled == content.openings,
            "/filled",
            "all_filled",
            "every opening is filled: close the posting instead",
        ),
        (
            expires_at.is_some_and(|end| end < now.plus(week)),
            "/expires_at",
            "end_soon",
            "less than a week is short for readers of a weekly mail",
        ),
    ];
    let unwise = checks.into_iter().filter(|(is_unwise, ..)| *is_unwise);
    unwise
        .map(|(_, pointer, code, detail)| FieldError::new(pointer, code, detail))
        .collect()
}

/// Other postings of the employer, open or to be, for the same place with nearly the same title and text.
fn near_duplicates(
    conn: &mut DbConn,
    employer_id: Id,
    own: Option<Id>,
    content: &PostingContent,
) -> Result<Vec<NearDuplicate>, StoreError> {
    let open = [
        PostingStatus::Published,
        PostingStatus::Paused,
        PostingStatus::Scheduled,
    ];
    let titles: Vec<(Id, String)> = postings::table
        .filter(postings::employer_id.eq(employer_id))
        .filter(postings::status.eq_any(open).and(postings::deleted_at.is_null()))
        .order(postings::id.desc())
        .limit(COMPARED)
        .select((
            postings::id,
            diesel::dsl::sql::<Text>("postings.content ->> 'title'"),
        ))
        .load(conn)?;
    let titles = titles
        .into_iter()
        .filter(|(_, title)| likeness(&content.title, title, 1) >= ALIKE);
    let ids: Vec<Id> = titles.map(|(id, _)| id).take(READ).collect();
    let rows: Vec<(Id, Json<PostingContent>, PostingStatus)> = postings::table
        .filter(postings::id.eq_any(ids))
        .order(postings::id.desc())
        .limit(READ as i64)
        .select((postings::id, postings::content, postings::status))
        .load(conn)?;
    let others = rows.into_iter().filter(|(id, ..)| Some(*id) != own);
    let alike = others.filter(|(_, other, _)| is_near_duplicate(content, &other.0));
    let found = alike.map(|(id, other, status)| NearDuplicate {
        id,
        title: other.0.title,
        status,
    });
    Ok(found.take(10).collect())
}

fn is_near_duplicate(one: &PostingContent, other: &PostingContent) -> bool {
    let places = |content: &PostingContent| -> BTreeSet<String> {
        content.locations.iter().map(Location::label).collect()
    };
    let (here, there) = (places(one), places(other));
    let is_same_place = (here.is_empty() && there.is_empty()) || !here.is_disjoint(&there);
    is_same_place
        && likeness(&one.title, &other.title, 1) >= ALIKE
        && likeness(&one.description_text, &other.description_text, SHINGLE) >= ALIKE
}

/// The share of pieces of `size` words that two texts have in common (Jaccard), 0-1; two empty texts are alike.
fn likeness(one: &str, other: &str, size: usize) -> f64 {
    let pieces = |text: &str| -> BTreeSet<String> {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        words
            .windows(size.min(words.len().max(1)))
            .map(|piece| piece.join(" "))
            .collect()
    };
    let (one, other) = (pieces(one), pieces(other));
    let all = one.union(&other).count();
    if all == 0 {
        return 1.0;
    }
    one.intersection(&other).count() as f64 / all as f64
}
