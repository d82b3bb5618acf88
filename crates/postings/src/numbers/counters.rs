//! Counting in memory.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use diesel::prelude::*;
use diesel::upsert::excluded;
use store::schema::posting_numbers;
use store::{Db, DbConn, Id, Random, StoreError, Timestamp, on_each};

use super::report::day_of;

/// Sights that are remembered in order to leave out repeats. When there are more in one day, all are forgotten once, and some
/// repeats count.
const MAX_REMEMBERED: usize = 2_000_000;
/// Rows of one INSERT: 5 parameters each, and a statement takes at most 32,766.
const INSERT_CHUNK: usize = 1000;
/// A User-Agent is looked at up to here, in bytes.
const AGENT_BYTES: usize = 300;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// A search showed the posting.
    Impression,
    /// Its page, or the posting itself, was read.
    View,
    /// The way to apply was taken.
    ApplyClick,
}

/// Who did it, as far as it is needed to leave out programs and repeats.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Where they are.
    pub address: Option<IpAddr>,
    /// What they say their program is.
    pub agent: Option<&'a str>,
}

impl Reader<'_> {
    /// Whether it is a person with a browser, as far as one can tell. Programs name themselves (`config/bots.txt`), or nothing.
    pub fn is_person(&self) -> bool {
        let Some(agent) = self.agent.filter(|agent| !agent.is_empty()) else {
            return false;
        };
        let end = agent.floor_char_boundary(AGENT_BYTES);
        let agent = agent[..end].to_ascii_lowercase();
        !bots().any(|part| agent.contains(part))
    }
}

fn bots() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../../../config/bots.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

type Counts = HashMap<(Id, i32), [i64; 3]>;

/// The counters of one process.
#[derive(Default)]
pub struct Counters(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    day: i32,
    salt: [u8; 32],
    seen: HashSet<u64>,
    counts: Counts,
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counters")
    }
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts that `reader` saw these postings, each once a day.
    pub fn note(&self, sight: Sight, postings: &[Id], reader: Reader<'_>, random: &Random, now: Timestamp) {
        if postings.is_empty() || !reader.is_person() {
            return;
        }
        let mut inner = self.lock();
        let today = day_of(now);
        if inner.day != today {
            // Yesterday's readers are nobody any more.
            inner.day = today;
            inner.salt = random.bytes();
            inner.seen = HashSet::new();
        }
        if inner.seen.len() > MAX_REMEMBERED {
            inner.seen.clear();
        }
        let whose = reader_hash(&inner.salt, &reader);
        for id in postings {
            if inner.seen.insert(sight_hash(whose, sight, *id)) {
                let counts = inner.counts.entry((*id, today)).or_default();
                counts[sight as usize] += 1;
            }
        }
    }

    /// Writes what was counted since the last time, in one transaction, and forgets it; returns how many rows. What could not be
    /// written is written the next time.
    pub fn flush(&self, db: &Db) -> Result<usize, StoreError> {
        let counts = std::mem::take(&mut self.lock().counts);
        if counts.is_empty() {
            return Ok(0);
        }
        let written = db.write_blocking(|tx| add(tx, &counts));
        if written.is_err() {
            let mut inner = self.lock();
            for (key, more) in counts {
                let kept = inner.counts.entry(key).or_default();
                kept.iter_mut().zip(more).for_each(|(kept, more)| *kept += more);
            }
        }
        written
    }
}

/// The reader for this day: two readers share it hardly ever, and nobody finds them by it.
fn reader_hash(salt: &[u8; 32], reader: &Reader<'_>) -> u64 {
    let mut hash = Context::new(&SHA256);
    hash.update(salt);
    match reader.address {
        Some(IpAddr::V4(ip)) => hash.update(&ip.octets()),
        // The rest of an address of IPv6 changes as its owner likes.
        Some(IpAddr::V6(ip)) => hash.update(&ip.octets()[..8]),
        None => {}
    }
    hash.update(reader.agent.unwrap_or_default().as_bytes());
    first_eight(hash.finish().as_ref())
}

fn first_eight(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(eight)
}

/// Mixes as splitmix64 does; the random part of an id is random enough for the rest.
fn sight_hash(reader: u64, sight: Sight, posting: Id) -> u64 {
    let (high, low) = posting.as_bytes().split_at(8);
    let mixed = reader ^ first_eight(high).rotate_left(17) ^ first_eight(low) ^ ((sight as u64) << 62);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[derive(Insertable)]
#[diesel(table_name = posting_numbers, treat_none_as_default_value = false)]
struct Row {
    posting_id: Id,
    day: i32,
    impressions: i64,
    views: i64,
    apply_clicks: i64,
}

/// Adds counts to what is kept, in the order of their keys, so that two processes never wait for each other.
fn add(tx: &mut DbConn, counts: &Counts) -> Result<usize, StoreError> {
    let mut rows: Vec<Row> = counts
        .iter()
        .map(|((posting_id, day), counts)| Row {
            posting_id: *posting_id,
            day: *day,
            impressions: counts[Sight::Impression as usize],
            views: counts[Sight::View as usize],
            apply_clicks: counts[Sight::ApplyClick as usize],
        })
        .collect();
    rows.sort_by_key(|row| (row.posting_id, row.day));
    for chunk in rows.chunks(INSERT_CHUNK) {
        on_each!(tx, c => diesel::insert_into(posting_numbers::table)
            .values(chunk)
            .on_conflict((posting_numbers::posting_id, posting_numbers::day))
            .do_update()
            .set((
                posting_numbers::impressions.eq(posting_numbers::impressions + excluded(posting_numbers::impressions)),
                posting_numbers::views.eq(posting_numbers::views + excluded(posting_numbers::views)),
                posting_numbers::apply_clicks.eq(posting_numbers::apply_clicks + excluded(posting_numbers::apply_clicks)),
            ))
            .execute(c))?;
    }
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_people_by_what_they_say() {
        let reader = |agent| Reader { address: None, agent };
        for person in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        ] {
            assert!(reader(Some(person)).is_person(), "{person}");
        }
        for program in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0)",
            "curl/8.5.0",
            "python-requests/2.32",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
            "Slackbot-LinkExpanding 1.0",
            "",
        ] {
            assert!(!reader(Some(program)).is_person(), "{program}");
        }
        assert!(!reader(None).is_person());
        let long = "ä".repeat(400);
        assert!(reader(Some(&long)).is_person());
    }
}
