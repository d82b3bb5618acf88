//! What an operator does and what happens to a machine, with the real program.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use board::{Board, Cluster, Settings, Witness, eventually, on_both, run_to_end};
use serde_json::json;
use store::testing::TestDb;
use store::{Backend, Db, DbOptions, StoreError};

/// A recruiter with an employer, and a witness that writes for them.
fn witness(board: &Board) -> Witness {
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    Witness::new("o", &employer, &access)
}

/// Writes past the program, as damage would.
fn tamper(settings: &Settings, statement: &str) {
    let url = settings
        .database_url()
        .unwrap_or_else(|| format!("sqlite:{}", settings.data().join("backplane.db").display()));
    let db = Db::open(&DbOptions::new(url)).unwrap();
    db.write_blocking(|tx| Ok::<_, StoreError>(tx.batch(statement)?))
        .unwrap();
}

#[track_caller]
fn ends_with(settings: &Settings, args: &[&str], status: i32) -> String {
    let output = run_to_end(args, settings);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    text
}

on_both! {
    fn verify_finds_what_disagrees_and_mends_what_is_derived(settings) {
        let mut board = Board::start(settings);
        let mut witness = witness(&board);
        (0..12).for_each(|_| assert!(witness.act(&board)));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        ends_with(board.settings(), &["verify"], 0);
        let refused = ends_with(board.settings(), &["verify", "--repair"], 1);
        assert!(refused.contains("in use by a running Backplane server"), "{refused}");
        assert!(board.terminate());

        tamper(board.settings(), "UPDATE counters SET value = 1 WHERE name = 'postings'");
        tamper(board.settings(), "UPDATE postings SET slug = 'another-' || slug WHERE status = 'published'");
        let found = ends_with(board.settings(), &["verify"], 3);
        assert!(found.contains("WRONG     posting_counter") && found.contains("WRONG     index"), "{found}");
        let mended = ends_with(board.settings(), &["verify", "--repair"], 0);
        assert!(mended.contains("repaired  posting_counter") && mended.contains("repaired  index"), "{mended}");
        assert!(ends_with(board.settings(), &["verify", "--json"], 0).contains("\"agrees\":true"));

        // What only a person can decide is not touched.
        tamper(board.settings(), "UPDATE postings SET first_revision = revision + 1 WHERE status = 'published'");
        tamper(board.settings(), "UPDATE postings SET campaign_id = id WHERE status = 'published'");
        tamper(board.settings(), "INSERT INTO posting_numbers (posting_id, day, impressions, views, apply_clicks) SELECT id, 1, -1, 0, 0 FROM postings");
        let found = ends_with(board.settings(), &["verify", "--repair"], 3);
        assert!(found.contains("restore the last backup"), "{found}");
        for rule in ["first_revision", "campaign_of_employer", "numbers_count"] {
            assert!(found.contains(&format!("WRONG     {rule}")), "{rule} in {found}");
        }
    }

    fn a_program_serves_a_schema_that_only_has_more_and_refuses_one_that_says_so(settings) {
        let mut board = Board::start(settings);
        let mut witness = witness(&board);
        assert!(witness.act(&board));
        // What a later version does first: it adds. This program runs on beside it, and starts again.
        tamper(board.settings(), "INSERT INTO __diesel_schema_migrations (version) VALUES ('9000')");
        tamper(board.settings(), "ALTER TABLE postings ADD COLUMN later TEXT");
        tamper(board.settings(), "CREATE TABLE later (id INTEGER NOT NULL PRIMARY KEY)");
        (0..5).for_each(|_| assert!(witness.act(&board)));
        board.kill();
        board.restart();
        (0..6).for_each(|_| assert!(witness.act(&board)));
        eventually("search as it was acknowledged", || witness.lost(&board).is_empty().then_some(()));
        // What a later version does when no node is old any more: it takes away, and says so.
        assert!(board.terminate());
        tamper(board.settings(), "INSERT INTO installation (name, value) VALUES ('oldest_step', '9000')");
        let refused = ends_with(board.settings(), &["serve"], 1);
        assert!(refused.contains("belongs to a later version of Backplane"), "{refused}");
    }

    fn one_key_makes_one_thing_however_many_ask_at_once(settings) {
        let mut board = Board::start(settings);
        let access = board.sign_up("recruiter@acme.example");
        let employer = board.found_employer(&access, "Acme Compute");
        let path = format!("/v1/employers/{employer}/postings");
        let draft = json!({"title": "Fabric Engineer", "description": "Own the network."});
        // A machine that is too busy says so, and is asked again.
        let ask = |body: &serde_json::Value| eventually("an answer", || {
            let answer = board.try_send_keyed("POST", &path, &access, "one-key", body);
            answer.filter(|answer| answer.status != 503)
        });
        let ids: HashSet<String> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..50).map(|_| scope.spawn(|| ask(&draft).expect(201).text_at("/id"))).collect();
            asking.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1, "{ids:?}");
        board.kill();
        board.restart();
        let again = board.try_send_keyed("POST", &path, &access, "one-key", &draft).unwrap().expect(201);
        assert!(ids.contains(&again.text_at("/id")), "also after a kill");
        let other = json!({"title": "Another", "description": "Own the network."});
        let refused = board.try_send_keyed("POST", &path, &access, "one-key", &other).unwrap().expect(422);
        assert_eq!(refused.text_at("/code"), "idempotency_key_reused");
        let made = board.try_send("GET", &path, Some(&access), None).unwrap().expect(200);
        assert_eq!(made.json["data"].as_array().unwrap().len(), 1);
    }

    fn every_figure_says_what_it_means(settings) {
        let board = Board::start(settings);
        let mut witness = witness(&board);
        (0..12).for_each(|_| assert!(witness.act(&board)));
        let scraped = eventually("figures of the process", || {
            let text = board.get("/metrics").expect(200).text;
            text.contains("backplane_postings{").then_some(text)
        });
        let explained: Vec<&str> = scraped.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
        for line in scraped.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(explained.contains(&base) || explained.contains(&name), "{name} has no HELP");
        }
        assert!(explained.len() > 25, "{explained:?}");
    }

    fn a_board_that_is_told_to_stop_says_so_before_it_stops(settings) {
        let mut settings = settings;
        settings.set("BACKPLANE_SERVER__DRAIN_S", "2");
        let mut board = Board::start(settings);
        board.signal("TERM");
        eventually("not ready, and still there", || {
            let answer = board.get("/readyz");
            (answer.status == 503 && board.get("/healthz").status == 200).then_some(())
        });
        // It stays so until nothing answers any more.
        eventually("the end of the answers", || match board.try_get("/readyz") {
            Some(answer) => { answer.expect(503); None }
            None => Some(()),
        });
        assert!(board.terminate());
    }
}

