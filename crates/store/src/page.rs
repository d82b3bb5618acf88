//! Keyset pages: opaque cursors and the list they lead through.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A word that is not one of an enum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// One page of a list and the key to continue after it, when there is more.
#[derive(Debug, Clone)]
pub struct Page<T, K> {
    /// The rows, in the list's order.
    pub data: Vec<T>,
    /// The key of the last row, when more follow.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// Cuts `rows`, fetched with `limit + 1`, to a page; `key` names a row's place in the order.
    pub fn cut(mut rows: Vec<T>, limit: usize, key: impl FnOnce(&T) -> K) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { data: rows, next }
    }
}

/// The opaque text of a cursor that holds `key`.
pub fn encode_cursor<K: Serialize>(key: &K) -> String {
    BASE64URL_NOPAD.encode(serde_json::to_string(key).unwrap_or_default().as_bytes())
}

/// The key in a cursor's text; `None` when it is not one of ours.
pub fn decode_cursor<K: DeserializeOwned>(text: &str) -> Option<K> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}
