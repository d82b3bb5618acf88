//! Around every request: its id, its log line, its figures, its budget, and the headers that every answer carries.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    HeaderValue, ORIGIN, STRICT_TRANSPORT_SECURITY, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse};

use crate::caller::{Asker, RequestId};
use crate::edge::{ClientAddress, client_address};
use crate::error::{Code, Problem};
use crate::rate_limit::{Verdict, cost_of, network};
use crate::state::State;

/// Characters by which the log names a client.
const CLIENT_NAME: usize = 12;

/// A client's own id when it is short and plain, else a new one.
fn request_id(request: &ServiceRequest, state: &State) -> String {
    let given = request
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok());
    let is_plain =
        |id: &str| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match given.filter(|id| is_plain(id)) {
        Some(id) => id.to_owned(),
        None => state.random.id(state.now()).to_string(),
    }
}

/// Middleware around all routes: `App::new().wrap(from_fn(api::observe))`.
///
/// # Errors
/// Never: what goes wrong inside has become an answer.
pub async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<State>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let started = Instant::now();
    let id = request_id(&request, &state);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let client = state.edge.client_of(&request);
    request.extensions_mut().insert(ClientAddress(client));
    let origin = request
        .headers()
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    let allowed = origin
        .and_then(|origin| state.edge.allowed_origin(origin))
        .map(str::to_owned);
    let is_preflight =
        method == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    // What machines ask about us is answered however much there is to do.
    let is_about_us = matches!(request.path(), "/healthz" | "/readyz" | "/metrics");
    let place = if is_about_us { None } else { state.enter() };
    let is_too_much = place.is_none() && !is_about_us;
    let cost = cost_of(&method, request.path());
    let verdict = cost.and_then(|cost| state.rates.count(client, cost));
    let refused = match verdict.and_then(|verdict| verdict.retry_after_s) {
        _ if is_too_much => {
            metrics::counter!("http_requests_turned_away_total").increment(1);
            Some(
                Problem::new(Code::Unavailable)
                    .detail("too many requests at once")
                    .retry_after(1),
            )
        }
        Some(wait) => Some(Problem::new(Code::RateLimited).retry_after(wait)),
        // U+0000 names nothing, and PostgreSQL does not even compare it.
        None if request.uri().to_string().contains("%00") => {
            Some(Problem::new(Code::RequestInvalid).detail("%00 cannot be part of an address"))
        }
        None => None,
    };
    if request.method() == Method::HEAD {
        // Answered like GET (RFC 9110, 9.3.2); the server leaves the body out.
        request.head_mut().method = Method::GET;
    }
    let mut response = match refused {
        Some(problem) => {
            let mut response = problem.response(Some(id.clone()));
            response.extensions_mut().insert(problem);
            request.into_response(response)
        }
        None if is_preflight && allowed.is_some() => {
            request.into_response(HttpResponse::NoContent().finish())
        }
        None => match next.call(request).await {
            Ok(response) => response.map_into_boxed_body(),
            Err(error) => return Err(error),
        },
    };
    let problem = response
        .response()
        .extensions()
        .get::<Problem>()
        .cloned()
        .or_else(|| framework_problem(&response));
    if let Some(problem) = &problem {
        response = response.into_response(problem.response(Some(id.clone())));
    }
    // Of the client's budget and the account's, the one that is nearer to its end.
    let held = response.request().extensions().get::<Verdict>().copied();
    let verdict = match (verdict, held) {
        (Some(client), Some(held)) if held.is_tighter_than(client) => Some(held),
        (verdict, held) => verdict.or(held),
    };
    add_headers(&mut response, &id, verdict);
    add_hsts(&mut response, &state);
    if !state.edge.cors_origins.is_empty() {
        add_cors(&mut response, allowed.as_deref(), is_preflight);
    }
    record(&response, &method, &id, started, problem.as_ref());
    tell_access(&response, &state, &method, &id, problem.as_ref());
    drop(place);
    Ok(response)
}

/// What the framework refuses by itself, in our words.
fn framework_problem(response: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let is_ours = kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if status < 400 || (is_ours && status != 405) {
        return None;
    }
    Some(Problem::new(match status {
        404 => Code::RouteNotFound,
        405 => Code::MethodNotAllowed,
        413 => Code::BodyTooLarge,
        415 => Code::MediaTypeUnsupported,
        400..500 => Code::RequestInvalid,
        _ => Code::Internal,
    }))
}

/// The browser of the API runs its own scripts, everything else none.
fn content_security_policy(path: &str) -> &'static str {
    if path.starts_with("/docs/") {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    }
}

