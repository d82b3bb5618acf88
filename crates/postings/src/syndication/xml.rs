//! Feeds in XML as aggregators take them: Indeed's format, which most others accept, and LinkedIn's.

use jiff::Timestamp as Instant;
use jiff::fmt::rfc2822;
use store::{Timestamp, text_enum};
use taxonomy::{Gazetteer, Workplace};

use super::json_ld::stated_salary;
use crate::content::PostingContent;
use crate::posting::Posting;

text_enum! {
    /// For whom a feed is written.
    pub enum XmlFeed {
        /// Indeed and whoever reads its format.
        Indeed = "indeed",
        /// LinkedIn's basic feed.
        LinkedIn = "linkedin",
    }
}

/// Who publishes a feed.
#[derive(Debug, Clone)]
pub struct Site {
    /// Our name.
    pub name: String,
    /// Our address, without a slash at the end.
    pub url: String,
}

impl XmlFeed {
    /// The feed's beginning; `count` is how many postings follow.
    pub fn head(self, site: &Site, count: i64, now: Timestamp) -> String {
        let (name, url, built) = (cdata(&site.name), cdata(&site.url), cdata(&rfc_822(now)));
        let fields = match self {
            Self::Indeed => {
                format!(
                    "<publisher>{name}</publisher><publisherurl>{url}</publisherurl><lastBuildDate>{built}</lastBuildDate>"
                )
            }
            Self::LinkedIn => {
                format!(
                    "<lastBuildDate>{built}</lastBuildDate><publisherUrl>{url}</publisherUrl><publisher>{name}</publisher><expectedJobCount>{count}</expectedJobCount>"
                )
            }
        };
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<source>{fields}\n")
    }

    /// One posting; `page` is its public address.
    /// `company` is LinkedIn's number for the employer, where it said so.
    pub fn entry(self, posting: &Posting, page: &str, company: Option<i64>) -> String {
        let fields = match self {
            Self::Indeed => indeed(posting, page),
            Self::LinkedIn => linkedin(posting, page, company),
        };
        let mut out = String::from("<job>");
        for (name, value) in fields {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                out.extend(["<", name, ">", &cdata(&value), "</", name, ">"]);
            }
        }
        out.push_str("</job>\n");
        out
    }

    /// The feed's end.
    pub fn tail(self) -> &'static str {
        "</source>\n"
    }
}

type Field = (&'static str, Option<String>);

/// The country of a posting's first place; of remote work without a place, the first from which it can be done. Aggregators
/// want one of each posting.
fn country_of(content: &PostingContent) -> Option<String> {
    let of_place = content.locations.iter().find_map(|place| place.country.clone());
    of_place.or_else(|| {
        let mut reach = content.remote_from.iter();
        reach.find(|code| Gazetteer::bundled().is_country(code)).cloned()
    })
}

fn indeed(posting: &Posting, page: &str) -> Vec<Field> {
    let (row, content) = (&posting.row, posting.content());
    let place = content.locations.first();
    let remote = match content.workplace {
        Some(Workplace::Remote) => Some("Fully remote".to_owned()),
        Some(Workplace::Hybrid) => Some("Hybrid remote".to_owned()),
        _ => None,
    };
    vec![
        ("title", Some(content.title.clone())),
        ("date", row.published_at.map(rfc_822)),
        ("referencenumber", Some(row.id.to_string())),
        ("requisitionid", row.external_id.clone()),
        ("url", Some(format!("{page}?source=indeed"))),
        ("company", Some(posting.employer.name.clone())),
        ("city", place.and_then(|place| place.city.clone())),
        ("state", place.and_then(|place| place.region.clone())),
        ("country", country_of(content)),
        ("description", Some(content.description_html.clone())),
        ("salary", stated_salary(content)),
        (
            "jobtype",
            content
                .employment_type
                .map(|kind| kind.to_string().replace('_', "")),
        ),
        (
            "category",
            content.discipline.map(|discipline| discipline.to_string()),
        ),
        ("remotetype", remote),
        ("expirationdate", row.expires_at.map(rfc_822)),
    ]
}

fn linkedin(posting: &Posting, page: &str, company: Option<i64>) -> Vec<Field> {
    let (row, content) = (&posting.row, posting.content());
    let place = content.locations.first();
    let workplace = content.workplace.map(|workplace| match workplace {
        Workplace::OnSite => "On-site".to_owned(),
        Workplace::Hybrid => "Hybrid".to_owned(),
        Workplace::Remote => "Remote".to_owned(),
    });
    vec![
        ("partnerJobId", Some(row.id.to_string())),
        ("company", Some(posting.employer.name.clone())),
        ("companyId", company.map(|number| number.to_string())),
        // A mailbox that is in the posting for everybody; nobody else's address leaves the board.
        (
            "posterEmail",
            content.apply.as_ref().and_then(|apply| apply.email.clone()),
        ),
        ("title", Some(content.title.clone())),
        ("description", Some(content.description_html.clone())),
        (
            "location",
            place.map(crate::Location::label).or_else(|| country_of(content)),
        ),
        ("city", place.and_then(|place| place.city.clone())),
        ("state", place.and_then(|place| place.region.clone())),
        ("country", country_of(content)),
        ("applyUrl", Some(format!("{page}?source=linkedin"))),
        ("workplaceTypes", workplace),
        (
            "jobtype",
            content
                .employment_type
                .map(|kind| kind.to_string().to_uppercase()),
        ),
        ("listDate", row.published_at.map(|at| at.to_string())),
        ("expirationDate", row.expires_at.map(|at| at.to_string())),
    ]
}

/// A time as RFC 822 has it, with four digits for the year.
pub(super) fn rfc_822(at: Timestamp) -> String {
    let instant = Instant::from_microsecond(at.micros()).unwrap_or_default();
    rfc2822::DateTimePrinter::new()
        .timestamp_to_string(&instant)
        .unwrap_or_default()
}

/// `text` in a CDATA section; what XML cannot hold is left out (XML 1.0, section 2.2).
pub fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", allowed(text).replace("]]>", "]]]]><![CDATA[>"))
}

/// `text` between tags or in an attribute.
pub fn escape(text: &str) -> String {
    let text = allowed(text);
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn allowed(text: &str) -> String {
    let is_allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_section_early() {
        assert_eq!(cdata("a]]>b"), "<![CDATA[a]]]]><![CDATA[>b]]>");
        assert_eq!(cdata("x\u{0}\u{b}\u{ffff}y"), "<![CDATA[xy]]>");
        assert_eq!(escape("<a b=\"c\"> & \u{1}"), "&lt;a b=&quot;c&quot;&gt; &amp; ");
    }
}
