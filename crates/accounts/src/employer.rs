//! Employers: whoever postings belong to.

use diesel::prelude::*;
use serde::Serialize;
use store::page::Page;
use store::schema::employers;
use store::{DbConn, Id, Random, StoreError, Timestamp, cols, on_each};
use url::Url;

use crate::member::{Role, insert_member};

/// Longest slug without the number that makes it unique, in characters.
const SLUG_CHARS: usize = 60;

store::text_enum! {
    /// Whether an employer's postings are shown.
    pub enum EmployerStatus {
        /// They are.
        Active = "active",
        /// They are not, until the employer resumes.
        Paused = "paused",
    }
}

/// Whoever postings belong to.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = employers, treat_none_as_default_value = false)]
pub struct Employer {
    /// Identifier.
    pub id: Id,
    /// The name in URLs; never changes and never looks like an id.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Where to read more: an http or https URL.
    pub website: Option<String>,
    /// Sanitised HTML.
    pub description_html: String,
    /// Place, as text.
    pub headquarters: Option<String>,
    /// Whether its postings are shown.
    pub status: EmployerStatus,
    /// Grows with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How many people work for it, by its own word; pay-transparency rules ask for it.
    #[schema(example = 240)]
    pub employees: Option<i32>,
    /// The domain that the employer has shown to be its own.
    #[schema(example = "acme.example")]
    pub verified_domain: Option<String>,
    /// The employer's number at LinkedIn, which LinkedIn's feed asks for.
    pub linkedin_company_id: Option<i64>,
}

/// An employer to be made.
#[derive(Debug, Clone, Default)]
pub struct NewEmployer {
    /// Name, 1 to 120 characters.
    pub name: String,
    /// An http or https URL.
    pub website: Option<String>,
    /// HTML that was sanitised by the caller, at most 50,000 bytes.
    pub description_html: String,
    /// Place, as text, at most 120 characters.
    pub headquarters: Option<String>,
    /// How many people work for it, 1 to 10,000,000.
    pub employees: Option<i32>,
}

/// What can be changed about an employer; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EmployerChange {
    /// A new name. The slug stays.
    pub name: Option<String>,
    /// A new website, or none.
    pub website: Option<Option<String>>,
    /// A new description, sanitised by the caller.
    pub description_html: Option<String>,
    /// A new place, or none.
    pub headquarters: Option<Option<String>>,
    /// Another number of people, or none.
    pub employees: Option<Option<i32>>,
    /// Another number at LinkedIn, 1 to 9,999,999,999,999, or none.
    pub linkedin_company_id: Option<Option<i64>>,
}

/// Why an employer was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum EmployerError {
    /// There is no such employer.
    #[error("there is no such employer")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("the employer was changed meanwhile")]
    VersionConflict,
    /// A name that is empty, longer than 120 characters, or has control characters.
    #[error("a name has 1 to 120 characters")]
    Name,
    /// Not an http or https URL, or longer than 500 characters.
    #[error("a website is an http or https URL of at most 500 characters")]
    Website,
    /// Longer than 50,000 bytes.
    #[error("a description has at most 50,000 bytes")]
    Description,
    /// Longer than 120 characters, or with control characters.
    #[error("headquarters are a place of at most 120 characters")]
    Headquarters,
    /// Not 1 to 10,000,000.
    #[error("employees are 1 to 10,000,000")]
    Employees,
    /// Not 1 to 9,999,999,999,999.
    #[error("a company's number at LinkedIn is 1 to 9,999,999,999,999")]
    LinkedIn,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for EmployerError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes an employer; `owner` becomes its owner when given (an import makes employers without one).
pub fn create_employer(
    tx: &mut DbConn,
    owner: Option<Id>,
    new: &NewEmployer,
    random: &Random,
    now: Timestamp,
) -> Result<Employer, EmployerError> {
    let mut row = Employer {
        id: random.id(now),
        slug: String::new(),
        name: checked_name(&new.name)?,
        website: checked_website(new.website.as_deref())?,
        description_html: checked_description(&new.description_html)?,
        headquarters: checked_place(new.headquarters.as_deref())?,
        status: EmployerStatus::Active,
        version: 1,
        created_at: now,
        updated_at: now,
        employees: checked_employees(new.employees)?,
        verified_domain: None,
        linkedin_company_id: None,
    };
    for slug in slug_candidates(&row.name, row.id) {
        row.slug = slug;
        let inserted = on_each!(tx, c => diesel::insert_into(employers::table)
            .values(&row)
            .on_conflict(employers::slug)
            .do_nothing()
            .execute(c))?;
        if inserted == 1 {
            if let Some(owner) = owner {
                insert_member(tx, row.id, owner, Role::Owner, now)?;
            }
            return Ok(row);
        }
    }
    Err(EmployerError::VersionConflict) // unreachable in practice: the last candidate contains the id
}

/// `acme`, `acme-2` … `acme-9`, and one that contains the id.
fn slug_candidates(name: &str, id: Id) -> impl Iterator<Item = String> + use<> {
    let full = slug::slugify(name);
    let cut: String = full.chars().take(SLUG_CHARS).collect();
    let base = match cut.trim_matches('-') {
        "" => "employer".to_owned(),
        // It would be taken for an id where either is accepted.
        text if text.parse::<Id>().is_ok() => format!("e-{text}"),
        text => text.to_owned(),
    };
    let last = format!("{base}-{}", id.to_string().replace('-', ""));
    std::iter::once(base.clone())
        .chain((2..10).map(move |n| format!("{base}-{n}")))
        .chain(std::iter::once(last))
}

