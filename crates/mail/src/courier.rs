//! Who carries the mails of one process.

use std::sync::Arc;
use std::time::Duration;

use store::{Clock, Db, Id, Random};

use crate::traffic::Traffic;
use crate::transport::Carrier;
use crate::{DeliveryRules, MailConfig, ReturnPath, Review, Transport};

/// What delivery passes work with, and what they remember. Cheap to clone; clones share connections and pace.
#[derive(Clone)]
pub struct Courier {
    /// Where the outbox is.
    pub db: Db,
    /// Who we are.
    pub config: Arc<MailConfig>,
    /// For the spread of repetitions.
    pub random: Arc<Random>,
    /// Tells when things happen.
    pub clock: Arc<dyn Clock>,
    /// This process, as the holder of leases.
    pub holder: Id,
    pub(crate) carrier: Arc<Carrier>,
    pub(crate) return_path: Option<Arc<ReturnPath>>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) review: Option<Arc<dyn Review>>,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier")
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}

impl Courier {
    /// A courier that uses `transport` by the default rules, with the address of `config` as the envelope's sender.
    pub fn new(
        db: Db,
        transport: &Transport,
        config: Arc<MailConfig>,
        random: Arc<Random>,
        clock: Arc<dyn Clock>,
        holder: Id,
    ) -> Self {
        let rules = DeliveryRules::default();
        let hello = config.from.address.domain();
        let carrier = Arc::new(Carrier::new(transport, hello, &rules));
        let traffic = Arc::new(Traffic::new(rules));
        Self {
            db,
            config,
            random,
            clock,
            holder,
            carrier,
            return_path: None,
            traffic,
            review: None,
        }
    }

    /// The same courier with other rules, a way out of its own and nothing to remember.
    pub fn with_rules(self, transport: &Transport, rules: DeliveryRules) -> Self {
        let hello = self.config.from.address.domain();
        let carrier = Arc::new(Carrier::new(transport, hello, &rules));
        let traffic = Arc::new(Traffic::new(rules));
        Self {
            carrier,
            traffic,
            ..self
        }
    }

    /// The same courier, whose mails name `return_path` as the envelope's sender, so that reports find back.
    pub fn with_return_path(self, return_path: Option<Arc<ReturnPath>>) -> Self {
        Self { return_path, ..self }
    }

    /// The same courier, who has bulk mails looked at by `review` before they leave.
    pub fn with_review(self, review: Arc<dyn Review>) -> Self {
        Self {
            review: Some(review),
            ..self
        }
    }

    /// The same courier with another way out; what it remembers about pace and failures stays.
    pub fn with_transport(&self, transport: &Transport) -> Self {
        let hello = self.config.from.address.domain();
        Self {
            carrier: Arc::new(Carrier::new(transport, hello, &self.traffic.rules)),
            ..self.clone()
        }
    }

    /// Whether mails go to a relay, and not to files.
    pub fn leaves_the_machine(&self) -> bool {
        matches!(*self.carrier, Carrier::Smtp(_))
    }

    /// Connections to the relay that are open now.
    pub fn open_connections(&self) -> usize {
        self.carrier.open()
    }

    /// Waits for mails in flight, for at most `patience`, and says goodbye to the relay. What is in flight after that is
    /// sent again under the same Message-ID.
    pub async fn stop(&self, patience: Duration) {
        if !self.traffic.quiet(patience).await {
            tracing::warn!("mails in flight were interrupted; they are sent again at the next start");
        }
        // When the first of them goes, the next must not take its place and be told to the relay after all.
        self.carrier.say_no_more();
        self.traffic.drop_all().await;
        self.carrier.close().await;
    }
}
