//! Which postings come into a mail, and in what order.
//!
//! The newest comes first, with a start for what fits better: a title that has all words of the search counts as three
//! days younger, and a posting that says what it pays as one day. What does not fit waits: there are at most so many of one
//! employer, and at most so many at all.

use std::collections::HashMap;

use jiff::SignedDuration;
use store::{Id, Timestamp};

use crate::reasons::Candidate;
use crate::rules::AlertRules;

/// The start of a posting whose title has all words of the search.
const TITLE_COUNTS: SignedDuration = SignedDuration::from_hours(3 * 24);
/// The start of a posting that says what it pays.
const PAY_COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// What comes into a mail.
#[derive(Default)]
pub(crate) struct Choice {
    /// In the order in which they are shown.
    pub(crate) shown: Vec<Candidate>,
    /// Employers of whom there was too much: name, slug, and how many more.
    pub(crate) more: Vec<(String, String, usize)>,
}

/// Chooses among what is due.
pub(crate) fn choose(mut candidates: Vec<Candidate>, rules: &AlertRules) -> Choice {
    candidates.sort_by_key(|candidate| std::cmp::Reverse((weight(candidate), candidate.seen.posting.row.id)));
    let mut choice = Choice::default();
    let mut counts: HashMap<Id, usize> = HashMap::new();
    for candidate in candidates {
        let employer = candidate.seen.posting.employer.clone();
        let count = counts.entry(employer.id).or_default();
        if rules.per_employer > 0 && *count >= rules.per_employer {
            match choice.more.iter_mut().find(|(_, slug, _)| *slug == employer.slug) {
                Some((_, _, more)) => *more += 1,
                None => choice.more.push((employer.name, employer.slug, 1)),
            }
        } else if choice.shown.len() < rules.per_mail {
            *count += 1;
            choice.shown.push(candidate);
        }
    }
    choice
}

/// Employers of whom `shown` has as many as a mail may, with how many of `others` are theirs: name, slug, how many.
pub(crate) fn left_out(
    shown: &[Candidate],
    others: Vec<Candidate>,
    rules: &AlertRules,
) -> Vec<(String, String, usize)> {
    let mut more: Vec<(String, String, usize)> = Vec::new();
    for other in others {
        let employer = &other.seen.posting.employer;
        let of_employer = |candidate: &&Candidate| candidate.seen.posting.employer.id == employer.id;
        if rules.per_employer == 0 || shown.iter().filter(of_employer).count() < rules.per_employer {
            continue;
        }
        match more.iter_mut().find(|(_, slug, _)| *slug == employer.slug) {
            Some((_, _, count)) => *count += 1,
            None => more.push((employer.name.clone(), employer.slug.clone(), 1)),
        }
    }
    more
}

fn weight(candidate: &Candidate) -> Timestamp {
    let row = &candidate.seen.posting.row;
    let mut at = row.published_at.unwrap_or(row.created_at);
    if candidate.is_in_title {
        at = at.plus(TITLE_COUNTS);
    }
    if crate::changes::shown_pay(&row.content.0).is_some() {
        at = at.plus(PAY_COUNTS);
    }
    at
}
