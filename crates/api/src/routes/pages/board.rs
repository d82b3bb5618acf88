//! The front page and the pages of postings.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use postings::numbers::Sight;
use postings::syndication;
use postings::{Posting, PostingContent, PostingStatus, PostingSummary};

use super::facts::facts;
use super::{message, page, page_with_data};
use crate::error::Problem;
use crate::routes::search::run;
use crate::routes::syndication::page_of;
use crate::state::State;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "front.html")]
struct FrontPage<'a> {
    site: &'a str,
    q: &'a str,
    problem: Option<String>,
    /// How the text was understood where it was not taken as it is.
    notes: Vec<String>,
    total: u64,
    rows: Vec<Row>,
    next: Option<String>,
    /// The parameters of this search for its feeds.
    feed: String,
    /// Where this search becomes an alert; none for a search that finds everything.
    alert: Option<String>,
}

struct Row {
    path: String,
    title: String,
    line: String,
    pay: String,
}

pub(super) async fn front_page(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut pairs = crate::extract::pairs(request.query_string());
    let q = pairs
        .iter()
        .find(|(name, _)| name == "q")
        .map(|(_, q)| q.clone())
        .unwrap_or_default();
    let parsed = search::parse_pairs(&pairs).or_else(|errors| {
        // Others hang parameters of their own on links to pages; here they mean nothing.
        let foreign = |name: &str| {
            errors
                .iter()
                .any(|error| error.code == "unknown_parameter" && error.parameter == name)
        };
        pairs.retain(|(name, _)| !foreign(name));
        search::parse_pairs(&pairs)
    });
    let asked = match parsed {
        Ok(asked) => asked,
        Err(errors) => {
            let problem = errors.first().map(|error| error.detail.clone());
            let page_of = FrontPage {
                site: state.site(),
                q: &q,
                problem,
                notes: Vec::new(),
                total: 0,
                rows: Vec::new(),
                next: None,
                feed: String::new(),
                alert: None,
            };
            return Ok(page(StatusCode::BAD_REQUEST, &page_of));
        }
    };
    let results = run(&state, asked.clone()).await?;
    let shown: Vec<store::Id> = results.hits.iter().map(|hit| hit.id).collect();
    let rows = results
        .hits
        .iter()
        .filter_map(|hit| serde_json::from_str(&hit.summary).ok())
        .map(row)
        .collect();
    let notes = notes(&results);
    let next = results.next_cursor.map(|cursor| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in asked.query.to_pairs() {
            query.append_pair(&name, &value);
        }
        format!("/?{}", query.append_pair("cursor", &cursor).finish())
    });
    let alert = (!asked.query.is_unfiltered()).then(|| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!(
            "/alerts/new?{}",
            query.extend_pairs(asked.query.to_pairs()).finish()
        )
    });
    let visitor = Visitor::of(&request);
    visitor.saw(&state, Sight::Impression, shown.into_iter());
    Ok(page(
        StatusCode::OK,
        &FrontPage {
            feed: url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(asked.query.to_pairs())
                .finish(),
            alert,
            site: state.site(),
            q: &q,
            problem: None,
            notes,
            total: results.total,
            rows,
            next,
        },
    ))
}

/// What the reader should know about the answer: how words were read, spelt otherwise, or left out.
fn notes(results: &search::SearchResults) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(spelling) = &results.did_you_mean {
        notes.push(format!("Searched for “{spelling}”."));
    }
    for dropped in &results.dropped {
        notes.push(format!(
            "Nothing matches all words; left out: “{}”.",
            dropped.text
        ));
    }
    if !results.interpreted.is_empty() {
        let read: Vec<&str> = results
            .interpreted
            .iter()
            .map(|found| found.label.as_str())
            .collect();
        notes.push(format!("Understood: {}.", read.join(" · ")));
    }
    notes
}

fn row(summary: PostingSummary) -> Row {
    let places = summary
        .locations
        .iter()
        .take(2)
        .map(postings::Location::label)
        .collect::<Vec<_>>()
        .join("; ");
    let workplace = summary.workplace.map(|workplace| workplace.label().to_owned());
    let parts = [
        Some(summary.employer.name),
        Some(places).filter(|p| !p.is_empty()),
        workplace,
    ];
    let band = summary
        .pay
        .as_ref()
        .and_then(|pay| pay.base.as_ref().or(pay.total.as_ref()));
    Row {
        path: format!("/postings/{}", summary.slug),
        title: summary.title,
        line: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        pay: band.map(postings::PayBand::label).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "posting.html")]
struct PostingPage<'a> {
    site: &'a str,
    posting: &'a PostingContent,
    employer: &'a str,
    line: String,
    status: String,
    is_open: bool,
    facts: Vec<(&'a str, String)>,
    apply: Option<String>,
    /// The posting as schema.org's JobPosting.
    data: Option<String>,
}

pub(super) async fn posting_page(
    state: State,
    request: HttpRequest,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let slug = path.into_inner();
    let posting = state
        .read(move |conn, _| Ok::<_, Problem>(postings::find::find_by_slug(conn, &slug)?))
        .await?;
    let is_public =
        |posting: &Posting| posting.row.status.is_public() && posting.row.first_revision.is_some();
    let Some(posting) = posting.filter(is_public) else {
        return Ok(message(
            &state,
            StatusCode::NOT_FOUND,
            "Nothing here",
            "There is no such role.",
            Vec::new(),
        ));
    };
    let content = posting.content();
    let line = row(posting.summary()).line;
    let template = PostingPage {
        site: state.site(),
        posting: content,
        employer: &posting.employer.name,
        line,
        status: posting.row.status.to_string(),
        is_open: posting.row.status == PostingStatus::Published && posting.is_searchable(),
        facts: facts(&posting),
        apply: posting
            .apply_target()
            .map(|_| format!("/v1/postings/{}/apply", posting.row.id)),
        data: syndication::embedded(&posting, &page_of(&posting, &state)),
    };
    Visitor::of(&request).saw(&state, Sight::View, std::iter::once(posting.row.id));
    Ok(page_with_data(
        StatusCode::OK,
        &template,
        template.data.as_deref(),
    ))
}
