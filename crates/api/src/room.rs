//! Room for large bodies. Each has a limit of its own; together they would still fill the memory, above all when they are small on
//! the way and large once they are unpacked.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Problem};
use crate::state::State;

/// So many of the largest bodies are in memory at once, or more smaller ones.
const LARGEST_AT_ONCE: usize = 4;

/// What room is counted in.
const UNIT: usize = 1 << 20;

/// Beside a route's `PayloadConfig` with the same number of bytes: bodies of this route need room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LargeBodies(pub(crate) usize);

/// The room of one body, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _held: OwnedSemaphorePermit,
}

/// All the room that there is, for bodies of at most `limit` bytes.
pub(crate) fn all(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LARGEST_AT_ONCE * units(limit) as usize))
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX >> 8)
}

/// The room that a body may need: what it says, and the most that it can be when it is compressed or does not say.
fn needed(limit: usize, length: Option<u64>, is_packed: bool) -> u32 {
    let length = length.and_then(|length| usize::try_from(length).ok());
    units(match length {
        Some(length) if !is_packed => length.min(limit),
        _ => limit,
    })
}

/// Takes the room for the body of `request`, whose `Content-Length` is `length`; nothing where bodies are small.
///
/// # Errors
/// `unavailable` when others have it.
pub(crate) fn take(request: &HttpRequest, length: Option<u64>) -> Result<Option<Room>, Problem> {
    let (Some(LargeBodies(limit)), Some(state)) =
        (request.app_data::<LargeBodies>(), request.app_data::<State>())
    else {
        return Ok(None);
    };
    let needed = needed(*limit, length, request.headers().contains_key(CONTENT_ENCODING));
    let held = Arc::clone(&state.bodies).try_acquire_many_owned(needed);
    held.map(|held| Some(Room { _held: held })).map_err(|_| {
        Problem::new(Code::Unavailable)
            .detail("too many large bodies at once")
            .retry_after(5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_needs_what_it_may_become() {
        let limit = 64 << 20;
        assert_eq!(needed(limit, Some(0), false), 1);
        assert_eq!(needed(limit, Some(1 << 20), false), 1);
        assert_eq!(needed(limit, Some((1 << 20) + 1), false), 2);
        assert_eq!(
            needed(limit, Some(u64::MAX), false),
            64,
            "it is refused by its length"
        );
        assert_eq!(needed(limit, None, false), 64);
        assert_eq!(
            needed(limit, Some(100), true),
            64,
            "a hundred bytes may unpack into anything"
        );
        assert_eq!(all(limit).available_permits(), 256);
        assert_eq!(all(1000).available_permits(), LARGEST_AT_ONCE);
    }
}
