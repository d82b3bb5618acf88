//! E-mail addresses that are safe to put on the wire.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Deserialize, Serialize};

/// An address in one spelling: ASCII, lower case, no quotes, a domain with a dot. At most 254 bytes (RFC 5321).
///
/// The local part is lowercased as well: no provider in use tells cases apart, and two accounts for one mailbox are worse.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsExpression, FromSqlRow,
)]
#[diesel(sql_type = diesel::sql_types::Text)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// Why a text is not an address that we send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing, or nothing on one side of the `@`.
    #[error("an address looks like name@example.com")]
    Shape,
    /// More than 254 bytes, or a local part of more than 64.
    #[error("the address is too long")]
    TooLong,
    /// A character or a form that is legal at most on paper: quotes, comments, control characters, non-ASCII, IP literals.
    #[error("the address contains a character that cannot be used")]
    Character,
    /// A domain without a dot or with an impossible label.
    #[error("the domain of the address cannot exist")]
    Domain,
}

impl EmailAddress {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let trimmed = text.trim_matches([' ', '\t']);
        if trimmed.len() > 254 {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = trimmed.split_once('@').ok_or(AddressError::Shape)?;
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(AddressError::Shape);
        }
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self(trimmed.to_ascii_lowercase()))
    }
}

fn check_local(local: &str) -> Result<(), AddressError> {
    if local.len() > 64 {
        return Err(AddressError::TooLong);
    }
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    if !local.bytes().all(usable) || local.starts_with('-') {
        return Err(AddressError::Character);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::Shape);
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    if !domain
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    {
        return Err(AddressError::Character);
    }
    let labels: Vec<&str> = domain.split('.').collect();
    let possible =
        |label: &&str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let top_is_a_name = labels
        .last()
        .is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()));
    if labels.len() < 2 || !labels.iter().all(possible) || !top_is_a_name {
        return Err(AddressError::Domain);
    }
    Ok(())
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

store::text_column!(EmailAddress);

impl utoipa::PartialSchema for EmailAddress {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::Custom("email".to_owned())))
            .max_length(Some(254))
            .into()
    }
}

impl utoipa::ToSchema for EmailAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_and_has_one_spelling() {
        let address: EmailAddress = "  Ada.Lovelace+Chips@Example.COM ".parse().unwrap();
        assert_eq!(address.as_str(), "ada.lovelace+chips@example.com");
        assert_eq!(address.domain(), "example.com");
        assert_eq!(
            "o'neil@sub.example.co.uk"
                .parse::<EmailAddress>()
                .unwrap()
                .domain(),
            "sub.example.co.uk"
        );
    }

    #[test]
    fn what_could_be_an_attack_or_can_never_arrive_is_refused() {
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@b.example",
            "a@b@c.example",
            "a@localhost",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "--help@b.example",
            "-a@b.example",
            "\"a b\"@b.example",
            "a b@b.example",
            "a\r\nBcc: x@b.example",
            "a@b.example\r\n",
            "a@b.example\n",
            "a\0@b.example",
            "a@b.exa\u{7f}mple",
            "ä@b.example",
            "a@bücher.example",
            ".a@b.example",
            "a.@b.example",
            "a..b@b.example",
            "a@.example",
            "a@b..example",
            "a@b.example.",
            "a@-b.example",
            "a@b-.example",
            "a,b@c.example",
            "a;b@c.example",
            "<a@b.example>",
            "a@b.example>",
            "a(comment)@b.example",
            "a\\@b.example",
            "a@b_c.example",
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
        let long_local = format!("{}@b.example", "a".repeat(65));
        assert_eq!(long_local.parse::<EmailAddress>(), Err(AddressError::TooLong));
        let long = format!("a@{}.example", "b.".repeat(130));
        assert_eq!(long.parse::<EmailAddress>(), Err(AddressError::TooLong));
    }
}
