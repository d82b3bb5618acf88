//! Users.

use diesel::prelude::*;
use mail::EmailAddress;
use serde::Serialize;
use store::schema::users;
use store::{DbConn, Id, StoreError, Timestamp, cols};

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = users)]
pub struct User {
    /// Identifier.
    pub id: Id,
    /// Where mails go; also the name at sign-in.
    pub email: EmailAddress,
    /// How they want to be called.
    pub name: String,
    /// When they proved that the address is theirs.
    pub verified_at: Option<Timestamp>,
    /// Whether they run this installation.
    pub is_operator: bool,
    /// Grows with each change.
    pub version: i32,
    /// When they registered.
    pub created_at: Timestamp,
    /// When they last changed something.
    pub updated_at: Timestamp,
}

/// What a user can change about themselves.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// A new name, 1 to 120 characters.
    pub name: Option<String>,
}

/// Why a user was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("the user was changed meanwhile")]
    VersionConflict,
    /// A name that is empty, longer than 120 characters, or has control characters.
    #[error("a name has 1 to 120 characters")]
    Name,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for UserError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// `name` without spaces at its ends, when it can be shown as somebody's name.
pub(crate) fn clean_name(name: &str) -> Option<&str> {
    let trimmed = name.trim();
    let fits = (1..=120).contains(&trimmed.chars().count()) && !trimmed.chars().any(is_unseen);
    (fits && !is_disguised(trimmed)).then_some(trimmed)
}

/// Whether a word of it mixes Latin letters with letters of other alphabets that look like them: "Асme" is not "Acme" when its
/// first two are Cyrillic (UTS 39, single script). Units and the names of physics (µChip, λ, Ω) stay.
fn is_disguised(name: &str) -> bool {
    let is_latin = |c: char| c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}');
    // Cyrillic, Armenian, Cherokee, and those of Greek that look like Latin.
    let is_alike = |c: char| {
        matches!(c, '\u{400}'..='\u{52f}' | '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}')
            || "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧινορυχ".contains(c)
    };
    // Letters of mathematics and of full width are made to look like others.
    let is_styled =
        |c: char| matches!(c, '\u{1d400}'..='\u{1d7ff}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}');
    name.chars().any(is_styled)
        || name
            .split(|c: char| !c.is_alphabetic())
            .any(|word| word.chars().any(is_latin) && word.chars().any(is_alike))
}

/// Characters that nobody sees but that change what is seen: controls, marks that turn the direction of the text behind them
/// (Trojan Source, CVE-2021-42574), and those without a width, by which two names look alike.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
        || matches!(
            c,
            '\u{00ad}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The user `id`.
pub fn find_user(conn: &mut DbConn, id: Id) -> Result<Option<User>, StoreError> {
    Ok(users::table
        .find(id)
        .select(cols::<User>())
        .first(conn)
        .optional()?)
}

/// The user with the address `email`.
pub fn find_user_by_email(conn: &mut DbConn, email: &EmailAddress) -> Result<Option<User>, StoreError> {
    Ok(users::table
        .filter(users::email.eq(email))
        .select(cols::<User>())
        .first(conn)
        .optional()?)
}

/// Changes the user `id`, when it is still at `expected_version` (any, when `None`), and returns it.
pub fn update_user(
    tx: &mut DbConn,
    id: Id,
    change: &UserChange,
    expected_version: Option<i32>,
    now: Timestamp,
) -> Result<User, UserError> {
    let current = find_user(tx, id)?.ok_or(UserError::NotFound)?;
    let version = expected_version.unwrap_or(current.version);
    let name = match &change.name {
        Some(name) => clean_name(name).ok_or(UserError::Name)?,
        None => &current.name,
    };
    diesel::update(users::table.find(id).filter(users::version.eq(version)))
        .set((
            users::name.eq(name),
            users::version.eq(version + 1),
            users::updated_at.eq(now),
        ))
        .returning(cols::<User>())
        .get_result(tx)
        .optional()?
        .ok_or(UserError::VersionConflict)
}

/// Makes the user with the address `email` an operator; false when there is none. Their address counts as verified.
pub fn make_operator(tx: &mut DbConn, email: &EmailAddress, now: Timestamp) -> Result<bool, StoreError> {
    let Some(user) = find_user_by_email(tx, email)? else {
        return Ok(false);
    };
    let changed = diesel::update(users::table.find(user.id))
        .set((
            users::is_operator.eq(true),
            users::verified_at.eq(user.verified_at.unwrap_or(now)),
            users::version.eq(users::version + 1),
            users::updated_at.eq(now),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_all_of_itself() {
        for good in ["Ada Lovelace", " 株式会社 ", "Zoë O\u{2019}Neil", "محمد"] {
            assert_eq!(clean_name(good), Some(good.trim()), "{good:?}");
        }
        for unseen in [
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{ad}',
            '\u{7}',
            '\u{e0041}',
        ] {
            assert_eq!(clean_name(&format!("Ac{unseen}me")), None, "{unseen:?}");
        }
    }

    #[test]
    fn a_name_does_not_look_like_another_by_letters_of_another_alphabet() {
        for good in [
            "Яндекс",
            "Ростех Microelectronics",
            "µChip",
            "λ Labs",
            "Ωmega-Δ",
            "Ελληνικά Ημιαγωγοί",
            "Zürich Łódź",
            "台積電 TSMC",
        ] {
            assert_eq!(clean_name(good), Some(good), "{good:?}");
        }
        for disguised in [
            "\u{410}cme",
            "Nvid\u{456}a",
            "\u{391}cme Compute",
            "Micr\u{3bf}n",
            "\u{1d400}cme",
            "\u{ff21}cme",
            "Google \u{421}loud",
        ] {
            assert_eq!(clean_name(disguised), None, "{disguised:?}");
        }
    }
}
