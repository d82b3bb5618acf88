//! Search turned around.

use search::{Matcher, Query};
use serde_json::json;
use store::testing::TestDb;
use store::{Backend, Id, Random};

use crate::support::{Board, query, row, row_with};

struct Asked<'d> {
    board: Board<'d>,
    matcher: Matcher,
    random: Random,
}

impl<'d> Asked<'d> {
    fn new(db: &'d TestDb) -> Self {
        let board = Board::new(db);
        board.import(&[
            row_with(
                "rtl",
                "RTL Engineer",
                json!({"workplace": "remote", "remote_from": ["US"], "skills": ["rust"]}),
            ),
            row("dft", "DFT Engineer"),
        ]);
        Self {
            board,
            matcher: Matcher::new(),
            random: Random::seeded(9),
        }
    }

    fn add(&mut self, parameters: &str) -> Id {
        let id = self.random.id(self.board.now);
        self.matcher.insert(id, &query(parameters));
        id
    }

    fn told(&mut self, name: &str) -> Vec<Id> {
        let document = self.board.document(name);
        let mut told = Vec::new();
        self.matcher
            .matching(&document, self.board.now, |id| told.push(id));
        told.sort_unstable();
        told
    }
}

fn sorted(mut ids: Vec<Id>) -> Vec<Id> {
    ids.sort_unstable();
    ids
}

#[test]
fn each_subscriber_of_a_shared_query_is_told_once() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    let [a, b] = [asked.add("q=rtl"), asked.add("q=rtl")];
    let c = asked.add("q=rtl OR engineer OR dft&skill=rust,python");
    assert_eq!(asked.told("rtl"), sorted(vec![a, b, c]));
    assert_eq!(asked.told("dft"), []);
    assert_eq!((asked.matcher.len(), asked.matcher.is_empty()), (3, false));
    assert!(
        format!("{:?}", asked.matcher).contains("queries: 2"),
        "equal queries share one entry"
    );
}

#[test]
fn a_query_is_replaced_and_forgotten() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    let [a, b] = [asked.add("q=rtl"), asked.add("q=rtl")];
    asked.matcher.insert(a, &query("q=dft"));
    assert_eq!((asked.told("rtl"), asked.told("dft")), (vec![b], vec![a]));
    asked.matcher.insert(a, &query("q=dft"));
    assert_eq!(
        (asked.told("dft"), asked.matcher.len()),
        (vec![a], 2),
        "the same again changes nothing"
    );
    asked.matcher.remove(b);
    asked.matcher.remove(b);
    assert_eq!(asked.told("rtl"), []);
    asked.matcher.remove(a);
    assert!(asked.matcher.is_empty());
    assert_eq!(asked.told("dft"), []);
}

#[test]
fn the_place_of_a_forgotten_query_serves_another_one() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    for round in 0..50 {
        let old = asked.add("q=rtl OR dft&workplace=remote");
        let plain = asked.add("pay_min=1");
        assert_eq!(asked.told("rtl"), [old], "{round}");
        asked.matcher.remove(old);
        asked.matcher.remove(plain);
        let new = asked.add("q=dft");
        assert_eq!(
            (asked.told("rtl"), asked.told("dft")),
            (vec![], vec![new]),
            "{round}"
        );
        asked.matcher.remove(new);
    }
    assert!(format!("{:?}", asked.matcher).contains("queries: 0"));
}

#[test]
fn queries_without_any_word_are_answered_too() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    let everything = asked.add("");
    let reach = asked.add("remote_from=US");
    let not = asked.add("q=-rtl");
    let recent = asked.add("posted_within=1d");
    assert_eq!(asked.told("rtl"), sorted(vec![everything, reach]));
    assert_eq!(asked.told("dft"), sorted(vec![everything, not]));
    let _ = recent;
}

#[test]
fn what_frequent_words_are_makes_no_difference_to_the_answer() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    let document = asked.board.document("rtl");
    for _ in 0..10 {
        asked.matcher.observe(&document);
    }
    let a = asked.add("q=rtl engineer");
    let b = asked.add("q=\"rtl engineer\" OR nothing&skill=rust,python&discipline=silicon");
    assert_eq!(asked.told("rtl"), sorted(vec![a, b]));
}

#[test]
fn a_posting_whose_time_is_over_matches_nothing() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    asked.add("q=rtl");
    asked.board.now = asked.board.posting("rtl").row.expires_at.unwrap();
    assert_eq!(asked.told("rtl"), []);
}

#[test]
fn a_kept_query_that_can_no_longer_be_read_matches_nothing_anywhere() {
    let db = TestDb::new(Backend::Sqlite);
    let mut asked = Asked::new(&db);
    asked.board.settle();
    for kept in [
        json!({"q": "\""}),
        json!({"q": "OR —"}),
        json!({"filters": {"remote_from": []}}),
        json!({"filters": {"skill": []}}),
    ] {
        let query: Query = serde_json::from_value(kept.clone()).unwrap();
        let id = asked.random.id(asked.board.now);
        asked.matcher.insert(id, &query);
        let mut request = crate::support::request("");
        request.query = query;
        let found = asked.board.index.search(&request, asked.board.now).unwrap();
        assert_eq!((found.total, asked.told("rtl")), (0, vec![]), "{kept}");
    }
    assert!(serde_json::from_value::<Query>(json!({"filters": {"colour": ["red"]}})).is_err());
}
