//! Postings for machines of others: JSON-LD, a snapshot, aggregators' XML, sitemaps. Streamed a page at a time.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::middleware::Compress;
use actix_web::{HttpRequest, HttpResponse, web};
use postings::Posting;
use postings::syndication::{self, SITEMAP_REVISIONS, Site, XmlFeed, escape};
use store::revision::{self, Counter};
use store::{DbConn, Id, StoreError, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::postings::PostingBody;
use crate::access::require_visible;
use crate::caller::Caller;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, Params, path_id};
use crate::state::State;

/// Postings read at once.
const PAGE: i64 = 200;
/// A feed is sent in pieces of about so many bytes: small enough that memory which one thread took and another gave back fits
/// the next piece again.
const PIECE: usize = 48 << 10;
/// Pieces written ahead of a slow reader.
const AHEAD: usize = 2;
/// How long a reader may take for one page.
const PAGE_PATIENCE: Duration = Duration::from_mins(1);
/// How long others may keep what they read.
pub(crate) const FRESH: &str = "public, max-age=300";

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/postings/{id}/jsonld").route(web::get().to(get_json_ld)))
        .service(
            web::resource("/v1/feeds/postings.ndjson")
                .wrap(Compress::default())
                .route(web::get().to(get_snapshot)),
        )
        .service(
            web::resource("/v1/feeds/indeed.xml")
                .wrap(Compress::default())
                .route(web::get().to(get_indeed_feed)),
        )
        .service(
            web::resource("/v1/feeds/linkedin.xml")
                .wrap(Compress::default())
                .route(web::get().to(get_linkedin_feed)),
        )
        .service(
            web::resource("/sitemap.xml")
                .wrap(Compress::default())
                .route(web::get().to(get_sitemap_index)),
        )
        .service(
            web::resource("/sitemaps/{number}.xml")
                .wrap(Compress::default())
                .route(web::get().to(get_sitemap)),
        );
}

/// A body that comes from a thread which reads the database. Half a feed never looks like a whole one: when the thread ends
/// before it said that this is all, the answer breaks off.
struct Pages {
    pages: mpsc::Receiver<Result<web::Bytes, StoreError>>,
    is_whole: Arc<AtomicBool>,
}

impl MessageBody for Pages {
    type Error = StoreError;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        let this = self.get_mut();
        match this.pages.poll_recv(context) {
            Poll::Ready(None) if !this.is_whole.load(Ordering::Acquire) => {
                this.is_whole.store(true, Ordering::Release);
                Poll::Ready(Some(Err(StoreError::Interrupted)))
            }
            next => next,
        }
    }
}

/// What a feed says about one posting.
type Entry = dyn Fn(Posting, &State) -> String + Send;

/// What a feed is made of.
struct Feed {
    kind: &'static str,
    media_type: &'static str,
    walk: Walk,
    /// The last revision of all: what was taken out of the feed since also makes it another.
    latest: i64,
    head: String,
    entry: Box<Entry>,
    tail: String,
}

/// In which order a feed is read.
#[derive(Clone, Copy)]
enum Walk {
    /// Revisions after the first, up to the second.
    Revisions(i64, i64),
    /// All, by their ids, after this one.
    Ids(Option<Id>),
}

impl Walk {
    fn next(&mut self, conn: &mut DbConn, now: Timestamp) -> Result<Vec<Posting>, StoreError> {
        match self {
            Self::Revisions(after, until) => {
                let page = syndication::list_open(conn, *after, *until, PAGE, now)?;
                *after = page.last().and_then(|last| last.row.revision).unwrap_or(*after);
                Ok(page)
            }
            Self::Ids(after) => {
                let page = syndication::list_open_by_id(conn, *after, PAGE, now)?;
                *after = page.last().map(|last| last.row.id).or(*after);
                Ok(page)
            }
        }
    }
}

