//! Pay as boards carry it: figures with a currency and a period, some of them nonsense.

use taxonomy::{Amount, Currency, PayPeriod, Rates, yearly};

use crate::content::{Equity, Pay, PayBand};

/// What one year of full-time work can pay, in US dollars: anything else is a placeholder or a slip of the period.
const PLAUSIBLE_YEAR: std::ops::RangeInclusive<i64> = 500..=20_000_000;

/// A range as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Band {
    /// In main units; zero stands for nothing.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) currency: String,
    pub(crate) period: PayPeriod,
    pub(crate) applies_to: Option<String>,
}

/// The bands that make sense: the first is base pay, the others its further ranges.
pub(crate) fn pay_of(bands: Vec<Band>, equity: Option<Equity>) -> Option<Pay> {
    let mut sound: Vec<PayBand> = Vec::new();
    for band in bands.into_iter().filter_map(sound_band) {
        if !sound.contains(&band) {
            sound.push(band);
        }
    }
    let is_single = sound.len() == 1;
    let mut sound = sound.into_iter();
    let mut base = sound.next();
    if let Some(base) = base.as_mut().filter(|_| is_single) {
        base.applies_to = None;
    }
    let pay = Pay {
        base,
        ranges: sound.collect(),
        equity,
        ..Pay::default()
    };
    Some(pay).filter(|pay| *pay != Pay::default())
}

fn sound_band(band: Band) -> Option<PayBand> {
    let amount = |sum: Option<f64>| {
        let amount = Amount::from_f64(sum?).ok()?;
        (amount.hundredths() > 0).then_some(amount)
    };
    let (min, max) = (amount(band.min), amount(band.max));
    if min.is_none() && max.is_none() || min.zip(max).is_some_and(|(min, max)| min > max) {
        return None;
    }
    let currency: Currency = band.currency.trim().to_uppercase().parse().ok()?;
    let usd: Currency = "USD".parse().ok()?;
    let year = yearly(max.or(min)?, currency, band.period, usd, Rates::bundled());
    PLAUSIBLE_YEAR.contains(&year).then_some(PayBand {
        min,
        max,
        currency,
        period: band.period,
        applies_to: band.applies_to,
    })
}

/// The period that `words` name: "Annual base", "per hour".
pub(crate) fn period_in_words(words: &str) -> Option<PayPeriod> {
    let words = words.to_lowercase();
    let known = [
        (PayPeriod::Hour, &["hour", "/hr", "per hr"][..]),
        (PayPeriod::Day, &["daily", "per day", "a day"]),
        (PayPeriod::Week, &["weekly", "per week", "a week"]),
        (PayPeriod::Month, &["month"]),
        (PayPeriod::Year, &["annual", "year", "annum", "salary"]),
    ];
    let named = known
        .into_iter()
        .find(|(_, names)| names.iter().any(|name| words.contains(name)));
    named.map(|(period, _)| period)
}

/// The period of a figure that leaves no doubt: nobody earns 15,000 an hour or 300 a year.
pub(crate) fn period_of_amount(units: f64) -> Option<PayPeriod> {
    if units >= 15_000.0 {
        Some(PayPeriod::Year)
    } else if (1.0..=300.0).contains(&units) {
        Some(PayPeriod::Hour)
    } else {
        None
    }
}