#[test]
fn dashboards_and_alert_rules_name_only_figures_that_exist() {
    let figures = include_str!("../../crates/backplane/src/telemetry/described.rs");
    let known: Vec<&str> = figures.split('"').skip(1).step_by(2).collect();
    let uses = [
        include_str!("../../packaging/grafana/backplane.json"),
        include_str!("../../packaging/prometheus/backplane.rules.yml"),
    ];
    for text in uses {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let mut named = 0;
        for word in words.filter(|word| {
            ["backplane_", "http_request", "process_"]
                .iter()
                .any(|start| word.starts_with(start))
        }) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| word.strip_suffix(end))
                .unwrap_or(word);
            assert!(
                known.contains(&base) || known.contains(&word),
                "{word} is no figure of ours"
            );
            named += 1;
        }
        assert!(named > 5);
    }
    serde_json::from_str::<serde_json::Value>(uses[0]).unwrap();
}

#[test]
fn a_board_moves_from_sqlite_to_postgres_with_everything() {
    let target = TestDb::new(Backend::Postgres);
    let mut board = Board::start(Settings::sqlite());
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    let mut witness = Witness::new("m", &employer, &access);
    (0..16).for_each(|_| assert!(witness.act(&board)));
    let secret = ["move", "--to", "postgres://board:hunter2@127.0.0.1:1/board"];
    let refused = ends_with(board.settings(), &secret, 1);
    assert!(
        refused.contains("PGPASSWORD") && !refused.contains("hunter2"),
        "{refused}"
    );
    let args = ["move", "--to", target.url()];
    assert!(ends_with(board.settings(), &args, 1).contains("in use by a running Backplane server"));
    assert!(board.terminate());
    let said = ends_with(board.settings(), &args, 0);
    assert!(said.contains("the same on both sides"), "{said}");
    assert!(ends_with(board.settings(), &args, 1).contains("the target is in use"));

    board.settings_mut().set("BACKPLANE_DATABASE__URL", target.url());
    board.restart();
    assert!(witness.lost(&board).is_empty(), "{:?}", witness.lost(&board));
    let me = board.try_send("GET", "/v1/me", Some(&access), None).unwrap();
    assert_eq!(
        me.expect(200).text_at("/email"),
        "recruiter@acme.example",
        "who was signed in still is"
    );
    (0..6).for_each(|_| assert!(witness.act(&board)));
    eventually("search as it was acknowledged", || {
        witness.lost(&board).is_empty().then_some(())
    });
    ends_with(board.settings(), &["verify"], 0);
}

