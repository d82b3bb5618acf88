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

/// The IANA names of the zones that the program knows.
pub fn zone_names() -> Vec<String> {
    let names = jiff::tz::db().available().map(|name| name.to_string());
    names.filter(|name| name.contains('/') || name == "UTC").collect()
}

/// When a match found at `now` is mailed: at once (for instant alerts outside their quiet hours), or at the next digest
/// after `now`.
pub fn due_at(alert: &Alert, now: Timestamp) -> Timestamp {
    if alert.frequency == Frequency::Instant {
        return quiet_until(alert, now).unwrap_or(now);
    }
    next_digest(alert, now)
}

/// The next time after `now` at which the alert writes what it gathered; an instant alert gathers what did not fit into
/// a mail and writes it once a day.
///
/// An hour that the clocks skip comes right after the gap; one that comes twice counts the first time (RFC 5545,
/// 3.3.5). A zone that the program no longer knows counts as UTC.
pub fn next_digest(alert: &Alert, now: Timestamp) -> Timestamp {
    let days = match alert.frequency {
        Frequency::Weekly => Days::Mondays,
        Frequency::Instant | Frequency::Daily => Days::All,
    };
    next_hour(alert, alert.hour, days, now)
}

/// When the quiet hours of an instant alert end, if `now` is among them.
pub fn quiet_until(alert: &Alert, now: Timestamp) -> Option<Timestamp> {
    let quiet = alert.quiet_hours().filter(|quiet| quiet.is_valid())?;
    if alert.frequency != Frequency::Instant {
        return None;
    }
    let zone = time_zone(&alert.timezone).unwrap_or(TimeZone::UTC);
    let hour = i16::from(ZonedDateTime::new(now.as_jiff(), zone).hour());
    let is_quiet = if quiet.from < quiet.to {
        (quiet.from..quiet.to).contains(&hour)
    } else {
        hour >= quiet.from || hour < quiet.to
    };
    is_quiet.then(|| next_hour(alert, quiet.to, Days::All, now))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Days {
    All,
    Mondays,
}

fn next_hour(alert: &Alert, hour: i16, days: Days, now: Timestamp) -> Timestamp {
    let zone = time_zone(&alert.timezone).unwrap_or(TimeZone::UTC);
    let local = ZonedDateTime::new(now.as_jiff(), zone.clone());
    let hour = i8::try_from(hour.clamp(0, 23)).unwrap_or(0);
    let mut day = local.date();
    // Today's hour may be past, so that the next Monday is up to eight days away.
    for _ in 0..9 {
        if (days == Days::All || day.weekday() == Weekday::Monday)
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
    use crate::alert::{AlertStatus, Notify};

    fn alert(frequency: Frequency, timezone: &str, hour: i16, now: &str) -> Alert {
        let now: Timestamp = now.parse().unwrap();
        Alert {
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
            notify: Notify::default(),
            quiet_from: None,
            quiet_to: None,
            touched_at: now,
            keep_asked_at: None,
            paced_until: None,
            last_mailed_at: None,
            end_reason: None,
        }
    }

    fn due(frequency: Frequency, timezone: &str, hour: i16, now: &str) -> String {
        due_at(&alert(frequency, timezone, hour, now), now.parse().unwrap()).to_string()
    }

    /// When an instant alert with quiet hours from 22 to 7 (or others) tells what it finds at `now`.
    fn quiet(timezone: &str, from: i16, to: i16, now: &str) -> String {
        let kept = Alert {
            quiet_from: Some(from),
            quiet_to: Some(to),
            ..alert(Frequency::Instant, timezone, 8, now)
        };
        due_at(&kept, now.parse().unwrap()).to_string()
    }

    #[test]
    fn quiet_hours_end_at_their_hour_on_the_wall() {
        let zone = "America/New_York";
        assert_eq!(quiet(zone, 22, 7, "2026-11-24T02:59:59Z"), "2026-11-24T02:59:59Z");
        assert_eq!(quiet(zone, 22, 7, "2026-11-24T03:00:00Z"), "2026-11-24T12:00:00Z");
        assert_eq!(quiet(zone, 22, 7, "2026-11-24T11:59:59Z"), "2026-11-24T12:00:00Z");
        assert_eq!(quiet(zone, 22, 7, "2026-11-24T12:00:00Z"), "2026-11-24T12:00:00Z");
        assert_eq!(quiet(zone, 9, 17, "2026-11-24T15:00:00Z"), "2026-11-24T22:00:00Z");
        // The night in which the clocks go forward is an hour shorter, the other an hour longer.
        assert_eq!(quiet(zone, 22, 7, "2027-03-14T04:00:00Z"), "2027-03-14T11:00:00Z");
        assert_eq!(quiet(zone, 22, 7, "2026-11-01T04:00:00Z"), "2026-11-01T12:00:00Z");
        // 02:00 does not exist in the night to 2027-03-14: the quiet ends right after the gap.
        assert_eq!(quiet(zone, 22, 2, "2027-03-14T06:30:00Z"), "2027-03-14T07:00:00Z");
        assert_eq!(
            quiet("UTC", 0, 23, "2026-11-24T22:59:59Z"),
            "2026-11-24T23:00:00Z"
        );
    }

    #[test]
    fn quiet_hours_concern_instant_alerts_only() {
        let daily = Alert {
            quiet_from: Some(6),
            quiet_to: Some(9),
            ..alert(Frequency::Daily, "UTC", 8, "2026-11-24T07:00:00Z")
        };
        let now = "2026-11-24T07:00:00Z".parse().unwrap();
        assert_eq!(due_at(&daily, now).to_string(), "2026-11-24T08:00:00Z");
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
