//! Writing down what became of mails, several in one transaction.

use std::sync::{Mutex, PoisonError};

use store::{Clock, Db, StoreError};
use tokio::sync::oneshot;

use crate::Mail;
use crate::claim::{self, Outcome};

/// Whoever has something to write down waits for its turn, and then writes for all who wait by then: under load a
/// transaction carries many outcomes, and a single one waits for nobody. An outcome is durable when `record` returns.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    mail: Mail,
    outcome: Outcome,
    tell: oneshot::Sender<Result<bool, String>>,
}

impl Recorder {
    /// Writes `outcome`, when the lease under which `mail` was tried is still the row's; returns whether it was.
    ///
    /// # Errors
    /// What the database said, in words.
    pub(crate) async fn record(
        &self,
        db: &Db,
        clock: &dyn Clock,
        mail: Mail,
        outcome: Outcome,
    ) -> Result<bool, String> {
        let (tell, mut told) = oneshot::channel();
        self.waiting().push(Waiting { mail, outcome, tell });
        let turn = self.turn.lock().await;
        if let Ok(written) = told.try_recv() {
            // The one before wrote it along with its own.
            return written;
        }
        let batch = std::mem::take(&mut *self.waiting());
        self.write(db, clock, batch).await;
        drop(turn);
        told.try_recv()
            .unwrap_or_else(|_| Err("nobody wrote it down".to_owned()))
    }

    async fn write(&self, db: &Db, clock: &dyn Clock, batch: Vec<Waiting>) {
        let now = clock.now();
        let (rows, tellers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|entry| ((entry.mail, entry.outcome), entry.tell))
            .unzip();
        let written: Result<Vec<bool>, StoreError> = db
            .write(move |tx| {
                rows.iter()
                    .map(|(mail, outcome)| claim::record(tx, mail, outcome, now))
                    .collect()
            })
            .await;
        match written {
            Ok(all) => {
                for (tell, is_ours) in tellers.into_iter().zip(all) {
                    // Whoever waited may have been dropped; what was written stays written.
                    let _ = tell.send(Ok(is_ours));
                }
            }
            Err(error) => {
                for tell in tellers {
                    let _ = tell.send(Err(error.to_string()));
                }
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
