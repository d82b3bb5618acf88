//! Domains, ownership, quotas, keys with scopes, and the audit trail.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use accounts::{
    Actor, ActorKind, ApiKeyError, Counted, Deed, Dns, DomainError, DomainProof, DomainReport, DomainState,
    KeyRequest, Look, OwnershipError, QuotaError, QuotaOverride, Quotas, Role, Scope, TxtLookup,
};
use diesel::prelude::*;
use jiff::SignedDuration;
use store::StoreError;
use store::schema::audit_entries;
use support::Board;

/// A name server on this machine that knows one TXT record, in two parts, and is silent when it is told to be.
struct NameServer {
    address: SocketAddr,
    is_silent: Arc<AtomicBool>,
}

impl NameServer {
    fn start(domain: &'static str, text: String) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, is_silent) = (socket.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let silent = Arc::clone(&is_silent);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if !silent.load(Ordering::Acquire) {
                    socket
                        .send_to(&answer(&buffer[..length], domain, &text), from)
                        .unwrap();
                }
            }
        });
        Self { address, is_silent }
    }
}

/// RFC 1035, section 4: the header and the question as they came, then one record, or NXDOMAIN for other names.
fn answer(query: &[u8], domain: &str, text: &str) -> Vec<u8> {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let question = &query[12..at + 5];
    let is_ours = labels.join(".") == domain && question[question.len() - 4..] == [0, 16, 0, 1];
    let mut reply = query[..2].to_vec();
    reply.extend([
        0x81,
        if is_ours { 0x80 } else { 0x83 },
        0,
        1,
        0,
        u8::from(is_ours),
        0,
        0,
        0,
        0,
    ]);
    reply.extend(question);
    if is_ours {
        let (first, second) = text.split_at(text.len() / 2);
        let data: Vec<u8> = [first, second]
            .iter()
            .flat_map(|part| std::iter::once(part.len() as u8).chain(part.bytes()))
            .collect();
        reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        reply.extend(data);
    }
    reply
}

#[test]
fn txt_records_are_asked_over_udp_and_their_parts_put_together() {
    let server = NameServer::start("acme.example", "backplane-verification=abc".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dns = Dns::at(server.address).unwrap();
        assert_eq!(
            dns.texts("acme.example").await.unwrap(),
            ["backplane-verification=abc"]
        );
        assert_eq!(dns.texts("other.example").await.unwrap(), Vec::<String>::new());
        server.is_silent.store(true, Ordering::Release);
        assert!(
            dns.texts("acme.example").await.is_err(),
            "what nobody answers is not known to be missing"
        );
    });
}

