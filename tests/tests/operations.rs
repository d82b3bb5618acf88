//! What docs/OPERATIONS.md and docs/UPGRADING.md tell an operator to type works as it stands. Paths of a real machine stand for
//! places of the test, and `systemctl`, `sudo` and `journalctl` do the same to a process of the test.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use board::{Cluster, Settings, binary};

/// Does to one process what a service manager does.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
set -eu
pid() { cat "$PLACE/server.pid"; }
is_alive() { [ -e "/proc/$1/stat" ] && [ "$(awk '{print $3}' "/proc/$1/stat")" != Z ]; }
case $1 in
stop)
    kill "$(pid)"
    while is_alive "$(pid)"; do sleep 0.1; done ;;
start)
    setsid backplane serve >>"$PLACE/server.log" 2>&1 &
    echo $! >"$PLACE/server.pid"
    until curl -fs "$BOARD/readyz" >/dev/null; do is_alive "$(pid)"; sleep 0.1; done ;;
restart) "$0" stop; "$0" start ;;
reload) kill -HUP "$(pid)" ;;
status) is_alive "$(pid)" ;;
*) exit 1 ;;
esac
"#;
/// `sudo -u USER COMMAND…`, by who is there.
const SUDO: &str = "#!/usr/bin/env bash\nshift 2\nexec \"$@\"\n";
const JOURNALCTL: &str = "#!/usr/bin/env bash\ntail -n 100 \"$PLACE/server.log\"\n";

/// A machine on which the program is installed.
struct Machine {
    settings: Settings,
    place: PathBuf,
    /// Variables of the operator's shell.
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    fn new() -> Self {
        let settings = Settings::sqlite();
        let place = settings.file("machine");
        for dir in ["bin", "etc/backplane", "etc/bash_completion.d", "backups", "man"] {
            std::fs::create_dir_all(place.join(dir)).unwrap();
        }
        std::fs::write(place.join("etc/backplane/backplane.toml"), "").unwrap();
        let program = format!("#!/usr/bin/env bash\nexec \"{}\" \"$@\"\n", binary().display());
        for (name, text) in [
            ("backplane", program.as_str()),
            ("systemctl", SYSTEMCTL),
            ("sudo", SUDO),
            ("journalctl", JOURNALCTL),
        ] {
            let path = place.join("bin").join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self {
            settings,
            place,
            variables: Vec::new(),
        }
    }

    /// Runs what an operator types; the first command that fails ends it. Returns what it printed.
    #[track_caller]
    fn types(&self, commands: &str) -> String {
        let place = self.place.display().to_string();
        let data = self.settings.data().display().to_string();
        let script = commands
            .replace("/var/lib/backplane", &data)
            .replace("/backups", &format!("{place}/backups"))
            .replace("/etc/", &format!("{place}/etc/"))
            .replace("/usr/share/man/man1", &format!("{place}/man"))
            .replace(
                "localhost:8080",
                self.settings.url().trim_start_matches("http://"),
            );
        let known = self.settings.command(&[]);
        let known = known
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let path = format!(
            "{}:{}:/usr/bin:/bin:/usr/sbin:/sbin",
            self.place.join("bin").display(),
            Cluster::programs().display()
        );
        let output = Command::new("bash")
            .args(["-c", &format!("set -euo pipefail\n{script}")])
            .current_dir(&self.place)
            .envs(known)
            .env("PATH", path)
            .env("PLACE", &self.place)
            .env("BOARD", self.settings.url())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let log = std::fs::read_to_string(self.place.join("server.log")).unwrap_or_default();
        assert!(output.status.success(), "{script}\n{printed}\n{log}");
        printed
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have been stopped.
        if let Ok(pid) = std::fs::read_to_string(self.place.join("server.pid")) {
            let _ = Command::new("kill").args(["-9", pid.trim()]).status();
        }
    }
}

/// The shell blocks of a document, in order.
fn blocks(document: &str) -> Vec<&str> {
    let marked = document.split("```sh\n").skip(1);
    marked.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The block that has `part` in it.
#[track_caller]
fn block_with<'d>(document: &'d str, part: &str) -> &'d str {
    let mut found = blocks(document).into_iter().filter(|block| block.contains(part));
    let block = found.next();
    assert!(block.is_some(), "no block with {part:?}");
    block.unwrap()
}

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const UPGRADING: &str = include_str!("../../docs/UPGRADING.md");

