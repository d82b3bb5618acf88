//! Traces by OTLP over HTTP, in its JSON form (OpenTelemetry protocol 1.x, "OTLP/HTTP").
//!
//! Requests and passes say what they did in an event of target `backplane::traces` when they are through; it becomes one
//! span. A request that came with a `traceparent` (W3C Trace Context) goes on in the caller's trace.

use std::fmt::Debug;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{OnceLock, atomic};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use store::{Clock as _, Random, SystemClock};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::config::Traces;

/// Events of this target become spans.
pub(super) const TARGET: &str = "backplane::traces";
/// Spans that wait to be sent; more are dropped.
const WAITING: usize = 4096;
/// Spans in one message at most.
const BATCH: usize = 256;
/// How long a span waits at most for others.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a collector may take.
const ANSWER: Duration = Duration::from_secs(5);

enum Message {
    Span(Value),
    /// Everything that waits is to be sent now.
    Flush(SyncSender<()>),
}

static SENDER: OnceLock<SyncSender<Message>> = OnceLock::new();

/// Takes spans over and hands them to a thread that sends them.
pub(super) struct TraceLayer {
    sender: SyncSender<Message>,
    random: Random,
    one_in: u64,
    count: atomic::AtomicU64,
}

impl TraceLayer {
    pub(super) fn start(traces: &Traces) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let endpoint = traces.endpoint.to_string();
        std::thread::Builder::new()
            .name("backplane-traces".to_owned())
            .spawn(move || send_all(&endpoint, &receiver))?;
        // The first one of a process is the only one.
        let _ = SENDER.set(sender.clone());
        Ok(Self {
            sender,
            random: Random::system(),
            one_in: traces.one_in.max(1),
            count: atomic::AtomicU64::new(0),
        })
    }

    /// Whether a trace that begins here is kept.
    fn is_chosen(&self) -> bool {
        self.count
            .fetch_add(1, atomic::Ordering::Relaxed)
            .is_multiple_of(self.one_in)
    }
}

/// Sends what waits, for at most as long as a collector may take.
pub(crate) fn send_left() {
    let Some(sender) = SENDER.get() else { return };
    let (done, is_done) = sync_channel(1);
    if sender.try_send(Message::Flush(done)).is_ok() {
        // Nobody waits longer for a collector that does not answer.
        let _ = is_done.recv_timeout(ANSWER);
    }
}

impl<S: Subscriber> Layer<S> for TraceLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let parent = said.traceparent.as_deref().and_then(Parent::parse);
        let is_kept = match &parent {
            Some(parent) if parent.is_sampled => true,
            _ => !said.is_request || self.is_chosen(),
        };
        if !is_kept {
            return;
        }
        let end_ns = SystemClock.now().micros().unsigned_abs().saturating_mul(1000);
        let start_ns = end_ns.saturating_sub(said.duration_us.saturating_mul(1000));
        let mut span = json!({
            "traceId": parent.as_ref().map_or_else(|| hex(&self.random.bytes::<16>()), |parent| parent.trace.clone()),
            "spanId": hex(&self.random.bytes::<8>()),
            "name": said.name,
            "kind": if said.is_request { 2 } else { 1 },
            "startTimeUnixNano": start_ns.to_string(),
            "endTimeUnixNano": end_ns.to_string(),
            "attributes": said.attributes,
            "status": if said.is_failed { json!({"code": 2}) } else { json!({}) },
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = parent.span.into();
        }
        if self.sender.try_send(Message::Span(span)).is_err() {
            metrics::counter!("backplane_traces_dropped_total").increment(1);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// What an event says about its span. Fields that are no attributes: `name`, `duration_us`, `failed`, `traceparent`, `request`.
#[derive(Default)]
struct Said {
    name: String,
    duration_us: u64,
    is_request: bool,
    is_failed: bool,
    traceparent: Option<String>,
    attributes: Vec<Value>,
}

impl Said {
    fn attribute(&mut self, field: &Field, value: Value) {
        self.attributes.push(json!({"key": field.name(), "value": value}));
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.name),
            "traceparent" => self.traceparent = Some(value.to_owned()),
            _ => self.attribute(field, json!({"stringValue": value})),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "duration_us" => self.duration_us = value,
            // 64-bit numbers are texts in this form.
            _ => self.attribute(field, json!({"intValue": value.to_string()})),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "failed" => self.is_failed = value,
            "request" => self.is_request = value,
            _ => self.attribute(field, json!({"boolValue": value})),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            self.attribute(field, json!({"stringValue": format!("{value:?}")}));
        }
    }
}

