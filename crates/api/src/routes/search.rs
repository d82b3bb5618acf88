//! Search, suggestions, similar postings and the taxonomy.

use std::collections::HashMap;
use std::fmt::Write as _;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use postings::PostingSummary;
use postings::numbers::Sight;
use search::{
    Counted, Dropped, Explanation, FacetCount, Help, Hit, More, Recognised, SearchDocument, SearchRequest,
    SearchResults, Suggestions, Why,
};
use serde::{Deserialize, Serialize};
use store::revision::{self, Counter};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use crate::access::require_visible;
use crate::answers::{Answer, KEPT};
use crate::caller::Caller;
use crate::error::{Code, Problem, parameters_problem};
use crate::extract::{Params, pairs, parse_limit, path_id};
use crate::reply::Reply;
use crate::state::State;
use crate::visitor::Visitor;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/search").route(web::get().to(search_postings)))
        .service(web::resource("/v1/suggest").route(web::get().to(suggest)))
        .service(web::resource("/v1/postings/{id}/similar").route(web::get().to(similar_postings)))
        .service(web::resource("/v1/postings/{id}/why").route(web::get().to(explain_match)));
}

/// One posting that was found. Has the fields of a posting's summary besides these.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitBody {
    #[serde(flatten)]
    summary: PostingSummary,
    /// The posting's public page.
    url: String,
    /// How well it matches; null in other orders.
    score: Option<f32>,
    highlights: HighlightsBody,
    /// Other postings of the same role that match and are not on this page; missing when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<CopiesBody>,
    /// How the score came about; only with `explain=on`.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Copies of one role, such as one posting for each of many cities.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CopiesBody {
    /// The parameter `role` that shows them all.
    #[schema(example = "9f2c4be01d77a513")]
    role: String,
    /// How many more there are.
    count: u64,
}

/// Where the words were found, as HTML with `<mark>`; a field without any is missing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HighlightsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// What a part of the typed text was recognised as.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InterpretedBody {
    /// `seniority`, `specialty`, `skill`, `discipline`, `workplace`, `employment_type`, `shift`, `on_call`, `city`, `area`,
    /// `region`, `country`, `pay` or `employer`.
    #[schema(example = "seniority")]
    kind: &'static str,
    /// The value as the filter of that name takes it; the first of `values`.
    value: String,
    /// All values, any of which is enough.
    values: Vec<String>,
    /// In words.
    label: String,
    /// The typed words.
    text: String,
    /// Byte offset of the first of them in the text that was searched for: `did_you_mean` where that is set, else `q`.
    start: usize,
    /// Byte offset after the last of them.
    end: usize,
    /// The text to ask for instead when this reading is wrong: the words in quotation marks are only looked for.
    without: String,
}

/// The answer to a search.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchBody {
    data: Vec<HitBody>,
    /// How many postings match in all.
    total: u64,
    /// For each wanted facet its values with counts, as if that facet were not filtered.
    #[schema(value_type = HashMap<String, Vec<FacetCount>>)]
    facets: HashMap<&'static str, Vec<FacetCount>>,
    /// Which words were read as levels, places, skills, pay …; `interpret=off` turns all of it off.
    interpreted: Vec<InterpretedBody>,
    /// The spelling that was searched for instead of `q`, when words of `q` are unknown; `strict=on` prevents it.
    did_you_mean: Option<String>,
    /// Words that were left out because nothing matches all of them; `strict=on` prevents it.
    dropped: Vec<Dropped>,
    /// When nothing matched: changes of the filters that would find something.
    help: Vec<Help>,
    /// Employers with more matching postings than this page shows; `employer=` opens them, `diversity=off` shows all.
    more: Vec<More>,
    next_cursor: Option<String>,
}

