//! Waking passes when another node committed something. Only shortens the wait: passes look by themselves too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Listener, StoreError, Told};
use tokio::sync::watch;

use super::Workshop;

/// How often what arrived is looked at; nothing is asked of the server for it.
const TICK: Duration = Duration::from_millis(20);
/// How often the server is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(15);
/// Pause after the connection was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens on a thread of its own until `stop` says so.
pub(super) fn start(url: String, shop: Arc<Workshop>, stop: watch::Receiver<bool>) {
    let listening = std::thread::Builder::new()
        .name("backplane-hearing".to_owned())
        .spawn(move || listen(&url, &shop, &stop));
    if let Err(error) = listening {
        tracing::warn!(%error, "commits of other nodes are only looked for, not heard of");
    }
}

fn listen(url: &str, shop: &Workshop, stop: &watch::Receiver<bool>) {
    let mut was_heard = true;
    while !*stop.borrow() {
        let lost = match Listener::open(url) {
            Ok(listener) => {
                if !was_heard {
                    tracing::info!("commits of other nodes are heard of again");
                }
                was_heard = true;
                metrics::gauge!("backplane_hears_notifications").set(1.0);
                // What was told before cannot be heard any more.
                for what in ["postings", "alerts", "mail"] {
                    wake(shop, what);
                }
                hear(listener, shop, stop).err()
            }
            Err(error) => Some(error),
        };
        metrics::gauge!("backplane_hears_notifications").set(0.0);
        let Some(error) = lost else { return };
        if was_heard {
            tracing::warn!(%error, "commits of other nodes are only looked for until the database answers again");
        }
        was_heard = false;
        std::thread::park_timeout(PAUSE);
    }
}

fn hear(mut listener: Listener, shop: &Workshop, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
    let mut asked = Instant::now();
    while !*stop.borrow() {
        for told in listener.heard()? {
            match told {
                Told::Commit(what) => wake(shop, &what),
                Told::ByNode(message) => take_in(shop, &message),
            }
        }
        if asked.elapsed() >= ASK_EVERY {
            listener.ask()?;
            asked = Instant::now();
        }
        std::thread::park_timeout(TICK);
    }
    Ok(())
}

fn wake(shop: &Workshop, what: &str) {
    let wakes = shop.state.wake();
    let label = match what {
        "postings" => {
            wakes.index.notify_one();
            wakes.alerts.notify_one();
            "postings"
        }
        "alerts" => {
            wakes.alerts.notify_one();
            "alerts"
        }
        "mail" => {
            wakes.mail.notify_one();
            "mail"
        }
        _ => "other",
    };
    metrics::counter!("backplane_notifications_total", "what" => label).increment(1);
}

/// What clients spent on another node. The first line says which; what this one said itself is known.
fn take_in(shop: &Workshop, message: &str) {
    let Some((node, spent)) = message.split_once('\n') else {
        return;
    };
    if node != shop.holder.to_string() {
        let heard = shop.state.hear_of_budgets(spent);
        metrics::counter!("backplane_budgets_heard_total").increment(heard);
    }
}
