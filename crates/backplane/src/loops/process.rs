//! Figures of the process itself, as Linux tells them in /proc/self. Elsewhere there are none.

use std::fs;

/// Clock ticks in a second and bytes in a page: what the kernel has told programs for as long as it runs on our machines.
const TICKS: f64 = 100.0;

/// Sets `process_*`.
pub(super) fn figures() {
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(files.count() as f64);
    }
    if let Some(pages) = fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| number(&text, 1))
    {
        metrics::gauge!("process_resident_memory_bytes").set(pages * rustix::param::page_size() as f64);
    }
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else {
        return;
    };
    // The name of the program may hold spaces; what follows its bracket does not.
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return;
    };
    if let (Some(user), Some(system)) = (number(rest, 11), number(rest, 12)) {
        metrics::counter!("process_cpu_seconds_total").absolute(((user + system) / TICKS) as u64);
    }
    let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<f64>().ok()
    });
    if let (Some(booted), Some(started)) = (booted, number(rest, 19)) {
        metrics::gauge!("process_start_time_seconds").set(booted + started / TICKS);
    }
}

fn number(text: &str, place: usize) -> Option<f64> {
    text.split_whitespace().nth(place)?.parse().ok()
}
