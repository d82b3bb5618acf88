//! Webhooks, told to a real server on this machine, which an operator has to allow.

use std::collections::BTreeSet;

use diesel::prelude::*;
use jiff::SignedDuration;
use mail::LinkKey;
use postings::CloseReason;
use postings::outward::Reach;
use postings::webhooks::{
    self, DeliveryState, EndpointChange, EndpointError, EndpointState, EventKind, Replay, Secret,
};
use serde_json::json;
use store::schema::webhook_endpoints;
use store::testing::monday_morning;
use store::{Db, DbConn, Id, Random, StoreError, on_both};

use crate::hooks::{Hooks, Receiver, Told, kinds, messenger, sealing_key};
use crate::support::posting_with;

on_both! {
    fn a_receiver_that_fails_half_of_the_time_gets_every_event(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        // Every other message, and now and then several in a row.
        let receiver = Receiver::start(|n| if n % 2 == 0 || n % 7 < 3 { "500 Oops" } else { "204 No Content" });
        let (endpoint, secret) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        let ids: Vec<Id> = (0..30).map(|n| hooks.board.published(&format!("Engineer {n}"))).collect();
        assert_eq!(hooks.note(), 30);
        for id in &ids[20..] {
            hooks.board.close(*id, CloseReason::Filled).unwrap();
        }
        for id in &ids[..10] {
            hooks.board.update(*id, json!({"openings": 3})).unwrap();
            hooks.board.pause(*id).unwrap();
        }
        assert_eq!(hooks.note(), 20, "each posting as it is now");
        assert_eq!(hooks.note(), 0, "each change once");
        let report = hooks.settle();
        let ledger = hooks.ledger(endpoint.id);
        assert_eq!(report.delivered, ledger.len());
        assert!(report.retried > 0 && report.failed == 0);
        let told = receiver.told();
        let taken: Vec<&str> = told.iter().filter(|one| one.answered == 204).map(Told::id).collect();
        let different: BTreeSet<&str> = taken.iter().copied().collect();
        assert_eq!(taken.len(), different.len(), "nothing that was taken is told again");
        let written: BTreeSet<String> = ledger.iter().map(|one| one.event.id.to_string()).collect();
        assert_eq!(different.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), written, "all of it arrived");
        for one in &ledger {
            let id = one.event.id.to_string();
            let attempts = told.iter().filter(|told| told.id() == id).count();
            assert_eq!((one.row.state, one.row.attempts as usize, one.row.last_status), (DeliveryState::Delivered, attempts, Some(204)));
        }
        for one in &told {
            assert_eq!(one.is_signed_by(&secret), [true]);
            assert_eq!(one.headers["content-type"], "application/json");
        }
        let kept = hooks.kept(endpoint.id);
        assert!(kept.last_success_at.is_some());
    }

    fn an_endpoint_is_told_what_it_wants_and_nothing_from_before(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        let globex = hooks.board.employer("globex", None);
        let before = hooks.board.published("From before");
        let [own, board, closings] = [(); 3].map(|()| Receiver::start(|_| "200 OK"));
        let (endpoint, _) = hooks.endpoint(Some(hooks.board.acme), &own.url, &[]);
        hooks.endpoint(None, &board.url, &[]);
        hooks.endpoint(None, &closings.url, &[EventKind::Closed, EventKind::Removed]);
        let first = hooks.board.published("Staff RTL Design Engineer");
        let other = hooks.board.try_draft_of(globex, posting_with(json!({"apply": {"url": "https://globex.example/1"}}))).unwrap().row.id;
        hooks.board.publish(other).unwrap();
        hooks.board.draft("Nobody is told of drafts");
        hooks.note();
        hooks.settle();
        assert_eq!(kinds(&own.told()), ["posting.published"]);
        assert_eq!(kinds(&board.take()), ["posting.published", "posting.published"]);
        assert!(closings.told().is_empty());
        let told = own.take().remove(0).json();
        assert_eq!(told["data"]["posting"], json!({"id": first, "title": "Staff RTL Design Engineer", "status": "published"}));
        assert_eq!(told["data"]["revision"], 2);
        assert_eq!(told["timestamp"], hooks.board.now.to_string());

        let mut steps = Vec::new();
        let mut step = |hooks: &mut Hooks<'_>, what: &str| {
            hooks.note();
            hooks.settle();
            steps.push((what.to_owned(), kinds(&own.take())));
        };
        hooks.board.update(before, json!({"openings": 2})).unwrap();
        step(&mut hooks, "posting.updated");
        hooks.board.pause(first).unwrap();
        step(&mut hooks, "posting.paused");
        hooks.board.resume(first).unwrap();
        step(&mut hooks, "posting.updated");
        hooks.board.close(first, CloseReason::Filled).unwrap();
        step(&mut hooks, "posting.closed");
        hooks.board.delete(first);
        step(&mut hooks, "posting.removed");
        hooks.board.set_employer_status(hooks.board.acme, "paused");
        step(&mut hooks, "posting.paused");
        hooks.board.set_employer_status(hooks.board.acme, "active");
        hooks.advance(SignedDuration::from_hours(24 * 90));
        hooks.board.expire();
        step(&mut hooks, "posting.expired");
        for (expected, found) in steps {
            // Freezing an employer says once more of what is gone that it is.
            assert_eq!(found.last(), Some(&expected), "{found:?}");
        }
        let closings = closings.told();
        assert_eq!(kinds(&closings), ["posting.closed", "posting.removed"]);
        let removed = closings[1].json();
        assert_eq!(removed["data"]["posting"], json!({"id": first, "employer": {"id": hooks.board.acme}}), "nothing else of what was erased");
        let about_it: Vec<_> = hooks.ledger(endpoint.id).into_iter().filter(|delivery| delivery.event.posting_id == Some(first)).collect();
        assert_eq!(about_it.len(), 5, "told once, paused, resumed, closed, removed");
        for delivery in about_it {
            let kept: serde_json::Value = serde_json::from_str(&delivery.event.payload).unwrap();
            assert_eq!(kept["type"], delivery.event.kind.as_str());
            assert_eq!(kept["data"]["posting"], removed["data"]["posting"], "nor in what was told before, and can be told again");
        }
    }

    fn what_was_told_can_be_told_again_under_the_same_id(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        let receiver = Receiver::start(|_| "200 OK");
        let (endpoint, _) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        hooks.board.published("One");
        hooks.note();
        hooks.settle();
        hooks.advance(SignedDuration::from_hours(1));
        let later = hooks.board.now;
        hooks.board.published("Two");
        hooks.note();
        hooks.settle();
        let first: Vec<String> = receiver.take().iter().map(|one| one.id().to_owned()).collect();
        assert_eq!(first.len(), 2);
        assert_eq!(hooks.replay(endpoint.id, Replay::One(first[0].parse().unwrap())).unwrap(), 1);
        hooks.settle();
        assert_eq!(receiver.take().iter().map(|one| one.id().to_owned()).collect::<Vec<_>>(), first[..1]);
        assert_eq!(hooks.replay(endpoint.id, Replay::Since(later)).unwrap(), 1);
        hooks.settle();
        assert_eq!(receiver.take().iter().map(|one| one.id().to_owned()).collect::<Vec<_>>(), first[1..]);
        assert_eq!(hooks.replay(endpoint.id, Replay::Since(monday_morning())).unwrap(), 2);
        hooks.settle();
        assert_eq!(receiver.take().iter().map(|one| one.id().to_owned()).collect::<Vec<_>>(), first, "in the order in which it happened");
        let stranger = hooks.board.random.id(hooks.board.now);
        assert!(matches!(hooks.replay(endpoint.id, Replay::One(stranger)), Err(EndpointError::NotFound)));

        let trial = db.write_blocking(|tx| webhooks::send_trial(tx, endpoint.id, &hooks.board.random, hooks.board.now)).unwrap();
        hooks.settle();
        let told = receiver.take().remove(0);
        assert_eq!((told.id(), told.json()["type"].as_str()), (trial.to_string().as_str(), Some("webhook.test")));
        hooks.advance(SignedDuration::from_hours(24 * 31));
        let old = hooks.board.now.minus(SignedDuration::from_hours(24 * 30));
        assert_eq!(db.write_blocking(|tx| webhooks::purge(tx, old, 100)).unwrap(), 3);
        assert!(hooks.ledger(endpoint.id).is_empty());
    }

    fn an_endpoint_that_fails_for_three_days_is_disabled_and_misses_nothing(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        hooks.add_owner("owner@acme.example");
        let receiver = Receiver::start(|n| if n < 40 { "503 Later" } else { "200 OK" });
        let (endpoint, _) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        hooks.board.published("One");
        hooks.note();
        let began = hooks.board.now;
        hooks.pass();
        let kept = hooks.kept(endpoint.id);
        assert_eq!((kept.state, kept.failing_since, kept.last_status), (EndpointState::Enabled, Some(began), Some(503)));
        hooks.settle();
        let kept = hooks.kept(endpoint.id);
        assert_eq!(kept.state, EndpointState::Disabled);
        assert!(kept.disabled_reason.unwrap().contains("three days"));
        let hours = (hooks.board.now.seconds() - began.seconds()) / 3600;
        assert!((72..96).contains(&hours), "{hours}");
        assert!(receiver.take().len() < 15, "less and less often");
        let mails = hooks.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].recipient.as_str(), "owner@acme.example");
        assert!(mails[0].text_body.contains(&format!("/v1/webhooks/{}/replay", endpoint.id)), "{}", mails[0].text_body);

        hooks.board.published("Two");
        hooks.note();
        let states: Vec<DeliveryState> = hooks.ledger(endpoint.id).iter().map(|one| one.row.state).collect();
        assert_eq!(states, [DeliveryState::Held, DeliveryState::Held]);
        assert!(matches!(hooks.replay(endpoint.id, Replay::Since(began)), Err(EndpointError::Disabled)));
        let mended = Receiver::start(|_| "200 OK");
        let change = EndpointChange { url: Some(mended.url.clone()), state: Some(EndpointState::Enabled), ..EndpointChange::default() };
        db.write_blocking(|tx| webhooks::update(tx, endpoint.id, change, None, Reach::Local, hooks.board.now)).unwrap();
        assert_eq!(hooks.replay(endpoint.id, Replay::Since(began)).unwrap(), 2);
        hooks.settle();
        assert_eq!(kinds(&mended.told()), ["posting.published", "posting.published"]);
        assert_eq!(hooks.kept(endpoint.id).failing_since, None);
    }

    fn an_endpoint_that_is_gone_is_disabled_at_once(db) {
        let hooks = Hooks::new(db, Reach::Local);
        hooks.add_owner("owner@acme.example");
        let receiver = Receiver::start(|_| "410 Gone");
        let (endpoint, _) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        hooks.board.published("One");
        hooks.board.published("Two");
        hooks.note();
        assert_eq!(hooks.pass().disabled, 1);
        assert_eq!(hooks.kept(endpoint.id).state, EndpointState::Disabled);
        assert_eq!((receiver.told().len(), hooks.mails().len()), (1, 1));
        assert!(hooks.ledger(endpoint.id).iter().all(|one| one.row.state == DeliveryState::Held));
        hooks.set_state(endpoint.id, EndpointState::Enabled);
        hooks.set_state(endpoint.id, EndpointState::Disabled);
        assert_eq!(hooks.kept(endpoint.id).disabled_reason.as_deref(), Some("by its owner"));
        assert_eq!(hooks.mails().len(), 1, "who did it knows");
    }

    fn a_retry_after_holds_everything_for_that_endpoint_and_nothing_for_others(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        let busy = Receiver::start(|n| if n == 0 { "429 Slowly\r\nRetry-After: 3600" } else { "200 OK" });
        let other = Receiver::start(|_| "200 OK");
        let (endpoint, _) = hooks.endpoint(None, &busy.url, &[]);
        hooks.endpoint(None, &other.url, &[]);
        for n in 0..5 {
            hooks.board.published(&format!("Engineer {n}"));
        }
        hooks.note();
        hooks.pass();
        assert_eq!((busy.told().len(), other.told().len()), (1, 5));
        hooks.advance(SignedDuration::from_mins(59));
        hooks.pass();
        assert_eq!(busy.told().len(), 1);
        hooks.advance(SignedDuration::from_mins(8));
        hooks.pass();
        assert_eq!(busy.told().len(), 6);
        assert!(hooks.ledger(endpoint.id).iter().all(|one| one.row.state == DeliveryState::Delivered));
    }

    fn a_new_secret_signs_beside_the_old_one_for_a_day(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        let receiver = Receiver::start(|_| "200 OK");
        let (endpoint, old) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        let (_, new) = db.write_blocking(|tx| webhooks::rotate_secret(tx, endpoint.id, &sealing_key(), &hooks.board.random, hooks.board.now)).unwrap();
        assert_ne!(old.as_str(), new.as_str());
        hooks.board.published("One");
        hooks.note();
        hooks.settle();
        hooks.advance(SignedDuration::from_hours(24));
        hooks.board.published("Two");
        hooks.note();
        hooks.settle();
        let told = receiver.told();
        assert_eq!((told[0].is_signed_by(&new), told[0].is_signed_by(&old)), (vec![true, false], vec![false, true]));
        assert_eq!((told[1].is_signed_by(&new), told[1].is_signed_by(&old)), (vec![true], vec![false]));
    }

    fn a_secret_lies_sealed_in_the_database_and_only_the_installations_key_signs_with_it(db) {
        let mut hooks = Hooks::new(db, Reach::Local);
        let receiver = Receiver::start(|_| "200 OK");
        let (endpoint, secret) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        let stored = || stored_secrets(db, endpoint.id);
        let is_sealed = |text: &str| text.starts_with("sealed:") && !text.contains(secret.as_str().trim_start_matches("whsec_"));
        assert!(is_sealed(&stored().0), "{:?}", stored());
        // An older version left them as they were.
        let old = Secret::new(&Random::seeded(9));
        let until = hooks.board.now.plus(SignedDuration::from_hours(1));
        db.write_blocking::<_, EndpointError>(|tx| {
            let values = (webhook_endpoints::secret.eq(secret.as_str()), webhook_endpoints::previous_secret.eq(old.as_str()),
                webhook_endpoints::previous_until.eq(until));
            diesel::update(webhook_endpoints::table.find(endpoint.id)).set(values).execute(tx)?;
            Ok(())
        }).unwrap();
        hooks.board.published("Before");
        hooks.note();
        hooks.settle();
        let tidy = |now| db.write_blocking(|tx| webhooks::seal_secrets(tx, &sealing_key(), &hooks.board.random, 10, now)).unwrap();
        assert_eq!((tidy(hooks.board.now), tidy(hooks.board.now)), (1, 0));
        assert!(is_sealed(&stored().0) && stored().1.is_some_and(|previous| previous.starts_with("sealed:")));
        let later = until.plus(SignedDuration::from_secs(1));
        assert_eq!((tidy(later), tidy(later), stored().1), (1, 0, None), "a secret that no longer signs is forgotten");
        hooks.board.published("After");
        hooks.note();
        hooks.settle();
        let told = receiver.told();
        assert_eq!((told[0].is_signed_by(&secret), told[1].is_signed_by(&secret)), (vec![true, false], vec![true]));
        // With other keys nothing is told, rather than something unsigned; a new secret mends it.
        let other = LinkKey::random(&Random::seeded(12));
        let sealed_elsewhere = |tx: &mut DbConn| webhooks::rotate_secret(tx, endpoint.id, &other, &hooks.board.random, hooks.board.now);
        db.write_blocking(sealed_elsewhere).unwrap();
        hooks.board.published("Unsigned");
        hooks.note();
        assert_eq!(hooks.pass().retried, 1);
        assert_eq!(receiver.told().len(), 2);
        let error = db.read_blocking(|conn| webhooks::find(conn, endpoint.id)).unwrap().unwrap().last_error.unwrap();
        assert!(error.contains("sealed with other keys"), "{error}");
        let mend = |tx: &mut DbConn| webhooks::rotate_secret(tx, endpoint.id, &sealing_key(), &hooks.board.random, hooks.board.now);
        let (_, new) = db.write_blocking(mend).unwrap();
        hooks.settle();
        assert_eq!(receiver.told().last().unwrap().is_signed_by(&new), vec![true]);
    }

    fn nobody_inside_our_network_is_told(db) {
        let hooks = Hooks::new(db, Reach::Public);
        let inside = ["https://127.0.0.1/x", "https://127.1/x", "https://2130706433/x", "https://0x7f.0.0.1/", "https://0.0.0.0/", "https://[::1]/",
            "https://[::ffff:127.0.0.1]/", "https://[fd00:ec2::254]/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1:8443/",
            "https://192.168.1.1", "https://localhost/", "https://localhost./", "https://database:5432/", "http://example.com/", "ftp://example.com/",
            "https://user:password@example.com/", "https://example.com/#x", "nonsense", "", "https://"];
        for url in inside {
            assert!(matches!(hooks.try_endpoint(None, url, &[], Reach::Public), Err(EndpointError::Invalid("/url", _))), "{url}");
        }
        hooks.try_endpoint(None, "https://hooks.example.com:8443/a?b=c", &[], Reach::Public).unwrap();
        // A name that leads inside is only seen when it is looked up: as if an operator had allowed it once.
        let receiver = Receiver::start(|_| "200 OK");
        let by_name = receiver.url.replace("http://127.0.0.1", "https://localhost");
        let (named, _) = hooks.endpoint(Some(hooks.board.acme), &by_name, &[]);
        let (plain, _) = hooks.endpoint(Some(hooks.board.acme), &receiver.url, &[]);
        hooks.set_state(named.id, EndpointState::Enabled);
        hooks.board.published("One");
        db.write_blocking::<_, EndpointError>(|tx| {
            for endpoint in webhooks::list(tx, None)? {
                webhooks::delete(tx, endpoint.id, None)?;
            }
            Ok(())
        }).unwrap();
        hooks.note();
        assert_eq!(hooks.pass().retried, 2);
        let why = hooks.kept(named.id).last_error.unwrap();
        assert!(why.contains("a network that is not public"), "{why}");
        assert!(hooks.kept(plain.id).last_error.is_some());
        assert!(receiver.told().is_empty(), "nobody was asked");

        let mut hooks = Hooks { messenger: messenger(db, Reach::Local, &hooks.clock), ..hooks };
        let trap = Receiver::start(|_| "200 OK");
        let target = trap.url.clone();
        let moved: &'static str = Box::leak(format!("302 Found\r\nLocation: {target}").into_boxed_str());
        let mover = Receiver::start(move |_| moved);
        let (endpoint, _) = hooks.endpoint(Some(hooks.board.acme), &mover.url, &[]);
        hooks.board.published("Two");
        hooks.note();
        hooks.advance(SignedDuration::from_secs(1));
        hooks.pass();
        assert_eq!(hooks.kept(endpoint.id).last_status, Some(302), "a redirect is not followed");
        assert!(trap.told().is_empty());
    }
}

/// The secrets of an endpoint as they stand in the database.
fn stored_secrets(db: &Db, id: Id) -> (String, Option<String>) {
    let columns = (webhook_endpoints::secret, webhook_endpoints::previous_secret);
    let found = |conn: &mut DbConn| {
        webhook_endpoints::table
            .find(id)
            .select(columns)
            .first(conn)
            .map_err(StoreError::from)
    };
    db.read_blocking(found).unwrap()
}