fn checked_name(name: &str) -> Result<String, EmployerError> {
    crate::user::clean_name(name)
        .map(str::to_owned)
        .ok_or(EmployerError::Name)
}

fn checked_website(website: Option<&str>) -> Result<Option<String>, EmployerError> {
    let Some(text) = website.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let url = Url::parse(text).map_err(|_| EmployerError::Website)?;
    let is_web =
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.contains('.'));
    if !is_web || text.len() > 500 || !url.username().is_empty() || url.password().is_some() {
        return Err(EmployerError::Website);
    }
    Ok(Some(url.to_string()))
}

fn checked_description(html: &str) -> Result<String, EmployerError> {
    if html.len() > 50_000 {
        Err(EmployerError::Description)
    } else {
        Ok(html.to_owned())
    }
}

fn checked_employees(count: Option<i32>) -> Result<Option<i32>, EmployerError> {
    match count {
        Some(count) if !(1..=10_000_000).contains(&count) => Err(EmployerError::Employees),
        count => Ok(count),
    }
}

fn checked_place(place: Option<&str>) -> Result<Option<String>, EmployerError> {
    let Some(text) = place.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    crate::user::clean_name(text)
        .map(|text| Some(text.to_owned()))
        .ok_or(EmployerError::Headquarters)
}

/// The employer with this id or slug.
pub fn find_employer(conn: &mut DbConn, id_or_slug: &str) -> Result<Option<Employer>, StoreError> {
    let query = employers::table.select(cols::<Employer>());
    Ok(match id_or_slug.parse::<Id>() {
        Ok(id) => query.filter(employers::id.eq(id)).first(conn).optional()?,
        Err(_) => query
            .filter(employers::slug.eq(id_or_slug))
            .first(conn)
            .optional()?,
    })
}

/// The employers with these ids, in no order; at most 1,000.
pub fn find_employers(conn: &mut DbConn, ids: &[Id]) -> Result<Vec<Employer>, StoreError> {
    Ok(employers::table
        .filter(employers::id.eq_any(ids))
        .order(employers::id)
        .limit(1000)
        .select(cols::<Employer>())
        .load(conn)?)
}

/// Active employers in the order in which they were made, after the employer `after`.
pub fn list_employers(
    conn: &mut DbConn,
    after: Option<Id>,
    limit: usize,
) -> Result<Page<Employer, Id>, StoreError> {
    let after = after.unwrap_or(Id::from_bytes([0; 16]));
    let rows = employers::table
        .filter(employers::id.gt(after))
        .filter(employers::status.eq(EmployerStatus::Active))
        .order(employers::id)
        .limit(limit as i64 + 1)
        .select(cols::<Employer>())
        .load(conn)?;
    Ok(Page::cut(rows, limit, |row: &Employer| row.id))
}

/// Changes the employer `id`, when it is still at `expected_version` (any, when `None`), and returns it.
pub fn update_employer(
    tx: &mut DbConn,
    id: Id,
    change: &EmployerChange,
    expected_version: Option<i32>,
    now: Timestamp,
) -> Result<Employer, EmployerError> {
    let mut row = find_employer(tx, &id.to_string())?.ok_or(EmployerError::NotFound)?;
    if let Some(name) = &change.name {
        row.name = checked_name(name)?;
    }
    if let Some(website) = &change.website {
        row.website = checked_website(website.as_deref())?;
    }
    if let Some(html) = &change.description_html {
        row.description_html = checked_description(html)?;
    }
    if let Some(place) = &change.headquarters {
        row.headquarters = checked_place(place.as_deref())?;
    }
    if let Some(count) = change.employees {
        row.employees = checked_employees(count)?;
    }
    if let Some(number) = change.linkedin_company_id {
        if number.is_some_and(|number| !(1..=9_999_999_999_999).contains(&number)) {
            return Err(EmployerError::LinkedIn);
        }
        row.linkedin_company_id = number;
    }
    save(tx, row, expected_version, now)
}

/// Pauses or resumes the employer `id`, when it is still at `expected_version` (any, when `None`), and returns it.
pub fn set_employer_status(
    tx: &mut DbConn,
    id: Id,
    status: EmployerStatus,
    expected_version: Option<i32>,
    now: Timestamp,
) -> Result<Employer, EmployerError> {
    let mut row = find_employer(tx, &id.to_string())?.ok_or(EmployerError::NotFound)?;
    row.status = status;
    save(tx, row, expected_version, now)
}

/// Writes `row`, when it is still the version it was read at and the one that was expected.
fn save(
    tx: &mut DbConn,
    row: Employer,
    expected_version: Option<i32>,
    now: Timestamp,
) -> Result<Employer, EmployerError> {
    if expected_version.is_some_and(|expected| expected != row.version) {
        return Err(EmployerError::VersionConflict);
    }
    diesel::update(employers::table.find(row.id))
        .filter(employers::version.eq(row.version))
        .set((
            employers::name.eq(row.name),
            employers::website.eq(row.website),
            employers::description_html.eq(row.description_html),
            employers::headquarters.eq(row.headquarters),
            employers::status.eq(row.status),
            employers::employees.eq(row.employees),
            employers::linkedin_company_id.eq(row.linkedin_company_id),
            employers::version.eq(row.version + 1),
            employers::updated_at.eq(now),
        ))
        .returning(cols::<Employer>())
        .get_result(tx)
        .optional()?
        .ok_or(EmployerError::VersionConflict)
}
