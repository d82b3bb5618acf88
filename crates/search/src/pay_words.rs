//! Pay as it is typed into a search box: `200k+`, `$80/h`, `€90k`, `$150,000`.

use taxonomy::{Amount, Currency, PayPeriod, Rates};

/// A least pay that was typed.
#[derive(Debug, PartialEq)]
pub(crate) struct PayWord {
    /// Whole US dollars a year at the bundled rates.
    pub(crate) usd_a_year: i64,
    /// In words, for people.
    pub(crate) label: String,
}

const SYMBOLS: &[(&str, &str)] = &[
    ("US$", "USD"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("¥", "JPY"),
    ("USD", "USD"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("CAD", "CAD"),
    ("CHF", "CHF"),
];

/// The least pay that a word states. `is_count` says that what follows is a thing that can be counted in thousands.
pub(crate) fn read(word: &str, is_count: bool) -> Option<PayWord> {
    let upper = word.trim_matches([',', '.', ';']).to_uppercase();
    let mut rest = upper.trim_start_matches(['>', '≥', '=', '~']);
    let mut currency = None;
    for (sign, code) in SYMBOLS {
        if let Some(tail) = rest.strip_prefix(sign) {
            (rest, currency) = (tail, Some(*code));
            break;
        }
    }
    let digits_end = rest
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, ',' | '.'))
        .unwrap_or(rest.len());
    let (digits, mut rest) = rest.split_at(digits_end);
    let mut amount: f64 = digits.replace(',', "").parse().ok()?;
    let has_thousands = rest.starts_with('K');
    if has_thousands {
        amount *= 1000.0;
        rest = &rest[1..];
    }
    let mut is_least = upper.starts_with(['>', '≥']);
    let mut period = None;
    loop {
        let before = rest;
        if let Some(tail) = rest.strip_prefix('+') {
            (rest, is_least) = (tail, true);
        }
        for (sign, code) in SYMBOLS {
            if let Some(tail) = rest.strip_prefix(sign).filter(|_| currency.is_none()) {
                (rest, currency) = (tail, Some(*code));
            }
        }
        for (name, of) in [
            ("/HOUR", PayPeriod::Hour),
            ("/HR", PayPeriod::Hour),
            ("/H", PayPeriod::Hour),
            ("/DAY", PayPeriod::Day),
            ("/MONTH", PayPeriod::Month),
            ("/MO", PayPeriod::Month),
            ("/YEAR", PayPeriod::Year),
            ("/YR", PayPeriod::Year),
            ("/Y", PayPeriod::Year),
        ] {
            if let Some(tail) = rest.strip_prefix(name).filter(|_| period.is_none()) {
                (rest, period) = (tail, Some(of));
            }
        }
        if rest == before {
            break;
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let is_money = currency.is_some() || is_least || period.is_some();
    let plausible = match period.unwrap_or(PayPeriod::Year) {
        PayPeriod::Year => {
            (15_000.0..10_000_000.0).contains(&amount) && (is_money || has_thousands && !is_count)
        }
        _ => (3.0..200_000.0).contains(&amount),
    };
    if !plausible || is_count && currency.is_none() {
        return None;
    }
    let period = period.unwrap_or(PayPeriod::Year);
    let currency: Currency = currency.unwrap_or("USD").parse().ok()?;
    let usd = "USD".parse().ok()?;
    let stated = Amount::from_f64(amount).ok()?;
    let usd_a_year = taxonomy::yearly(stated, currency, period, usd, Rates::bundled());
    let band = postings::PayBand {
        min: Some(stated),
        max: None,
        currency,
        period,
        applies_to: None,
    };
    Some(PayWord {
        usd_a_year,
        label: band.label().replacen("from", "at least", 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_is_read_and_other_numbers_are_left_alone() {
        for (word, expected) in [
            ("200k+", Some(200_000)),
            ("$200k", Some(200_000)),
            (">150k", Some(150_000)),
            ("$150,000", Some(150_000)),
            ("150000+", Some(150_000)),
            ("200k", Some(200_000)),
            ("$80/h", Some(166_400)),
            ("80/hr", Some(166_400)),
            ("100", None),
            ("400g", None),
            ("800g", None),
            ("h100", None),
            ("2.5d", None),
            ("3nm", None),
            ("10k", None),
            ("k8s", None),
            ("24/7", None),
            ("c++", None),
        ] {
            let found = read(word, false).map(|pay| pay.usd_a_year);
            assert_eq!(found, expected, "{word}");
        }
        assert_eq!(read("100k", true), None);
        assert!(read("€90k", false).is_some_and(|pay| pay.usd_a_year > 90_000 && pay.label.contains("EUR")));
    }
}
