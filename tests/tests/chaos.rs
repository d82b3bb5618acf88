//! Everything that can fail fails under load: nothing that was acknowledged is lost, nobody is told twice, and what is
//! derived agrees with the database afterwards.
//!
//! A short run is part of the tests; `make chaos` sets BACKPLANE_TEST_CHAOS_ROUNDS for a long one.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use board::{Board, Cluster, Settings, SmtpServer, Witness, eventually, link_token, repetitions, run_to_end};
use serde_json::json;

/// Mails that can be past their final dot without a record of it when everything stops: `mail.unconfirmed`.
const UNCONFIRMED: usize = 1;
/// Acknowledged writes before a fault, and after it.
const SOME: usize = 6;
/// Subscribers of every posting.
const READERS: [&str; 2] = ["one@example.org", "two@example.org"];
/// Shows programs another time, where Debian's package faketime is installed.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// `kill -9`.
    Kill,
    /// The same, and the index is gone.
    IndexDeleted,
    /// The same, and every file of the index is cut in half.
    IndexTruncated,
    /// The same, and one bit of every file of the index is another.
    IndexFlipped,
    /// The same, and the clock is an hour behind at the next start, and right again at the one after.
    ClockBack,
    /// The mail server goes away and comes back.
    SmtpAway,
    /// Every connection to the database is cut.
    DatabaseCut,
    /// The database server crashes and comes back.
    DatabaseCrash,
}

impl Fault {
    fn kills(self) -> bool {
        !matches!(self, Self::SmtpAway | Self::DatabaseCut | Self::DatabaseCrash)
    }
}

/// What happened so far.
#[derive(Default)]
struct Counts {
    kills: usize,
    faults: usize,
    /// Times that the database was not there.
    outages: usize,
}

/// How long a run was asked for.
fn rounds() -> Option<usize> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is asked for from outside"
    )]
    let asked = std::env::var("BACKPLANE_TEST_CHAOS_ROUNDS");
    asked.ok().and_then(|text| text.parse().ok())
}

/// The rounds of a run: each fault in turn.
fn plan(faults: &[Fault]) -> Vec<Fault> {
    let rounds = rounds().unwrap_or(faults.len());
    faults.iter().copied().cycle().take(rounds).collect()
}

#[test]
fn sqlite_loses_nothing_acknowledged_whatever_fails() {
    let faults = [
        Fault::Kill,
        Fault::SmtpAway,
        Fault::IndexDeleted,
        Fault::Kill,
        Fault::IndexFlipped,
        Fault::ClockBack,
        Fault::IndexTruncated,
    ];
    let smtp = SmtpServer::start();
    let mut settings = Settings::sqlite();
    settings.mail_url = smtp.url();
    let mut board = Board::start(settings);
    let mut witness = prepare(&board, &smtp);
    let mut counts = Counts::default();
    for fault in plan(&faults) {
        strike(fault, &mut board, &mut witness, &smtp, None, &mut counts);
    }
    conclude("sqlite", board, witness, &smtp, &counts);
}

#[test]
fn postgres_loses_nothing_acknowledged_whatever_fails() {
    let faults = [
        Fault::DatabaseCut,
        Fault::Kill,
        Fault::DatabaseCrash,
        Fault::IndexDeleted,
        Fault::SmtpAway,
    ];
    let first = Cluster::start();
    let standby = first.standby();
    first.commit_with_standby();
    let smtp = SmtpServer::start();
    let mut settings = Settings::at(&Cluster::url(&[&first, &standby]));
    settings.mail_url = smtp.url();
    let mut board = Board::start(settings);
    let mut witness = prepare(&board, &smtp);
    let mut counts = Counts::default();
    for fault in plan(&faults) {
        strike(fault, &mut board, &mut witness, &smtp, Some(&first), &mut counts);
    }
    // The server dies for good, and its standby takes over: what was acknowledged is there.
    under_load(&board, &mut witness, true, || {
        first.crash();
        standby.promote();
    });
    counts.faults += 1;
    counts.outages += 1;
    conclude("postgres", board, witness, &smtp, &counts);
}

