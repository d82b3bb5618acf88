//! Leaves a relay alone that does not answer.

use jiff::SignedDuration;
use store::{Random, Timestamp};

use crate::backoff::with_jitter;

/// Pause after the first failure; each further one doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Longest pause: so long after its return at the latest, the relay is tried.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// What one process knows about its relay.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    until: Option<Timestamp>,
}

/// How the relay may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As usual.
    Open,
    /// By one mail, to see whether it answers again.
    Probe,
    /// Not before this.
    Closed(Timestamp),
}

impl Breaker {
    pub(crate) fn way(&self, now: Timestamp) -> Way {
        match self.until {
            None => Way::Open,
            // A pause longer than any that is made: the clock was turned back.
            Some(until) if until > now && until <= now.plus(LONGEST_PAUSE * 2) => Way::Closed(until),
            Some(_) => Way::Probe,
        }
    }

    /// The relay did not answer. Several mails may say so at once; they count as one. Returns when it is tried next.
    pub(crate) fn trip(&mut self, random: &Random, now: Timestamp) -> Timestamp {
        if let Way::Closed(until) = self.way(now) {
            return until;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10));
        let until = now.plus(with_jitter(doubled.min(LONGEST_PAUSE), random));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(until);
        until
    }

    /// The relay answered.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn a_relay_that_stays_silent_is_asked_less_and_less_often_but_at_least_once_a_minute() {
        let random = Random::seeded(1);
        let mut breaker = Breaker::default();
        let mut now = monday_morning();
        assert_eq!(breaker.way(now), Way::Open);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let until = breaker.trip(&random, now);
            assert_eq!(breaker.trip(&random, now), until, "at once counts as one");
            assert_eq!(breaker.way(now), Way::Closed(until));
            pauses.push(until.as_jiff().duration_since(now.as_jiff()).as_secs());
            now = until;
            assert_eq!(breaker.way(now), Way::Probe);
        }
        for (pause, least) in pauses.iter().zip([1, 2, 4, 8, 16, 32]) {
            assert!((least..=least * 11 / 10).contains(pause), "{pauses:?}");
        }
        assert!(
            pauses[6..].iter().all(|pause| (60..=66).contains(pause)),
            "{pauses:?}"
        );
        breaker.reset();
        assert_eq!(breaker.way(now), Way::Open);
    }

    #[test]
    fn a_clock_that_is_turned_back_does_not_keep_the_relay_closed() {
        let mut breaker = Breaker::default();
        breaker.trip(&Random::seeded(1), monday_morning());
        let earlier = monday_morning().minus(SignedDuration::from_hours(1));
        assert_eq!(breaker.way(earlier), Way::Probe);
    }
}
