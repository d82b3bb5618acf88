//! The OpenAPI document, generated from the handlers.

use std::sync::OnceLock;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::error::ProblemBody;
use crate::routes::{
    alert_owner, alerts, auth, boards, calendars, campaigns, changes, deliveries, domains, employers, events,
    feeds, holds, imports, mail_reports, me, members, moderation, numbers, operations, ownership, passkeys,
    posting_lists, postings, providers, publishing, reports, safety, search, syndication, vocabulary,
    webhooks,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Backplane",
        description = "The job-board backend for the people who build AI infrastructure.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        auth::register, auth::verify_email, auth::login, auth::refresh, auth::logout, auth::forgot_password,
        auth::reset_password, me::get_me, me::update_me, me::delete_me, me::export_me, me::list_sessions, me::end_session,
        safety::take_second_step, safety::change_password, safety::request_email_change, safety::confirm_email_change,
        safety::get_second_factor, safety::enrol_totp, safety::confirm_totp, safety::disable_totp,
        safety::renew_recovery_codes, passkeys::ask_for_passkey, passkeys::sign_in_with_passkey, passkeys::offer_passkey,
        passkeys::add_passkey, passkeys::list_passkeys, passkeys::rename_passkey, passkeys::remove_passkey,
        providers::list_providers, providers::start_with_provider, providers::finish_with_provider,
        providers::start_connecting, providers::connect_identity, providers::list_identities, providers::remove_identity,
        employers::create_employer, employers::list_employers, employers::get_employer, employers::update_employer,
        employers::pause_employer, employers::resume_employer, members::list_members, members::change_role,
        members::remove_member, members::list_invitations, members::invite, members::revoke_invitation,
        members::accept_invitation, members::list_api_keys, members::create_api_key, members::revoke_api_key,
        domains::list_domains, domains::add_domain, domains::remove_domain, domains::check_domain, domains::mail_domain,
        domains::confirm_domain, ownership::get_ownership_offer, ownership::offer_ownership, ownership::withdraw_ownership,
        ownership::accept_ownership, ownership::get_quotas, ownership::set_quotas, ownership::list_audit,
        postings::create_posting, posting_lists::list_postings, postings::get_posting, postings::update_posting,
        postings::delete_posting, postings::publish_posting, postings::pause_posting, postings::resume_posting,
        publishing::validate_posting, publishing::schedule_posting, publishing::unschedule_posting,
        publishing::duplicate_posting, publishing::change_postings, publishing::list_history, publishing::get_version,
        postings::renew_posting, postings::close_posting, imports::start_import, imports::get_import,
        imports::list_imports, imports::propose_mapping, boards::list_boards,
        boards::create_board, boards::get_board, boards::update_board,
        campaigns::create_campaign, campaigns::list_campaigns, campaigns::get_campaign, campaigns::update_campaign,
        campaigns::delete_campaign, campaigns::change_campaign_postings, campaigns::freeze_campaign,
        campaigns::resume_campaign, campaigns::end_campaign, holds::list_employer_holds, holds::list_posting_holds,
        publishing::fill_posting, events::create_event, events::list_events, events::list_employer_events, events::get_event,
        events::update_event, events::cancel_event, events::create_registration, events::confirm_registration,
        events::cancel_registration, events::list_registrations, calendars::get_event_calendar,
        calendars::get_employer_calendar, publishing::get_pay_transparency, reports::report_posting,
        moderation::list_waiting_postings, moderation::approve_posting, moderation::reject_posting,
        moderation::list_reviews, moderation::list_cases, moderation::get_case, moderation::decide_case,
        search::search_postings, search::suggest, search::similar_postings, search::explain_match, vocabulary::get_taxonomy, alerts::create_alert,
        alerts::list_alerts, alerts::preview_alert, alerts::confirm_alert, alerts::unsubscribe, alerts::get_alert,
        alerts::update_alert, alerts::delete_alert, alert_owner::export_address, alert_owner::erase_address,
        alert_owner::answer_feedback, alert_owner::get_alert_health, changes::list_changes, syndication::get_json_ld,
        syndication::get_snapshot, syndication::get_indeed_feed, syndication::get_linkedin_feed,
        syndication::get_sitemap_index, syndication::get_sitemap, feeds::get_search_rss, feeds::get_search_atom,
        feeds::get_search_json, numbers::get_numbers, numbers::export_numbers, numbers::get_posting_numbers, numbers::apply,
        webhooks::list_webhooks,
        webhooks::create_webhook, webhooks::list_board_webhooks, webhooks::create_board_webhook, webhooks::get_webhook,
        webhooks::update_webhook, webhooks::delete_webhook, webhooks::rotate_webhook_secret, webhooks::test_webhook,
        deliveries::replay_webhook, deliveries::list_deliveries, deliveries::get_delivery, operations::healthz, operations::readyz,
        operations::metrics, operations::openapi, operations::jwks, mail_reports::receive_mail_report
    ),
    components(schemas(ProblemBody, ::postings::numbers::Group)),
    modifiers(&Problems, &Bearer),
    tags(
        (name = "accounts"), (name = "employers"), (name = "postings"), (name = "campaigns"), (name = "events"),
        (name = "moderation"), (name = "imports"), (name = "search"),
        (name = "alerts"), (name = "feeds"), (name = "webhooks"), (name = "operations")
    )
)]
struct Api;

/// The OpenAPI 3.1 document of everything that this version serves.
pub fn openapi() -> Document {
    Api::openapi()
}

/// The document as it is served.
pub(crate) fn openapi_json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| openapi().to_json().unwrap_or_default())
}

/// Every call can also answer with a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let problem = ResponseBuilder::new()
            .description("A problem (RFC 9457); `code` says which.")
            .content("application/problem+json", body)
            .build();
        for item in document.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ]
            .into_iter()
            .flatten();
            for operation in operations {
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response
                        && response.description.is_empty()
                    {
                        words(status).clone_into(&mut response.description);
                    }
                }
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), problem.clone().into());
            }
        }
    }
}

/// What a success means; OpenAPI requires that every answer is described.
fn words(status: &str) -> &'static str {
    match status {
        "201" => "Made.",
        "202" => "Accepted; it goes on after the answer.",
        "204" => "Done; there is nothing to say.",
        "503" => "Not ready.",
        _ => "Done.",
    }
}

/// Access tokens and API keys go into the same header.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}
