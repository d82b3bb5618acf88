//! Who writes, and the links in alert mails that act without a login.

use std::sync::Arc;

use mail::{LinkKey, MailConfig};
use search::Query;
use store::Id;

use crate::rules::AlertRules;

/// Purpose of the link that ends an alert.
const UNSUBSCRIBE: &str = "alert_unsubscribe";
/// Purpose of the link that shows and changes an alert, and everything else about its address.
const MANAGE: &str = "alert_manage";
/// Purpose of the link that answers whether a posting was right.
const FEEDBACK: &str = "alert_feedback";

/// Who we are, the key for links that act without a login, and how much we write.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// Who we are.
    pub config: Arc<MailConfig>,
    /// Signs the links.
    pub links: Arc<LinkKey>,
    /// How much an alert may write.
    pub rules: AlertRules,
}

impl Letterhead {
    /// The token that ends the alert.
    pub fn unsubscribe_token(&self, alert: Id) -> String {
        self.links.sign(UNSUBSCRIBE, alert)
    }

    /// The alert that `token` may end. A token that may manage it may end it as well.
    pub fn verify_unsubscribe(&self, token: &str) -> Option<Id> {
        self.links
            .verify(UNSUBSCRIBE, token)
            .or_else(|| self.verify_manage(token))
    }

    /// The token that shows and changes the alert, and the others of its address.
    pub fn manage_token(&self, alert: Id) -> String {
        self.links.sign(MANAGE, alert)
    }

    /// The alert that `token` may show and change.
    pub fn verify_manage(&self, token: &str) -> Option<Id> {
        self.links.verify(MANAGE, token)
    }

    /// The token that answers whether `posting` was right for the alert.
    pub fn feedback_token(&self, alert: Id, posting: Id) -> String {
        self.links.sign(&format!("{FEEDBACK}/{posting}"), alert)
    }

    /// The alert for which `token` may say whether `posting` was right.
    pub fn verify_feedback(&self, token: &str, posting: Id) -> Option<Id> {
        self.links.verify(&format!("{FEEDBACK}/{posting}"), token)
    }

    /// Where an alert is ended.
    pub fn unsubscribe_url(&self, alert: Id) -> String {
        let token = self.unsubscribe_token(alert);
        self.config.url(&format!("/v1/alerts/unsubscribe?token={token}"))
    }

    /// Where an alert, and everything else about its address, is shown and changed.
    pub fn manage_url(&self, alert: Id) -> String {
        let token = self.manage_token(alert);
        self.config
            .url(&format!("/alerts/manage?alert={alert}&token={token}"))
    }

    pub(crate) fn feedback_url(&self, alert: Id, posting: Id) -> String {
        let token = self.feedback_token(alert, posting);
        self.config
            .url(&format!("/alerts/feedback?posting={posting}&token={token}"))
    }

    pub(crate) fn posting_url(&self, slug: &str) -> String {
        self.config.url(&format!("/postings/{slug}"))
    }

    /// A search on the board.
    pub fn search_url(&self, query: &Query) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query.to_pairs())
            .finish();
        self.config.url(&format!("/?{query}"))
    }
}
