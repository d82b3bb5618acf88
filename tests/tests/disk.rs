//! A disk that fails, refuses writes, or is believed to have written what it has not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use board::{Board, Settings, Witness, eventually, run_to_end};
use serde_json::json;

const STRACE: &str = "/usr/bin/strace";

fn has_strace() -> bool {
    let is_there = Path::new(STRACE).exists();
    if !is_there {
        eprintln!("disk: no strace here; Debian's package is strace");
    }
    is_there
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

/// Writes with a key that does not run out.
fn witness(board: &Board, name: &str) -> Witness {
    let access = board.sign_up("recruiter@acme.example");
    let employer = board.found_employer(&access, "Acme Compute");
    let path = format!("/v1/employers/{employer}/api-keys");
    let key = board
        .post(&path, Some(&access), &json!({"name": "disk"}))
        .expect(201)
        .text_at("/secret");
    Witness::new(name, &employer, &key)
}

fn found_as_acknowledged(board: &Board, witness: &Witness) {
    eventually("search as it was acknowledged", || {
        witness.lost(board).is_empty().then_some(())
    });
    let verified = run_to_end(&["verify"], board.settings());
    let words = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{words}");
}

/// Starts the board again under strace with these arguments.
fn restart_under(board: &mut Board, arguments: &[&str]) {
    board.kill();
    let mut words = vec![STRACE.to_owned(), "-f".to_owned(), "-qq".to_owned()];
    words.extend(arguments.iter().map(ToString::to_string));
    board.settings_mut().under = words;
    assert!(
        (0..20).any(|_| board.try_restart()),
        "it does not start under strace"
    );
}

/// Starts the board again by itself. What strace watched may hold the directory until the system has taken it down.
fn restart_alone(board: &mut Board) {
    board.signal_children("KILL");
    board.kill();
    board.settings_mut().under.clear();
    assert!((0..20).any(|_| board.try_restart()), "it does not start again");
}

#[test]
fn after_a_sync_that_failed_nothing_is_acknowledged_and_the_program_ends() {
    if !has_strace() {
        return;
    }
    let mut board = Board::start(Settings::sqlite());
    let mut witness = witness(&board, "e");
    (0..6).for_each(|_| assert!(witness.act(&board)));
    // Late enough to be ready, and then for good: "EIO" is what a dying disk says.
    let inject = "inject=fsync,fdatasync:error=EIO:when=40+";
    restart_under(
        &mut board,
        &["-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject],
    );
    let acknowledged = (0..2000).take_while(|_| witness.act(&board)).count();
    assert!(
        acknowledged < 2000,
        "every write is a sync, so one of them failed"
    );
    assert!(
        !board.wait_for_end(),
        "it ends by itself, and says that something is wrong"
    );
    restart_alone(&mut board);
    witness.settle(&board);
    (0..6).for_each(|_| assert!(witness.act(&board)));
    found_as_acknowledged(&board, &witness);
    println!("disk: EIO after {acknowledged} writes, ended by itself, lost = 0");
}

#[test]
fn nothing_is_acknowledged_before_it_was_synced() {
    if !has_strace() {
        return;
    }
    let mut board = Board::start(Settings::sqlite());
    let mut witness = witness(&board, "y");
    let log = board.settings().file("syncs.log");
    let calls = "trace=pwrite64,fdatasync,fsync,write,writev,sendto";
    let path = log.to_str().unwrap().to_owned();
    restart_under(&mut board, &["-y", "-s", "16", "-o", &path, "-e", calls]);
    let writes = rounds().map_or(60, |_| 1000);
    (0..writes).for_each(|_| assert!(witness.act(&board)));
    // Strace writes down everything when what it watches ends by itself.
    board.signal_children("TERM");
    board.wait_for_end();
    restart_alone(&mut board);
    found_as_acknowledged(&board, &witness);

    let (mut synced, mut acknowledged, mut since) = (0, 0, 0);
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        let is_of_log = line.contains("backplane.db-wal>");
        if is_of_log && (line.contains("fdatasync(") || line.contains("fsync(")) {
            since += 1;
        } else if line.contains("\"HTTP/1.1 20") {
            acknowledged += 1;
            synced += usize::from(since > 0);
            since = 0;
        }
    }
    println!(
        "disk: {synced} of {acknowledged} answers of success came after a sync of the log, {writes} writes"
    );
    // What asks for readiness is answered, too, and writes nothing.
    assert!(synced >= writes, "{synced} of {acknowledged}");
}

/// A small file system of memory; unmounted in the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=0700", "backplane-test"])
            .arg(&at)
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(&self.0)
            .status();
        assert!(done.unwrap().success(), "{how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_read_only_disk_it_refuses_to_start_and_says_why_and_loses_nothing() {
    let settings = Settings::sqlite();
    let Some(disk) = Disk::mount(settings.data()) else {
        eprintln!("disk: no file system can be mounted here");
        return;
    };
    let mut board = Board::start(settings);
    let mut witness = witness(&board, "r");
    (0..8).for_each(|_| assert!(witness.act(&board)));
    board.kill();
    disk.remount("ro");
    let refused = run_to_end(&["serve"], board.settings());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.to_lowercase().contains("read-only"), "{words}");
    let examined = run_to_end(&["doctor"], board.settings());
    let words = String::from_utf8_lossy(&examined.stdout).into_owned();
    assert!(!examined.status.success() && words.contains("FAIL"), "{words}");
    disk.remount("rw");
    board.restart();
    (0..6).for_each(|_| assert!(witness.act(&board)));
    found_as_acknowledged(&board, &witness);
    drop(board);
}
