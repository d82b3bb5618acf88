//! Search, suggestions, similar postings and the taxonomy.

use std::collections::HashMap;
use std::fmt::Write as _;

use actix_web::{HttpRequest, HttpResponse, web};
use postings::PostingSummary;
use search::{Facet, FacetCount, Hit, SearchDocument, SearchRequest, SearchResults, Suggestions};
use serde::{Deserialize, Serialize};
use store::Id;
use store::revision::{self, Counter};
use taxonomy::{Discipline, EmploymentType, Environment, Seniority, SpanKind, Taxonomy, Workplace};
use utoipa::ToSchema;

use crate::access::require_visible;
use crate::caller::Caller;
use crate::error::{Code, Problem, parameters_problem};
use crate::extract::{NoParams, Params, pairs, parse_limit, path_id};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/v1/search").route(web::get().to(search_postings)))
        .service(web::resource("/v1/suggest").route(web::get().to(suggest)))
        .service(web::resource("/v1/postings/{id}/similar").route(web::get().to(similar_postings)))
        .service(web::resource("/v1/taxonomy").route(web::get().to(get_taxonomy)));
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
}

/// Where the words were found, as HTML with `<mark>`; a field without any is missing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HighlightsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// What the typed text was recognised as.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InterpretedBody {
    /// `seniority`, `specialty`, `skill`, `discipline`, `workplace` or `employment_type`.
    #[schema(value_type = String, example = "seniority")]
    kind: SpanKind,
    /// The value as the filter of that name takes it.
    value: String,
    /// The typed words.
    text: String,
    /// Byte offset of the first of them in `q`.
    start: usize,
    /// Byte offset after the last of them.
    end: usize,
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
    interpreted: Vec<InterpretedBody>,
    did_you_mean: Option<String>,
    next_cursor: Option<String>,
}

/// Search the published postings.
#[utoipa::path(get, path = "/v1/search", tag = "search",
    params(
        ("q" = Option<String>, Query, description = "words (all required), \"phrases\", -exclusions, OR"),
        ("discipline" = Option<String>, Query, description = "lists repeat or use commas; values of one field are OR, fields are AND"),
        ("specialty" = Option<String>, Query), ("skill" = Option<String>, Query), ("seniority" = Option<String>, Query),
        ("employment_type" = Option<String>, Query), ("workplace" = Option<String>, Query),
        ("employer" = Option<String>, Query, description = "slug"),
        ("country" = Option<String>, Query, description = "ISO 3166-1 alpha-2"),
        ("region" = Option<String>, Query), ("city" = Option<String>, Query),
        ("environment" = Option<String>, Query), ("accelerator" = Option<String>, Query),
        ("remote_from" = Option<String>, Query, description = "remote postings that a person in this country may take"),
        ("near" = Option<String>, Query, description = "a place, such as Austin,TX"),
        ("within_km" = Option<f64>, Query, description = "radius around near; 50 when missing"),
        ("pay_min" = Option<f64>, Query, description = "least yearly pay; postings without pay do not match"),
        ("pay_currency" = Option<String>, Query, description = "of pay_min; USD when missing"),
        ("posted_within" = Option<String>, Query, description = "such as 24h, 7d, 2w"),
        ("sort" = Option<String>, Query, description = "relevance, newest or pay"),
        ("facets" = Option<String>, Query, description = "fields to count, with commas"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = SearchBody)))]
