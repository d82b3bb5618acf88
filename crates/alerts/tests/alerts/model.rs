//! What is told, when, and to whom: random lives of alerts and postings, beside a model that knows nothing of the program.
//!
//! The model is written from the promises alone (docs/ALERTS.md): it has its own matching, calendar and ranking. Each step
//! of a life is done to both; after each round of the passes the mails must be exactly those that the model says.

use std::collections::{BTreeMap, BTreeSet};

use alerts::subscription::{self, AlertPatch, NewAlert};
use alerts::{AlertStatus, Frequency, QuietHours};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{Id, Random, on_both};

use crate::board::{Board, query_of, titles_in, wish};

const LIVES: u64 = 6;
const STEPS: usize = 90;
const PER_MAIL: usize = 4;
const PER_EMPLOYER: usize = 2;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WORDS: [&str; 3] = ["alpha", "bravo", "tango"];
const COUNTRIES: [&str; 2] = ["US", "DE"];
/// Zones without daylight saving, and their seconds east of UTC.
const ZONES: [(&str, i64); 3] = [
    ("UTC", 0),
    ("Asia/Kolkata", 5 * HOUR + 30 * MINUTE),
    ("America/Phoenix", -7 * HOUR),
];

struct Dice(Random);

impl Dice {
    fn below(&self, count: usize) -> usize {
        ((self.0.fraction() * count as f64) as usize).min(count - 1)
    }

    fn of<'a, T>(&self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }
}

/// What an alert looks for: a word of the title, a country, or both.
#[derive(Clone, PartialEq)]
struct Wish {
    word: Option<&'static str>,
    country: Option<&'static str>,
}

impl Wish {
    fn random(dice: &Dice) -> Self {
        let word = Some(*dice.of(&WORDS));
        let country = Some(*dice.of(&COUNTRIES));
        match dice.below(3) {
            0 => Self { word, country: None },
            1 => Self { word: None, country },
            _ => Self { word, country },
        }
    }

    fn query(&self) -> Value {
        let mut query = json!({});
        if let Some(word) = self.word {
            query["q"] = word.into();
        }
        if let Some(country) = self.country {
            query["country"] = country.into();
        }
        query
    }

    fn fits(&self, role: &Role) -> bool {
        self.word.is_none_or(|word| role.words.contains(word))
            && self.country.is_none_or(|country| role.country == country)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Open,
    Paused,
    Closed,
}

struct Role {
    id: Id,
    number: usize,
    words: BTreeSet<&'static str>,
    country: &'static str,
    employer: usize,
    life: Life,
    published: i64,
    first: u64,
    changed: u64,
}

struct Reader {
    id: Id,
    email: String,
    wish: Wish,
    frequency: Frequency,
    hour: i64,
    zone: usize,
    quiet: Option<(i64, i64)>,
    status: AlertStatus,
    since: u64,
    told: BTreeSet<usize>,
    dropped: BTreeSet<usize>,
    /// Postings that are owed, and when.
    owed: BTreeMap<usize, i64>,
}

impl Reader {
    fn next(&self, hour: i64, only_mondays: bool, now: i64) -> i64 {
        let offset = ZONES[self.zone].1;
        let today = (now + offset).div_euclid(DAY);
        (today..today + 9)
            // 1970-01-01 was a Thursday.
            .filter(|day| !only_mondays || (day + 3).rem_euclid(7) == 0)
            .map(|day| day * DAY + hour * HOUR - offset)
            .find(|at| *at > now)
            .unwrap()
    }

    fn quiet_until(&self, now: i64) -> Option<i64> {
        let (from, to) = self.quiet.filter(|_| self.frequency == Frequency::Instant)?;
        let hour = (now + ZONES[self.zone].1).rem_euclid(DAY) / HOUR;
        let is_quiet = if from < to {
            hour >= from && hour < to
        } else {
            hour >= from || hour < to
        };
        is_quiet.then(|| self.next(to, false, now))
    }

    fn due(&self, now: i64) -> i64 {
        match self.frequency {
            Frequency::Instant => self.quiet_until(now).unwrap_or(now),
            Frequency::Daily => self.next(self.hour, false, now),
            Frequency::Weekly => self.next(self.hour, true, now),
        }
    }

    fn drop_owed(&mut self) {
        let owed: Vec<usize> = std::mem::take(&mut self.owed).into_keys().collect();
        self.dropped.extend(owed);
    }
}

#[derive(Default)]
struct Model {
    roles: Vec<Role>,
    readers: Vec<Reader>,
    revision: u64,
    seen: u64,
}

impl Model {
    fn touch(&mut self, role: usize) {
        self.revision += 1;
        self.roles[role].changed = self.revision;
    }

