//! What the operator and the machines around the board ask.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use store::revision::{self, Counter};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::extract::{NoParams, Params};
use crate::reply::Reply;
use crate::state::State;

/// What is asked about a process that serves nobody else.
pub(crate) fn worker_routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/healthz").route(web::get().to(healthz)))
        .service(web::resource("/readyz").route(web::get().to(readyz)))
        .service(web::resource("/metrics").route(web::get().to(metrics)));
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    worker_routes(config);
    config
        .service(web::resource("/openapi.json").route(web::get().to(openapi)))
        .service(web::resource("/.well-known/jwks.json").route(web::get().to(jwks)));
}

/// Whether the process is alive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// Always `ok`.
    status: &'static str,
}

/// Whether requests are welcome.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadyBody {
    /// `ready` or `not_ready`.
    status: &'static str,
    /// `ok`, or what is wrong.
    database: &'static str,
    /// `ok` or `pending`.
    migrations: &'static str,
    /// `ok`, `catching_up`, or `rebuilding` while an older one answers.
    index: &'static str,
    /// Revision up to which search is complete.
    index_revision: i64,
    /// Revision of the last change.
    latest_revision: Option<i64>,
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = HealthBody)))]
pub(crate) async fn healthz() -> HttpResponse {
    Reply::ok(&HealthBody { status: "ok" }).into_response()
}

/// Are database, migrations and index ready?
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = ReadyBody), (status = 503, body = ReadyBody)))]
pub(crate) async fn readyz(state: State) -> HttpResponse {
    let looked = state
        .read(|conn, _| {
            let pending = store::pending_migrations(conn)?;
            Ok::<_, Problem>((pending.0.is_empty(), revision::latest(conn, Counter::Postings)?))
        })
        .await;
    let index_revision = state.index.cursor();
    let is_ready = state.is_ready();
    let (is_migrated, latest_revision) = match looked {
        Ok((is_migrated, latest)) => (is_migrated, Some(latest)),
        Err(_) => (false, None),
    };
    let is_ready = is_ready && is_migrated && latest_revision.is_some();
    let body = ReadyBody {
        status: if is_ready { "ready" } else { "not_ready" },
        database: if latest_revision.is_some() {
            "ok"
        } else {
            "unavailable"
        },
        migrations: if is_migrated { "ok" } else { "pending" },
        index: match state.has_caught_up() {
            false => "catching_up",
            true if state.index.is_rebuilding() => "rebuilding",
            true => "ok",
        },
        index_revision,
        latest_revision,
    };
    Reply::with(if is_ready { 200 } else { 503 }, &body).into_response()
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(state: State) -> HttpResponse {
    state.rates.forget_idle();
    ::metrics::gauge!("http_requests_in_flight").set(state.in_flight() as f64);
    ::metrics::gauge!("backplane_ready").set(if state.is_ready() { 1.0 } else { 0.0 });
    let (open, idle) = state.db.pool_state();
    ::metrics::gauge!("backplane_database_connections", "state" => "used")
        .set(f64::from(open.saturating_sub(idle)));
    ::metrics::gauge!("backplane_database_connections", "state" => "idle").set(f64::from(idle));
    let text = state
        .metrics
        .as_ref()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(text)
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, body = Object)))]
pub(crate) async fn openapi(Params(NoParams {}): Params<NoParams>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(crate::openapi::openapi_json())
}

/// The public keys of access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", responses((status = 200, body = Object)))]
pub(crate) async fn jwks(state: State) -> HttpResponse {
    let mut response = Reply::ok(&state.jwt.jwks()).into_response();
    let cache = actix_web::http::header::HeaderValue::from_static("public, max-age=300");
    response
        .headers_mut()
        .insert(actix_web::http::header::CACHE_CONTROL, cache);
    response
}