/// Search the published postings.
#[utoipa::path(get, path = "/v1/search", tag = "search",
    params(
        ("q" = Option<String>, Query, description = "words (all required), \"phrases\", -exclusions, OR; levels, places, pay and so on are understood"),
        ("interpret" = Option<String>, Query, description = "off: words are only looked for"),
        ("discipline" = Option<String>, Query, description = "lists repeat or use commas; values of one field are OR, fields are AND"),
        ("specialty" = Option<String>, Query), ("skill" = Option<String>, Query), ("seniority" = Option<String>, Query),
        ("employment_type" = Option<String>, Query), ("workplace" = Option<String>, Query),
        ("employer" = Option<String>, Query, description = "slug"),
        ("country" = Option<String>, Query, description = "ISO 3166-1 alpha-2"),
        ("region" = Option<String>, Query, description = "such as US-TX or Texas"),
        ("city" = Option<String>, Query, description = "such as US-TX-austin or Austin"),
        ("environment" = Option<String>, Query), ("accelerator" = Option<String>, Query),
        ("interconnect" = Option<String>, Query), ("scheduler" = Option<String>, Query),
        ("eda_flow" = Option<String>, Query), ("process_node" = Option<String>, Query),
        ("cooling" = Option<String>, Query),
        ("shift" = Option<String>, Query, description = "day, evening, night, rotating, weekend"),
        ("on_call" = Option<String>, Query, description = "true or false"),
        ("site_days" = Option<String>, Query, description = "days a week on site"),
        ("equity" = Option<String>, Query, description = "rsu, options, other"),
        ("export_control" = Option<String>, Query, description = "required, accepted, not_needed, unknown; so the five below"),
        ("us_person" = Option<String>, Query), ("clearance" = Option<String>, Query),
        ("citizenship" = Option<String>, Query), ("sponsorship" = Option<String>, Query),
        ("relocation" = Option<String>, Query),
        ("attribute" = Option<String>, Query, description = "NAME:VALUE, an attribute that employers name themselves, such as team_size:9; repeats, and takes no commas"),
        ("remote_from" = Option<String>, Query, description = "remote postings that a person in this country may take"),
        ("near" = Option<String>, Query, description = "a place, such as Austin,TX"),
        ("within_km" = Option<f64>, Query, description = "radius around near; 50 when missing"),
        ("pay_min" = Option<f64>, Query, description = "least yearly pay"),
        ("pay_currency" = Option<String>, Query, description = "of pay_min; USD when missing"),
        ("pay_unstated" = Option<String>, Query, description = "include or exclude (the default) postings without pay"),
        ("posted_within" = Option<String>, Query, description = "such as 24h, 7d, 2w"),
        ("role" = Option<String>, Query, description = "the copies of one role, as `copies` of a hit names it"),
        ("sort" = Option<String>, Query, description = "relevance, newest or pay"),
        ("facets" = Option<String>, Query, description = "fields to count, with commas; also pay and posted_within"),
        ("diversity" = Option<String>, Query, description = "on: one employer does not fill the page and copies of a role are shown once; on by default by relevance"),
        ("typing" = Option<String>, Query, description = "on: the last word is a beginning"),
        ("strict" = Option<String>, Query, description = "on: no other spelling, no word dropped, no employer's name read"),
        ("explain" = Option<String>, Query, description = "on: how each score came about"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = SearchBody)))]
pub(crate) async fn search_postings(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = search::parse_pairs(&pairs(request.query_string()))
        .map_err(|errors| parameters_problem(errors, false))?;
    let key = request.query_string().to_owned();
    let wants_new = request
        .headers()
        .get(CACHE_CONTROL)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.contains("no-cache")));
    let looking = state.clone();
    let answer = off_thread(move || answer(&looking, &key, &asked, wants_new)).await?;
    Visitor::of(&request).saw(&state, Sight::Impression, answer.shown.iter().copied());
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(answer.body))
}

fn answer(state: &State, key: &str, asked: &SearchRequest, wants_new: bool) -> Result<Answer, Problem> {
    let now = state.now();
    let latest = latest_change(state)?;
    if !wants_new && let Some(known) = state.answers.get(key, latest, now) {
        return Ok(known);
    }
    let results = look(state, asked, latest, now)?;
    let is_of_latest = results.revision == latest;
    let answer = Answer {
        shown: results.hits.iter().map(|hit| hit.id).collect(),
        revision: latest,
        until: results.next_end.min(now.plus(KEPT)),
        body: render(state, asked, results).into(),
    };
    if is_of_latest {
        state.answers.keep(key, answer.clone());
    }
    Ok(answer)
}

/// Answers a search from the index; what the database has changed since is corrected.
pub(crate) async fn run(state: &State, asked: SearchRequest) -> Result<SearchResults, Problem> {
    let now = state.now();
    let state = state.clone();
    off_thread(move || look(&state, &asked, latest_change(&state)?, now)).await
}

