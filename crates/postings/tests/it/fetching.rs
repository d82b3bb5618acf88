//! Boards that are asked over HTTP: a server on this machine plays them, which an operator has to allow.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use diesel::prelude::*;
use jiff::SignedDuration;
use postings::PostingStatus;
use postings::import::{
    self, BoardError, BoardState, Endpoints, FetchReport, Fetcher, Format, NewBoard, Vouched,
};
use serde_json::{Value, json};
use store::schema::boards;
use store::{Db, Id, Timestamp, on_both};

use crate::boards::{greenhouse, list, with};
use crate::support::{Board, Importer};

type Shared<T> = Arc<Mutex<T>>;

/// Answers each request with the next of its answers, and remembers what was asked.
struct Source {
    address: String,
    answers: Shared<VecDeque<String>>,
    asked: Shared<Vec<String>>,
}

impl Source {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked): (Shared<VecDeque<String>>, Shared<Vec<String>>) = Default::default();
        let (to_give, heard) = (Arc::clone(&answers), Arc::clone(&asked));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") {
                    assert!(reader.read_line(&mut head).unwrap() > 0);
                }
                heard.lock().unwrap().push(head);
                let answer = to_give
                    .lock()
                    .unwrap()
                    .pop_front()
                    .expect("an answer for this request");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self {
            address,
            answers,
            asked,
        }
    }

    fn will_answer(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        self.answers.lock().unwrap().push_back(answer);
    }

    fn shows(&self, answer: &Value) {
        self.will_answer("200 OK", "ETag: \"a\"\r\n", &answer.to_string());
    }

    fn last_request(&self) -> String {
        self.asked
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
            .to_lowercase()
    }

    fn endpoints(&self, allow_local: bool) -> Endpoints {
        Endpoints {
            greenhouse: self.address.clone(),
            lever: vec![format!("{}/us", self.address), format!("{}/eu", self.address)],
            ashby: self.address.clone(),
            allow_local,
        }
    }
}

/// A board of Acme's that is fetched every hour.
struct Fetched<'d> {
    db: &'d Db,
    board: Board<'d>,
    source: Source,
    fetcher: Fetcher,
    id: Id,
}

impl<'d> Fetched<'d> {
    fn new(db: &'d Db, format: Format, vouched: Vouched) -> Self {
        let board = Board::new(db);
        let source = Source::start();
        let new = NewBoard {
            source: format,
            token: "acme".to_owned(),
            every_minutes: 60,
        };
        let added = db
            .write_blocking(|tx| import::add_board(tx, board.acme, &new, vouched, &board.random, board.now))
            .unwrap();
        let fetcher = Fetcher::new(source.endpoints(true));
        Self {
            db,
            board,
            source,
            fetcher,
            id: added.id,
        }
    }

    fn pass(&self) -> FetchReport {
        import::fetch_pass(self.db, &self.fetcher, &self.board.random, self.board.now).unwrap()
    }

    fn kept(&self) -> import::Board {
        self.db
            .read_blocking(|conn| import::find_board(conn, self.id))
            .unwrap()
            .unwrap()
    }

    /// Goes to the time of the next fetch; returns how far that is.
    fn wait(&mut self) -> SignedDuration {
        let next = self.kept().next_fetch_at.unwrap();
        let waited = SignedDuration::from_secs(next.seconds() - self.board.now.seconds());
        self.board.now = next;
        waited
    }

    fn importer(&self) -> Importer<'d> {
        Importer::for_employer(self.db, "acme-compute")
    }
}

fn lever_row(n: usize) -> Value {
    json!({"id": n.to_string(), "text": format!("Engineer {n}"), "description": "<p>Own timing.</p>"})
}

fn report(imported: usize, unmodified: usize, failed: usize) -> FetchReport {
    FetchReport {
        imported,
        unmodified,
        failed,
        is_caught_up: false,
    }
}

