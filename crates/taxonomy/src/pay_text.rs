//! Reading pay out of text: a field that holds pay and nothing else, or a whole description.

use crate::pay_tokens::{Figure, figures};
use crate::{Amount, Currency, PayPeriod, PayRange, Rates};

/// Reads the first pay figure or range of a short text such as `$210,000 - $290,000 a year` or `€70k–90k`.
///
/// A single figure gives both ends; `up to` gives only the upper end, `from` and `+` only the lower. Without a word for
/// the period it is inferred from the amount. `None` when no currency is named, the sum is not plausible pay for its
/// period, or it is something else (millions, funding, percentages, 401(k)).
pub fn parse_pay(text: &str) -> Option<PayRange> {
    let all = figures(text);
    (0..all.len()).find_map(|index| {
        let candidate = range_at(text, &all, index)?;
        let tail = window_after(text, candidate.end, 24).to_lowercase();
        if NOT_PAY_BEHIND.iter().any(|word| tail.contains(word)) {
            return None;
        }
        candidate.finish(period_around(text, candidate.start, candidate.end))
    })
}

/// Looks for pay in a full description: a range, or a figure with its period, near a word such as salary, pay or
/// compensation. Conservative: bonuses, stipends, budgets and funding are passed over, and `None` is the usual answer.
pub fn find_pay_in_text(text: &str) -> Option<PayRange> {
    if !text.contains(['$', '€', '£', '₹', '₪', '₱']) && !has_currency_code(text) {
        return None;
    }
    let all = figures(text);
    let mut second_choice = None;
    for index in 0..all.len() {
        let Some(candidate) = range_at(text, &all, index) else {
            continue;
        };
        if !candidate.is_pay_in_context(text) {
            continue;
        }
        let stated = period_around(text, candidate.start, candidate.end);
        if stated.is_none() && !candidate.is_range && !candidate.is_called_salary(text) {
            continue;
        }
        let Some(found) = candidate.finish(stated) else {
            continue;
        };
        let before = last_sentence(window_before(text, candidate.start, 60)).to_lowercase();
        let is_total = before.contains("ote") || before.contains("on-target") || before.contains("total");
        if !is_total {
            return Some(found);
        }
        second_choice = second_choice.or(Some(found));
    }
    second_choice
}

const NOT_PAY_BEHIND: &[&str] = &[
    "raised",
    "funding",
    "valuation",
    "revenue",
    "in arr",
    " arr",
    "series ",
    "budget",
    "stipend",
    "referral",
];

const PAY_WORDS: &[&str] = &[
    "salary",
    "salaries",
    "salaried",
    "pay ",
    "pay:",
    "paid",
    "compensation",
    "base ",
    "wage",
    "hourly",
    "remuneration",
    "ote",
];

const OTHER_MONEY: &[&str] = &[
    "bonus of",
    "sign-on",
    "signing",
    "stipend",
    "reimburse",
    "budget",
    "raised",
    "funding",
    "valu",
    "revenue",
    "allowance",
    "401",
    "fine",
    "penalt",
    "insur",
    "invest",
    "grant",
    "fund",
    "contribut",
    "match",
    "credit",
    "referral",
];

/// A figure or range before its period is known.
struct Candidate {
    min: Option<f64>,
    max: Option<f64>,
    currency: Currency,
    start: usize,
    end: usize,
    is_range: bool,
}

/// The figure at `index`, joined with the next one when a dash or "to" stands between.
fn range_at(text: &str, all: &[Figure], index: usize) -> Option<Candidate> {
    let first = all.get(index)?;
    if first.not_pay || first.value <= 0.0 {
        return None;
    }
    let second = all
        .get(index + 1)
        .filter(|second| joins(&text[first.end..second.start]));
    let Some(second) = second else {
        let currency = first.currency?;
        let (min, max) = open_end(text, first);
        return Some(Candidate {
            min,
            max,
            currency,
            start: first.start,
            end: first.end,
            is_range: false,
        });
    };
    if second.not_pay {
        return None;
    }
    let mut low = first.value;
    if second.thousands && !first.thousands && low < 1_000.0 {
        low *= 1_000.0;
    }
    // A bare dollar sign takes the country of a more precise mark on the other end.
    let currency = match (first.currency, second.currency) {
        (Some(Currency::USD) | None, Some(other)) => other,
        (Some(one), _) => one,
        (None, None) => return None,
    };
    (low <= second.value).then_some(Candidate {
        min: Some(low),
        max: Some(second.value),
        currency,
        start: first.start,
        end: second.end,
        is_range: true,
    })
}