    fn match_all(&mut self, now: i64) {
        for role in self
            .roles
            .iter()
            .filter(|role| role.changed > self.seen && role.life == Life::Open)
        {
            for reader in &mut self.readers {
                let is_owed = reader.status == AlertStatus::Active
                    && reader.since < role.first
                    && reader.wish.fits(role)
                    && !reader.told.contains(&role.number)
                    && !reader.owed.contains_key(&role.number);
                if is_owed {
                    reader.dropped.remove(&role.number);
                    reader.owed.insert(role.number, reader.due(now));
                }
            }
        }
        self.seen = self.revision;
    }

    /// The numbers of the postings in the mail to each reader.
    fn settle(&mut self, now: i64) -> BTreeMap<String, Vec<usize>> {
        self.match_all(now);
        let roles = &self.roles;
        let mut mails = BTreeMap::new();
        for reader in self
            .readers
            .iter_mut()
            .filter(|reader| reader.status == AlertStatus::Active)
        {
            let due: Vec<usize> = reader
                .owed
                .iter()
                .filter(|(_, at)| **at <= now)
                .map(|(number, _)| *number)
                .collect();
            if let (Some(until), false) = (reader.quiet_until(now), due.is_empty()) {
                reader.owed.extend(due.into_iter().map(|number| (number, until)));
                continue;
            }
            let (mut current, gone): (Vec<usize>, Vec<usize>) = due
                .into_iter()
                .partition(|number| roles[*number].life == Life::Open && reader.wish.fits(&roles[*number]));
            for number in gone {
                reader.owed.remove(&number);
                reader.dropped.insert(number);
            }
            current.sort_by_key(|number| std::cmp::Reverse((roles[*number].published, roles[*number].id)));
            let mut shown: Vec<usize> = Vec::new();
            for number in &current {
                let same = shown
                    .iter()
                    .filter(|other| roles[**other].employer == roles[*number].employer)
                    .count();
                if shown.len() < PER_MAIL && same < PER_EMPLOYER {
                    shown.push(*number);
                }
            }
            let later = reader.next(reader.hour, reader.frequency == Frequency::Weekly, now);
            for number in current {
                if shown.contains(&number) {
                    reader.owed.remove(&number);
                    reader.told.insert(number);
                } else {
                    reader.owed.insert(number, later);
                }
            }
            if !shown.is_empty() {
                mails.insert(reader.email.clone(), shown);
            }
        }
        mails
    }
}

struct World<'a> {
    board: Board<'a>,
    employers: [Id; 2],
    dice: Dice,
    model: Model,
}