store::on_both! {
    fn a_domain_is_shown_by_its_record_over_real_dns_and_looked_at_every_day(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let named = board.write(|tx| accounts::add_domain(tx, acme.id, "Acme.Example", &board.random, now));
        assert_eq!((named.state, named.domain.as_str()), (DomainState::Pending, "acme.example"));
        let again = db.write_blocking(|tx| accounts::add_domain(tx, acme.id, "acme.example", &board.random, now));
        assert!(matches!(again, Err(DomainError::Exists)));
        let server = NameServer::start("acme.example", named.record());
        let dns = Dns::at(server.address).unwrap();
        let missing = db.write_blocking(|tx| accounts::confirm_by_dns(tx, &named, Look::Missing, now));
        assert!(matches!(missing, Err(DomainError::Unproven)));
        let look = board.block_on(accounts::look_at(&dns, &named));
        let verified = board.write(|tx| accounts::confirm_by_dns(tx, &named, look, now));
        assert_eq!((verified.state, verified.proof), (DomainState::Verified, Some(DomainProof::Dns)));
        let shown = || board.read(|c| accounts::find_employer(c, &acme.id.to_string())).unwrap();
        assert_eq!((shown().verified_domain.as_deref(), shown().version), (Some("acme.example"), 2));

        let pass = |dns: &dyn TxtLookup| {
            board.block_on(accounts::domain_pass(db, dns, &board.config, &board.random, board.now())).unwrap()
        };
        assert_eq!(pass(&dns), DomainReport { checked: 0, lost: 0, is_caught_up: true });
        board.advance(SignedDuration::from_hours(24));
        assert_eq!(pass(&dns), DomainReport { checked: 1, lost: 0, is_caught_up: true });
        // Nobody answers for days: nothing is concluded from that.
        server.is_silent.store(true, Ordering::Release);
        board.advance(SignedDuration::from_hours(24));
        assert_eq!(pass(&dns).lost, 0);
        board.advance(SignedDuration::from_hours(1));
        // The record is gone: at the third look, two days after the first, so is the domain.
        let other = NameServer::start("acme.example", "something else".to_owned());
        let other = Dns::at(other.address).unwrap();
        for lost in [0, 0, 1, 0] {
            assert_eq!(pass(&other).lost, lost);
            board.advance(SignedDuration::from_hours(24));
        }
        assert_eq!(shown().verified_domain, None);
        assert_eq!(board.kinds("ada").iter().filter(|kind| *kind == "domain_lost").count(), 1);
        let trail = board.read(|c| accounts::list_audit(c, acme.id, None, 10));
        assert_eq!((trail.data[0].action.as_str(), trail.data[0].actor_kind), ("domain.lost", ActorKind::System));
        // It comes back with the record.
        server.is_silent.store(false, Ordering::Release);
        let look = board.block_on(accounts::look_at(&dns, &verified));
        board.write(|tx| accounts::confirm_by_dns(tx, &verified, look, board.now()));
        assert_eq!(shown().verified_domain.as_deref(), Some("acme.example"));
    }

    fn a_mail_to_a_mailbox_that_only_the_domain_has_shows_it_for_a_year(db) {
        let board = Board::new(db);
        let acme = board.employer(&board.user("ada"), "Acme");
        let now = board.now();
        let named = board.write(|tx| accounts::add_domain(tx, acme.id, "inbox.example", &board.random, now));
        let mail = |mailbox: &str| {
            let now = board.now();
            db.write_blocking(|tx| accounts::mail_proof(tx, &acme, named.id, mailbox, board.letters(), now))
        };
        for stranger in ["ada", "info", "postmaster@evil.example", "postmaster\r\nBcc: x@evil.example", ""] {
            assert!(matches!(mail(stranger), Err(DomainError::Mailbox)), "{stranger}");
        }
        mail("PostMaster ").unwrap();
        assert!(matches!(mail("webmaster"), Err(DomainError::TooSoon)), "one a minute for the whole domain");
        let token = board.newest_token("postmaster");
        let confirm = |token: &str| {
            let now = board.now();
            db.write_blocking(|tx| accounts::confirm_by_mail(tx, token, now))
        };
        assert!(matches!(confirm("nonsense"), Err(DomainError::Token)));
        assert_eq!(confirm(&token).unwrap().proof, Some(DomainProof::Mail));
        assert!(matches!(confirm(&token), Err(DomainError::Token)), "it works once");
        board.advance(SignedDuration::from_hours(365 * 24));
        let silent = NameServer::start("x.example", String::new());
        let dns = Dns::at(silent.address).unwrap();
        let report = board.block_on(accounts::domain_pass(db, &dns, &board.config, &board.random, board.now())).unwrap();
        assert_eq!(report.lost, 1, "a year later it has to be shown again");
    }

    fn an_employer_is_handed_over_in_two_steps(db) {
        let board = Board::new(db);
        let (ada, bob, eve) = (board.user("ada"), board.user("bob"), board.user("eve"));
        let acme = board.employer(&ada, "Acme");
        let now = board.now();
        let offer = |to| db.write_blocking(|tx| accounts::offer_ownership(tx, &acme, &ada, to, board.letters(), now));
        let accept = |heir: &accounts::User| {
            let now = board.now();
            db.write_blocking(|tx| accounts::accept_ownership(tx, &acme, heir, board.letters(), now))
        };
        assert!(matches!(offer(bob.id), Err(OwnershipError::NotMember)));
        assert!(matches!(offer(ada.id), Err(OwnershipError::AlreadyOwner)));
        board.write(|tx| accounts::add_member(tx, acme.id, bob.id, Role::Viewer, now));
        board.write(|tx| accounts::add_member(tx, acme.id, eve.id, Role::Recruiter, now));
        offer(bob.id).unwrap();
        let role = |user: &accounts::User| board.read(|c| accounts::role_of(c, acme.id, user.id));
        assert_eq!((role(&ada), role(&bob)), (Some(Role::Owner), Some(Role::Viewer)), "nothing changes by an offer");
        assert!(matches!(accept(&eve), Err(OwnershipError::NoOffer)), "it is not hers");
        board.advance(SignedDuration::from_hours(7 * 24));
        assert!(matches!(accept(&bob), Err(OwnershipError::NoOffer)), "it is too old");
        let now = board.now();
        board.write(|tx| accounts::offer_ownership(tx, &acme, &ada, bob.id, board.letters(), now));
        accept(&bob).unwrap();
        assert_eq!((role(&ada), role(&bob)), (Some(Role::Recruiter), Some(Role::Owner)));
        assert!(matches!(accept(&bob), Err(OwnershipError::NoOffer)), "it works once");
        assert!(board.kinds("bob").contains(&"ownership_changed".to_owned()));
        assert!(board.kinds("ada").contains(&"ownership_changed".to_owned()));
        // An offer of somebody who is no owner any more is worth nothing.
        let kim = board.user("kim");
        board.write(|tx| accounts::add_member(tx, acme.id, kim.id, Role::Owner, now));
        board.write(|tx| accounts::offer_ownership(tx, &acme, &bob, eve.id, board.letters(), now));
        board.write(|tx| accounts::change_role(tx, acme.id, bob.id, Role::Viewer));
        assert!(matches!(accept(&eve), Err(OwnershipError::NoOffer)));
    }

    fn an_employer_has_as_many_as_it_may_and_the_operator_can_allow_more(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let (acme, other) = (board.employer(&ada, "Acme"), board.employer(&ada, "Other"));
        let (now, configured) = (board.now(), Quotas { members: 2, ..Quotas::default() });
        let room = |employer, more| {
            db.write_blocking(|tx| accounts::require_room(tx, employer, Counted::Members, more, configured, now))
        };
        room(acme.id, 1).unwrap();
        let full = room(acme.id, 2);
        assert!(matches!(full, Err(QuotaError::Exceeded { counted: Counted::Members, limit: 2, present: 1 })), "{full:?}");
        let more = QuotaOverride { members: Some(3), ..QuotaOverride::default() };
        for _ in 0..2 {
            board.write(|tx| accounts::set_quotas(tx, acme.id, more, now));
        }
        room(acme.id, 2).unwrap();
        assert!(room(other.id, 2).is_err(), "the others are not allowed more");
        board.write(|tx| accounts::set_quotas(tx, acme.id, QuotaOverride::default(), now));
        assert!(room(acme.id, 2).is_err(), "as configured again");
        let absurd = QuotaOverride { drafts: Some(-1), ..more };
        assert!(matches!(db.write_blocking(|tx| accounts::set_quotas(tx, acme.id, absurd, now)), Err(QuotaError::Number)));
    }

    fn a_key_has_scopes_and_an_end(db) {
        let board = Board::new(db);
        let acme = board.employer(&board.user("ada"), "Acme");
        let now = board.now();
        let request = KeyRequest { name: "ATS\r\n".to_owned(), scopes: vec![Scope::Read, Scope::Read], expires_at: None };
        let make = |request: &KeyRequest, quotas| {
            db.write_blocking(|tx| accounts::create_api_key(tx, acme.id, request, quotas, &board.random, now))
        };
        let none = KeyRequest { scopes: Vec::new(), ..request.clone() };
        assert!(matches!(make(&none, Quotas::default()), Err(ApiKeyError::Scopes)));
        let past = KeyRequest { expires_at: Some(now), ..request.clone() };
        assert!(matches!(make(&past, Quotas::default()), Err(ApiKeyError::Expiry)));
        let hour = now.plus(SignedDuration::from_hours(1));
        let made = make(&KeyRequest { expires_at: Some(hour), ..request.clone() }, Quotas::default()).unwrap();
        assert_eq!((made.key.may(Scope::Read), made.key.may(Scope::Postings)), (true, false));
        let find = |at| board.read(|c| accounts::find_api_key(c, &made.secret, at));
        assert_eq!(find(now).unwrap(), made.key);
        assert!(find(hour).is_none());
        let full = make(&request, Quotas { api_keys: 1, ..Quotas::default() });
        assert!(matches!(full, Err(ApiKeyError::Quota(QuotaError::Exceeded { .. }))), "{full:?}");
    }

    fn the_audit_trail_is_added_to_and_never_changed(db) {
        let board = Board::new(db);
        let ada = board.user("ada");
        let (acme, other) = (board.employer(&ada, "Acme"), board.employer(&ada, "Other"));
        let actor = Actor { kind: ActorKind::User, id: Some(ada.id), request_id: Some("request-1".to_owned()) };
        for action in ["employer.made", "member.invited", "member.joined"] {
            let deed = Deed::to_employer(acme.id, action, serde_json::json!({"role": "viewer"}));
            let now = board.now();
            board.write(|tx| accounts::record(tx, &actor, deed, &board.random, now));
            board.advance(SignedDuration::from_secs(1));
        }
        let first = board.read(|c| accounts::list_audit(c, acme.id, None, 2));
        let rest = board.read(|c| accounts::list_audit(c, acme.id, first.next, 2));
        let actions: Vec<_> = first.data.iter().chain(&rest.data).map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["member.joined", "member.invited", "employer.made"]);
        assert_eq!((first.data[0].actor_id, first.data[0].request_id.as_deref()), (Some(ada.id), Some("request-1")));
        assert!(board.read(|c| accounts::list_audit(c, other.id, None, 9)).data.is_empty());
        let changed = db.write_blocking(|tx| {
            Ok::<_, StoreError>(diesel::update(audit_entries::table).set(audit_entries::action.eq("nothing")).execute(tx)?)
        });
        assert!(changed.is_err(), "the database itself refuses");
        assert_eq!(board.read(|c| accounts::list_audit(c, acme.id, None, 9)).data.len(), 3);
        // It outlives its actor.
        board.write(|tx| accounts::set_employer_status(tx, acme.id, accounts::EmployerStatus::Paused, None, board.now()));
        board.write(|tx| accounts::set_employer_status(tx, other.id, accounts::EmployerStatus::Paused, None, board.now()));
        board.write(|tx| accounts::delete_user(tx, ada.id));
        assert_eq!(board.read(|c| accounts::list_audit(c, acme.id, None, 9)).data.len(), 3);
    }
}
