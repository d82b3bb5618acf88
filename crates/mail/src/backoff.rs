//! When to try again.

use jiff::SignedDuration;
use store::{Random, Timestamp};

use crate::DeliveryRules;

/// How long delivery is tried at most (RFC 5321, section 4.5.4.1: "at least 4-5 days").
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// A mail that the relay itself does not let us send is tried again after this at the latest.
const RELAY_RETRY_MAX: SignedDuration = SignedDuration::from_mins(5);

/// When to try next after `attempts` attempts (from 1): the step plus up to a tenth of it, so that mails which failed
/// together do not come back together.
pub(crate) fn after_attempt(
    rules: &DeliveryRules,
    attempts: i32,
    random: &Random,
    now: Timestamp,
) -> Timestamp {
    now.plus(with_jitter(step(rules, attempts), random))
}

/// When to try next after the relay refused to be used for it.
pub(crate) fn after_relay_fault(
    rules: &DeliveryRules,
    attempts: i32,
    random: &Random,
    now: Timestamp,
) -> Timestamp {
    now.plus(with_jitter(step(rules, attempts).min(RELAY_RETRY_MAX), random))
}

fn step(rules: &DeliveryRules, attempts: i32) -> SignedDuration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let steps = &rules.retry_after;
    let step = steps.get(index).or(steps.last());
    step.copied().unwrap_or(RELAY_RETRY_MAX)
}

/// `step` and up to a tenth more.
pub(crate) fn with_jitter(step: SignedDuration, random: &Random) -> SignedDuration {
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
        let rules = DeliveryRules::default();
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
                let next = after_attempt(&rules, attempts, &random, now);
                let least = now.plus(SignedDuration::from_mins(minutes));
                let most = now.plus(SignedDuration::from_secs(minutes * 66));
                assert!(next >= least && next <= most, "attempt {attempts}: {next}");
                seen.insert(next);
            }
        }
        assert!(seen.len() > 1000, "spread out");
        assert!(after_relay_fault(&rules, 9, &random, now) <= now.plus(SignedDuration::from_secs(330)));
    }
}
