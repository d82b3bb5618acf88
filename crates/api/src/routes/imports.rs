//! Imports of an employer's postings.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use postings::FieldError;
use postings::import::{
    self, ChangeNote, EmployerChoice, Format, ImportError, ImportOptions, ImportRun, Mapping, MemberRules,
    Proposal, RunState, Summary, TableError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::employers::{cursor_of, require_employer};
use crate::access::{require_import_reader, require_importer};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{NoParams, PageParams, Params, content_type, from_json, path_id, read_body};
use crate::reply::{Asked, REPLAYED, Reply};
use crate::room::{LargeBodies, Room};
use crate::routes::ListBody;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig, import_bytes: usize) {
    config
        .service(
            web::resource("/v1/employers/{employer}/imports")
                .app_data(web::PayloadConfig::new(import_bytes))
                .app_data(LargeBodies(import_bytes))
                .route(web::post().to(start_import))
                .route(web::get().to(list_imports)),
        )
        .service(
            web::resource("/v1/employers/{employer}/imports/mapping")
                .app_data(web::PayloadConfig::new(import_bytes))
                .app_data(LargeBodies(import_bytes))
                .route(web::post().to(propose_mapping)),
        )
        .service(web::resource("/v1/imports/{id}").route(web::get().to(get_import)));
}

/// How to import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportParams {
    format: Option<String>,
    board: Option<String>,
    confirm: Option<String>,
    dry_run: Option<String>,
}

impl ImportParams {
    fn options(&self, rows: &Rows) -> Result<ImportOptions, Problem> {
        let stated = self.format.as_deref().map(|word| {
            let words: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
            word.parse::<Format>()
                .map_err(|_| wrong("/format", "value_unknown", &words.join(", ")))
        });
        let format = match (rows.format, stated.transpose()?) {
            (Some(written), Some(stated)) if written != stated => {
                let detail = format!("the Content-Type says {written}");
                return Err(wrong("/format", "value_unknown", &detail));
            }
            (Some(format), _) | (None, Some(format)) => format,
            (None, None) => {
                let detail = "say whose answer this is: greenhouse, lever, ashby, smartrecruiters, recruitee or workday; or csv with a mapping";
                return Err(wrong("/format", "value_missing", detail));
            }
        };
        // The employer is put in its place once it is known.
        let mut options = ImportOptions::new(EmployerChoice::FromRow, format);
        options.dry_run = flag("/dry_run", self.dry_run.as_deref())?;
        options.is_confirmed = flag("/confirm", self.confirm.as_deref())?;
        options.token = self.board.clone().filter(|token| !token.is_empty());
        if options.token.as_ref().is_some_and(|token| token.len() > 200) {
            return Err(wrong("/board", "value_too_long", "at most 200 bytes"));
        }
        Ok(options)
    }
}

fn wrong(pointer: &str, code: &str, detail: &str) -> Problem {
    Problem::new(Code::ParametersInvalid).errors(vec![FieldError::new(pointer, code, detail)])
}

fn flag(pointer: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1" | "") => Ok(true),
        Some(_) => Err(wrong(pointer, "value_unknown", "true or false")),
    }
}

/// One run of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportBody {
    id: Id,
    employer_id: Option<Id>,
    /// Which board answered.
    board_id: Option<Id>,
    /// `ndjson`, `csv`, `json_ld`, `greenhouse`, `lever`, `ashby`, `smartrecruiters`, `recruitee` or `workday`.
    format: String,
    state: RunState,
    dry_run: bool,
    summary: Summary,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// What became of the first thousand postings that changed; only where one run is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeNote>>,
}

impl From<ImportRun> for ImportBody {
    fn from(run: ImportRun) -> Self {
        Self {
            id: run.id,
            employer_id: run.employer_id,
            board_id: run.board_id,
            format: run.format,
            state: run.state,
            dry_run: run.dry_run,
            summary: run.summary.0,
            created_at: run.created_at,
            finished_at: run.finished_at,
            changes: None,
        }
    }
}

/// A table with what its columns hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappedTable {
    /// The table's text.
    table: String,
    /// Name of the column → name of the field.
    mapping: Mapping,
}

/// What is to be imported.
pub(crate) struct Rows {
    bytes: web::Bytes,
    /// What the media type says about the format; JSON may be any board's.
    format: Option<Format>,
    /// Its room in memory, for as long as it is there.
    room: Option<Room>,
}

