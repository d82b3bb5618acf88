//! How much one receiving domain gets at once and in a second.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::SignedDuration;
use store::Timestamp;
use tokio::time::Instant;

use crate::{DeliveryRules, EmailAddress};

/// The window of a rate.
const SECOND: Duration = Duration::from_secs(1);
/// Pause of a domain that keeps saying 421; each further one doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// Longest pause of a domain.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
/// So many 421 in a row are the domain's; fewer may be a single mailbox's.
const THROTTLED: u32 = 3;

/// Whether a mail to a domain may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It may, and is counted.
    Go,
    /// Not before another one is through, or not before this moment.
    Wait(Option<Instant>),
    /// The domain wants to be left alone until then.
    Closed(Timestamp),
}

/// What one process sends to whom at the moment.
#[derive(Debug, Default)]
pub(crate) struct Domains(HashMap<String, Domain>);

#[derive(Debug, Default)]
struct Domain {
    in_flight: usize,
    /// When those were through that count for the rate.
    through: VecDeque<Instant>,
    /// Until when places are given to mails that were put off for the rate.
    booked_until: Option<Timestamp>,
    throttled: u32,
    closed_until: Option<Timestamp>,
}

impl Domains {
    /// Lets a mail to `domain` begin, when there is room. No more than `per_second` mails are begun within a second of
    /// one another's ends, so that no second, wherever it begins, sees more.
    pub(crate) fn begin(&mut self, rules: &DeliveryRules, domain: &str, now: Timestamp) -> Gate {
        let rule = rules.of(domain);
        let known = self.0.entry(domain.to_owned()).or_default();
        if let Some(until) = known.closed_until.filter(|&until| until > now) {
            // Not longer than any pause that is made: the clock may have been turned back.
            return Gate::Closed(until.min(now.plus(LONGEST_PAUSE)));
        }
        if known.in_flight >= rule.connections {
            return Gate::Wait(None);
        }
        if rule.per_second > 0 {
            let moment = Instant::now();
            while known.through.front().is_some_and(|&end| end + SECOND <= moment) {
                known.through.pop_front();
            }
            if known.in_flight + known.through.len() >= rule.per_second {
                return Gate::Wait(known.through.front().map(|&end| end + SECOND));
            }
        }
        known.in_flight += 1;
        Gate::Go
    }

    /// A mail to `domain` is through. `is_throttled` says that the other side answered 421, `None` that it said neither
    /// that nor yes.
    pub(crate) fn end(
        &mut self,
        rules: &DeliveryRules,
        domain: &str,
        is_throttled: Option<bool>,
        now: Timestamp,
    ) {
        let Some(known) = self.0.get_mut(domain) else {
            return;
        };
        known.in_flight = known.in_flight.saturating_sub(1);
        if rules.of(domain).per_second > 0 {
            known.through.push_back(Instant::now());
        }
        match is_throttled {
            None => {}
            Some(false) => {
                known.throttled = 0;
                known.closed_until = None;
            }
            Some(true) => {
                known.throttled += 1;
                if let Some(beyond) = known.throttled.checked_sub(THROTTLED) {
                    let pause = FIRST_PAUSE.saturating_mul(1 << beyond.min(10));
                    known.closed_until = Some(now.plus(pause.min(LONGEST_PAUSE)));
                }
            }
        }
    }

    /// How many mails to `domain` one pass takes, when it has a rate: what fits into a second.
    pub(crate) fn per_pass(rules: &DeliveryRules, domain: &str) -> Option<usize> {
        Some(rules.of(domain).per_second).filter(|&rate| rate > 0)
    }

    /// The next free place in the time of a domain with a rate, for a mail that is put off.
    pub(crate) fn book(&mut self, rules: &DeliveryRules, domain: &str, now: Timestamp) -> Timestamp {
        let rate = rules.of(domain).per_second.max(1);
        let known = self.0.entry(domain.to_owned()).or_default();
        let after = known
            .booked_until
            .unwrap_or(now)
            .max(now.plus(SignedDuration::from_secs(1)));
        let place = after.plus(SignedDuration::from_micros(1_000_000 / rate as i64));
        known.booked_until = Some(place);
        place
    }

    /// Forgets the domains about which there is nothing to know.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        let moment = Instant::now();
        self.0.retain(|_, known| {
            known.in_flight > 0
                || known.throttled > 0
                || known.through.back().is_some_and(|&end| end + SECOND > moment)
                || known.booked_until.is_some_and(|until| until > now)
        });
    }
}