/// Who asked, as `traceparent: 00-<trace>-<span>-<flags>` says.
struct Parent {
    trace: String,
    span: String,
    is_sampled: bool,
}

impl Parent {
    fn parse(header: &str) -> Option<Self> {
        let parts: Vec<&str> = header.trim().split('-').collect();
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let &[version, trace, span, flags, ..] = parts.as_slice() else {
            return None;
        };
        let is_valid = is_hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.len() == 4)
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && trace.bytes().any(|b| b != b'0')
            && span.bytes().any(|b| b != b'0');
        is_valid.then(|| Self {
            trace: trace.to_owned(),
            span: span.to_owned(),
            is_sampled: u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1),
        })
    }
}

fn send_all(endpoint: &str, receiver: &Receiver<Message>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER))
        .build()
        .into();
    let mut is_heard = true;
    let mut batch = Vec::new();
    let mut oldest = Instant::now();
    loop {
        let wait = if batch.is_empty() {
            PATIENCE
        } else {
            PATIENCE.saturating_sub(oldest.elapsed())
        };
        let asked = match receiver.recv_timeout(wait) {
            Ok(Message::Span(span)) => {
                if batch.is_empty() {
                    oldest = Instant::now();
                }
                batch.push(span);
                if batch.len() < BATCH {
                    continue;
                }
                None
            }
            Ok(Message::Flush(done)) => Some(done),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !batch.is_empty() {
            let count = batch.len() as u64;
            match send(&agent, endpoint, std::mem::take(&mut batch)) {
                Ok(()) => is_heard = true,
                Err(error) => {
                    metrics::counter!("backplane_traces_dropped_total").increment(count);
                    if is_heard {
                        tracing::warn!(%error, "nobody takes our traces at telemetry.otlp_endpoint; they are dropped meanwhile");
                    }
                    is_heard = false;
                }
            }
        }
        if let Some(done) = asked {
            // Who asked may have given up.
            let _ = done.try_send(());
        }
    }
}

fn send(agent: &ureq::Agent, endpoint: &str, spans: Vec<Value>) -> Result<(), ureq::Error> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let mut scope = Map::new();
    scope.insert("name".to_owned(), "backplane".into());
    scope.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    let message = json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", "backplane"),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]},
        "scopeSpans": [{"scope": scope, "spans": spans}],
    }]});
    agent
        .post(endpoint)
        .header("Content-Type", "application/json")
        .send(message.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_names_a_parent() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = Parent::parse(&format!("00-{trace}-00f067aa0ba902b7-01"));
        let parent = parent.expect("a parent");
        assert_eq!(
            (&*parent.trace, &*parent.span, parent.is_sampled),
            (trace, "00f067aa0ba902b7", true)
        );
        let is_sampled = |text: &str| Parent::parse(text).map(|parent| parent.is_sampled);
        assert_eq!(
            is_sampled(&format!("00-{trace}-00f067aa0ba902b7-00")),
            Some(false)
        );
        assert_eq!(
            is_sampled(&format!("cc-{trace}-00f067aa0ba902b7-01-what")),
            Some(true)
        );
        for wrong in [
            "",
            "00",
            &format!("00-{trace}-00f067aa0ba902b7"),
            &format!("00-{trace}-00f067aa0ba902b7-01-more"),
            &format!("ff-{trace}-00f067aa0ba902b7-01"),
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
        ] {
            assert!(Parent::parse(wrong).is_none(), "{wrong}");
        }
    }
}
