//! The account page: signing in, passkeys, identity providers, sessions. Browsers make and use passkeys for scripts only, so this
//! page has one; its hash stands in the policy, and it talks to nobody but us.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;

use crate::state::State;

/// Runs in the page.
const SCRIPT: &str = include_str!("../../../assets/account.js");

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    site: &'a str,
    script: &'a str,
}

/// Also where identity providers send the browser back to; the script reads the rest of the address.
pub(super) async fn account_page(state: State) -> HttpResponse {
    let hash = BASE64.encode(digest(&SHA256, SCRIPT.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'sha256-{hash}'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    let page = AccountPage {
        site: state.site(),
        script: SCRIPT,
    };
    HttpResponse::build(StatusCode::OK)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .body(page.render().unwrap_or_default())
}
