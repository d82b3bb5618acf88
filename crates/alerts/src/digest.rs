//! The mail about postings: new ones, and changes of those that were told before.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, ZonedDateTime};
use mail::{Block, Draft, Entry, Footer, Layout, ListHeaders};
use postings::{Location, Posting, PostingContent};
use search::{Facet, Query};
use store::Timestamp;
use taxonomy::Gazetteer;

use crate::alert::{Alert, ChangeKind, Frequency};
use crate::changes::{self, DueChange};
use crate::letterhead::Letterhead;
use crate::mails::{self, cadence};
use crate::reasons::Candidate;
use crate::schedule;

/// Places that are named before "and 4 more".
const PLACES: usize = 3;

/// What a mail tells.
pub(crate) struct Contents {
    /// New postings, in order.
    pub(crate) new: Vec<Candidate>,
    /// Employers of whom there is more: name, slug, how many.
    pub(crate) more: Vec<(String, String, usize)>,
    /// Postings that changed.
    pub(crate) changed: Vec<Changed>,
    /// New postings that come later.
    pub(crate) waiting: usize,
    /// When they come; none when at once.
    pub(crate) next: Option<Timestamp>,
}

/// A posting that the subscriber knows, and what is new about it.
pub(crate) struct Changed {
    pub(crate) current: Candidate,
    pub(crate) what: Vec<What>,
}

/// A change as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    PayRaised { was: String, is: String },
    PlaceAdded(Vec<String>),
    ClosingSoon(Timestamp),
    Reopened,
}

impl What {
    /// What there is to tell of `change` now, against what the subscriber heard `before`; nothing when it is not so any more.
    pub(crate) fn still(change: &DueChange, before: Option<&PostingContent>, now: &Posting) -> Option<Self> {
        match change.kind {
            ChangeKind::PayRaised => {
                let (was, is) = changes::raised_pay(before?, now.content())?;
                let (was, is) = (was.label(), is.label());
                Some(Self::PayRaised { was, is })
            }
            ChangeKind::PlaceAdded => {
                let places = changes::added_places(before?, now.content());
                (!places.is_empty()).then(|| Self::PlaceAdded(places.into_iter().map(place).collect()))
            }
            ChangeKind::ClosingSoon => now
                .row
                .expires_at
                .filter(|end| end.seconds() == change.mark)
                .map(Self::ClosingSoon),
            ChangeKind::Reopened => Some(Self::Reopened),
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::PayRaised { .. } => "Pays more",
            Self::PlaceAdded(_) => "New place",
            Self::ClosingSoon(_) => "Closes soon",
            Self::Reopened => "Open again",
        }
    }

    fn line(&self, alert: &Alert) -> String {
        match self {
            Self::PayRaised { was, is } => format!("Pays more: {is}; it was {was}"),
            Self::PlaceAdded(places) => format!("New place: {}", places.join("; ")),
            Self::ClosingSoon(end) => format!("Closes soon: {}", day(alert, *end)),
            Self::Reopened => "Open again: it was closed since you heard of it".to_owned(),
        }
    }
}

/// The mail with `contents`, which are not empty.
pub(crate) fn write(letterhead: &Letterhead, alert: &Alert, contents: &Contents, now: Timestamp) -> Draft {
    let subject = subject(contents);
    let layout = Layout {
        title: title(contents),
        preheader: preheader(alert, contents),
        blocks: blocks(letterhead, alert, contents),
        footer: Footer {
            reason: format!(
                "You get this mail because you confirmed this alert. It writes {}.",
                cadence(alert.frequency)
            ),
            links: vec![
                (
                    "Change, pause or end your alerts".to_owned(),
                    letterhead.manage_url(alert.id),
                ),
                ("Unsubscribe".to_owned(), letterhead.unsubscribe_url(alert.id)),
            ],
        },
    };
    let rendered = layout.render(&letterhead.config);
    Draft {
        kind: if alert.frequency == Frequency::Instant {
            mails::INSTANT
        } else {
            mails::DIGEST
        },
        recipient: alert.email.clone(),
        subject,
        text: rendered.text,
        html: rendered.html,
        list: Some(ListHeaders {
            unsubscribe_url: letterhead.unsubscribe_url(alert.id),
            list: "alerts".to_owned(),
        }),
        dedup_key: format!("{}{}", mails::dedup_prefix(alert.id), about(contents)),
        // News that is days old is none.
        not_after: now.plus(SignedDuration::from_hours(48)),
    }
}

