//! Any search as a feed: RSS, Atom, JSON Feed.

use actix_web::http::header::{
    CACHE_CONTROL, ETAG, HttpDate, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use actix_web::middleware::Compress;
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use postings::Posting;
use postings::syndication::{self, FeedFormat, FeedHead};
use search::{SearchRequest, Sort};
use store::{Id, Timestamp};

use super::search::run;
use super::syndication::{FRESH, is_known, page_of};
use crate::error::{Problem, parameters_problem};
use crate::extract::pairs;
use crate::state::State;

/// Entries of a feed when nothing is said.
const ENTRIES: &str = "50";

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/feeds/search.rss")
                .wrap(Compress::default())
                .route(web::get().to(get_search_rss)),
        )
        .service(
            web::resource("/v1/feeds/search.atom")
                .wrap(Compress::default())
                .route(web::get().to(get_search_atom)),
        )
        .service(
            web::resource("/v1/feeds/search.json")
                .wrap(Compress::default())
                .route(web::get().to(get_search_json)),
        );
}

/// A search as RSS 2.0, newest first: takes every parameter of `/v1/search`; 50 entries when `limit` is missing.
#[utoipa::path(get, path = "/v1/feeds/search.rss", tag = "feeds",
    params(("q" = Option<String>, Query), ("discipline" = Option<String>, Query, description = "and every other parameter of a search")),
    responses((status = 200, body = String, content_type = "application/rss+xml"), (status = 304)))]
pub(crate) async fn get_search_rss(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    feed(state, request, FeedFormat::Rss).await
}

/// A search as Atom, newest first: takes every parameter of `/v1/search`; 50 entries when `limit` is missing.
#[utoipa::path(get, path = "/v1/feeds/search.atom", tag = "feeds",
    params(("q" = Option<String>, Query), ("discipline" = Option<String>, Query, description = "and every other parameter of a search")),
    responses((status = 200, body = String, content_type = "application/atom+xml"), (status = 304)))]
pub(crate) async fn get_search_atom(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    feed(state, request, FeedFormat::Atom).await
}

/// A search as JSON Feed 1.1, newest first: takes every parameter of `/v1/search`; 50 entries when `limit` is missing.
#[utoipa::path(get, path = "/v1/feeds/search.json", tag = "feeds",
    params(("q" = Option<String>, Query), ("discipline" = Option<String>, Query, description = "and every other parameter of a search")),
    responses((status = 200, body = Object, content_type = "application/feed+json"), (status = 304)))]
pub(crate) async fn get_search_json(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    feed(state, request, FeedFormat::Json).await
}

async fn feed(state: State, request: HttpRequest, format: FeedFormat) -> Result<HttpResponse, Problem> {
    let mut asked = pairs(request.query_string());
    let is_given = |name: &str, asked: &[(String, String)]| asked.iter().any(|(known, _)| known == name);
    let is_sorted = is_given("sort", &asked);
    if !is_given("limit", &asked) {
        asked.push(("limit".to_owned(), ENTRIES.to_owned()));
    }
    let mut search = search::parse_pairs(&asked).map_err(|errors| parameters_problem(errors, false))?;
    if !is_sorted {
        search.sort = Sort::Newest;
    }
    search.facets = Vec::new();
    let changed = state
        .read(|conn, _| Ok::<_, Problem>(syndication::last_change(conn)?))
        .await?;
    let modified = changed.filter(|at| is_settled(*at, &search, &state));
    if let Some(modified) = modified.filter(|at| is_unmodified(&request, *at)) {
        return Ok(HttpResponse::NotModified()
            .insert_header((LAST_MODIFIED, http_date(modified)))
            .finish());
    }
    let results = run(&state, search.clone()).await?;
    let (head, entries) = (
        head(&state, format, &search, results.next_cursor.as_deref()),
        entries(&state, results.hits.iter().map(|hit| hit.id).collect()).await?,
    );
    let body = format.write(&head, &entries);
    let hash = digest(&SHA256, body.as_bytes());
    let etag = format!("\"{}\"", BASE64URL_NOPAD.encode(&hash.as_ref()[..16]));
    let mut response = if is_known(&request, &etag) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, etag.clone()))
        .insert_header((CACHE_CONTROL, FRESH));
    if let Some(modified) = modified {
        response.insert_header((LAST_MODIFIED, http_date(modified)));
    }
    if is_known(&request, &etag) {
        return Ok(response.finish());
    }
    Ok(response.content_type(format.media_type()).body(body))
}

/// Whether "nothing on the board changed since" says that the feed is the same: not while more may happen in that second, and
/// not for a search that changes with the time alone.
fn is_settled(changed: Timestamp, search: &SearchRequest, state: &State) -> bool {
    search.query.posted_within_hours.is_none() && state.now().seconds() > changed.seconds()
}

/// `If-Modified-Since` counts only where no `If-None-Match` is (RFC 9110, 13.1.3).
fn is_unmodified(request: &HttpRequest, modified: Timestamp) -> bool {
    let headers = request.headers();
    let since = headers
        .get(IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok());
    let since = since.and_then(|text| text.parse::<HttpDate>().ok());
    let since = since.and_then(|date| {
        std::time::SystemTime::from(date)
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
    });
    !headers.contains_key(IF_NONE_MATCH)
        && since.is_some_and(|since| {
            i64::try_from(since.as_secs()).is_ok_and(|since| since >= modified.seconds())
        })
}

fn http_date(at: Timestamp) -> HttpDate {
    let since = std::time::Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0));
    HttpDate::from(std::time::UNIX_EPOCH + since)
}

/// Addresses say what was searched for in one way only, whatever the order of the parameters.
fn head(state: &State, format: FeedFormat, search: &SearchRequest, next: Option<&str>) -> FeedHead {
    let address = |base: &str, own: &[(&str, &str)]| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(search.query.to_pairs());
        query.extend_pairs(own);
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        state.url(&format!("{base}{mark}{query}"))
    };
    let path = format!("/v1/feeds/search.{format}");
    let limit = search.limit.to_string();
    let mut own = Vec::new();
    match search.sort {
        Sort::Newest => {}
        Sort::Relevance => own.push(("sort", "relevance")),
        Sort::Pay => own.push(("sort", "pay")),
    }
    if limit != ENTRIES {
        own.push(("limit", &limit));
    }
    let self_address = address(&path, &own);
    let next = next.map(|cursor| {
        own.push(("cursor", cursor));
        address(&path, &own)
    });
    let site = &state.mail_config.from.name;
    let what = match search.query.q.as_str() {
        "" if search.query.is_unfiltered() => "all roles".to_owned(),
        "" => {
            let filters = search.query.to_pairs();
            let filters: Vec<String> = filters.into_iter().map(|(_, value)| value).collect();
            filters.join(", ")
        }
        q => q.to_owned(),
    };
    FeedHead {
        title: format!("{}: {what}", if site.is_empty() { "Backplane" } else { site }),
        address: self_address,
        page: address("/", &[]),
        next,
    }
}

/// The postings of the hits as they are now, in the hits' order.
async fn entries(state: &State, ids: Vec<Id>) -> Result<Vec<(Posting, String)>, Problem> {
    let now = state.now();
    state
        .read(move |conn, state| {
            let mut found = postings::find::list_searchable(conn, &ids, now)?;
            found.sort_by_key(|posting| ids.iter().position(|id| *id == posting.row.id));
            let with_page = |posting: Posting| {
                let page = page_of(&posting, state);
                (posting, page)
            };
            Ok::<_, Problem>(found.into_iter().map(with_page).collect())
        })
        .await
}
