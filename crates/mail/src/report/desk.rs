//! Who may hand in reports, and how a mail is recognised in one.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use store::Id;

use super::Report;
use crate::{MailConfig, ReturnPath};

/// Takes reports in.
#[derive(Clone)]
pub struct ReportDesk {
    return_path: Option<Arc<ReturnPath>>,
    /// The domain of our Message-IDs.
    domain: String,
    /// Hash of the token with which a mail server may hand reports in.
    token: Option<[u8; 32]>,
}

impl std::fmt::Debug for ReportDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReportDesk")
    }
}

impl ReportDesk {
    /// A desk for mails that were sent with `return_path`. Without a `token`, operators alone may hand reports in.
    pub fn new(config: &MailConfig, return_path: Option<Arc<ReturnPath>>, token: Option<&str>) -> Self {
        Self {
            return_path,
            domain: config.from.address.domain().to_owned(),
            token: token.map(hash),
        }
    }

    /// Whether `token` is the one for handing in reports; takes the same time for every wrong one.
    pub fn accepts(&self, token: &str) -> bool {
        self.token
            .is_some_and(|expected| verify_slices_are_equal(&expected, &hash(token)).is_ok())
    }

    /// The mail that `report` is about: by its signed return path, or by its Message-ID, whose 74 random bits nobody knows
    /// who did not get the mail.
    pub(crate) fn mail_of(&self, report: &Report) -> Option<Id> {
        let by_path = self.return_path.as_ref().and_then(|path| {
            let mut candidates = report.return_paths.iter();
            candidates.find_map(|address| path.mail_of(address))
        });
        by_path.or_else(|| report.message_ids.iter().find_map(|id| self.by_message_id(id)))
    }

    fn by_message_id(&self, message_id: &str) -> Option<Id> {
        let inner = message_id.trim().trim_start_matches('<').trim_end_matches('>');
        let (id, domain) = inner.split_once('@')?;
        domain
            .eq_ignore_ascii_case(&self.domain)
            .then(|| id.parse().ok())
            .flatten()
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut hashed = [0; 32];
    for (to, from) in hashed.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    hashed
}