/// What only this mail tells: a posting is new once, and has a version once.
fn about(contents: &Contents) -> String {
    let row = |candidate: &Candidate| (candidate.seen.posting.row.id, candidate.seen.posting.row.version);
    if let Some(first) = contents.new.first() {
        return format!("new/{}", row(first).0);
    }
    let all: Vec<String> = contents
        .changed
        .iter()
        .map(|changed| {
            let ((id, version), titles) = (row(&changed.current), &changed.what);
            let ends = titles.iter().filter_map(|what| match what {
                What::ClosingSoon(end) => Some(end.seconds()),
                _ => None,
            });
            format!("{id}/{version}/{}", ends.sum::<i64>())
        })
        .take(1)
        .collect();
    format!("changed/{}", all.concat())
}

fn blocks(letterhead: &Letterhead, alert: &Alert, contents: &Contents) -> Vec<Block> {
    let mut blocks = vec![Block::Paragraph(format!(
        "Your alert: {}",
        alert.query.0.describe()
    ))];
    if !contents.new.is_empty() {
        let entries = contents.new.iter().map(|new| entry(letterhead, alert, new, &[]));
        blocks.push(Block::List(entries.collect()));
    }
    if !contents.more.is_empty() {
        let more = contents.more.iter().map(|(name, slug, count)| Entry {
            title: format!("+{count} more at {name}"),
            url: letterhead.search_url(&at_employer(&alert.query.0, slug)),
            lines: Vec::new(),
            links: Vec::new(),
        });
        blocks.push(Block::List(more.collect()));
    }
    if contents.waiting > 0 {
        blocks.push(Block::Paragraph(waiting(alert, contents)));
        blocks.push(Block::Button {
            label: "See all roles of this search".to_owned(),
            url: letterhead.search_url(&alert.query.0),
        });
    }
    if !contents.changed.is_empty() {
        if !contents.new.is_empty() {
            blocks.push(Block::Heading("Changed since you heard of them".to_owned()));
        }
        let entries = contents
            .changed
            .iter()
            .map(|changed| entry(letterhead, alert, &changed.current, &changed.what));
        blocks.push(Block::List(entries.collect()));
    }
    blocks
}

fn waiting(alert: &Alert, contents: &Contents) -> String {
    let roles = match contents.waiting {
        1 => "One more role is open now and comes".to_owned(),
        count => format!("{count} more roles are open now and come"),
    };
    match contents.next {
        Some(next) => format!("{roles} with the next mails, from {} on.", day(alert, next)),
        None => format!("{roles} with the next mails."),
    }
}

/// The same search at one employer.
fn at_employer(query: &Query, slug: &str) -> Query {
    let mut narrowed = query.clone();
    narrowed.filters.insert(Facet::Employer, vec![slug.to_owned()]);
    narrowed
}

fn count_of_changes(contents: &Contents) -> usize {
    contents.changed.iter().map(|changed| changed.what.len()).sum()
}

fn name(candidate: &Candidate) -> String {
    let posting = &candidate.seen.posting;
    format!(
        "{} at {}",
        shortened(&posting.content().title, 80),
        shortened(&posting.employer.name, 40)
    )
}

fn subject(contents: &Contents) -> String {
    let changes = count_of_changes(contents);
    let and_changes = match changes {
        0 => String::new(),
        1 => ", 1 change".to_owned(),
        count => format!(", {count} changes"),
    };
    if let Some(first) = contents.new.first() {
        let more = match contents.new.len() {
            1 => String::new(),
            2 => " and 1 more role".to_owned(),
            count => format!(" and {} more roles", count - 1),
        };
        return format!("{}{more}{and_changes}", name(first));
    }
    let Some(first) = contents.changed.first() else {
        return "New roles".to_owned();
    };
    let what = first.what.first().map_or("Changed", What::title);
    let more = match changes {
        0 | 1 => String::new(),
        2 => " and 1 more change".to_owned(),
        count => format!(" and {} more changes", count - 1),
    };
    format!("{what}: {}{more}", name(&first.current))
}

