//! When a digest is due, in the subscriber's time zone.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};
use store::Timestamp;

use crate::alert::{Alert, Frequency};

/// The zone with this IANA name.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// When a match found at `now` is mailed: at once, or at the next digest after `now`.
///
/// An hour that the clocks skip comes right after the gap; one that comes twice counts the first time (RFC 5545,
/// 3.3.5). A zone that the program no longer knows counts as UTC.
pub fn due_at(alert: &Alert, now: Timestamp) -> Timestamp {
    if alert.frequency == Frequency::Instant {
        return now;
    }
    let zone = time_zone(&alert.timezone).unwrap_or(TimeZone::UTC);
    let local = ZonedDateTime::new(now.as_jiff(), zone.clone());
    let hour = i8::try_from(alert.hour.clamp(0, 23)).unwrap_or(0);
    let mut day = local.date();
    // Today's hour may be past, so that the next Monday is up to eight days away.
    for _ in 0..9 {
        let is_day = alert.frequency == Frequency::Daily || day.weekday() == Weekday::Monday;
        if is_day
            && let Ok(at) = zone.to_timestamp(day.at(hour, 0, 0, 0))
            && at > now.as_jiff()
        {
            return at.into();
        }
        day = day.saturating_add(1.day());
    }
    now
}

#[cfg(test)]
mod tests {
    use store::{Json, Random};

    use super::*;
    use crate::alert::AlertStatus;

    fn due(frequency: Frequency, timezone: &str, hour: i16, now: &str) -> String {
        let now: Timestamp = now.parse().unwrap();
        let alert = Alert {
            id: Random::seeded(1).id(now),
            email: "a@b.example".parse().unwrap(),
            user_id: None,
            query: Json(search::Query::default()),
            frequency,
            timezone: timezone.to_owned(),
            hour,
            status: AlertStatus::Active,
            confirm_token_hash: None,
            confirm_expires_at: None,
            start_revision: 0,
            sequence: 1,
            version: 1,
            created_at: now,
            updated_at: now,
            confirmed_at: Some(now),
        };
        due_at(&alert, now).to_string()
    }

    #[test]
    fn an_instant_alert_is_due_at_once() {
        assert_eq!(
            due(Frequency::Instant, "UTC", 9, "2026-11-23T09:00:00Z"),
            "2026-11-23T09:00:00Z"
        );
    }

    #[test]
    fn a_daily_digest_is_due_at_the_subscribers_hour() {
        assert_eq!(
            due(Frequency::Daily, "America/Chicago", 8, "2026-11-23T13:59:00Z"),
            "2026-11-23T14:00:00Z"
        );
        assert_eq!(
            due(Frequency::Daily, "America/Chicago", 8, "2026-11-23T14:00:00Z"),
            "2026-11-24T14:00:00Z"
        );
        assert_eq!(
            due(Frequency::Daily, "Asia/Kolkata", 0, "2026-11-23T09:00:00Z"),
            "2026-11-23T18:30:00Z"
        );
    }

    #[test]
    fn a_weekly_digest_is_due_on_monday() {
        assert_eq!(
            due(Frequency::Weekly, "Europe/Zurich", 9, "2026-11-23T07:00:00Z"),
            "2026-11-23T08:00:00Z"
        );
        assert_eq!(
            due(Frequency::Weekly, "Europe/Zurich", 9, "2026-11-23T08:00:00Z"),
            "2026-11-30T08:00:00Z"
        );
        assert_eq!(
            due(Frequency::Weekly, "Pacific/Auckland", 9, "2026-11-22T19:59:00Z"),
            "2026-11-22T20:00:00Z"
        );
    }

    #[test]
    fn daylight_saving_moves_the_hour_with_the_wall_clock() {
        // 2:30 does not exist in New York on 2026-03-08; 1:00 comes twice on 2026-11-01.
        assert_eq!(
            due(Frequency::Daily, "America/New_York", 2, "2026-03-08T05:00:00Z"),
            "2026-03-08T07:00:00Z"
        );
        assert_eq!(
            due(Frequency::Daily, "America/New_York", 1, "2026-11-01T04:00:00Z"),
            "2026-11-01T05:00:00Z"
        );
        assert_eq!(
            due(Frequency::Daily, "America/New_York", 1, "2026-11-01T05:00:00Z"),
            "2026-11-02T06:00:00Z"
        );
    }
}