/// Numbers of the sync to be killed at: a few in the tests, every one up to 60 in a long run.
fn sync_points() -> Vec<usize> {
    match rounds() {
        None => vec![3, 8, 17],
        Some(rounds) => (1..=rounds.min(60)).collect(),
    }
}

#[test]
fn killed_at_any_sync_it_loses_nothing_acknowledged() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("chaos: no strace here; Debian's package is strace");
        return;
    }
    let mut board = Board::start(Settings::sqlite());
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    let path = format!("/v1/employers/{employer}/api-keys");
    let key = board
        .post(&path, Some(&access), &json!({"name": "chaos"}))
        .expect(201)
        .text_at("/secret");
    let mut witness = Witness::new("s", &employer, &key);
    let mut killed = 0;
    for point in sync_points() {
        board.kill();
        let inject = format!("inject=fsync,fdatasync:signal=KILL:when={point}");
        let strace = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            &inject,
        ];
        board.settings_mut().under = strace.map(ToOwned::to_owned).to_vec();
        let was_ready = board.try_restart();
        // A few writes, or as many as are answered until it dies.
        let is_alive = was_ready && (0..12).all(|_| witness.act(&board));
        killed += usize::from(!is_alive);
        // Strace ends with what it watches; a survivor is killed with it.
        board.signal_children("KILL");
        board.kill();
        board.settings_mut().under.clear();
        // What strace watched may hold the directory until the system has taken it down; meanwhile a second one is refused.
        assert!((0..20).any(|_| board.try_restart()), "it does not start again");
        witness.settle(&board);
        eventually("search as it was acknowledged", || {
            witness.lost(&board).is_empty().then_some(())
        });
    }
    let verified = run_to_end(&["verify"], board.settings());
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    assert!(killed > 0);
    println!(
        "chaos syncs: killed at {killed} of {} points, {} acknowledged, lost = {}",
        sync_points().len(),
        witness.acknowledged(),
        witness.lost(&board).len()
    );
}

/// Registers a recruiter, confirms the readers' alerts, and makes a key that does not run out.
fn prepare(board: &Board, smtp: &SmtpServer) -> Witness {
    let token_for = |address: &str| {
        eventually("a mail with a token", || {
            let mails = smtp.accepted();
            let to = mails.iter().rev().find(|mail| mail.recipient == address);
            to.and_then(|mail| link_token(&mail.content))
        })
    };
    let body =
        json!({"email": "recruiter@acme.example", "password": "a long enough password", "name": "Acme"});
    board.post("/v1/auth/register", None, &body).expect(202);
    let token = json!({"token": token_for("recruiter@acme.example")});
    let access = board
        .post("/v1/auth/verify-email", None, &token)
        .expect(200)
        .text_at("/access_token");
    for reader in READERS {
        let alert = json!({"email": reader, "query": {"q": "kernel engineer"}, "frequency": "instant"});
        board.post("/v1/alerts", None, &alert).expect(202);
        board
            .post("/v1/alerts/confirm", None, &json!({"token": token_for(reader)}))
            .expect(200);
    }
    let employer = board.found_employer(&access, "Acme Compute");
    let path = format!("/v1/employers/{employer}/api-keys");
    let key = board
        .post(&path, Some(&access), &json!({"name": "chaos"}))
        .expect(201)
        .text_at("/secret");
    Witness::new("c", &employer, &key)
}

/// Lets the witness write while `fault` happens in the middle of it. When the board goes on afterwards, waits until it
/// takes writes again, without anybody's help.
fn under_load(board: &Board, witness: &mut Witness, goes_on: bool, fault: impl FnOnce()) {
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (stop, done, witness) = (&stop, &done, &mut *witness);
        let writing = scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if witness.act(board) {
                    done.fetch_add(1, Ordering::Relaxed);
                } else {
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                }
            }
        });
        let some_more = |what: &str| {
            let before = done.load(Ordering::Relaxed);
            eventually(what, || {
                let is_over = writing.is_finished();
                (is_over || done.load(Ordering::Relaxed) >= before + SOME).then_some(())
            });
        };
        some_more("some writes");
        fault();
        if goes_on {
            some_more("writes after the fault");
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap();
    });
}

