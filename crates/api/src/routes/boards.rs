//! The boards of an employer: where it shows its postings outside.

use actix_web::{HttpRequest, HttpResponse, web};
use postings::import::{self, Board, BoardState, Format, NewBoard, Vouched};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::employers::require_employer;
use super::members::deed;
use crate::access::{require_import_reader, require_importer};
use crate::caller::Known;
use crate::error::{Code, Problem};
use crate::extract::{Body, NoParams, Params, path_id};
use crate::reply::{Asked, Reply};
use crate::routes::ListBody;
use crate::state::State;

/// Boards of one employer that are listed.
const MAX_BOARDS: i64 = 100;
/// How often a board is fetched when nothing is said, minutes.
const EVERY_MINUTES: i32 = 60;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v1/employers/{employer}/boards")
                .route(web::get().to(list_boards))
                .route(web::post().to(create_board)),
        )
        .service(
            web::resource("/v1/boards/{id}")
                .route(web::get().to(get_board))
                .route(web::patch().to(update_board)),
        );
}

/// A board to be fetched over HTTPS.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoardInput {
    /// `greenhouse`, `lever`, `ashby`, or `json_ld` for a page with schema.org's JobPosting in it.
    source: Format,
    /// The board's name in its address; the https:// address of a page.
    token: String,
    /// How often it is fetched, 15 to 10080 minutes; 60 when missing.
    every_minutes: Option<i32>,
}

/// How often a board is fetched from now on; it is due at once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoardPatch {
    /// 15 to 10080 minutes; null ends it.
    every_minutes: Option<i32>,
}

/// A board.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoardBody {
    id: Id,
    employer_id: Id,
    /// `greenhouse`, `lever`, `ashby`, or `json_ld` for a page with schema.org's JobPosting in it.
    source: String,
    /// Its name at its source.
    token: String,
    state: BoardState,
    /// Why, when it is not healthy.
    reason: Option<String>,
    /// How often it is fetched, minutes; never when null.
    every_minutes: Option<i32>,
    /// When it is fetched next.
    next_fetch_at: Option<Timestamp>,
    /// Fetches that failed since the last that did not.
    failures: i32,
    /// What its owner puts into the text of any posting there to show that it is theirs.
    proof: String,
    /// When that was seen, or an operator vouched; until then fetches are trials.
    proven_at: Option<Timestamp>,
    /// When its last answer could be believed.
    last_complete_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Board> for BoardBody {
    fn from(board: Board) -> Self {
        Self {
            id: board.id,
            employer_id: board.employer_id,
            source: board.source,
            token: board.token,
            state: board.state,
            reason: board.reason,
            every_minutes: board.every_minutes,
            next_fetch_at: board.next_fetch_at,
            failures: board.failures,
            proof: board.proof,
            proven_at: board.proven_at,
            last_complete_at: board.last_complete_at,
            created_at: board.created_at,
            updated_at: board.updated_at,
        }
    }
}

/// An employer's boards, and what is thought of them.
#[utoipa::path(get, path = "/v1/employers/{employer}/boards", tag = "imports", params(("employer" = String, Path)),
    responses((status = 200, body = ListBody<BoardBody>)), security(("bearer" = [])))]
pub(crate) async fn list_boards(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let boards = state
        .read(move |conn, _| {
            let employer = require_employer(conn, &path)?;
            require_import_reader(conn, &caller, employer.id)?;
            Ok::<_, Problem>(import::list_boards(conn, employer.id, MAX_BOARDS)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: boards.into_iter().map(BoardBody::from).collect(),
        next_cursor: None,
    })
    .into_response())
}

/// Have a board fetched. Until its owner shows that it is theirs (see `proof`), or an operator asks for it, fetches are trials.
#[utoipa::path(post, path = "/v1/employers/{employer}/boards", tag = "imports", params(("employer" = String, Path)),
    request_body = BoardInput, responses((status = 201, body = BoardBody)), security(("bearer" = [])))]
pub(crate) async fn create_board(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(input): Body<BoardInput>,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let asked = Asked::new(&request, &caller, &input)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let employer = require_employer(tx, &path)?;
            require_importer(tx, &caller, employer.id)?;
            let vouched = if caller.is_operator() {
                Vouched::ByOperator
            } else {
                Vouched::NotYet
            };
            let new = NewBoard {
                source: input.source,
                token: input.token,
                every_minutes: input.every_minutes.unwrap_or(EVERY_MINUTES),
            };
            let board = import::add_board(tx, employer.id, &new, vouched, &state.random, now)?;
            let detail = json!({"source": new.source, "every_minutes": new.every_minutes});
            let deed = deed(employer.id, "board.made", "board", board.id, detail);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::with(201, &BoardBody::from(board)))
        })
        .await
}

/// One board.
#[utoipa::path(get, path = "/v1/boards/{id}", tag = "imports", params(("id" = String, Path)),
    responses((status = 200, body = BoardBody)), security(("bearer" = [])))]
pub(crate) async fn get_board(
    state: State,
    Known(caller): Known,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::BoardNotFound)?;
    let board = state
        .read(move |conn, _| {
            let missing = || Problem::new(Code::BoardNotFound);
            let board = import::find_board(conn, id)?.ok_or_else(missing)?;
            require_import_reader(conn, &caller, board.employer_id).map_err(|_| missing())?;
            Ok::<_, Problem>(board)
        })
        .await?;
    Ok(Reply::ok(&BoardBody::from(board)).into_response())
}

/// Change how often a board is fetched, and fetch it at once.
#[utoipa::path(patch, path = "/v1/boards/{id}", tag = "imports", params(("id" = String, Path)), request_body = BoardPatch,
    responses((status = 200, body = BoardBody)), security(("bearer" = [])))]
pub(crate) async fn update_board(
    state: State,
    Known(caller): Known,
    request: HttpRequest,
    path: web::Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Body(patch): Body<BoardPatch>,
) -> Result<HttpResponse, Problem> {
    let id = path_id(&path, Code::BoardNotFound)?;
    let now = state.now();
    let asked = Asked::new(&request, &caller, &patch)?;
    let actor = caller.actor(&request);
    state
        .write_once(asked, move |tx, state| {
            let missing = || Problem::new(Code::BoardNotFound);
            let board = import::find_board(tx, id)?.ok_or_else(missing)?;
            require_import_reader(tx, &caller, board.employer_id).map_err(|_| missing())?;
            require_importer(tx, &caller, board.employer_id)?;
            let changed = import::set_rhythm(tx, id, patch.every_minutes, now)?;
            let detail = json!({"every_minutes": patch.every_minutes});
            let deed = deed(board.employer_id, "board.changed", "board", id, detail);
            accounts::record(tx, &actor, deed, &state.random, now)?;
            Ok(Reply::ok(&BoardBody::from(changed)))
        })
        .await
}