fn title(contents: &Contents) -> String {
    match (contents.new.len(), contents.changed.len()) {
        (0, 1) => "News of a role you know".to_owned(),
        (0, count) => format!("News of {count} roles you know"),
        (1, _) => "A new role for you".to_owned(),
        (count, _) => format!("{count} new roles for you"),
    }
}

/// What stands beside the subject: what the subject does not say yet.
fn preheader(alert: &Alert, contents: &Contents) -> String {
    let others = contents
        .new
        .iter()
        .chain(contents.changed.iter().map(|changed| &changed.current));
    let titles: Vec<&str> = others
        .skip(1)
        .take(3)
        .map(|candidate| candidate.seen.posting.content().title.as_str())
        .collect();
    match (
        titles.is_empty(),
        contents.changed.first().filter(|_| contents.new.is_empty()),
    ) {
        (false, _) => titles.join(", "),
        (true, Some(changed)) => changed
            .what
            .first()
            .map(|what| what.line(alert))
            .unwrap_or_default(),
        (true, None) => contents
            .new
            .first()
            .map(|new| facts(&new.seen.posting).join(" · "))
            .unwrap_or_default(),
    }
}

fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars - 1).chain(['…']).collect()
}

fn entry(letterhead: &Letterhead, alert: &Alert, candidate: &Candidate, what: &[What]) -> Entry {
    let posting = &candidate.seen.posting;
    let mut lines: Vec<String> = what.iter().map(|what| what.line(alert)).collect();
    lines.extend(facts(posting));
    if !candidate.why.is_empty() {
        lines.push(format!("Why: {}", candidate.why));
    }
    Entry {
        title: posting.content().title.clone(),
        url: letterhead.posting_url(&posting.row.slug),
        lines,
        links: vec![(
            "Was this right for you?".to_owned(),
            letterhead.feedback_url(alert.id, posting.row.id),
        )],
    }
}

/// Employer, place and workplace in one line; pay and openings in another.
fn facts(posting: &Posting) -> Vec<String> {
    let content = posting.content();
    let places: Vec<String> = content.locations.iter().take(PLACES).map(place).collect();
    let place = match content.locations.len().saturating_sub(PLACES) {
        0 => places.join("; "),
        more => format!("{} and {more} more", places.join("; ")),
    };
    let workplace = content.workplace.map(|workplace| workplace.label().to_owned());
    let who = [Some(posting.employer.name.clone()), Some(place), workplace];
    let openings = (content.openings > 1).then(|| format!("{} openings", content.openings));
    let pay = changes::shown_pay(content).map(postings::PayBand::label);
    [joined(who), joined([pay, openings])]
        .into_iter()
        .flatten()
        .collect()
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// "Austin, TX", "Munich, Germany": as people write it.
fn place(location: &Location) -> String {
    let country = location.country.as_deref().unwrap_or_default();
    // Where everybody writes the state's two letters, nobody writes the country.
    let has_code = location
        .region
        .as_deref()
        .is_some_and(|region| region.len() <= 3 && matches!(country, "US" | "CA" | "AU"));
    let name = (!has_code).then(|| {
        Gazetteer::bundled()
            .country_name(country)
            .unwrap_or(country)
            .to_owned()
    });
    let region = location
        .region
        .clone()
        .filter(|_| has_code || location.city.is_none());
    let parts: Vec<String> = [location.city.clone(), region, name]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

/// "Thursday, 26 November", in the subscriber's zone.
fn day(alert: &Alert, at: Timestamp) -> String {
    let zone = schedule::time_zone(&alert.timezone).unwrap_or(TimeZone::UTC);
    ZonedDateTime::new(at.as_jiff(), zone)
        .strftime("%A, %-d %B")
        .to_string()
}