fn add_headers(response: &mut ServiceResponse, id: &str, verdict: Option<Verdict>) {
    let policy = content_security_policy(response.request().path());
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            let name = HeaderName::from_static(name);
            if !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        }
    };
    set("x-request-id", id);
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "no-referrer");
    set("x-frame-options", "DENY");
    set("content-security-policy", policy);
    set("cache-control", "no-store");
    if let Some(Verdict {
        policy,
        remaining,
        retry_after_s,
    }) = verdict
    {
        let (name, quota, window) = (policy.name, policy.quota, policy.window_s);
        let reset =
            retry_after_s.unwrap_or(window * u64::from(quota.saturating_sub(remaining)) / u64::from(quota));
        set("ratelimit-policy", &format!("\"{name}\";q={quota};w={window}"));
        set("ratelimit", &format!("\"{name}\";r={remaining};t={reset}"));
    }
}

/// Browsers take it from https only (RFC 6797, section 8.1); the proxy in front speaks that.
fn add_hsts(response: &mut ServiceResponse, state: &State) {
    let is_secure = state.mail_config.public_url.starts_with("https://");
    let value = Some(&state.edge.hsts).filter(|hsts| is_secure && !hsts.is_empty());
    if let Some(value) = value.and_then(|hsts| HeaderValue::from_str(hsts).ok()) {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
    }
}

/// What browsers need to know before they show an answer to a page of another site (the Fetch standard, CORS protocol).
fn add_cors(response: &mut ServiceResponse, allowed: Option<&str>, is_preflight: bool) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = allowed.and_then(|origin| HeaderValue::from_str(origin).ok()) else {
        return;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let (name, value) = if is_preflight {
        let asked = "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id";
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        (ACCESS_CONTROL_ALLOW_HEADERS, asked)
    } else {
        let shown = "etag, retry-after, ratelimit, ratelimit-policy, x-request-id, idempotency-replayed";
        (ACCESS_CONTROL_EXPOSE_HEADERS, shown)
    };
    headers.insert(name, HeaderValue::from_static(value));
}

/// The path's pattern stands for the path: ids and tokens belong neither into logs nor into metrics.
fn record(
    response: &ServiceResponse,
    method: &Method,
    id: &str,
    started: Instant,
    problem: Option<&Problem>,
) {
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let labels = [
        ("method", method.to_string()),
        ("route", route.clone()),
        ("status", status.to_string()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", "route" => route.clone())
        .record(elapsed.as_secs_f64());
    let code = problem.map(|problem| problem.code().as_str());
    let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let traceparent = response.request().headers().get("traceparent");
    tracing::trace!(
        target: "backplane::traces",
        name = format!("{method} {route}").as_str(),
        request = true,
        duration_us,
        failed = status >= 500 && status != 503,
        traceparent = traceparent.and_then(|header| header.to_str().ok()),
        http.request.method = method.as_str(),
        http.route = route.as_str(),
        http.response.status_code = u64::from(status),
        request_id = id,
        error.type = code,
    );
    // Not being ready is an answer; only what nobody meant to say is an error.
    if status >= 500 && status != 503 {
        tracing::error!(%method, route, status, duration_us, request_id = id, code, "answered");
    } else {
        tracing::debug!(%method, route, status, duration_us, request_id = id, code, "answered");
    }
}

/// Who got in and who was kept out, for whoever looks for attacks (ASVS 16.3): never by address, but the same client has the same
/// name every time, and an account its id.
fn tell_access(
    response: &ServiceResponse<BoxBody>,
    state: &State,
    method: &Method,
    id: &str,
    problem: Option<&Problem>,
) {
    let status = response.status().as_u16();
    let began = response.response().extensions().get::<Asker>().copied();
    let is_about_signing_in = response.request().path().starts_with("/v1/auth/");
    if !(matches!(status, 401 | 403) || began.is_some() || (status == 429 && is_about_signing_in)) {
        return;
    }
    let asker = began.or_else(|| response.request().extensions().get::<Asker>().copied());
    let client = client_address(response.request()).map(|address| {
        state
            .letterhead
            .links
            .derive("client", &network(address).to_string())
    });
    tracing::info!(
        target: "backplane::access",
        %method,
        route = response.request().match_pattern(),
        status,
        code = problem.map(|problem| problem.code().as_str()),
        account = asker.map(|asker| asker.0.to_string()),
        client = client.as_deref().and_then(|name| name.get(..CLIENT_NAME)),
        request_id = id,
        "{}", if began.is_some() { "signed in" } else { "kept out" },
    );
}