#[test]
fn through_pgbouncer_in_transaction_mode_everything_works() {
    let Some(pgbouncer) = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
    else {
        eprintln!("operate: no PgBouncer here; Debian's package is pgbouncer");
        return;
    };
    let cluster = Cluster::start();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let dir = tempfile::tempdir().unwrap();
    let ini = dir.path().join("pgbouncer.ini");
    let text = format!(
        "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\nmax_client_conn = 100\ndefault_pool_size = 3\n",
        cluster.port()
    );
    std::fs::write(&ini, text).unwrap();
    // It refuses to run as root.
    let mut pooler = Command::new("setpriv");
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .unwrap()
        .stdout
        .starts_with(b"0");
    if is_root {
        Command::new("chown")
            .arg("-R")
            .arg("postgres")
            .arg(dir.path())
            .status()
            .unwrap();
        pooler.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    let mut pooler = pooler.arg(pgbouncer).arg("-q").arg(&ini).spawn().unwrap();
    eventually("PgBouncer", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let mut settings = Settings::at(&format!("postgres://postgres@127.0.0.1:{port}/postgres"));
    settings.set("BACKPLANE_DATABASE__POOLER", "true");
    settings.set("BACKPLANE_DATABASE__NOTIFY_URL", &Cluster::url(&[&cluster]));
    let board = Board::start(settings);
    let mut witness = witness(&board);
    std::thread::scope(|scope| {
        // Others use the same three connections meanwhile.
        let reading: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    (0..30).all(|_| {
                        board.get("/v1/search?q=kernel").status == 200
                            && board.get("/v1/changes").status == 200
                    })
                })
            })
            .collect();
        (0..18).for_each(|_| assert!(witness.act(&board)));
        assert!(reading.into_iter().all(|reader| reader.join().unwrap()));
    });
    eventually("search as it was acknowledged", || {
        witness.lost(&board).is_empty().then_some(())
    });
    let heard = board.get("/metrics").text;
    assert!(
        heard.contains("backplane_notifications_total{what=\"postings\"}"),
        "told by the direct connection"
    );
    ends_with(board.settings(), &["verify"], 0);
    drop(board);
    pooler.kill().unwrap();
    pooler.wait().unwrap();
}

/// A small file system of memory; unmounted in the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={megabytes}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "backplane-test"])
            .arg(&at)
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_writes_loses_nothing_and_heals_when_there_is_space() {
    let settings = Settings::sqlite();
    let Some(disk) = SmallDisk::mount(settings.data(), 48) else {
        eprintln!("operate: no file system can be mounted here");
        return;
    };
    let board = Board::start(settings);
    let mut witness = witness(&board);
    (0..6).for_each(|_| assert!(witness.act(&board)));
    eventually("search as it was acknowledged", || {
        witness.lost(&board).is_empty().then_some(())
    });
    let filler = disk.0.join("filler");
    // The disk takes what it can: the last write of a few bytes fails.
    let _ = std::fs::write(&filler, vec![0; 64 << 20]);
    let mut tries = 0;
    let refused = eventually("a refusal", || {
        tries += 1;
        let query = json!({"q": format!("{tries} {}", "kernel ".repeat(20))});
        let body = json!({"email": format!("u{tries}@a.example"), "query": query, "frequency": "daily"});
        let answer = board.post("/v1/alerts", None, &body);
        (answer.status >= 500).then_some(answer)
    });
    assert_eq!(
        (refused.status, refused.json["code"].as_str()),
        (507, Some("storage_full")),
        "{}",
        refused.text
    );
    assert!(!witness.act(&board), "nothing is acknowledged");
    board.get("/v1/search?q=kernel").expect(200);
    let examined = ends_with(board.settings(), &["doctor"], 3);
    assert!(
        examined.contains("FAIL  disk") && examined.contains("make space"),
        "{examined}"
    );
    std::fs::remove_file(&filler).unwrap();
    witness.settle(&board);
    (0..6).for_each(|_| assert!(witness.act(&board)));
    eventually("search as it was acknowledged", || {
        witness.lost(&board).is_empty().then_some(())
    });
    ends_with(board.settings(), &["verify"], 0);
    drop(board);
}

