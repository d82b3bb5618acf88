//! A PostgreSQL server of a test's own, to be restarted, cut off and replaced by its standby.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::eventually;

/// A server in a directory of its own. Stopped and deleted when it goes out of scope.
#[derive(Debug)]
pub struct Cluster {
    dir: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one.
    pub fn start() -> Self {
        let cluster = Self::place();
        let data = cluster.data();
        run(&mut cluster.program(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        ));
        std::fs::write(
            cluster.dir.path().join("data/pg_hba.conf"),
            "local all all trust\nhost all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n",
        )
        .expect("the rules of access");
        cluster.up();
        cluster
    }

    /// A standby that follows this server.
    pub fn standby(&self) -> Self {
        let standby = Self::place();
        let port = self.port.to_string();
        run(&mut standby.program(
            "pg_basebackup",
            &[
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
                "-D",
                &standby.data(),
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
            ],
        ));
        standby.up();
        standby
    }

    fn place() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its address").port();
        let dir = TempDir::with_prefix("backplane-cluster-").expect("a directory");
        if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(dir.path()));
        }
        Self { dir, port }
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    /// Starts it, also after it was killed.
    pub fn up(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -p {} -c unix_socket_directories='' -c max_connections=200 -c shared_buffers=32MB -c wal_level=replica -c max_wal_senders=4",
            self.port
        );
        let log = self.dir.path().join("server.log").display().to_string();
        run(&mut self.program(
            "pg_ctl",
            &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"],
        ));
    }

    /// Stops it at once, as a crash would.
    pub fn crash(&self) {
        run(&mut self.program("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]));
    }

    /// Makes a standby the one that takes writes.
    pub fn promote(&self) {
        run(&mut self.program("pg_ctl", &["-D", &self.data(), "-w", "promote"]));
    }

    /// Ends every connection of others.
    pub fn cut_connections(&self) {
        self.ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    }

    /// Waits until the standby has everything that this server has committed.
    pub fn wait_for_standby(&self) {
        eventually("the standby to follow", || {
            let lag =
                self.ask("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()");
            (lag == "1").then_some(())
        });
    }

    /// Commits from now on wait until the standby has them too.
    pub fn commit_with_standby(&self) {
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.ask("SELECT pg_reload_conf()");
        eventually("a synchronous standby", || {
            (self.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1")
                .then_some(())
        });
    }

    /// What the server answers to one statement that gives one value.
    pub fn ask(&self, statement: &str) -> String {
        let port = self.port.to_string();
        let output = Command::new(binaries().join("psql"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
                "-d",
                "postgres",
                "-qtAXc",
                statement,
            ])
            .output()
            .expect("psql starts");
        assert!(
            output.status.success(),
            "{statement}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The `database.url` that leads to whichever of these servers takes writes.
    pub fn url(servers: &[&Self]) -> String {
        let hosts: Vec<String> = servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port))
            .collect();
        format!(
            "postgres://postgres@{}/postgres?connect_timeout=3&target_session_attrs=read-write",
            hosts.join(",")
        )
    }

    /// Where the programs of the newest installed PostgreSQL are.
    pub fn programs() -> PathBuf {
        binaries()
    }

    fn program(&self, name: &str, args: &[&str]) -> Command {
        let path = binaries().join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(path);
            command
        } else {
            Command::new(path)
        };
        command.args(args).current_dir(self.dir.path());
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down already.
        let _ = self
            .program("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"])
            .output();
    }
}

fn is_root() -> bool {
    let own = Command::new("id").arg("-u").output().expect("id");
    own.stdout.starts_with(b"0")
}

/// Where the newest installed PostgreSQL is.
fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = ["/usr/lib/postgresql", "/usr/pgsql"]
        .iter()
        .filter_map(|base| std::fs::read_dir(Path::new(base)).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .expect("an installed PostgreSQL: scripts/with-postgres installs one")
}

fn run(command: &mut Command) {
    // pg_ctl hands its output on to the server, which would keep a pipe open for ever.
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(status.success(), "{command:?} ended with {status}");
}
