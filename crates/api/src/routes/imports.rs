//! Imports of an employer's postings.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use postings::import::{self, EmployerChoice, ImportOptions, ImportRun, RunState, Summary};
use serde::{Deserialize, Serialize};
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::employers::require_employer;
use crate::access::{require_editor, require_member};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, Params, content_type, path_id, read_body};
use crate::reply::{Asked, REPLAYED, Reply};
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig, import_bytes: usize) {
    config
        .service(
            web::resource("/v1/employers/{employer}/imports")
                .app_data(web::PayloadConfig::new(import_bytes))
                .route(web::post().to(start_import)),
        )
        .service(web::resource("/v1/imports/{id}").route(web::get().to(get_import)));
}

/// How to import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportParams {
    dry_run: Option<String>,
}

/// One run of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportBody {
    id: Id,
    employer_id: Option<Id>,
    /// `ndjson`
    format: String,
    state: RunState,
    dry_run: bool,
    summary: Summary,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<ImportRun> for ImportBody {
    fn from(run: ImportRun) -> Self {
        Self {
            id: run.id,
            employer_id: run.employer_id,
            format: run.format,
            state: run.state,
            dry_run: run.dry_run,
            summary: run.summary.0,
            created_at: run.created_at,
            finished_at: run.finished_at,
        }
    }
}

/// The rows of an import.
pub(crate) struct Rows(web::Bytes);

impl FromRequest for Rows {
    type Error = Problem;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_ndjson = matches!(
            content_type(request).as_deref(),
            Some("application/x-ndjson" | "application/jsonl")
        );
        let bytes = read_body(request, payload);
        Box::pin(async move {
            if !is_ndjson {
                let detail = "send rows of NDJSON as Content-Type: application/x-ndjson";
                return Err(Problem::new(Code::MediaTypeUnsupported).detail(detail));
            }
            Ok(Self(bytes.await?))
        })
    }
}

/// Import postings: one JSON object a line. The run goes on after the answer.
#[utoipa::path(post, path = "/v1/employers/{employer}/imports", tag = "imports",
    params(("employer" = String, Path), ("dry_run" = Option<bool>, Query)),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 202, body = ImportBody)), security(("bearer" = [])))]
pub(crate) async fn start_import(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(params): Params<ImportParams>,
    rows: Rows,
) -> Result<HttpResponse, Problem> {
    let dry_run = match params.dry_run.as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1" | "") => true,
        Some(_) => {
            let errors = vec![postings::FieldError::new(
                "/dry_run",
                "value_unknown",
                "true or false",
            )];
            return Err(Problem::new(Code::ParametersInvalid).errors(errors));
        }
    };
    let now = state.now();
    let asked = Asked::of_bytes(&request, &caller, &rows.0)?;
    let started = Arc::new(OnceLock::new());
    let starting = Arc::clone(&started);
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_editor(tx, &caller, employer.id)?;
            let run = import::start_run(tx, Some(employer.id), "ndjson", dry_run, &state.random, now)?;
            let _ = starting.set((employer.slug, run.id));
            Ok(Reply::with(202, &ImportBody::from(run)))
        })
        .await?;
    // A repetition is told of the first run and starts none.
    let is_new = !response.headers().contains_key(REPLAYED);
    if let Some((slug, id)) = started.get().cloned().filter(|_| is_new) {
        let options = ImportOptions {
            employer: EmployerChoice::Slug(slug),
            dry_run,
        };
        // The ledger says how it went; a run that the process did not survive is marked failed at the next start.
        drop(tokio::task::spawn_blocking(move || {
            work(&state, id, rows, &options);
        }));
    }
    Ok(response)
}

fn work(state: &State, id: Id, rows: Rows, options: &ImportOptions) {
    let mut progress = |_: &Summary| state.wake.postings_changed();
    let now = state.now();
    let outcome = import::run(
        &state.db,
        Cursor::new(rows.0),
        options,
        &state.random,
        now,
        &mut progress,
    );
    let (run_state, summary) = match outcome {
        Ok(summary) => (RunState::Completed, summary),
        Err(error) => {
            tracing::warn!(%error, "an import could not be completed");
            (RunState::Failed, Summary::default())
        }
    };
    let ended = state
        .db
        .write_blocking(|tx| import::finish_run(tx, id, run_state, &summary, state.now()));
    if let Err(error) = ended {
        tracing::error!(%error, "the end of an import could not be noted");
    }
}

/// How an import is going, or went.
#[utoipa::path(get, path = "/v1/imports/{id}", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportBody)), security(("bearer" = [])))]
pub(crate) async fn get_import(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::ImportNotFound)?;
    let run = state
        .read(move |conn, _| {
            let missing = || Problem::new(Code::ImportNotFound);
            let run = import::find_run(conn, id)?.ok_or_else(missing)?;
            match run.employer_id {
                Some(employer_id) => require_member(conn, &caller, employer_id).map_err(|_| missing())?,
                None if caller.is_operator() => {}
                None => return Err(missing()),
            }
            Ok::<_, Problem>(run)
        })
        .await?;
    Ok(Reply::ok(&ImportBody::from(run)).into_response())
}
