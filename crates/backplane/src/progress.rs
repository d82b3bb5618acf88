//! How far long work is: a bar for a person, a line now and then for a log.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often progress is told where nobody watches a bar.
const SPARSE: Duration = Duration::from_secs(5);

/// Progress of one piece of work, on standard error.
pub(crate) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    told: Instant,
}

impl Progress {
    /// Begins to tell about `what`, a present participle such as `reading`; `total` is 0 while nobody knows it.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = if total == 0 {
            "{prefix} {human_pos} {msg} ({per_sec})"
        } else {
            "{prefix} [{bar:30}] {human_pos}/{human_len} {msg} ({per_sec}, {eta} left)"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(what);
        Self {
            what,
            bar,
            told: Instant::now(),
        }
    }

    /// `done` of all are done, the last of them in `place`.
    pub(crate) fn at(&mut self, done: u64, place: &str) {
        self.bar.set_position(done);
        if self.bar.is_hidden() {
            if self.told.elapsed() >= SPARSE {
                self.told = Instant::now();
                match self.bar.length() {
                    Some(total) if total > 0 => eprintln!("{} {done}/{total} {place}", self.what),
                    _ => eprintln!("{} {done} {place}", self.what),
                }
            }
        } else {
            self.bar.set_message(place.to_owned());
        }
    }

    /// The work ended.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
