//! The machine: directory, disk, clock, limits.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use store::{Clock as _, Db, SystemClock, Timestamp};

use super::Chart;
use crate::config::Config;
use crate::wiring;

/// Below so much free space somebody should look.
const LITTLE_SPACE: u64 = 1 << 30;
/// Below so much nothing works for long.
const NO_SPACE: u64 = 64 << 20;
/// Writes that are timed.
const SYNCS: usize = 8;
/// A disk that needs longer for one write makes every change slow.
const SLOW_SYNC: Duration = Duration::from_millis(50);
/// A disk that answers sooner has written nothing.
const IMPOSSIBLE_SYNC: Duration = Duration::from_micros(5);
/// When this program was written: no clock that is right shows less. 2026-11-01T00:00:00Z.
const NOT_BEFORE: i64 = 1_793_491_200;
/// Clocks that differ by more disagree about who holds a lease.
const DRIFT: i64 = 2_000_000;
/// Open files that 10,000 connections and the index need.
const FILES: u64 = 16_384;

pub(super) fn data_dir(config: &Config, chart: &mut Chart) {
    let dir = &config.data_dir;
    let shown = dir.display();
    if !dir.is_dir() {
        chart.warn(
            "data",
            format!("{shown} does not exist yet"),
            "the first start makes it",
        );
        return;
    }
    #[cfg(unix)]
    if let Ok(found) = fs::metadata(dir) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o007 != 0 {
            let found = format!("everybody on this machine can look into {shown} (mode {mode:o})");
            chart.warn("data", found, format!("chmod 700 {shown}"));
        } else {
            chart.ok("data", format!("{shown} is closed to others (mode {mode:o})"));
        }
    }
    match timed_sync(dir) {
        Ok(taken) if taken < IMPOSSIBLE_SYNC => chart.warn(
            "disk",
            format!("a write is said to be on disk after {taken:?}, which no disk can do"),
            "a memory file system or a cache that lies: what is acknowledged is lost with the power",
        ),
        Ok(taken) if taken > SLOW_SYNC => chart.warn(
            "disk",
            format!("a write needs {taken:?} to be on disk"),
            "every change waits so long; move the data directory to a faster disk",
        ),
        Ok(taken) => chart.ok("disk", format!("a write is on disk after {taken:?}")),
        Err(error) => chart.fail(
            "disk",
            format!("{shown} cannot be written: {error}"),
            format!(
                "make space, or check owner and mount: df -h {shown}; ls -ld {shown}; findmnt -T {shown}"
            ),
        ),
    }
    if let Ok(found) = rustix::fs::statvfs(dir) {
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let words = format!("{} MB are free", free >> 20);
        match free {
            ..NO_SPACE => chart.fail(
                "space",
                words,
                "make space: nothing can be stored soon; nothing that was acknowledged is lost",
            ),
            NO_SPACE..LITTLE_SPACE => chart.warn("space", words, "make space soon"),
            _ => chart.ok("space", words),
        }
        if found.f_files > 0 && found.f_favail < 1000 {
            chart.fail(
                "space",
                format!("{} more files can be made", found.f_favail),
                "remove files: the file system is out of inodes",
            );
        }
    }
}

/// How long the middle one of a few small writes takes until it is on disk.
fn timed_sync(dir: &Path) -> std::io::Result<Duration> {
    let path = dir.join(format!(".doctor-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let mut write = || -> std::io::Result<Duration> {
        let began = Instant::now();
        file.write_all(&[0; 512])?;
        file.sync_data()?;
        Ok(began.elapsed())
    };
    let taken: std::io::Result<Vec<Duration>> = (0..SYNCS).map(|_| write()).collect();
    fs::remove_file(&path)?;
    let mut taken = taken?;
    taken.sort_unstable();
    Ok(taken[SYNCS / 2])
}

pub(super) fn keys(config: &Config, chart: &mut Chart) {
    match wiring::key_files(&config.data_dir) {
        Ok(found) if found.is_empty() => {
            chart.warn(
                "keys",
                "there are none yet",
                "the first start makes them; a further node needs a copy of the first one's",
            );
        }
        Ok(found) => {
            #[cfg(unix)]
            for path in &found {
                use std::os::unix::fs::PermissionsExt as _;
                if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
                    chart.fail(
                        "keys",
                        format!("{} can be read by others", path.display()),
                        format!("chmod 600 {}", path.display()),
                    );
                }
            }
            chart.ok(
                "keys",
                format!("{} in {}", found.len(), config.data_dir.join("keys").display()),
            );
        }
        Err(error) => chart.fail(
            "keys",
            format!("{error:#}"),
            "the user that runs the server must own them",
        ),
    }
}

pub(super) fn open_files(chart: &mut Chart) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    match limit {
        Some(limit) if limit < FILES => chart.warn(
            "files",
            format!("{limit} files and connections may be open"),
            format!("allow {FILES}: LimitNOFILE= in the unit, or ulimits in the container"),
        ),
        Some(limit) => chart.ok("files", format!("{limit} files and connections may be open")),
        None => chart.ok("files", "any number of files and connections may be open"),
    }
}

pub(super) fn clock(db: Option<&Db>, chart: &mut Chart) {
    let now = SystemClock.now();
    if now < Timestamp::from_seconds(NOT_BEFORE) {
        chart.fail(
            "clock",
            format!("it shows {now}, which is before this program was written"),
            "set it: timedatectl set-ntp true",
        );
        return;
    }
    let told = db.and_then(|db| db.read_blocking(store::server_time).ok().flatten());
    let Some(there) = told else {
        chart.ok("clock", now.to_string());
        return;
    };
    let drift = (there.micros() - SystemClock.now().micros()).abs();
    if drift > DRIFT {
        let found = format!(
            "it differs from the database server's by {:.1} s",
            drift as f64 / 1e6
        );
        chart.warn(
            "clock",
            found,
            "set both by NTP: timedatectl set-ntp true; leases and dates follow the clocks of the nodes",
        );
    } else {
        chart.ok("clock", format!("{now}, as the database server's"));
    }
}