/// Whether the text between two figures makes them one range. A period may stand there: `$72K/yr - $90K/yr`.
fn joins(between: &str) -> bool {
    if between.len() > 24 {
        return false;
    }
    let lower = between.to_lowercase();
    let mut seen = false;
    for word in lower.split_whitespace() {
        match word {
            "-" | "–" | "—" | "−" | "to" | "and" | "/yr-" | "until" | "bis" | "à" => seen = true,
            "/yr" | "/hr" | "/hour" | "/year" | "per" | "year" | "hour" | "annually" | "a" | "an"
            | "yearly" => {}
            _ => {
                let core = word.trim_start_matches(['/', 'y', 'h', 'r']);
                if !core.is_empty() && core.chars().all(|c| matches!(c, '-' | '–' | '—')) {
                    seen = true;
                } else {
                    return false;
                }
            }
        }
    }
    seen
}

fn open_end(text: &str, figure: &Figure) -> (Option<f64>, Option<f64>) {
    let before = window_before(text, figure.start, 14).to_lowercase();
    let before = before.trim_end();
    if before.ends_with("up to") || before.ends_with("maximum") || before.ends_with("max") {
        return (None, Some(figure.value));
    }
    let behind = text[figure.end..].trim_start();
    let from = ["from", "at least", "minimum", "starting at", "min"]
        .iter()
        .any(|word| before.ends_with(word));
    if from || behind.starts_with('+') {
        return (Some(figure.value), None);
    }
    (Some(figure.value), Some(figure.value))
}

impl Candidate {
    /// The range, when it is plausible pay for `stated` or for the period that its size suggests.
    fn finish(&self, stated: Option<PayPeriod>) -> Option<PayRange> {
        let to_usd = Rates::bundled().factor(self.currency, Currency::USD);
        let low = self.min.or(self.max)? * to_usd;
        let high = self.max.or(self.min)? * to_usd;
        let period = match stated {
            Some(period) => period,
            None => period_of_size(low, high)?,
        };
        let (least, most) = plausible(period);
        if low < least || high > most {
            return None;
        }
        let amount = |value: Option<f64>| value.and_then(|value| Amount::from_f64(value).ok());
        Some(PayRange {
            min: amount(self.min),
            max: amount(self.max),
            currency: self.currency,
            period,
        })
    }

    /// Whether "base salary" follows directly.
    fn is_called_salary(&self, text: &str) -> bool {
        let behind = window_after(text, self.end, 16).to_lowercase();
        let behind = behind.trim_start();
        behind.starts_with("base salary") || behind.starts_with("base pay") || behind.starts_with("salary")
    }

    /// Whether the words around say that this is pay and not some other money.
    fn is_pay_in_context(&self, text: &str) -> bool {
        let before = window_before(text, self.start, 140).to_lowercase();
        let close = last_sentence(window_before(text, self.start, 40)).to_lowercase();
        let behind = window_after(text, self.end, 40).to_lowercase();
        if OTHER_MONEY.iter().any(|word| close.contains(word))
            || NOT_PAY_BEHIND.iter().any(|w| behind.contains(w))
        {
            return false;
        }
        PAY_WORDS
            .iter()
            .any(|word| before.contains(word) || behind.contains(word))
            || ["per hour", "/hour", "/hr", "an hour"]
                .iter()
                .any(|word| behind.trim_start().starts_with(word))
            || (self.is_range && behind.trim_start().starts_with("per "))
            || (self.is_range && (behind.contains("annual") || behind.contains("per year")))
    }
}

/// What a sum in US dollars without a word for its period is paid for; `None` in the gaps where it cannot be told.
fn period_of_size(low: f64, high: f64) -> Option<PayPeriod> {
    if low >= 8.0 && high <= 250.0 {
        Some(PayPeriod::Hour)
    } else if low >= 12_000.0 {
        Some(PayPeriod::Year)
    } else if low >= 1_500.0 && high <= 9_000.0 {
        Some(PayPeriod::Month)
    } else {
        None
    }
}