fn strike(
    fault: Fault,
    board: &mut Board,
    witness: &mut Witness,
    smtp: &SmtpServer,
    database: Option<&Cluster>,
    counts: &mut Counts,
) {
    if fault == Fault::ClockBack && !Path::new(FAKETIME).exists() {
        eprintln!("chaos: no faketime here, the clock stays");
        return;
    }
    counts.faults += 1;
    if !fault.kills() {
        under_load(board, witness, true, || match fault {
            Fault::DatabaseCut => {
                counts.outages += 1;
                database.unwrap().cut_connections();
            }
            Fault::DatabaseCrash => {
                counts.outages += 1;
                database.unwrap().crash();
                database.unwrap().up();
            }
            _ => {
                smtp.set_away(true);
                eventually("mails that wait", || {
                    let shown = board.try_get("/metrics")?.text;
                    shown.contains("backplane_relay_available 0").then_some(())
                });
                smtp.set_away(false);
            }
        });
        return;
    }
    counts.kills += 1;
    let pid = board.pid().to_string();
    under_load(board, witness, false, || {
        std::process::Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap();
    });
    board.kill();
    let index = board.settings().data().join("index");
    match fault {
        Fault::IndexDeleted => std::fs::remove_dir_all(&index).unwrap(),
        Fault::IndexTruncated => spoil(&index, |bytes| bytes.truncate(bytes.len() / 2)),
        Fault::IndexFlipped => spoil(&index, |bytes| {
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 0x10;
            }
        }),
        Fault::ClockBack => {
            let settings = board.settings_mut();
            settings.set("LD_PRELOAD", FAKETIME);
            settings.set("FAKETIME", "-1h");
            settings.set("DONT_FAKE_MONOTONIC", "1");
        }
        _ => {}
    }
    board.restart();
    if fault == Fault::ClockBack {
        under_load(board, witness, false, || {});
        board.settings_mut().set("FAKETIME", "+0");
        board.kill();
        counts.kills += 1;
        board.restart();
    }
    witness.settle(board);
}

fn spoil(index: &Path, change: impl Fn(&mut Vec<u8>)) {
    for entry in std::fs::read_dir(index).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
    }
}

fn conclude(database: &str, mut board: Board, mut witness: Witness, smtp: &SmtpServer, counts: &Counts) {
    witness.settle(&board);
    eventually("search as it was acknowledged", || {
        witness.lost(&board).is_empty().then_some(())
    });
    eventually("a mail about every posting to every reader", || {
        let mails = smtp.accepted();
        let is_told = |reader: &str, title: &str| {
            let title = title.trim_end_matches(" revised");
            mails
                .iter()
                .any(|mail| mail.recipient == reader && mail.content.replace("=\r\n", "").contains(title))
        };
        let titles = witness.public_titles();
        READERS
            .iter()
            .all(|reader| titles.iter().all(|title| is_told(reader, title)))
            .then_some(())
    });
    let (repeated, differing) = repetitions(&smtp.accepted());
    println!(
        "chaos {database}: {} kills, {} faults, {} acknowledged, lost = {}, {repeated} of {} mails repeated",
        counts.kills,
        counts.faults,
        witness.acknowledged(),
        witness.lost(&board).len(),
        smtp.accepted().len(),
    );
    assert_eq!(differing, Vec::new(), "told by different mails");
    // A database that goes away takes the record of at most one mail along, as a kill does.
    let most = (counts.kills + counts.outages) * UNCONFIRMED;
    assert!(repeated <= most, "{repeated} repetitions, {most} at most");
    let verify = |board: &Board, when: &str| {
        let verified = run_to_end(&["verify", "--json"], board.settings());
        let report = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(
            verified.status.success(),
            "{when}: {report}{}",
            String::from_utf8_lossy(&verified.stderr)
        );
        assert!(report.contains("\"agrees\":true"), "{when}: {report}");
    };
    verify(&board, "beside the server");
    assert!(board.terminate());
    verify(&board, "without it");
}
