//! The window in which a mail may be with the relay while the outbox does not know it yet: from its final dot until its
//! outcome is written down. Whoever is in it when the process is killed arrives twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a mail whose content is over waits for its turn. The relay waits ten minutes (RFC 5321, section 4.5.3.2.6).
const TURN: Duration = Duration::from_mins(1);

/// Lets so many mails through at a time.
#[derive(Debug)]
pub(super) struct Window(Arc<Semaphore>);

/// A place in the window, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<OwnedSemaphorePermit>);

impl Window {
    pub(super) fn new(width: usize) -> Self {
        Self(Arc::new(Semaphore::new(width)))
    }

    /// Nobody enters any more: who asks waits until it is dropped.
    pub(super) fn close(&self) {
        self.0.close();
    }

    /// A place, as soon as there is one; `None` when there was none for a minute.
    pub(super) async fn enter(&self) -> Option<Place> {
        match tokio::time::timeout(TURN, Arc::clone(&self.0).acquire_owned()).await {
            Ok(Ok(permit)) => Some(Place(Some(permit))),
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => None,
        }
    }
}

impl Place {
    /// For ways out where nothing arrives twice.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Waits for the `reply` to the final dot. One that takes longer than `patience` gives the place away: it is likely to
    /// end without an answer, and must not hold up everybody.
    pub(super) async fn until<T>(&mut self, reply: impl Future<Output = T>, patience: Duration) -> T {
        let mut reply = std::pin::pin!(reply);
        if let Ok(reply) = tokio::time::timeout(patience, &mut reply).await {
            return reply;
        }
        self.0 = None;
        reply.await
    }
}