impl FromRequest for Rows {
    type Error = Problem;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = match content_type(request).as_deref() {
            Some("application/x-ndjson" | "application/jsonl") => Ok(Some(Format::Ndjson)),
            Some("text/csv") => Ok(Some(Format::Csv)),
            Some("text/html" | "application/ld+json") => Ok(Some(Format::JsonLd)),
            Some("application/json") => Ok(None),
            _ => {
                let detail = "send application/x-ndjson, text/csv, a page as text/html or application/ld+json, or a board's answer as application/json";
                Err(Problem::new(Code::MediaTypeUnsupported).detail(detail))
            }
        };
        let bytes = read_body(request, payload);
        let request = request.clone();
        Box::pin(async move {
            Ok(Self {
                format: format?,
                bytes: bytes.await?,
                room: request.extensions_mut().remove(),
            })
        })
    }
}

/// The table and its mapping, checked: a mistake in them is answered at once, not found in the run.
async fn check_columns(rows: Rows, options: &mut ImportOptions) -> Result<Rows, Problem> {
    if options.format != Format::Csv {
        return Ok(rows);
    }
    let (bytes, mapping) = if rows.format.is_none() {
        let mapped: MappedTable = from_json(&rows.bytes)?;
        (web::Bytes::from(mapped.table), Some(mapped.mapping))
    } else {
        (rows.bytes, None)
    };
    options.mapping.clone_from(&mapping);
    let (bytes, checked) = web::block(move || {
        let checked = import::check_table(&bytes, mapping.as_ref());
        (bytes, checked)
    })
    .await
    .map_err(|_| Problem::new(Code::Internal))?;
    checked.map_err(table_problem)?;
    Ok(Rows {
        bytes,
        format: rows.format,
        room: rows.room,
    })
}

fn table_problem(error: TableError) -> Problem {
    let TableError::Unconfirmed(proposal) = &error else {
        let errors = vec![FieldError::new("/mapping", "mapping_invalid", error.to_string())];
        return Problem::new(Code::ContentInvalid).errors(errors);
    };
    let missing = proposal.missing.iter().map(|field| {
        let detail = format!("no column seems to hold {field}, which every row needs");
        FieldError::new("/mapping", "value_missing", detail)
    });
    let doubtful = proposal.columns.iter().filter(|column| !column.is_certain);
    let doubtful = doubtful.filter_map(|column| {
        let name = column.column.replace('~', "~0").replace('/', "~1");
        let detail = format!("this column probably holds {}", column.field.as_ref()?);
        Some(FieldError::new(
            format!("/mapping/{name}"),
            "mapping_unconfirmed",
            detail,
        ))
    });
    let detail = "send the table and what its columns hold as {\"table\": …, \"mapping\": {…}} with ?format=csv; \
        POST …/imports/mapping proposes a mapping";
    Problem::new(Code::ContentInvalid)
        .detail(detail)
        .errors(missing.chain(doubtful).collect())
}

/// Import postings: NDJSON, a table, or what a board answered. The run goes on after the answer.
#[utoipa::path(post, path = "/v1/employers/{employer}/imports", tag = "imports",
    params(("employer" = String, Path),
        ("format" = Option<String>, Query, description = "`greenhouse`, `lever`, `ashby`, `smartrecruiters`, `recruitee`, `workday`, or `csv` with a mapping; for JSON"),
        ("board" = Option<String>, Query, description = "Name of the board that answered, when there are several"),
        ("confirm" = Option<bool>, Query, description = "A person looked: an empty or much shorter answer is right"),
        ("dry_run" = Option<bool>, Query)),
    request_body(content((String = "application/x-ndjson"), (String = "text/csv"), (String = "text/html"), (String = "application/ld+json"), (MappedTable = "application/json"))),
    responses((status = 202, body = ImportBody)), security(("bearer" = [])))]
