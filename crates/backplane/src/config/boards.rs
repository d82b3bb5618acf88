//! Where boards are fetched.

use postings::import::Endpoints;

use super::{Boards, ConfigError, Layers};

/// Where boards are fetched, with every address checked.
pub(super) fn endpoints(layers: &Layers, written: Boards) -> Result<Option<Endpoints>, ConfigError> {
    let Boards {
        fetch,
        greenhouse,
        lever,
        ashby,
        allow_local,
    } = written;
    let lever: Vec<String> = lever.split(',').map(|base| base.trim().to_owned()).collect();
    let named = [("boards.greenhouse", &greenhouse), ("boards.ashby", &ashby)];
    let all = named
        .into_iter()
        .chain(lever.iter().map(|base| ("boards.lever", base)));
    for (key, base) in all {
        let is_secure = base.starts_with("https://") || (allow_local && base.starts_with("http://"));
        if !is_secure || base.ends_with('/') {
            return Err(layers.refuse(key, "must be an https:// address without a slash at the end"));
        }
    }
    Ok(fetch.then_some(Endpoints {
        greenhouse,
        lever,
        ashby,
        allow_local,
    }))
}
