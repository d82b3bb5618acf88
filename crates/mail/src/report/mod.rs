//! What other mail systems tell about mails of ours after they took them: bounces (RFC 3464) and complaints (RFC 5965).

mod desk;
mod parse;
mod prose;
mod receive;

pub use desk::ReportDesk;
pub use parse::{REPORT_BYTES, Report, ReportError};
pub use receive::{MailReport, Received, ReportOutcome, list_reports, receive};

store::text_enum! {
    /// What a report says about a mail.
    pub enum ReportKind {
        /// It was not delivered and never will be.
        Bounce = "bounce",
        /// It was not delivered yet, or for a reason that passes.
        Delay = "delay",
        /// Its reader calls it spam.
        Complaint = "complaint",
    }
}
