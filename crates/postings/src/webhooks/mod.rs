//! Webhooks: telling others of changes, as Standard Webhooks describes it (standardwebhooks.com).
//!
//! - [`note_pass`] is a reader of the one change feed with a cursor of its own: it writes each event once, and one row of the
//!   ledger for each endpoint that wants it, in the transaction that moves the cursor.
//! - [`delivery_pass`] leases due rows, talks while no transaction is open, and records what came of it. What fails is tried
//!   again for about three days; what happens while an endpoint is disabled is held until it is replayed.
//! - The same event keeps its `webhook-id` however often it is told, so receivers can drop what they have.

mod delivery;
mod endpoint;
mod event;
mod ledger;
mod letter;
mod outcome;
mod secret;

pub use delivery::{DeliveryReport, Messenger, delivery_pass};
pub use endpoint::{
    Endpoint, EndpointChange, EndpointError, EndpointState, NewEndpoint, count, create, delete, find, list,
    rotate_secret, seal_secrets, update,
};
pub(crate) use event::forget_posting;
pub use event::{EventKind, NoteReport, note_pass, send_trial};
pub use ledger::{
    Delivery, DeliveryCounts, DeliveryKey, DeliveryState, Replay, count_by_state, find_delivery,
    list_deliveries, purge, release_claims, replay,
};
pub use letter::write_letters;
pub use secret::{Secret, SecretError};
