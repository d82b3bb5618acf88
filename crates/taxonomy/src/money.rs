//! Sums of money: what an employer states, and the yearly figure that filters and sorts use.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Currency, PayPeriod, Rates};

/// A sum in hundredths of the currency's main unit, whatever the currency; never negative, at most 10^12 units.
///
/// Serialises as a JSON number: an integer when whole, else two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Amount(i64);

/// A number that cannot be a sum of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount must be a number from 0 to 1000000000000")]
pub struct InvalidAmount;

impl Amount {
    const LIMIT_UNITS: f64 = 1e12;

    /// A sum in main units, rounded to hundredths.
    ///
    /// # Errors
    /// [`InvalidAmount`] when negative, not a number, or above 10^12.
    pub fn from_f64(units: f64) -> Result<Self, InvalidAmount> {
        if !(0.0..=Self::LIMIT_UNITS).contains(&units) {
            return Err(InvalidAmount);
        }
        Ok(Self((units * 100.0).round() as i64))
    }

    /// A sum in hundredths, e.g. as stored in a database.
    ///
    /// # Errors
    /// [`InvalidAmount`] when negative or above 10^14.
    pub fn from_hundredths(hundredths: i64) -> Result<Self, InvalidAmount> {
        let limit = (Self::LIMIT_UNITS * 100.0) as i64;
        if (0..=limit).contains(&hundredths) {
            Ok(Self(hundredths))
        } else {
            Err(InvalidAmount)
        }
    }

    /// The sum in hundredths of the main unit.
    pub fn hundredths(self) -> i64 {
        self.0
    }

    /// The sum in main units.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 100 == 0 {
            write!(f, "{}", self.0 / 100)
        } else {
            write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i64(self.0 / 100)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = f64::deserialize(deserializer)?;
        Self::from_f64(units).map_err(serde::de::Error::custom)
    }
}

/// One pay figure as an employer states it. At least one end is present when it came out of [`crate::parse_pay`], and
/// `min` is then not above `max`; a value read from JSON is as its writer made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayRange {
    /// The lower end, in units of `currency` for one `period`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Amount>,
    /// The upper end, in units of `currency` for one `period`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Amount>,
    /// The currency of both ends.
    pub currency: Currency,
    /// What one figure is for.
    pub period: PayPeriod,
}

/// The sum for one year in whole units of `to`, rounded to the nearest unit.
///
/// A full-time year is 2080 hours, 260 days, 52 weeks or 12 months (40 hours a week, 5 days a week). For filter and sort
/// only: what is shown to people is always the employer's own figure.
pub fn yearly(amount: Amount, currency: Currency, period: PayPeriod, to: Currency, rates: &Rates) -> i64 {
    let periods_a_year = match period {
        PayPeriod::Hour => 2080.0,
        PayPeriod::Day => 260.0,
        PayPeriod::Week => 52.0,
        PayPeriod::Month => 12.0,
        PayPeriod::Year => 1.0,
    };
    (amount.as_f64() * periods_a_year * rates.factor(currency, to)).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: f64) -> Amount {
        Amount::from_f64(units).unwrap()
    }

    #[test]
    fn a_whole_amount_is_written_as_an_integer_and_a_broken_one_with_decimals() {
        assert_eq!(serde_json::to_string(&amount(210_000.0)).unwrap(), "210000");
        assert_eq!(serde_json::to_string(&amount(48.5)).unwrap(), "48.5");
        assert_eq!(serde_json::to_string(&amount(48.25)).unwrap(), "48.25");
        assert_eq!(amount(48.5).to_string(), "48.50");
        assert_eq!(
            serde_json::from_str::<Amount>("48.25").unwrap().hundredths(),
            4825
        );
        assert_eq!(
            serde_json::from_str::<Amount>("210000").unwrap().hundredths(),
            21_000_000
        );
    }

    #[test]
    fn impossible_sums_are_refused() {
        for units in [-1.0, f64::NAN, f64::INFINITY, 1e12 + 1.0] {
            assert_eq!(Amount::from_f64(units), Err(InvalidAmount));
        }
        assert!(Amount::from_hundredths(-1).is_err());
        assert!(serde_json::from_str::<Amount>("-5").is_err());
        assert!(Amount::from_f64(1e12).is_ok());
    }

    #[test]
    fn a_year_has_2080_hours_260_days_52_weeks_and_12_months() {
        let rates = Rates::bundled();
        let year = |units, period| yearly(amount(units), Currency::USD, period, Currency::USD, rates);
        assert_eq!(year(50.0, PayPeriod::Hour), 104_000);
        assert_eq!(year(400.0, PayPeriod::Day), 104_000);
        assert_eq!(year(2_000.0, PayPeriod::Week), 104_000);
        assert_eq!(year(10_000.0, PayPeriod::Month), 120_000);
        assert_eq!(year(210_000.0, PayPeriod::Year), 210_000);
    }

    #[test]
    fn another_currency_is_converted_by_the_table() {
        let rates = Rates::from_toml("date = \"2026-01-01\"\n[per_usd]\nEUR = 0.8\n").unwrap();
        assert_eq!(
            yearly(
                amount(80_000.0),
                Currency::EUR,
                PayPeriod::Year,
                Currency::USD,
                &rates
            ),
            100_000
        );
        assert_eq!(
            yearly(
                amount(100_000.0),
                Currency::USD,
                PayPeriod::Year,
                Currency::EUR,
                &rates
            ),
            80_000
        );
    }

    #[test]
    fn a_range_refuses_fields_it_does_not_know() {
        let refused = serde_json::from_str::<PayRange>(
            r#"{"min": 1, "max": 2, "currency": "USD", "period": "year", "minimum": 1}"#,
        );
        assert!(refused.is_err());
    }
}