fn latest_change(state: &State) -> Result<i64, Problem> {
    Ok(state
        .db
        .read_blocking(|conn| revision::latest(conn, Counter::Postings))?)
}

fn look(state: &State, asked: &SearchRequest, latest: i64, now: Timestamp) -> Result<SearchResults, Problem> {
    let mut results = state.index.search(asked, now)?;
    if latest > results.revision {
        let ids: Vec<Id> = results.hits.iter().map(|hit| hit.id).collect();
        let current = state
            .db
            .read_blocking(|conn| postings::find::list_searchable(conn, &ids, now))?;
        correct(&mut results, current);
    }
    Ok(results)
}

/// What was closed a moment ago is not shown, what was changed is shown as it is now.
fn correct(results: &mut SearchResults, current: Vec<postings::Posting>) {
    let current: HashMap<Id, postings::Posting> = current
        .into_iter()
        .map(|posting| (posting.row.id, posting))
        .collect();
    let before = results.hits.len();
    results.hits.retain_mut(|hit| match current.get(&hit.id) {
        Some(posting) => {
            if posting
                .row
                .revision
                .is_some_and(|revision| revision > results.revision)
            {
                hit.summary = serde_json::to_string(&posting.summary()).unwrap_or_default();
                hit.title = None;
                hit.description = None;
            }
            true
        }
        None => false,
    });
    results.total = results.total.saturating_sub((before - results.hits.len()) as u64);
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Code::Internal)))
}

/// Written by hand, since the summaries are JSON already.
fn render(state: &State, asked: &SearchRequest, results: SearchResults) -> String {
    let mut out = String::with_capacity(2048 + results.hits.len() * 1536);
    out.push_str("{\"data\":");
    push_hits(&mut out, state, &results.hits);
    let counts = results
        .facets
        .iter()
        .map(|(of, counts): &(Counted, _)| (of.as_str(), counts));
    let facets: HashMap<&str, &Vec<FacetCount>> = counts.collect();
    let text = results.did_you_mean.as_ref().unwrap_or(&asked.query.q);
    let interpreted: Vec<InterpretedBody> = results
        .interpreted
        .into_iter()
        .map(|found| interpreted(text, found))
        .collect();
    let _ = write!(
        out,
        ",\"total\":{},\"facets\":{},\"interpreted\":{},\"did_you_mean\":{},\"dropped\":{},\"help\":{},\"more\":{},\"next_cursor\":{}}}",
        results.total,
        json(&facets),
        json(&interpreted),
        json(&results.did_you_mean),
        json(&results.dropped),
        json(&results.help),
        json(&results.more),
        json(&results.next_cursor),
    );
    out
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn push_hits(out: &mut String, state: &State, hits: &[Hit]) {
    let base = state.url("/postings/");
    out.push('[');
    for (n, hit) in hits.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        let highlights = HighlightsBody {
            title: hit.title.clone(),
            description: hit.description.clone(),
        };
        let copies = hit.copies.clone().map(|(role, count)| CopiesBody { role, count });
        // The summary without its opening brace goes on after the fields that belong to this search.
        let _ = write!(
            out,
            "{{\"url\":{},\"score\":{},\"highlights\":{},{}{}{}",
            serde_json::to_string(&format!("{base}{}", slug_in(&hit.summary))).unwrap_or_default(),
            hit.score
                .map_or_else(|| "null".to_owned(), |score| format!("{score:.4}")),
            json(&highlights),
            copies.map_or_else(String::new, |copies| format!("\"copies\":{},", json(&copies))),
            hit.explanation
                .as_ref()
                .map_or_else(String::new, |parts| format!("\"explanation\":{},", json(parts))),
            hit.summary.get(1..).unwrap_or("}"),
        );
    }
    out.push(']');
}

fn slug_in(summary: &str) -> &str {
    // Slugs hold no character that JSON escapes.
    let start = summary.find("\"slug\":\"").map_or(0, |at| at + 8);
    let rest = summary.get(start..).unwrap_or_default();
    rest.split('"').next().unwrap_or_default()
}