#[test]
fn what_an_operator_is_told_to_type_works() {
    let mut machine = Machine::new();
    machine.types("systemctl start backplane");
    let mut typed = 0;
    let mut block = |machine: &Machine, part: &str| {
        typed += 1;
        machine.types(block_with(OPERATIONS, part))
    };
    assert!(block(&machine, "sudo -u backplane").contains("ok    server: it runs and is ready"));
    assert!(block(&machine, "backplane verify\n").contains("Everything agrees"));
    block(&machine, "verify --repair");
    assert!(block(&machine, "admin status").contains("mails queued: "));

    // Single commands in the text.
    let single = [
        "systemctl status backplane",
        "journalctl -u backplane -n 100",
        "backplane doctor",
        "systemctl restart backplane",
        "curl -s localhost:8080/readyz",
        "backplane reindex",
        "backplane mail reports",
        "backplane mail suppressions list",
        "df -h",
        "df -i",
        "backplane config show",
        "backplane config check",
        "backplane completions bash > /etc/bash_completion.d/backplane",
        "backplane man > /usr/share/man/man1/backplane.1",
        "backplane admin accept-keys",
        "backplane admin keys rotate",
    ];
    for command in single {
        assert!(
            OPERATIONS.contains(&format!("`{command}`")),
            "{command} is not in the document"
        );
        machine.types(command);
    }

    // Words and rules of one's own.
    let data = machine.place.join("etc/backplane/data");
    let taxonomy = block_with(OPERATIONS, "config data taxonomy");
    std::fs::create_dir_all(&data).unwrap();
    machine
        .variables
        .push(("BACKPLANE_DATA_OVERRIDE", data.display().to_string()));
    machine.types("systemctl restart backplane");
    std::fs::remove_dir_all(&data).unwrap();
    machine.types(taxonomy);
    typed += 1;
    assert!(std::fs::metadata(data.join("taxonomy.toml")).unwrap().len() > 1000);

    let mut block = |machine: &Machine, part: &str| {
        typed += 1;
        machine.types(block_with(OPERATIONS, part))
    };
    block(&machine, "backplane backup /backups");
    block(&machine, "backplane restore /backups");
    let cluster = Cluster::start();
    let url = Cluster::url(&[&cluster]);
    let empty = url.replace("/postgres?", "/second?");
    machine.variables.push(("URL", url.clone()));
    machine.variables.push(("NEW", empty.clone()));
    let moving = block_with(OPERATIONS, "backplane move --to");
    typed += 1;
    let to = "postgres://backplane@db.example/backplane";
    assert!(moving.contains(to));
    machine.types(&moving.replace(to, "\"$URL\""));
    machine.variables.push(("BACKPLANE_DATABASE__URL", url));
    machine.types("systemctl start backplane && backplane verify");

    machine.types("psql -c 'CREATE DATABASE second' \"$URL\"");
    assert!(OPERATIONS.contains("`psql \"$URL\" -c 'SELECT count(*) FROM pg_stat_activity'`"));
    machine.types("psql \"$URL\" -c 'SELECT count(*) FROM pg_stat_activity'");
    let dumping = block_with(OPERATIONS, "pg_dump");
    typed += 1;
    machine.types(dumping);
    machine.types("systemctl stop backplane");
    machine.variables.push(("BACKPLANE_DATABASE__URL", empty));
    machine.types("systemctl start backplane && backplane verify");
    assert_eq!(typed, blocks(OPERATIONS).len(), "each block was typed");
}

#[test]
fn an_upgrade_works_when_pasted() {
    let machine = Machine::new();
    machine.types("systemctl start backplane");
    let pasted = blocks(UPGRADING);
    assert_eq!(pasted.len(), 1);
    let printed = machine.types(pasted[0]);
    assert!(printed.contains("Everything agrees"), "{printed}");
    assert!(machine.place.join("backups/before-upgrade").is_dir());
}