impl Feed {
    /// The answer: nothing when the reader has it already, else the feed as it is being read.
    fn answer(self, state: State, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        let etag = format!("\"{}-{}\"", self.kind, self.latest);
        if is_known(request, &etag) {
            return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
        }
        let room = Arc::clone(&state.feeds).try_acquire_owned();
        let room = room.map_err(|_| {
            Problem::new(Code::Unavailable)
                .detail("many read feeds at this moment")
                .retry_after(10)
        })?;
        let (sender, pages) = mpsc::channel(AHEAD);
        let media_type = self.media_type;
        let runtime = Handle::current();
        let is_whole = Arc::new(AtomicBool::new(false));
        let written = Arc::clone(&is_whole);
        tokio::task::spawn_blocking(move || {
            let _room = room;
            if self.write(&state, &sender, &runtime) {
                written.store(true, Ordering::Release);
            }
        });
        Ok(HttpResponse::Ok()
            .content_type(media_type)
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, FRESH))
            .body(Pages { pages, is_whole }))
    }

    /// Writes piece after piece for as long as somebody reads, and no page slower than [`PAGE_PATIENCE`]; whether it came to the end.
    fn write(
        self,
        state: &State,
        out: &mpsc::Sender<Result<web::Bytes, StoreError>>,
        runtime: &Handle,
    ) -> bool {
        let mut walk = self.walk;
        let now = state.now();
        let mut text = self.head;
        loop {
            let listed = state.db.read_blocking(|conn| walk.next(conn, now));
            let page = match listed {
                Ok(page) => page,
                Err(error) => {
                    // The reader notices that the answer breaks off; whether it listens no longer matters.
                    tracing::warn!(%error, "a feed broke off");
                    let _ = out.blocking_send(Err(error));
                    return false;
                }
            };
            let is_last = (page.len() as i64) < PAGE;
            let until = Instant::now() + PAGE_PATIENCE;
            for posting in page {
                text.push_str(&(self.entry)(posting, state));
                if text.len() >= PIECE && !send(&mut text, until, out, runtime) {
                    return false;
                }
            }
            if is_last {
                text.push_str(&self.tail);
            }
            let is_sent = (text.is_empty() && !is_last) || send(&mut text, until, out, runtime);
            if !is_sent || is_last {
                return is_sent;
            }
        }
    }
}

/// Sends what was written; whether somebody took it in time.
fn send(
    text: &mut String,
    until: Instant,
    out: &mpsc::Sender<Result<web::Bytes, StoreError>>,
    runtime: &Handle,
) -> bool {
    let piece = std::mem::replace(text, String::with_capacity(PIECE + PIECE / 2));
    let piece = Ok(web::Bytes::from(piece));
    let sent = runtime.block_on(async { tokio::time::timeout_at(until, out.send(piece)).await });
    matches!(sent, Ok(Ok(())))
}

pub(super) fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known
            .split(',')
            .any(|one| one.trim().trim_start_matches("W/") == etag)
    })
}

pub(crate) fn page_of(posting: &Posting, state: &State) -> String {
    state.url(&format!("/postings/{}", posting.row.slug))
}

async fn latest(state: &State) -> Result<i64, Problem> {
    state
        .read(|conn, _| Ok::<_, Problem>(revision::latest(conn, Counter::Postings)?))
        .await
}

/// A posting as schema.org's JobPosting.
#[utoipa::path(get, path = "/v1/postings/{id}/jsonld", tag = "feeds", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/ld+json")), security((), ("bearer" = [])))]
pub(crate) async fn get_json_ld(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::PostingNotFound)?;
    let document = state
        .read(move |conn, state| {
            let missing = || Problem::new(Code::PostingNotFound);
            let posting = postings::find::find(conn, id)?.ok_or_else(missing)?;
            require_visible(conn, &caller, &posting)?;
            let page = page_of(&posting, state);
            Ok::<_, Problem>(syndication::json_ld(&posting, &page))
        })
        .await?;
    Ok(HttpResponse::Ok()
        .content_type("application/ld+json")
        .body(document.to_string()))
}

/// Every posting that is in search, one JSON object a line, in the order of their last changes. `X-Revision` is where the
/// change feed goes on: `GET /v1/changes?after=`.
#[utoipa::path(get, path = "/v1/feeds/postings.ndjson", tag = "feeds",
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 304)))]
pub(crate) async fn get_snapshot(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let until = latest(&state).await?;
    let feed = Feed {
        kind: "snapshot",
        media_type: "application/x-ndjson",
        walk: Walk::Revisions(0, until),
        latest: until,
        head: String::new(),
        entry: Box::new(|posting, state| {
            let mut line = serde_json::to_string(&PostingBody::of(posting, state)).unwrap_or_default();
            line.push('\n');
            line
        }),
        tail: String::new(),
    };
    let mut response = feed.answer(state, &request)?;
    response.headers_mut().insert(
        "x-revision"
            .try_into()
            .map_err(|_| Problem::new(Code::Internal))?,
        until.into(),
    );
    Ok(response)
}

