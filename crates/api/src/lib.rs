//! The REST API: routes, problems, authentication, OpenAPI.
//!
//! A handler extracts, reads the clock, calls one domain function inside one `read` or `write`, wakes the passes and
//! shapes the answer. No SQL and no rules here, but who may do what is decided in `access`.

mod access;
mod answers;
mod caller;
mod code;
mod edge;
mod error;
mod extract;
mod holder;
mod observe;
mod openapi;
mod rate_limit;
mod reply;
mod room;
mod routes;
mod state;
#[cfg(feature = "testing")]
pub mod testing;
mod untold;
mod visitor;

use actix_web::web;

pub use edge::{Edge, ForwardedHeader, parse_networks};
pub use error::{Code, Problem};
pub use observe::observe;
pub use openapi::openapi;
pub use state::{Limits, Parts, State, Wake};

/// Only what machines ask about a process: `/healthz`, `/readyz` and `/metrics`.
pub fn configure_worker(state: &State) -> impl Fn(&mut web::ServiceConfig) + Clone + use<> {
    let state = state.clone();
    move |config: &mut web::ServiceConfig| {
        config.app_data(state.clone());
        routes::operations::worker_routes(config);
        config.default_service(web::to(routes::pages::not_found));
    }
}

/// All routes, for `App::new().wrap(from_fn(api::observe)).configure(api::configure(&state))`.
pub fn configure(state: &State) -> impl Fn(&mut web::ServiceConfig) + Clone + use<> {
    let state = state.clone();
    move |config: &mut web::ServiceConfig| {
        let limits = state.limits();
        config
            .app_data(state.clone())
            .app_data(web::PayloadConfig::new(limits.body_bytes));
        // Paths are tried in this order, so what is asked most comes first.
        routes::search::routes(config);
        routes::auth::routes(config);
        routes::me::routes(config);
        routes::safety::routes(config);
        routes::passkeys::routes(config);
        routes::providers::routes(config);
        routes::employers::routes(config);
        routes::members::routes(config);
        routes::domains::routes(config);
        routes::ownership::routes(config);
        routes::imports::routes(config, limits.import_bytes);
        routes::boards::routes(config);
        routes::campaigns::routes(config);
        routes::holds::routes(config);
        routes::events::routes(config);
        routes::moderation::routes(config);
        routes::reports::routes(config);
        routes::vocabulary::routes(config);
        routes::publishing::routes(config, limits.import_bytes);
        routes::postings::routes(config);
        routes::alerts::routes(config);
        routes::changes::routes(config);
        routes::mail_reports::routes(config);
        routes::syndication::routes(config);
        routes::webhooks::routes(config);
        routes::deliveries::routes(config);
        routes::feeds::routes(config);
        routes::numbers::routes(config);
        routes::operations::routes(config);
        routes::pages::routes(config);
        config.default_service(web::to(routes::pages::not_found));
    }
}
