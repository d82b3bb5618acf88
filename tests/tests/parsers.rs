//! Every parser of what others send, fed damaged seeds: the same few hundred in every run. `make fuzz` lets libFuzzer look for more;
//! what it finds is kept as a seed.

use board::parsers::{PARSERS, parse, seeds};
use store::testing::Damage;

/// How many damaged inputs each parser gets, when nobody asks for more.
const ROUNDS: usize = 400;

fn rounds() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long to go on is asked for from outside"
    )]
    let asked = std::env::var("BACKPLANE_TEST_FUZZ_ROUNDS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// Runs the parsers whose names begin with `prefix`. The input that broke one is kept beside the test's other output.
fn feed(prefix: &str) {
    let chosen: Vec<_> = PARSERS
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    assert!(!chosen.is_empty(), "no parser begins with {prefix}");
    for (name, _) in chosen {
        let seeds = seeds(name);
        let damage = Damage::seeded(20_261_123);
        let damaged = (0..rounds()).map(|_| damage.next(&seeds));
        for input in seeds.iter().cloned().chain(damaged) {
            let kept = Kept { name, input: &input };
            parse(name, &input);
            std::mem::forget(kept);
        }
    }
}

/// Writes down what broke a parser, while the test fails.
struct Kept<'i> {
    name: &'i str,
    input: &'i [u8],
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        eprintln!(
            "{} broke on {:?}",
            self.name,
            self.input.escape_ascii().to_string()
        );
    }
}

macro_rules! parsers {
    ($($test:ident: $prefix:literal),+ $(,)?) => { $(
        #[test]
        fn $test() {
            feed($prefix);
        }
    )+ };
}

parsers! {
    damaged_access_tokens_are_refused: "access_token",
    damaged_link_tokens_are_refused: "link_token",
    damaged_queries_are_refused_or_searched: "search_query",
    damaged_queries_of_alerts_are_refused_or_kept: "alert_query",
    damaged_cursors_are_refused_or_followed: "cursor",
    damaged_imports_are_refused_or_read: "import_",
    damaged_mappings_are_refused_or_used: "table_mapping",
    any_description_comes_out_safe: "description",
    any_posting_comes_out_safe: "posting",
    any_place_and_pay_is_read_or_not: "place_and_pay",
    any_words_fit_into_a_mail: "mail_message",
    damaged_reports_are_refused_or_read: "mail_report",
    damaged_addresses_are_refused_or_plain: "email_address",
}