on_both! {
    fn a_board_is_fetched_when_it_is_due_and_only_anew_when_it_changed(db) {
        let mut fetched = Fetched::new(db, Format::Greenhouse, Vouched::ByOperator);
        fetched.source.shows(&list(&[greenhouse(1), greenhouse(2)]));
        assert_eq!(fetched.pass(), report(1, 0, 0));
        let asked = fetched.source.last_request();
        assert!(asked.starts_with("get /v1/boards/acme/jobs?content=true&pay_transparency=true http/1.1"), "{asked}");
        assert!(asked.contains("user-agent: backplane/") && !asked.contains("if-none-match"), "{asked}");
        assert_eq!((fetched.kept().state, fetched.kept().etag.as_deref()), (BoardState::Healthy, Some("\"a\"")));
        assert_eq!(fetched.pass(), FetchReport { is_caught_up: true, ..report(0, 0, 0) }, "it is not due");
        let wait = fetched.wait();
        assert!((3600..=3960).contains(&wait.as_secs()), "an hour and a little: {wait:?}");
        fetched.source.will_answer("304 Not Modified", "", "");
        assert_eq!(fetched.pass(), report(0, 1, 0));
        assert!(fetched.source.last_request().contains("if-none-match: \"a\""));
        fetched.wait();
        fetched.source.shows(&list(&[greenhouse(1)]));
        assert_eq!(fetched.pass(), report(1, 0, 0));
        assert_eq!(fetched.importer().posting("greenhouse", "2").row.status, PostingStatus::Closed);
        let runs = fetched.db.read_blocking(|conn| import::list_runs(conn, fetched.board.acme, Some(fetched.id), None, 10)).unwrap();
        assert_eq!(runs.data.iter().map(|run| run.summary.0.closed).collect::<Vec<_>>(), [1, 0]);
        fetched.board.now = fetched.board.now.plus(SignedDuration::from_hours(8 * 24));
        fetched.source.shows(&list(&[greenhouse(1)]));
        fetched.pass();
        assert!(!fetched.source.last_request().contains("if-none-match"), "now and then everything is read again");
    }

    fn a_board_that_fails_is_asked_less_and_less_and_closes_nothing(db) {
        let mut fetched = Fetched::new(db, Format::Greenhouse, Vouched::ByOperator);
        fetched.source.shows(&list(&[greenhouse(1)]));
        fetched.pass();
        fetched.wait();
        let failures = [("503 Unavailable", "", ""), ("200 OK", "", "<html>Try later</html>"), ("404 Not Found", "", "{}"),
            ("302 Found", "Location: http://169.254.169.254/latest\r\n", ""), ("429 Too Many", "Retry-After: 90000\r\n", "")];
        let mut waits = Vec::new();
        for (status, headers, body) in failures {
            fetched.source.will_answer(status, headers, body);
            assert_eq!(fetched.pass(), report(0, 0, 1), "{status}");
            assert_eq!(fetched.kept().state, BoardState::Failing);
            waits.push(fetched.wait().as_secs());
        }
        assert_eq!(waits, [7200, 14_400, 28_800, 57_600, 90_000], "twice as long each time, or as long as it says");
        assert_eq!(fetched.importer().posting("greenhouse", "1").row.status, PostingStatus::Published);
        assert_eq!(fetched.source.asked.lock().unwrap().len(), 6, "a redirect is not followed");
        fetched.source.shows(&list(&[greenhouse(1)]));
        fetched.pass();
        assert_eq!((fetched.kept().state, fetched.kept().failures, fetched.kept().reason), (BoardState::Healthy, 0, None));
        fetched.wait();
        fetched.source.shows(&list(&[]));
        fetched.pass();
        let kept = fetched.kept();
        assert_eq!((kept.state, kept.etag), (BoardState::Suspect, None), "what is not believed is read again as a whole");
        assert!(kept.reason.unwrap().contains("empty"));
    }

    fn a_board_of_nobody_is_only_tried_until_its_owner_shows_itself(db) {
        let mut fetched = Fetched::new(db, Format::Greenhouse, Vouched::NotYet);
        fetched.source.shows(&list(&[greenhouse(1)]));
        assert_eq!(fetched.pass(), report(1, 0, 0));
        let kept = fetched.kept();
        assert!(fetched.importer().find("greenhouse", "1").is_none() && kept.proven_at.is_none());
        assert!(kept.reason.unwrap().contains(&kept.proof));
        fetched.wait();
        let words = format!("&lt;p&gt;Own timing. {}&lt;/p&gt;", kept.proof);
        fetched.source.shows(&list(&[with(greenhouse(1), json!({"content": words}))]));
        fetched.pass();
        assert_eq!(fetched.kept().proven_at, Some(fetched.board.now));
        assert!(fetched.importer().find("greenhouse", "1").is_some());
        fetched.wait();
        fetched.source.shows(&list(&[greenhouse(1), greenhouse(2)]));
        fetched.pass();
        assert!(fetched.importer().find("greenhouse", "2").is_some(), "once is enough");
    }

    fn lever_is_read_page_by_page_from_the_deployment_that_knows_the_site(db) {
        let fetched = Fetched::new(db, Format::Lever, Vouched::ByOperator);
        let rows: Vec<Value> = (0..100).map(lever_row).collect();
        fetched.source.will_answer("404 Not Found", "", "{\"ok\": false}");
        fetched.source.shows(&rows.into());
        fetched.source.shows(&json!([lever_row(99)]));
        assert_eq!(fetched.pass(), report(1, 0, 0));
        assert!(fetched.source.last_request().starts_with("get /eu/v0/postings/acme?mode=json&skip=99&limit=100"), "{}", fetched.source.last_request());
        assert_eq!(fetched.kept().state, BoardState::Healthy, "a full page before one that only repeats its end is everything");
        assert!(fetched.importer().find("lever", "99").is_some());
    }

    fn a_posting_that_slips_between_two_pages_is_not_taken_for_closed(db) {
        let mut fetched = Fetched::new(db, Format::Lever, Vouched::ByOperator);
        let pages = |fetched: &Fetched<'_>, ids: &[usize]| {
            fetched.source.shows(&ids[..100].iter().copied().map(lever_row).collect());
            fetched.source.shows(&ids[99..].iter().copied().map(lever_row).collect());
        };
        let all: Vec<usize> = (0..120).collect();
        pages(&fetched, &all);
        assert_eq!(fetched.pass(), report(1, 0, 0));
        fetched.wait();
        // Number 50 closes after the first page was read: 100 moves to where 99 was, and would be on neither page.
        let later: Vec<usize> = all.iter().copied().filter(|n| *n != 50).collect();
        fetched.source.shows(&all[..100].iter().copied().map(lever_row).collect());
        fetched.source.shows(&later[99..].iter().copied().map(lever_row).collect());
        pages(&fetched, &later);
        assert_eq!(fetched.pass(), report(1, 0, 0));
        let status = |fetched: &Fetched<'_>, id: &str| fetched.importer().posting("lever", id).row.status;
        assert_eq!((status(&fetched, "50"), status(&fetched, "100")), (PostingStatus::Closed, PostingStatus::Published));
        fetched.wait();
        for _ in 0..3 {
            fetched.source.shows(&later[..100].iter().copied().map(lever_row).collect());
            fetched.source.shows(&later[101..].iter().copied().map(lever_row).collect());
        }
        assert_eq!(fetched.pass(), report(0, 0, 1), "one that never stands still is asked again later");
        assert!(fetched.kept().reason.unwrap().contains("changed"));
        assert_eq!(status(&fetched, "100"), PostingStatus::Published);
    }

    fn a_page_with_json_ld_is_read_like_a_board_and_closes_nothing(db) {
        let mut fetched = Fetched::new(db, Format::Greenhouse, Vouched::NotYet);
        let page_address = format!("{}/careers/1?lang=en", fetched.source.address);
        let new = NewBoard { source: Format::JsonLd, token: "https://acme.example/careers/1?lang=en".to_owned(), every_minutes: 60 };
        let add = |new: &NewBoard| db.write_blocking(|tx| import::add_board(tx, fetched.board.acme, new, Vouched::NotYet, &fetched.board.random, fetched.board.now));
        for inside in ["http://acme.example/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/x", "acme", ""] {
            let refused = add(&NewBoard { token: inside.to_owned(), ..new.clone() });
            assert!(matches!(refused, Err(BoardError::Invalid("/token", _))), "{inside}");
        }
        let added = add(&new).unwrap();
        db.write_blocking::<_, store::StoreError>(|tx| {
            // The page is played by this machine.
            diesel::update(boards::table.find(added.id)).set(boards::token.eq(&page_address)).execute(tx)?;
            diesel::delete(boards::table.find(fetched.id)).execute(tx)?;
            Ok(())
        }).unwrap();
        fetched.id = added.id;
        let posting = json!({"@type": "JobPosting", "title": "Engineer", "identifier": "R-1", "description": "Own timing.", "url": "https://acme.example/1"});
        let page = |comment: &str| format!("<html><script type=\"application/ld+json\">{posting}</script><!-- {comment} --></html>");
        fetched.source.will_answer("200 OK", "", &page(""));
        assert_eq!(fetched.pass(), report(1, 0, 0));
        assert!(fetched.source.last_request().starts_with("get /careers/1?lang=en http/1.1"));
        assert!(fetched.importer().find("import:acme-compute", "R-1").is_none(), "on trial until it is proven");
        fetched.wait();
        fetched.source.will_answer("200 OK", "ETag: \"a\"\r\n", &page(&fetched.kept().proof));
        fetched.pass();
        assert!(fetched.importer().find("import:acme-compute", "R-1").is_some());
        assert_eq!((fetched.kept().state, fetched.kept().proven_at.is_some()), (BoardState::Healthy, true));
        fetched.wait();
        fetched.source.will_answer("304 Not Modified", "", "");
        assert_eq!(fetched.pass(), report(0, 1, 0));
        fetched.wait();
        fetched.source.will_answer("404 Not Found", "", "gone");
        assert_eq!(fetched.pass(), report(0, 0, 1));
        assert_eq!(fetched.kept().state, BoardState::Failing);
        assert_eq!(fetched.importer().posting("import:acme-compute", "R-1").row.status, PostingStatus::Published);
    }

    fn addresses_of_our_own_network_are_not_asked_unless_the_operator_allows_it(db) {
        let mut fetched = Fetched::new(db, Format::Ashby, Vouched::ByOperator);
        let secure = |address: &str| Endpoints { ashby: address.replace("http://", "https://"), allow_local: false, ..fetched.source.endpoints(false) };
        let by_address = secure(&fetched.source.address);
        let by_name = secure(&fetched.source.address.replace("127.0.0.1", "localhost"));
        for endpoints in [by_address, by_name] {
            fetched.fetcher = Fetcher::new(endpoints);
            assert_eq!(fetched.pass(), report(0, 0, 1));
            let reason = fetched.kept().reason.unwrap();
            assert!(reason.contains("a network that is not public"), "{reason}");
            fetched.wait();
        }
        fetched.fetcher = Fetcher::new(fetched.source.endpoints(false));
        assert_eq!(fetched.pass(), report(0, 0, 1), "without TLS");
        assert!(fetched.source.asked.lock().unwrap().is_empty(), "nobody was asked");
    }

    fn only_sensible_boards_are_registered(db) {
        let board = Board::new(db);
        let add = |source: Format, token: &str, every_minutes: i32| {
            let new = NewBoard { source, token: token.to_owned(), every_minutes };
            db.write_blocking(|tx| import::add_board(tx, board.acme, &new, Vouched::NotYet, &board.random, board.now))
        };
        for token in ["", "../admin", "a/b", "a?b=c", "a#b", "a b", "ä", &"x".repeat(101)] {
            assert!(matches!(add(Format::Ashby, token, 60), Err(BoardError::Invalid("/token", _))), "{token}");
        }
        assert!(matches!(add(Format::Csv, "acme", 60), Err(BoardError::Invalid("/source", _))));
        for minutes in [-1, 0, 14, 10_081] {
            assert!(matches!(add(Format::Ashby, "acme", minutes), Err(BoardError::Invalid("/every_minutes", _))));
        }
        let added = add(Format::Ashby, "acme", 60).unwrap();
        assert!(matches!(add(Format::Ashby, "acme", 60), Err(BoardError::Exists)));
        add(Format::Lever, "acme", 60).unwrap();
        let stopped = db.write_blocking(|tx| import::set_rhythm(tx, added.id, None, board.now)).unwrap();
        assert_eq!((stopped.every_minutes, stopped.next_fetch_at), (None::<i32>, None::<Timestamp>));
    }
}