/// All open postings in Indeed's XML, which most aggregators read.
#[utoipa::path(get, path = "/v1/feeds/indeed.xml", tag = "feeds",
    responses((status = 200, body = String, content_type = "application/xml"), (status = 304)))]
pub(crate) async fn get_indeed_feed(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    xml_feed(state, &request, XmlFeed::Indeed).await
}

/// All open postings in LinkedIn's basic XML.
#[utoipa::path(get, path = "/v1/feeds/linkedin.xml", tag = "feeds",
    responses((status = 200, body = String, content_type = "application/xml"), (status = 304)))]
pub(crate) async fn get_linkedin_feed(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    xml_feed(state, &request, XmlFeed::LinkedIn).await
}

async fn xml_feed(state: State, request: &HttpRequest, format: XmlFeed) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let (until, count, numbers) = state
        .read(move |conn, _| {
            let latest = revision::latest(conn, Counter::Postings)?;
            // Counting walks through everything, and only LinkedIn is told what to expect.
            let (count, numbers) = match format {
                XmlFeed::LinkedIn => (
                    syndication::count_open(conn, now)?,
                    syndication::linkedin_numbers(conn)?,
                ),
                XmlFeed::Indeed => (0, HashMap::new()),
            };
            Ok::<_, Problem>((latest, count, numbers))
        })
        .await?;
    let site = Site {
        name: state.mail_config.from.name.clone(),
        url: state.url(""),
    };
    let feed = Feed {
        kind: format.as_str(),
        media_type: "application/xml; charset=utf-8",
        walk: Walk::Ids(None),
        latest: until,
        head: format.head(&site, count, now),
        entry: Box::new(move |posting, state| {
            let page = page_of(&posting, state);
            let number = numbers.get(&posting.row.employer_id).copied();
            format.entry(&posting, &page, number)
        }),
        tail: format.tail().to_owned(),
    };
    feed.answer(state, request)
}

const SITEMAPS: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

fn element(name: &str, address: &str, at: Timestamp) -> String {
    format!(
        "<{name}><loc>{}</loc><lastmod>{at}</lastmod></{name}>\n",
        escape(address)
    )
}

/// The sitemaps, each with when a posting in it last changed.
#[utoipa::path(get, path = "/sitemap.xml", tag = "feeds", responses((status = 200, body = String, content_type = "application/xml"), (status = 304)))]
pub(crate) async fn get_sitemap_index(
    state: State,
    request: HttpRequest,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let etag = format!("\"sitemaps-{}\"", latest(&state).await?);
    if is_known(&request, &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    let sitemaps = state
        .read(move |conn, _| Ok::<_, Problem>(syndication::list_sitemaps(conn, now)?))
        .await?;
    let entries = sitemaps
        .into_iter()
        .map(|(number, at)| element("sitemap", &state.url(&format!("/sitemaps/{number}.xml")), at));
    let head = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sitemapindex xmlns=\"{SITEMAPS}\">\n");
    let body: String = std::iter::once(head)
        .chain(entries)
        .chain(["</sitemapindex>\n".to_owned()])
        .collect();
    Ok(HttpResponse::Ok()
        .content_type("application/xml; charset=utf-8")
        .insert_header((ETAG, etag))
        .insert_header((CACHE_CONTROL, FRESH))
        .body(body))
}

/// The public pages of the postings of one sitemap, each with when it last changed.
#[utoipa::path(get, path = "/sitemaps/{number}.xml", tag = "feeds", params(("number" = i64, Path)),
    responses((status = 200, body = String, content_type = "application/xml"), (status = 304)))]
pub(crate) async fn get_sitemap(
    state: State,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let number: i64 = path.parse().map_err(|_| Problem::new(Code::RouteNotFound))?;
    let until = latest(&state).await?;
    let first = number
        .checked_sub(1)
        .and_then(|before| before.checked_mul(SITEMAP_REVISIONS))
        .filter(|first| (0..=until).contains(first));
    let first = first.ok_or_else(|| Problem::new(Code::RouteNotFound))?;
    let feed = Feed {
        kind: "sitemap",
        media_type: "application/xml; charset=utf-8",
        walk: Walk::Revisions(first, until.min(first + SITEMAP_REVISIONS)),
        latest: until,
        head: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"{SITEMAPS}\">\n"),
        entry: Box::new(|posting, state| element("url", &page_of(&posting, state), posting.row.updated_at)),
        tail: "</urlset>\n".to_owned(),
    };
    feed.answer(state, &request)
}