/// The least and most one person is paid, in US dollars for one period.
fn plausible(period: PayPeriod) -> (f64, f64) {
    match period {
        PayPeriod::Hour => (2.0, 1_000.0),
        PayPeriod::Day => (15.0, 8_000.0),
        PayPeriod::Week => (80.0, 40_000.0),
        PayPeriod::Month => (150.0, 170_000.0),
        PayPeriod::Year => (2_000.0, 5_000_000.0),
    }
}

/// The period named directly behind the figures, or shortly before them.
fn period_around(text: &str, start: usize, end: usize) -> Option<PayPeriod> {
    let between = window_after(text, start, end - start).to_lowercase();
    let behind = window_after(text, end, 40).to_lowercase();
    let before = window_before(text, start, 60).to_lowercase();
    first_period(&behind, 28)
        .or_else(|| first_period(&between, 80))
        .or_else(|| {
            const HINTS: &[(&str, PayPeriod)] = &[
                ("hourly", PayPeriod::Hour),
                ("daily rate", PayPeriod::Day),
                ("day rate", PayPeriod::Day),
                ("weekly", PayPeriod::Week),
                ("monthly", PayPeriod::Month),
                ("annual", PayPeriod::Year),
                ("yearly", PayPeriod::Year),
            ];
            HINTS
                .iter()
                .find(|(word, _)| before.contains(word))
                .map(|(_, period)| *period)
        })
}

/// The period word that starts first within `limit` bytes.
fn first_period(text: &str, limit: usize) -> Option<PayPeriod> {
    const WORDS: &[(&str, PayPeriod)] = &[
        ("/hr", PayPeriod::Hour),
        ("/ hr", PayPeriod::Hour),
        ("/h", PayPeriod::Hour),
        ("/hour", PayPeriod::Hour),
        ("per hour", PayPeriod::Hour),
        ("an hour", PayPeriod::Hour),
        ("hourly", PayPeriod::Hour),
        ("hour", PayPeriod::Hour),
        ("/day", PayPeriod::Day),
        ("per day", PayPeriod::Day),
        ("a day", PayPeriod::Day),
        ("/week", PayPeriod::Week),
        ("/wk", PayPeriod::Week),
        ("per week", PayPeriod::Week),
        ("a week", PayPeriod::Week),
        ("weekly", PayPeriod::Week),
        ("/mo", PayPeriod::Month),
        ("per month", PayPeriod::Month),
        ("a month", PayPeriod::Month),
        ("monthly", PayPeriod::Month),
        ("/yr", PayPeriod::Year),
        ("/year", PayPeriod::Year),
        ("per year", PayPeriod::Year),
        ("a year", PayPeriod::Year),
        ("per annum", PayPeriod::Year),
        ("p.a", PayPeriod::Year),
        (" pa", PayPeriod::Year),
        ("annual", PayPeriod::Year),
        ("yearly", PayPeriod::Year),
        ("/annum", PayPeriod::Year),
    ];
    WORDS
        .iter()
        .filter_map(|(word, period)| {
            let at = text.find(word)?;
            let whole = *word != " pa" || !text[at + 3..].starts_with(|c: char| c.is_alphabetic());
            (at <= limit && whole).then_some((at, *period))
        })
        .min_by_key(|(at, _)| *at)
        .map(|(_, period)| period)
}

/// What stands behind the last full stop or line end.
fn last_sentence(text: &str) -> &str {
    let cut = text
        .rfind(". ")
        .map(|at| at + 2)
        .max(text.rfind('\n').map(|at| at + 1));
    &text[cut.unwrap_or(0)..]
}

fn has_currency_code(text: &str) -> bool {
    [
        "USD", "EUR", "GBP", "CHF", "CAD", "AUD", "SGD", "PLN", "SEK", "INR", "JPY",
    ]
    .iter()
    .any(|c| text.contains(c))
}

fn window_before(text: &str, at: usize, bytes: usize) -> &str {
    let mut from = at.saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..at]
}

fn window_after(text: &str, at: usize, bytes: usize) -> &str {
    let mut to = (at + bytes).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[at..to]
}

#[cfg(test)]
#[path = "pay_text_tests.rs"]
mod tests;
