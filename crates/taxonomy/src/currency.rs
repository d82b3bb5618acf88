//! Currencies and the dated table that makes yearly figures comparable.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 code that the bundled rates table knows, e.g. `USD`. Eight bytes or fewer, `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A currency code that is not three letters or not in the rates table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a currency code this server knows")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// United States dollar: the table's base.
    pub const USD: Self = Self(*b"USD");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");
    /// Pound sterling.
    pub const GBP: Self = Self(*b"GBP");

    /// The three upper-case letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("USD")
    }

    /// Every currency of the bundled table, by code.
    pub fn all() -> Vec<Self> {
        Rates::bundled().per_usd.keys().copied().collect()
    }

    /// Three ASCII letters in any case, whether or not the table knows them.
    fn letters(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Reads a code in upper or lower case.
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::letters(code)
            .filter(|currency| Rates::bundled().per_usd.contains_key(currency))
            .ok_or_else(|| UnknownCurrency(code.chars().take(16).collect()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

/// How many units of each currency one US dollar bought on a day.
#[derive(Clone, Debug)]
pub struct Rates {
    date: String,
    per_usd: BTreeMap<Currency, f64>,
}

#[derive(Deserialize)]
struct RatesFile {
    date: String,
    per_usd: BTreeMap<String, f64>,
}

static BUNDLED: LazyLock<Rates> = LazyLock::new(|| {
    Rates::from_toml(include_str!("../../../config/taxonomy/rates.toml")).unwrap_or_else(|_| Rates {
        date: String::new(),
        per_usd: BTreeMap::from([(Currency::USD, 1.0)]),
    })
});

impl Rates {
    /// The table compiled in from `config/taxonomy/rates.toml`.
    pub fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// Reads a table: `date = "YYYY-MM-DD"` and `[per_usd]` with units per US dollar.
    ///
    /// # Errors
    /// A message for the operator when the file is no TOML, a code is not three letters, or a rate is not above zero.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let file: RatesFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut per_usd = BTreeMap::new();
        for (code, rate) in file.per_usd {
            let currency =
                Currency::letters(&code).ok_or_else(|| format!("{code:?} is not a currency code"))?;
            if !(rate.is_finite() && rate > 0.0) {
                return Err(format!("the rate of {code} must be above zero"));
            }
            per_usd.insert(currency, rate);
        }
        per_usd.insert(Currency::USD, 1.0);
        Ok(Self {
            date: file.date,
            per_usd,
        })
    }

    /// The day of the table, `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Units of `currency` for one US dollar; `None` when this table does not have it.
    pub fn per_usd(&self, currency: Currency) -> Option<f64> {
        self.per_usd.get(&currency).copied()
    }

    /// What one unit of `from` is worth in `to`. A currency this table lacks counts as a dollar, so that a shorter table
    /// of an operator gives a rough figure for sorting instead of none.
    pub fn factor(&self, from: Currency, to: Currency) -> f64 {
        self.per_usd(to).unwrap_or(1.0) / self.per_usd(from).unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_is_dated_and_knows_forty_currencies() {
        let rates = Rates::bundled();
        assert_eq!(rates.date().len(), 10);
        assert!(Currency::all().len() >= 40, "{}", Currency::all().len());
        assert!(rates.per_usd(Currency::EUR).unwrap() < 1.0);
    }

    #[test]
    fn codes_are_read_in_any_case_and_strangers_are_refused() {
        assert_eq!("usd".parse(), Ok(Currency::USD));
        assert!("XXX".parse::<Currency>().is_err());
        assert!("dollars".parse::<Currency>().is_err());
        assert_eq!(serde_json::to_string(&Currency::EUR).unwrap(), "\"EUR\"");
        assert!(serde_json::from_str::<Currency>("\"EURO\"").is_err());
    }

    #[test]
    fn a_table_with_a_zero_rate_is_refused() {
        assert!(Rates::from_toml("date = \"2026-01-01\"\n[per_usd]\nEUR = 0.0\n").is_err());
    }
}
