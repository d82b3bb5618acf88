//! When to try again.

use jiff::SignedDuration;
use store::{Random, Timestamp};

/// How long delivery is tried at most (RFC 5321, section 4.5.4.1: "at least 4-5 days").
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Minutes to wait after the first, second, … attempt; the last holds for all that follow. The short first steps are
/// for our own relay.
const STEPS_MIN: [i64; 6] = [1, 5, 30, 60, 120, 240];

/// A relay that does not answer is asked again after this at the latest: the fault is not the mail's.
const RELAY_RETRY_MAX: SignedDuration = SignedDuration::from_mins(5);

/// When to try next after `attempts` attempts (from 1): the step plus up to a tenth of it, so that mails which failed
/// together do not come back together.
pub(crate) fn after_attempt(attempts: i32, random: &Random, now: Timestamp) -> Timestamp {
    now.plus(with_jitter(step(attempts), random))
}

/// When to try next after the relay itself failed.
pub(crate) fn after_relay_fault(attempts: i32, random: &Random, now: Timestamp) -> Timestamp {
    now.plus(with_jitter(step(attempts).min(RELAY_RETRY_MAX), random))
}

fn step(attempts: i32) -> SignedDuration {
    let index = usize::try_from(attempts.saturating_sub(1))
        .unwrap_or(0)
        .min(STEPS_MIN.len() - 1);
    SignedDuration::from_mins(STEPS_MIN.get(index).copied().unwrap_or(240))
}

fn with_jitter(step: SignedDuration, random: &Random) -> SignedDuration {
    let millis = step.as_millis() as f64 * (1.0 + random.fraction() / 10.0);
    SignedDuration::from_millis(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn the_wait_follows_the_schedule_with_at_most_a_tenth_more() {
        let random = Random::seeded(1);
        let now = monday_morning();
        let mut seen = std::collections::BTreeSet::new();
        for (attempts, minutes) in [
            (1, 1),
            (2, 5),
            (3, 30),
            (4, 60),
            (5, 120),
            (6, 240),
            (7, 240),
            (60, 240),
        ] {
            for _ in 0..200 {
                let next = after_attempt(attempts, &random, now);
                let least = now.plus(SignedDuration::from_mins(minutes));
                let most = now.plus(SignedDuration::from_secs(minutes * 66));
                assert!(next >= least && next <= most, "attempt {attempts}: {next}");
                seen.insert(next);
            }
        }
        assert!(seen.len() > 1000, "spread out");
        assert!(after_relay_fault(9, &random, now) <= now.plus(SignedDuration::from_secs(330)));
    }
}
