//! The boards of an employer: where it shows its postings outside.

use actix_web::{HttpResponse, web};
use postings::import::{self, Board, BoardState};
use serde::Serialize;
use store::{Id, Timestamp};
use utoipa::ToSchema;

use super::employers::require_employer;
use crate::access::require_member;
use crate::caller::Known;
use crate::error::Problem;
use crate::extract::{NoParams, Params};
use crate::reply::Reply;
use crate::routes::ListBody;
use crate::state::State;

/// Boards of one employer that are listed.
const MAX_BOARDS: i64 = 100;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/v1/employers/{employer}/boards").route(web::get().to(list_boards)));
}

/// A board.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoardBody {
    id: Id,
    employer_id: Id,
    /// `greenhouse`, `lever` or `ashby`.
    source: String,
    /// Its name at its source.
    token: String,
    state: BoardState,
    /// Why, when it is not healthy.
    reason: Option<String>,
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
            require_member(conn, &caller, employer.id)?;
            Ok::<_, Problem>(import::list_boards(conn, employer.id, MAX_BOARDS)?)
        })
        .await?;
    Ok(Reply::ok(&ListBody {
        data: boards.into_iter().map(BoardBody::from).collect(),
        next_cursor: None,
    })
    .into_response())
}