fn interpreted(text: &str, found: Recognised) -> InterpretedBody {
    let words = text.get(found.at.clone()).unwrap_or_default();
    let without = match (text.get(..found.at.start), text.get(found.at.end..)) {
        (Some(before), Some(after)) => format!("{before}\"{words}\"{after}"),
        _ => text.to_owned(),
    };
    InterpretedBody {
        kind: found.kind,
        value: found.values.first().cloned().unwrap_or_default(),
        values: found.values,
        label: found.label,
        text: words.to_owned(),
        start: found.at.start,
        end: found.at.end,
        without,
    }
}

/// Complete what is being typed, with counts under the filters of a search.
#[utoipa::path(get, path = "/v1/suggest", tag = "search",
    params(("q" = String, Query),
        ("limit" = Option<u32>, Query, description = "of each kind; 1 to 100, 20 when missing"),
        ("discipline" = Option<String>, Query, description = "and every other filter of a search")),
    responses((status = 200, body = Suggestions)))]
pub(crate) async fn suggest(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (own, filters): (Vec<_>, Vec<_>) = pairs(request.query_string())
        .into_iter()
        .partition(|(name, _)| name == "q" || name == "limit");
    let value = |name: &str| {
        own.iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    };
    let Some(typed) = value("q") else {
        let missing = search::ParameterError {
            parameter: "q".to_owned(),
            code: "parameter_missing",
            detail: "what to complete".to_owned(),
            did_you_mean: None,
        };
        return Err(parameters_problem(vec![missing], false));
    };
    let (limit, now) = (parse_limit(value("limit"))?, state.now());
    let within = search::parse_pairs(&filters).map_err(|errors| parameters_problem(errors, false))?;
    let typed: String = typed.chars().take(200).collect();
    let suggestions = off_thread(move || Ok(state.index.suggest(&typed, &within.query, limit, now)?)).await?;
    Ok(Reply::ok(&suggestions).into_response())
}

/// Why one posting matches a search, or why it does not: each part of the search with what decided it.
#[utoipa::path(get, path = "/v1/postings/{id}/why", tag = "search",
    params(("id" = String, Path), ("q" = Option<String>, Query, description = "and every filter of a search")),
    responses((status = 200, body = Why)), security((), ("bearer" = [])))]
pub(crate) async fn explain_match(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (path_id(&path, Code::PostingNotFound)?, state.now());
    let asked = search::parse_pairs(&pairs(request.query_string()))
        .map_err(|errors| parameters_problem(errors, false))?;
    let why = off_thread(move || {
        let query = state.index.settle(&asked.query);
        let posting = state.db.read_blocking(|conn| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            Ok::<_, Problem>(posting)
        })?;
        Ok(SearchDocument::of(&posting).why(&query, now))
    })
    .await?;
    Ok(Reply::ok(&why).into_response())
}

/// A list of hits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimilarBody {
    data: Vec<HitBody>,
    next_cursor: Option<String>,
}

/// How many similar postings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimilarParams {
    limit: Option<String>,
}

/// Postings like this one, best first.
#[utoipa::path(get, path = "/v1/postings/{id}/similar", tag = "search",
    params(("id" = String, Path), ("limit" = Option<u32>, Query)), responses((status = 200, body = SimilarBody)),
    security((), ("bearer" = [])))]
pub(crate) async fn similar_postings(
    state: State,
    caller: Caller,
    path: web::Path<String>,
    Params(params): Params<SimilarParams>,
) -> Result<HttpResponse, Problem> {
    let (id, limit, now) = (
        path_id(&path, Code::PostingNotFound)?,
        parse_limit(params.limit.as_deref())?,
        state.now(),
    );
    let looking = state.clone();
    let hits = off_thread(move || {
        let posting = looking.db.read_blocking(|conn| {
            let posting =
                postings::find::find(conn, id)?.ok_or_else(|| Problem::new(Code::PostingNotFound))?;
            require_visible(conn, &caller, &posting)?;
            Ok::<_, Problem>(posting)
        })?;
        let mut hits = looking.index.similar(&SearchDocument::of(&posting), limit, now)?;
        let ids: Vec<Id> = hits.iter().map(|hit| hit.id).collect();
        let current = looking
            .db
            .read_blocking(|conn| postings::find::list_searchable(conn, &ids, now))?;
        hits.retain(|hit| current.iter().any(|posting| posting.row.id == hit.id));
        Ok(hits)
    })
    .await?;
    let mut body = String::from("{\"data\":");
    push_hits(&mut body, &state, &hits);
    body.push_str(",\"next_cursor\":null}");
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}