/// Who runs the mailbox, as far as the address tells: few words, fit for figures.
pub(crate) fn class_of(address: &EmailAddress) -> &'static str {
    let domain = address.domain();
    let first = domain.split('.').next().unwrap_or_default();
    match domain {
        "gmail.com" | "googlemail.com" => "google",
        "icloud.com" | "me.com" | "mac.com" => "apple",
        "proton.me" | "protonmail.com" | "pm.me" => "proton",
        "gmx.de" | "gmx.net" | "gmx.com" | "gmx.at" | "gmx.ch" | "web.de" => "gmx",
        _ => match first {
            "outlook" | "hotmail" | "live" | "msn" => "microsoft",
            "yahoo" | "ymail" | "aol" => "yahoo",
            _ => "other",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    fn rules() -> DeliveryRules {
        DeliveryRules::parse(8, 0, 0, "slow.example 2/3", "60").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_mails_than_a_domain_allows() {
        let (rules, now) = (rules(), monday_morning());
        let mut domains = Domains::default();
        let began = Instant::now();
        let mut accepted: Vec<Duration> = Vec::new();
        while accepted.len() < 30 {
            match domains.begin(&rules, "slow.example", now) {
                Gate::Go => {
                    // Each takes a different time.
                    tokio::time::advance(Duration::from_millis(37 * (accepted.len() as u64 % 5))).await;
                    accepted.push(Instant::now() - began);
                    domains.end(&rules, "slow.example", Some(false), now);
                }
                Gate::Wait(Some(until)) => tokio::time::sleep_until(until).await,
                gate => panic!("{gate:?}"),
            }
        }
        for (index, start) in accepted.iter().enumerate() {
            let within = accepted[index..]
                .iter()
                .take_while(|end| **end < *start + SECOND)
                .count();
            assert!(within <= 3, "{within} mails in the second from {start:?}");
        }
        assert!(
            accepted.last().unwrap() < &Duration::from_secs(12),
            "and not many fewer"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_domain_does_not_take_the_room_of_another() {
        let (rules, now) = (rules(), monday_morning());
        let mut domains = Domains::default();
        let mut begin = |domain| domains.begin(&rules, domain, now);
        assert_eq!(
            [begin("slow.example"), begin("slow.example")],
            [Gate::Go, Gate::Go]
        );
        assert_eq!(begin("slow.example"), Gate::Wait(None));
        for _ in 0..8 {
            assert_eq!(begin("fast.example"), Gate::Go);
        }
        assert_eq!(begin("fast.example"), Gate::Wait(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_domain_that_says_421_again_and_again_is_left_alone_for_a_while() {
        let (rules, now) = (rules(), monday_morning());
        let mut domains = Domains::default();
        let mut say = |is_throttled, now| {
            let gate = domains.begin(&rules, "busy.example", now);
            if gate == Gate::Go {
                domains.end(&rules, "busy.example", is_throttled, now);
            }
            gate
        };
        for _ in 0..3 {
            assert_eq!(say(Some(true), now), Gate::Go, "it may be a single mailbox");
        }
        let later = now.plus(FIRST_PAUSE);
        assert_eq!(say(None, now), Gate::Closed(later));
        assert_eq!(say(Some(true), later), Gate::Go);
        assert_eq!(say(None, later), Gate::Closed(later.plus(FIRST_PAUSE * 2)));
        let much_later = later.plus(LONGEST_PAUSE);
        assert_eq!(say(Some(false), much_later), Gate::Go);
        assert_eq!(say(Some(true), much_later), Gate::Go, "it begins anew");
        assert_eq!(say(Some(false), much_later), Gate::Go);
    }

    #[tokio::test(start_paused = true)]
    async fn mails_that_are_put_off_get_places_at_the_pace_of_their_domain() {
        let (rules, now) = (rules(), monday_morning());
        let mut domains = Domains::default();
        let places: Vec<i64> = (0..300)
            .map(|_| domains.book(&rules, "slow.example", now).micros() - now.micros())
            .collect();
        assert!(places.is_sorted() && places[299] - places[0] >= 99 * 1_000_000);
        domains.tidy(now);
        assert_eq!(domains.0.len(), 1);
        domains.tidy(now.plus(SignedDuration::from_mins(10)));
        assert!(domains.0.is_empty(), "nothing is kept for ever");
    }
}