#[test]
fn too_many_requests_at_once_are_turned_away_early_and_machines_are_still_answered() {
    let mut settings = Settings::sqlite();
    settings.set("BACKPLANE_LIMITS__IN_FLIGHT", "2");
    let board = Board::start(settings);
    let turned_away = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..12 {
            let (board, turned_away) = (&board, &turned_away);
            scope.spawn(move || {
                let body = json!({"email": format!("u{n}@a.example"), "password": "a long enough password", "name": "U"});
                for _ in 0..10 {
                    let answer = board.post("/v1/auth/register", None, &body);
                    match answer.status {
                        202 => {}
                        503 => {
                            assert_eq!(answer.text_at("/code"), "service_unavailable");
                            turned_away.fetch_add(1, Ordering::Relaxed);
                        }
                        other => assert_eq!(other, 503, "{}", answer.text),
                    }
                    assert_eq!(board.get("/readyz").status, 200);
                }
            });
        }
    });
    assert!(turned_away.load(Ordering::Relaxed) > 0);
    eventually("room again", || {
        (board.get("/v1/search").status == 200).then_some(())
    });
    assert!(
        board
            .get("/metrics")
            .text
            .contains("http_requests_turned_away_total")
    );
}

/// An index by itself looks right: of the right version, whole, and less far than the database.
#[test]
fn an_index_of_another_board_is_not_believed() {
    let mut boards = [Board::start(Settings::sqlite()), Board::start(Settings::sqlite())];
    let mut witnesses = [witness(&boards[0]), witness(&boards[1])];
    for (n, (board, witness)) in boards.iter().zip(&mut witnesses).enumerate() {
        (0..6 + 12 * n).for_each(|_| assert!(witness.act(board)));
        eventually("search as it was acknowledged", || {
            witness.lost(board).is_empty().then_some(())
        });
    }
    assert!(boards.iter_mut().all(Board::terminate));
    let [theirs, ours] = boards
        .each_ref()
        .map(|board| board.settings().data().join("index"));
    std::fs::remove_dir_all(&ours).unwrap();
    let copied = Command::new("cp").arg("-r").arg(&theirs).arg(&ours).status();
    assert!(copied.unwrap().success());
    boards[1].restart();
    assert!(
        witnesses[1].lost(&boards[1]).is_empty(),
        "{:?}",
        witnesses[1].lost(&boards[1])
    );
    ends_with(boards[1].settings(), &["verify"], 0);
    // Its own index stays at the next start, and the other board has its own as before.
    assert!(boards[1].terminate());
    let kept = std::fs::read(ours.join("of-installation")).unwrap();
    boards[1].restart();
    assert_eq!(std::fs::read(ours.join("of-installation")).unwrap(), kept);
    assert_ne!(std::fs::read(theirs.join("of-installation")).unwrap(), kept);
}

#[test]
fn doctor_says_what_to_do() {
    let mut settings = Settings::sqlite();
    settings.mail_url = "smtp://127.0.0.1:9".to_owned();
    let board = Board::start(settings);
    let found = ends_with(board.settings(), &["doctor"], 3);
    for line in [
        "ok    server: it runs and is ready",
        "FAIL  mail: 127.0.0.1:9 does not answer",
        "mails wait in the outbox",
    ] {
        assert!(found.contains(line), "{line:?} in {found}");
    }
    assert!(ends_with(board.settings(), &["doctor", "--json"], 3).contains("\"well\":false"));
}
