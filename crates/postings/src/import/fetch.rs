//! Asking boards for their postings over HTTPS, and nothing else, with limits on time and size.

use std::io::Read as _;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::board::Board;
use super::format::Format;
use super::lever::PAGE;
use crate::outward::{self, Reach};

/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// How long an answer may take, with everything.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pages of one Lever board at most.
const MAX_PAGES: usize = 100;
/// How often a board's pages are read anew when it changes meanwhile.
const READINGS: usize = 3;

/// Where the sources of boards answer.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// Greenhouse's Job Board API, without a slash at the end.
    pub greenhouse: String,
    /// Lever's deployments: a site is at one of them.
    pub lever: Vec<String>,
    /// Ashby's posting API.
    pub ashby: String,
    /// Whether answers may come from this machine and its networks, and without TLS: for an operator's own mirror.
    pub allow_local: bool,
}

/// Asks boards for their postings.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    endpoints: Endpoints,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The same as last time.
    NotModified,
    /// An answer, everything that the board shows.
    Answer {
        bytes: Vec<u8>,
        etag: Option<String>,
        last_modified: Option<String>,
    },
    /// No answer: why, and when to ask again, in seconds, when the board said so.
    Failed {
        reason: String,
        retry_after: Option<u64>,
    },
}

impl Fetched {
    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed {
            reason: reason.into(),
            retry_after: None,
        }
    }
}

impl Fetcher {
    /// A client for `endpoints`.
    pub fn new(endpoints: Endpoints) -> Self {
        let reach = if endpoints.allow_local {
            Reach::Local
        } else {
            Reach::Public
        };
        Self {
            agent: outward::agent(reach, PATIENCE),
            endpoints,
        }
    }

    /// Asks `board`; `is_conditional` whether "the same as last time" is an answer.
    pub(crate) fn fetch(&self, board: &Board, format: Format, is_conditional: bool) -> Fetched {
        let token = &board.token;
        match format {
            Format::Greenhouse => {
                let base = &self.endpoints.greenhouse;
                let url = format!("{base}/v1/boards/{token}/jobs?content=true&pay_transparency=true");
                self.fetch_one(&url, board, is_conditional)
            }
            Format::Ashby => {
                let base = &self.endpoints.ashby;
                let url = format!("{base}/posting-api/job-board/{token}?includeCompensation=true");
                self.fetch_one(&url, board, is_conditional)
            }
            Format::Lever => self.fetch_pages(token),
            Format::JsonLd => self.fetch_one(token, board, is_conditional),
            Format::Ndjson | Format::Csv | Format::Smartrecruiters | Format::Recruitee | Format::Workday => {
                Fetched::failed("nobody is asked for this format")
            }
        }
    }

    fn fetch_one(&self, url: &str, board: &Board, is_conditional: bool) -> Fetched {
        let conditions = [
            ("If-None-Match", &board.etag),
            ("If-Modified-Since", &board.last_modified),
        ];
        let conditions = conditions.into_iter().filter(|_| is_conditional);
        let conditions = conditions.filter_map(|(name, value)| Some((name, value.as_deref()?)));
        match self.get(url, conditions) {
            Ok(response) => read(response),
            Err(reason) => Fetched::failed(reason),
        }
    }

    fn get<'a>(
        &self,
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Response<Body>, String> {
        let mut request = self
            .agent
            .get(url)
            .header("Accept", "application/json, text/html;q=0.9");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request
            .call()
            .map_err(|error| format!("the board cannot be reached: {error}"))
    }

    /// All pages of a site, from the deployment that knows it.
    fn fetch_pages(&self, token: &str) -> Fetched {
        let mut outcome = Fetched::failed("no deployment of Lever is configured");
        for base in &self.endpoints.lever {
            outcome = self.fetch_pages_at(base, token);
            // Only "there is no such site" lets another deployment speak.
            if !matches!(&outcome, Fetched::Failed { reason, .. } if reason == NO_SUCH_BOARD) {
                break;
            }
        }
        outcome
    }

    fn fetch_pages_at(&self, base: &str, token: &str) -> Fetched {
        for _ in 0..READINGS {
            if let Some(outcome) = self.read_pages(base, token) {
                return outcome;
            }
        }
        Fetched::failed("the board changed each time while its pages were read")
    }

    /// All pages of a site; none when its list moved in between. Each page begins with the last posting of the page before: when
    /// it does not, one was closed or added meanwhile, and another may have slipped through between two pages, which would look
    /// as if it were gone.
    fn read_pages(&self, base: &str, token: &str) -> Option<Fetched> {
        let mut rows: Vec<Value> = Vec::new();
        let mut bytes_read = 0;
        for _ in 0..MAX_PAGES {
            let skip = rows.len().saturating_sub(1);
            let url = format!("{base}/v0/postings/{token}?mode=json&skip={skip}&limit={PAGE}");
            let answer = match self.get(&url, std::iter::empty()) {
                Ok(response) => read(response),
                Err(reason) => return Some(Fetched::failed(reason)),
            };
            let Fetched::Answer { bytes, .. } = answer else {
                return Some(answer);
            };
            bytes_read += bytes.len() as u64;
            if bytes_read > MAX_ANSWER_BYTES {
                return Some(Fetched::failed("the answer is too large"));
            }
            let Ok(Value::Array(page)) = serde_json::from_slice(&bytes) else {
                return Some(Fetched::failed("a page is not a list of postings"));
            };
            let is_last = page.len() < PAGE;
            let seen = usize::from(!rows.is_empty());
            let id_of = |row: Option<&Value>| row.and_then(|row| row.get("id")).cloned();
            if seen == 1 && id_of(page.first()) != id_of(rows.last()) {
                return None;
            }
            rows.extend(page.into_iter().skip(seen));
            if is_last {
                return Some(Fetched::Answer {
                    bytes: Value::Array(rows).to_string().into_bytes(),
                    etag: None,
                    last_modified: None,
                });
            }
        }
        Some(Fetched::failed("the board has more pages than are read"))
    }
}

const NO_SUCH_BOARD: &str = "there is no board of this name (404)";

fn read(response: Response<Body>) -> Fetched {
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned()).filter(|value| value.len() <= 500)
    };
    match response.status().as_u16() {
        200 => {}
        304 => return Fetched::NotModified,
        404 => return Fetched::failed(NO_SUCH_BOARD),
        status => {
            return Fetched::Failed {
                reason: format!("the board answered with status {status}"),
                retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
            };
        }
    }
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    let mut bytes = Vec::new();
    let mut body = response.into_body();
    let mut reader = body.with_config().limit(MAX_ANSWER_BYTES + 1).reader();
    match reader.read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 <= MAX_ANSWER_BYTES => Fetched::Answer {
            bytes,
            etag,
            last_modified,
        },
        Ok(_) => Fetched::failed("the answer is too large"),
        Err(error) => Fetched::failed(format!("the answer broke off: {error}")),
    }
}