impl World<'_> {
    fn now(&self) -> i64 {
        self.board.now().seconds()
    }

    fn title(number: usize, words: &BTreeSet<&'static str>) -> String {
        let words: Vec<&str> = words.iter().copied().collect();
        format!("Engineer {} number{number}x", words.join(" "))
    }

    fn some_words(&self) -> BTreeSet<&'static str> {
        (0..=self.dice.below(2)).map(|_| *self.dice.of(&WORDS)).collect()
    }

    fn subscribe(&mut self) {
        let number = self.model.readers.len();
        let (wish_of, zone) = (Wish::random(&self.dice), self.dice.below(ZONES.len()));
        let frequency = *self.dice.of(Frequency::ALL);
        let (hour, from, to) = (
            self.dice.below(24) as i64,
            self.dice.below(24) as i64,
            self.dice.below(24) as i64,
        );
        let quiet = (self.dice.below(2) == 0 && from != to).then_some((from, to));
        let email = format!("reader{number}@example.org");
        let id = self.board.subscribe_as(NewAlert {
            timezone: ZONES[zone].0.to_owned(),
            hour: hour as i16,
            quiet_hours: quiet.map(|(from, to)| QuietHours {
                from: from as i16,
                to: to as i16,
            }),
            ..wish(&email, wish_of.query(), frequency)
        });
        self.model.readers.push(Reader {
            id,
            email,
            wish: wish_of,
            frequency,
            hour,
            zone,
            quiet,
            status: AlertStatus::Active,
            since: self.model.revision,
            told: BTreeSet::new(),
            dropped: BTreeSet::new(),
            owed: BTreeMap::new(),
        });
    }

    fn publish(&mut self) {
        let (number, words) = (self.model.roles.len(), self.some_words());
        let (country, employer) = (*self.dice.of(&COUNTRIES), self.dice.below(2));
        let id = self.board.publish_as(
            self.employers[employer],
            json!({"title": Self::title(number, &words), "description": "Work.", "locations": [{"country": country}]}),
        );
        self.model.revision += 1;
        self.model.roles.push(Role {
            id,
            number,
            words,
            country,
            employer,
            life: Life::Open,
            published: self.now(),
            first: self.model.revision,
            changed: self.model.revision,
        });
    }

    fn change_role(&mut self) {
        if self.model.roles.is_empty() {
            return;
        }
        let number = self.dice.below(self.model.roles.len());
        let (id, life) = (self.model.roles[number].id, self.model.roles[number].life);
        match (life, self.dice.below(3)) {
            (Life::Open, 0) => {
                let (words, country) = (self.some_words(), *self.dice.of(&COUNTRIES));
                self.board.edit(
                    id,
                    &json!({"title": Self::title(number, &words), "locations": [{"country": country}]}),
                );
                (self.model.roles[number].words, self.model.roles[number].country) = (words, country);
            }
            (Life::Open, 1) => {
                self.board.pause(id);
                self.model.roles[number].life = Life::Paused;
            }
            (Life::Open, _) => {
                self.board.close(id);
                self.model.roles[number].life = Life::Closed;
            }
            (Life::Paused, _) => {
                self.board.resume(id);
                self.model.roles[number].life = Life::Open;
            }
            (Life::Closed, _) => {
                self.board.renew(id);
                self.model.roles[number].life = Life::Open;
            }
        }
        self.model.touch(number);
    }

    fn change_reader(&mut self) {
        let open: Vec<usize> = (0..self.model.readers.len())
            .filter(|n| self.model.readers[*n].status != AlertStatus::Ended)
            .collect();
        if open.is_empty() {
            return;
        }
        let (n, now, revision) = (*self.dice.of(&open), self.now(), self.model.revision);
        let kind = self.dice.below(9);
        let (wish_of, frequency) = (Wish::random(&self.dice), *self.dice.of(Frequency::ALL));
        let reader = &mut self.model.readers[n];
        match kind {
            0 => {
                let at = self.board.now();
                self.board
                    .db
                    .write_blocking(|tx| subscription::unsubscribe(tx, reader.id, at))
                    .unwrap();
                reader.status = AlertStatus::Ended;
                reader.drop_owed();
            }
            1..=3 => {
                self.board.change(
                    reader.id,
                    AlertPatch {
                        query: Some(query_of(wish_of.query())),
                        ..AlertPatch::default()
                    },
                );
                if wish_of != reader.wish {
                    reader.drop_owed();
                    reader.since = revision;
                    reader.wish = wish_of;
                }
            }
            4..=5 => {
                self.board.change(
                    reader.id,
                    AlertPatch {
                        frequency: Some(frequency),
                        ..AlertPatch::default()
                    },
                );
                if frequency != reader.frequency {
                    reader.frequency = frequency;
                    let due = reader.due(now);
                    reader.owed.values_mut().for_each(|at| *at = due);
                }
            }
            _ if reader.status == AlertStatus::Active => {
                self.board.set_status(reader.id, AlertStatus::Paused);
                reader.status = AlertStatus::Paused;
                reader.drop_owed();
            }
            _ => {
                self.board.set_status(reader.id, AlertStatus::Active);
                reader.status = AlertStatus::Active;
                reader.since = revision;
            }
        }
    }

    fn settle_and_compare(&mut self, step: usize) {
        let expected = self.model.settle(self.board.now().seconds());
        let mut told: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for mail in self.board.mails() {
            let numbers = titles_in(&mail).into_iter().map(|title| {
                let (_, rest) = title.split_once("number").unwrap();
                rest.trim_end_matches('x').parse().unwrap()
            });
            let before = told.insert(mail.recipient.to_string(), numbers.collect());
            assert_eq!(
                before, None,
                "step {step}: two mails at once to {}",
                mail.recipient
            );
        }
        assert_eq!(told, expected, "step {step} at {}", self.board.now());
    }

    fn live(&mut self) {
        for step in 0..STEPS {
            match self.dice.below(20) {
                0..=1 => self.subscribe(),
                2..=6 => self.publish(),
                7..=9 => self.change_role(),
                10..=11 => self.change_reader(),
                12 => self.board.restart(),
                13 => {
                    self.board.match_all();
                    self.model.match_all(self.board.now().seconds());
                }
                14 => self.board.wait(SignedDuration::from_mins(-40)),
                15..=16 => self
                    .board
                    .wait(SignedDuration::from_mins(7 + 60 * self.dice.below(30) as i64)),
                _ => self.settle_and_compare(step),
            }
        }
        for day in 0..9 {
            self.board.wait(SignedDuration::from_hours(24));
            self.settle_and_compare(STEPS + day);
        }
    }
}

on_both! {
    fn random_lives_are_told_exactly_as_the_promises_say(db) {
        // One database for all lives of a run: each begins with employers and readers of its own.
        let (mut told, mut held) = (0, 0);
        for seed in 0..LIVES {
            let db = store::testing::TestDb::new(db.backend());
            let mut board = Board::new(&db);
            board.letterhead.rules.per_mail = PER_MAIL;
            board.letterhead.rules.per_employer = PER_EMPLOYER;
            board.letterhead.rules.instant_burst = 1000;
            let employers = [board.employer, board.found("Other Labs")];
            let mut world = World { board, employers, dice: Dice(Random::seeded(1000 + seed)), model: Model::default() };
            world.live();
            told += world.model.readers.iter().map(|reader| reader.told.len()).sum::<usize>();
            held += world.model.readers.iter().map(|reader| reader.owed.len()).sum::<usize>();
        }
        assert!(told > 20 * LIVES as usize, "lives in which nothing happens show nothing: {told} told, {held} waiting at the end");
    }
}