pub(crate) async fn search_postings(state: State, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asked = search::parse_pairs(&pairs(request.query_string()))
        .map_err(|errors| parameters_problem(errors, false))?;
    let body = run(&state, asked.clone())
        .await
        .map(|results| render(&state, &asked, &results))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// Answers a search from the index; what the database has changed since is corrected.
pub(crate) async fn run(state: &State, asked: SearchRequest) -> Result<SearchResults, Problem> {
    let now = state.now();
    let looking = state.clone();
    let work = move || {
        let mut results = looking.index.search(&asked, now)?;
        let latest = looking
            .db
            .read_blocking(|conn| revision::latest(conn, Counter::Postings))?;
        if latest > results.revision {
            let ids: Vec<Id> = results.hits.iter().map(|hit| hit.id).collect();
            let current = looking
                .db
                .read_blocking(|conn| postings::find::list_searchable(conn, &ids, now))?;
            correct(&mut results, current);
        }
        Ok(results)
    };
    off_thread(work).await
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
fn render(state: &State, asked: &SearchRequest, results: &SearchResults) -> String {
    let mut out = String::with_capacity(2048 + results.hits.len() * 1536);
    out.push_str("{\"data\":");
    push_hits(&mut out, state, &results.hits);
    let facets: HashMap<&str, &Vec<FacetCount>> = results
        .facets
        .iter()
        .map(|(facet, counts)| (facet.as_str(), counts))
        .collect();
    let _ = write!(
        out,
        ",\"total\":{},\"facets\":{},\"interpreted\":{},\"did_you_mean\":null,\"next_cursor\":{}}}",
        results.total,
        json(&facets),
        json(&interpreted(&asked.query.q)),
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
        // The summary without its opening brace goes on after the fields that belong to this search.
        let _ = write!(
            out,
            "{{\"url\":{},\"score\":{},\"highlights\":{},{}",
            serde_json::to_string(&format!("{base}{}", slug_in(&hit.summary))).unwrap_or_default(),
            hit.score
                .map_or_else(|| "null".to_owned(), |score| format!("{score:.4}")),
            serde_json::to_string(&highlights).unwrap_or_default(),
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

fn interpreted(q: &str) -> Vec<InterpretedBody> {
    let spans = if q.is_empty() {
        Vec::new()
    } else {
        Taxonomy::bundled().spans(q)
    };
    spans
        .into_iter()
        .map(|span| InterpretedBody {
            kind: span.kind,
            value: span.id.into_owned(),
            text: q.get(span.start..span.end).unwrap_or_default().to_owned(),
            start: span.start,
            end: span.end,
        })
        .collect()
}

/// What to complete.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuggestParams {
    q: String,
    limit: Option<String>,
}

/// Complete what is being typed.
#[utoipa::path(get, path = "/v1/suggest", tag = "search",
    params(("q" = String, Query), ("limit" = Option<u32>, Query, description = "of each kind; 1 to 100, 20 when missing")),
    responses((status = 200, body = Suggestions)))]
pub(crate) async fn suggest(
    state: State,
    Params(params): Params<SuggestParams>,
) -> Result<HttpResponse, Problem> {
    let (limit, now) = (parse_limit(params.limit.as_deref())?, state.now());
    let typed: String = params.q.chars().take(200).collect();
    let suggestions = off_thread(move || Ok(state.index.suggest(&typed, limit, now)?)).await?;
    Ok(Reply::ok(&suggestions).into_response())
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

/// The vocabulary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaxonomyBody {
    version: String,
    disciplines: Vec<TermBody>,
    specialties: Vec<SpecialtyBody>,
    skills: Vec<SkillBody>,
    seniorities: Vec<TermBody>,
    employment_types: Vec<TermBody>,
    workplaces: Vec<TermBody>,
    environments: Vec<TermBody>,
    /// Fields that can be counted and filtered.
    facets: Vec<&'static str>,
}

/// A word of the vocabulary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TermBody {
    #[schema(example = "silicon")]
    id: &'static str,
    label: &'static str,
}

/// A specialty of a discipline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpecialtyBody {
    #[schema(example = "rtl_design")]
    id: String,
    label: String,
    discipline: &'static str,
    synonyms: Vec<String>,
}

/// A skill.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkillBody {
    #[schema(example = "systemverilog")]
    id: String,
    label: String,
    synonyms: Vec<String>,
}

fn terms<T: Copy>(all: &[T], id: fn(T) -> &'static str, label: fn(T) -> &'static str) -> Vec<TermBody> {
    all.iter()
        .map(|term| TermBody {
            id: id(*term),
            label: label(*term),
        })
        .collect()
}

/// The words that the board knows.
#[utoipa::path(get, path = "/v1/taxonomy", tag = "search", responses((status = 200, body = TaxonomyBody)))]
pub(crate) async fn get_taxonomy(Params(NoParams {}): Params<NoParams>) -> HttpResponse {
    let taxonomy = Taxonomy::bundled();
    let body = TaxonomyBody {
        version: taxonomy.version().to_owned(),
        disciplines: terms(Discipline::ALL, Discipline::as_str, Discipline::label),
        seniorities: terms(Seniority::ALL, Seniority::as_str, Seniority::label),
        employment_types: terms(EmploymentType::ALL, EmploymentType::as_str, EmploymentType::label),
        workplaces: terms(Workplace::ALL, Workplace::as_str, Workplace::label),
        environments: terms(Environment::ALL, Environment::as_str, Environment::label),
        facets: Facet::ALL.iter().map(|facet| facet.as_str()).collect(),
        specialties: taxonomy
            .specialties()
            .iter()
            .map(|specialty| SpecialtyBody {
                id: specialty.id.clone(),
                label: specialty.label.clone(),
                discipline: specialty.discipline.as_str(),
                synonyms: specialty.synonyms.clone(),
            })
            .collect(),
        skills: taxonomy
            .skills()
            .iter()
            .map(|skill| SkillBody {
                id: skill.id.clone(),
                label: skill.label.clone(),
                synonyms: skill.synonyms.clone(),
            })
            .collect(),
    };
    Reply::ok(&body).into_response()
}