pub(crate) async fn start_import(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(params): Params<ImportParams>,
    rows: Rows,
) -> Result<HttpResponse, Problem> {
    let mut options = params.options(&rows)?;
    let now = state.now();
    let asked = Asked::of_bytes(&request, &caller, &rows.bytes)?;
    let rows = check_columns(rows, &mut options).await?;
    let started = Arc::new(OnceLock::new());
    let starting = Arc::clone(&started);
    let (format, dry_run) = (options.format.as_str(), options.dry_run);
    let actor = caller.actor(&request);
    let response = state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_importer(tx, &caller, employer.id)?;
            let members = if caller.is_operator() {
                None
            } else {
                let quotas = accounts::quotas_of(tx, employer.id, state.limits().quotas)?;
                Some(MemberRules {
                    review: state.posting_rules().review,
                    live_postings: quotas.live_postings.into(),
                    drafts: quotas.drafts.into(),
                })
            };
            let run = import::start_run(tx, Some(employer.id), format, dry_run, &state.random, now)?;
            if !dry_run {
                let deed = accounts::Deed {
                    subject_kind: "import",
                    subject_id: Some(run.id),
                    ..accounts::Deed::to_employer(employer.id, "import.started", Value::Null)
                };
                accounts::record(tx, &actor, deed, &state.random, now)?;
            }
            let _ = starting.set((employer.slug, run.id, members));
            Ok(Reply::with(202, &ImportBody::from(run)))
        })
        .await?;
    // A repetition is told of the first run and starts none.
    let is_new = !response.headers().contains_key(REPLAYED);
    if let Some((slug, id, members)) = started.get().cloned().filter(|_| is_new) {
        options.employer = EmployerChoice::Slug(slug);
        options.members = members;
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
    let Rows { bytes, room, .. } = rows;
    let outcome = import::run(
        &state.db,
        Cursor::new(bytes),
        options,
        &state.random,
        now,
        &mut progress,
    );
    drop(room);
    let (run_state, summary) = match outcome {
        Ok(summary) => (RunState::Completed, summary),
        Err(error) => {
            tracing::warn!(%error, "an import could not be completed");
            let summary = Summary {
                error: Some(public_words(&error)),
                ..Summary::default()
            };
            (RunState::Failed, summary)
        }
    };
    let ended = state
        .db
        .write_blocking(|tx| import::finish_run(tx, id, run_state, &summary, state.now()));
    if let Err(error) = ended {
        tracing::error!(%error, "the end of an import could not be noted");
    }
}

/// What its owner may know: all about the input, nothing about the database.
fn public_words(error: &ImportError) -> String {
    match error {
        ImportError::Store(_) => "the database failed; what was written before stays".to_owned(),
        error => error.to_string(),
    }
}

/// What the columns of a table seem to hold, to be confirmed. Changes nothing.
#[utoipa::path(post, path = "/v1/employers/{employer}/imports/mapping", tag = "imports", params(("employer" = String, Path)),
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Proposal)),
    security(("bearer" = [])))]
pub(crate) async fn propose_mapping(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    rows: Rows,
) -> Result<HttpResponse, Problem> {
    if rows.format != Some(Format::Csv) {
        return Err(Problem::new(Code::MediaTypeUnsupported).detail("send the table as text/csv"));
    }
    state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_importer(conn, &caller, employer.id)
        })
        .await?;
    let proposal = web::block(move || import::propose(&rows.bytes))
        .await
        .map_err(|_| Problem::new(Code::Internal))?
        .map_err(table_problem)?;
    Ok(Reply::ok(&proposal).into_response())
}

/// An employer's runs, newest first.
#[utoipa::path(get, path = "/v1/employers/{employer}/imports", tag = "imports",
    params(("employer" = String, Path), ("limit" = Option<u32>, Query, description = "1 to 100, 20 when missing"),
        ("cursor" = Option<String>, Query)),
    responses((status = 200, body = ListBody<ImportBody>)), security(("bearer" = [])))]
pub(crate) async fn list_imports(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(page): Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let (before, limit) = (page.after()?, page.limit()?);
    let page = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_import_reader(conn, &caller, employer.id)?;
            Ok::<_, Problem>(import::list_runs(conn, employer.id, None, before, limit)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: page.data.into_iter().map(ImportBody::from).collect(),
        next_cursor: cursor_of(page.next),
    })
    .into_response())
}

/// How an import is going, or went, with what it changed.
#[utoipa::path(get, path = "/v1/imports/{id}", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = ImportBody)), security(("bearer" = [])))]
pub(crate) async fn get_import(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::ImportNotFound)?;
    let (run, changes) = state
        .read(move |conn, _| {
            let missing = || Problem::new(Code::ImportNotFound);
            let run = import::find_run(conn, id)?.ok_or_else(missing)?;
            let changes = import::find_changes(conn, id)?;
            match run.employer_id {
                Some(employer_id) => {
                    require_import_reader(conn, &caller, employer_id).map_err(|_| missing())?;
                }
                None if caller.is_operator() => {}
                None => return Err(missing()),
            }
            Ok::<_, Problem>((run, changes))
        })
        .await?;
    let body = ImportBody {
        changes: Some(changes),
        ..ImportBody::from(run)
    };
    Ok(Reply::ok(&body).into_response())
}
