//! Answers to searches that were given a moment ago.
//!
//! Many readers ask for the same: the front page, the search behind a link. An answer is given again while the postings are
//! what they were, which the database says each time, and for [`KEPT`] at most, since "posted within a day" moves with the
//! clock. `Cache-Control: no-cache` in a request asks for a new one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::Bytes;
use jiff::SignedDuration;
use store::{Id, Timestamp};

/// How long an answer is given again.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_secs(60);
/// How much is kept, in bytes.
const CAPACITY: usize = 32 << 20;
/// The longest parameters whose answer is kept, in bytes: nobody asks for such twice.
const LONGEST: usize = 2048;

/// An answer, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    /// The postings that it shows.
    pub(crate) shown: std::sync::Arc<[Id]>,
    /// What the latest change of a posting was, when it was made.
    pub(crate) revision: i64,
    /// Until when nothing in it ends or moves.
    pub(crate) until: Timestamp,
}

/// The answers of a while, the oldest given up first.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_query: HashMap<String, Answer>,
    in_order: VecDeque<String>,
    bytes: usize,
}

/// What an answer takes, with what it is found by.
fn weight(query: &str, answer: &Answer) -> usize {
    answer.body.len() + size_of_val(&*answer.shown) + 2 * query.len() + 256
}

impl Answers {
    /// The answer to these parameters, if it still holds: `revision` is that of the latest change.
    pub(crate) fn get(&self, query: &str, revision: i64, now: Timestamp) -> Option<Answer> {
        let kept = self.kept();
        let answer = kept.by_query.get(query)?;
        (answer.revision == revision && now < answer.until).then(|| answer.clone())
    }

    pub(crate) fn keep(&self, query: &str, answer: Answer) {
        if query.len() > LONGEST {
            return;
        }
        let mut kept = self.kept();
        kept.bytes += weight(query, &answer);
        match kept.by_query.insert(query.to_owned(), answer) {
            Some(before) => kept.bytes -= weight(query, &before),
            None => kept.in_order.push_back(query.to_owned()),
        }
        while kept.bytes > CAPACITY
            && let Some(oldest) = kept.in_order.pop_front()
        {
            let given_up = kept.by_query.remove(&oldest);
            kept.bytes -= given_up.map_or(0, |answer| weight(&oldest, &answer));
        }
    }

    /// Gives nothing again that was made before.
    pub(crate) fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize, revision: i64, until: i64) -> Answer {
        Answer {
            body: vec![0; bytes].into(),
            shown: [].into(),
            revision,
            until: Timestamp::from_seconds(until),
        }
    }

    #[test]
    fn an_answer_holds_until_a_posting_changes_or_its_time_is_over() {
        let answers = Answers::default();
        answers.keep("q=rtl", answer(10, 7, 100));
        let at = Timestamp::from_seconds;
        assert!(answers.get("q=rtl", 7, at(99)).is_some());
        assert!(answers.get("q=rtl", 8, at(99)).is_none());
        assert!(answers.get("q=rtl", 7, at(100)).is_none());
        assert!(answers.get("q=dft", 7, at(99)).is_none());
    }

    #[test]
    fn the_oldest_are_given_up_for_the_newest() {
        let answers = Answers::default();
        for n in 0..100 {
            answers.keep(&format!("q={n}"), answer(1 << 20, 1, 100));
            answers.keep(&format!("q={n}"), answer(1 << 20, 1, 100));
        }
        let now = Timestamp::from_seconds(0);
        let kept = (0..100).filter(|n| answers.get(&format!("q={n}"), 1, now).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), (69..100).collect::<Vec<_>>());
        let long = "q".repeat(LONGEST + 1);
        answers.keep(&long, answer(1, 1, 100));
        assert!(answers.get(&long, 1, now).is_none());
    }
}
