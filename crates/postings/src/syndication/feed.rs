//! The result of a search as RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1. Entries keep their ids: `urn:uuid:` and the posting's.

use std::fmt::Write as _;

use serde_json::{Value, json};
use store::{Timestamp, text_enum};

use super::xml::{escape, rfc_822};
use crate::posting::Posting;

text_enum! {
    /// How a feed is written.
    pub enum FeedFormat {
        /// RSS 2.0.
        Rss = "rss",
        /// Atom.
        Atom = "atom",
        /// JSON Feed 1.1.
        Json = "json",
    }
}

/// What a feed says about itself.
#[derive(Debug, Clone)]
pub struct FeedHead {
    /// Its title.
    pub title: String,
    /// Its own address; also its id.
    pub address: String,
    /// The page of the same search.
    pub page: String,
    /// Where its older entries are.
    pub next: Option<String>,
}

impl FeedFormat {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Json => "application/feed+json; charset=utf-8",
        }
    }

    /// A feed with these entries, each with the address of its page. It was updated when its latest entry was.
    pub fn write(self, head: &FeedHead, entries: &[(Posting, String)]) -> String {
        match self {
            Self::Rss => rss(head, entries),
            Self::Atom => atom(head, entries),
            Self::Json => json_feed(head, entries).to_string(),
        }
    }
}

/// When the latest entry changed; a feed without entries has been so for ever.
fn updated(entries: &[(Posting, String)]) -> Timestamp {
    let times = entries.iter().map(|(posting, _)| posting.row.updated_at);
    times.max().unwrap_or(Timestamp::from_seconds(0))
}

fn entry_id(posting: &Posting) -> String {
    format!("urn:uuid:{}", posting.row.id)
}

fn entry_title(posting: &Posting) -> String {
    format!("{} – {}", posting.content().title, posting.employer.name)
}

/// What readers may sort by: discipline, level, workplace.
fn tags(posting: &Posting) -> Vec<&'static str> {
    let content = posting.content();
    let tags = [
        content.discipline.map(taxonomy::Discipline::label),
        content.seniority.map(taxonomy::Seniority::label),
        content.workplace.map(taxonomy::Workplace::label),
    ];
    tags.into_iter().flatten().collect()
}

/// The text with what a reader asks first above it.
fn content_html(posting: &Posting) -> String {
    let content = posting.content();
    let places: Vec<String> = content.locations.iter().map(crate::Location::label).collect();
    let pay = super::json_ld::stated_base(content).map(crate::PayBand::label);
    let facts = [Some(places.join("; ")).filter(|text| !text.is_empty()), pay];
    let facts: Vec<String> = facts.into_iter().flatten().map(|text| escape(&text)).collect();
    let facts = match facts.as_slice() {
        [] => String::new(),
        facts => format!("<p>{}</p>", facts.join(" · ")),
    };
    format!("{facts}{}", content.description_html)
}

fn rss(head: &FeedHead, entries: &[(Posting, String)]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><channel>\n",
    );
    let _ = writeln!(
        out,
        "<title>{0}</title><link>{1}</link><description>{0}</description><language>en</language><ttl>5</ttl>\
         <lastBuildDate>{2}</lastBuildDate><atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{3}\"/>",
        escape(&head.title),
        escape(&head.page),
        rfc_822(updated(entries)),
        escape(&head.address),
    );
    for (posting, page) in entries {
        let published = posting.row.published_at.unwrap_or(posting.row.created_at);
        let categories: Vec<String> = tags(posting)
            .into_iter()
            .map(|tag| format!("<category>{}</category>", escape(tag)))
            .collect();
        let categories = categories.concat();
        let _ = writeln!(
            out,
            "<item><title>{}</title><link>{}</link><guid isPermaLink=\"false\">{}</guid><pubDate>{}</pubDate>\
             <dc:creator>{}</dc:creator>{categories}<description>{}</description></item>",
            escape(&entry_title(posting)),
            escape(page),
            entry_id(posting),
            rfc_822(published),
            escape(&posting.employer.name),
            escape(&content_html(posting)),
        );
    }
    out + "</channel></rss>\n"
}

fn atom(head: &FeedHead, entries: &[(Posting, String)]) -> String {
    let next = head.next.as_ref().map_or_else(String::new, |next| {
        format!("<link rel=\"next\" href=\"{}\"/>", escape(next))
    });
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>{1}</id><title>{0}</title>\
         <updated>{2}</updated><link rel=\"self\" type=\"application/atom+xml\" href=\"{1}\"/>\
         <link rel=\"alternate\" type=\"text/html\" href=\"{3}\"/>{next}\n",
        escape(&head.title),
        escape(&head.address),
        updated(entries),
        escape(&head.page),
    );
    for (posting, page) in entries {
        let published = posting.row.published_at.unwrap_or(posting.row.created_at);
        let categories: Vec<String> = tags(posting)
            .into_iter()
            .map(|tag| format!("<category term=\"{}\"/>", escape(tag)))
            .collect();
        let categories = categories.concat();
        let _ = writeln!(
            out,
            "<entry><id>{}</id><title>{}</title><updated>{}</updated><published>{published}</published>\
             <author><name>{}</name></author><link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>{categories}\
             <content type=\"html\">{}</content></entry>",
            entry_id(posting),
            escape(&entry_title(posting)),
            posting.row.updated_at,
            escape(&posting.employer.name),
            escape(page),
            escape(&content_html(posting)),
        );
    }
    out + "</feed>\n"
}

fn json_feed(head: &FeedHead, entries: &[(Posting, String)]) -> Value {
    let items = entries.iter().map(|(posting, page)| {
        json!({
            "id": entry_id(posting),
            "url": page,
            "title": entry_title(posting),
            "content_html": content_html(posting),
            "date_published": posting.row.published_at.unwrap_or(posting.row.created_at),
            "date_modified": posting.row.updated_at,
            "authors": [{ "name": posting.employer.name }],
            "tags": tags(posting),
        })
    });
    let mut feed = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": head.title,
        "home_page_url": head.page,
        "feed_url": head.address,
        "language": "en",
        "items": items.collect::<Vec<_>>(),
    });
    if let Some(next) = &head.next {
        feed["next_url"] = next.clone().into();
    }
    feed
}
