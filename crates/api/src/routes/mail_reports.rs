//! What mail servers tell about mails of ours after they took them.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use mail::report::{self, REPORT_BYTES, Received, Report, ReportOutcome};
use serde::Serialize;
use store::Id;
use utoipa::ToSchema;

use crate::caller::{Caller, bearer_token};
use crate::error::{Code, Problem};
use crate::extract::{Extracting, NoParams, Params, content_type, read_body};
use crate::reply::Reply;
use crate::state::State;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/v1/mail/reports")
            .app_data(web::PayloadConfig::new(REPORT_BYTES))
            .route(web::post().to(receive_mail_report)),
    );
}

/// What came of a report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MailReportBody {
    /// What was done.
    outcome: ReportOutcome,
    /// `bounce`, `delay` or `complaint`.
    kind: String,
    /// The mail that it is about; null when it is none of ours, and then nothing was changed.
    mail_id: Option<Id>,
}

/// Who may hand reports in: whoever has the token of the settings, and operators.
pub(crate) struct Reporter;

impl FromRequest for Reporter {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<State>();
        let has_token = state
            .zip(bearer_token(request))
            .is_some_and(|(state, token)| state.reports.accepts(&token));
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            if has_token {
                return Ok(Self);
            }
            match caller.await? {
                Caller::Anonymous => Err(Problem::new(Code::CredentialsMissing)),
                caller if caller.is_operator() => Ok(Self),
                _ => Err(Problem::new(Code::NotAllowed)),
            }
        })
    }
}

/// A mail as it arrived.
pub(crate) struct RawMail(web::Bytes);

impl FromRequest for RawMail {
    type Error = Problem;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_mail = content_type(request).as_deref() == Some("message/rfc822");
        let bytes = read_body(request, payload);
        Box::pin(async move {
            if !is_mail {
                let detail = "send the whole report as it arrived, as Content-Type: message/rfc822";
                return Err(Problem::new(Code::MediaTypeUnsupported).detail(detail));
            }
            Ok(Self(bytes.await?))
        })
    }
}

/// Hand in a bounce or a complaint: a whole delivery status notification (RFC 3464) or feedback report (RFC 5965).
///
/// The credentials are the token of the setting `mail.report_token`, or an operator's access token. A bounce for good and
/// a complaint keep the address out of bulk mail from now on. A report about a mail that was not sent from here changes
/// nothing, and says so with the outcome `unknown`.
#[utoipa::path(post, path = "/v1/mail/reports", tag = "operations",
    request_body(content = String, content_type = "message/rfc822"),
    responses((status = 200, body = MailReportBody)), security(("bearer" = [])))]
pub(crate) async fn receive_mail_report(
    state: State,
    _: Reporter,
    Params(NoParams {}): Params<NoParams>,
    mail: RawMail,
) -> Result<HttpResponse, Problem> {
    let now = state.now();
    let report = Report::parse(&mail.0)
        .map_err(|error| Problem::new(Code::ContentInvalid).detail(error.to_string()))?;
    let kind = report.kind.to_string();
    let received: Received = state
        .write(move |tx, state| {
            let received = report::receive(tx, &state.reports, &report, &state.random, now)?;
            Ok::<_, Problem>(received)
        })
        .await?;
    if received.outcome != ReportOutcome::Repeated {
        tracing::info!(kind, outcome = ?received.outcome, mail = received.mail_id.map(|id| id.to_string()), "a mail was reported about");
    }
    metrics::counter!("backplane_mail_reports_total", "kind" => kind.clone()).increment(1);
    let body = MailReportBody {
        outcome: received.outcome,
        kind,
        mail_id: received.mail_id,
    };
    Ok(Reply::ok(&body).into_response())
}
