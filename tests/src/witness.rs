//! A client that remembers what was acknowledged, whatever happens to the board meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use crate::{Accepted, Answer, Board, eventually};

/// What the witness knows about a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    title: String,
    /// Whether it must be public; nobody knows while an answer is missing.
    is_public: Option<bool>,
}

/// Writes with idempotency keys, and repeats what was not answered until it is.
#[derive(Debug)]
pub struct Witness {
    name: String,
    employer: String,
    access: String,
    postings: BTreeMap<String, Known>,
    acknowledged: usize,
    step: usize,
    /// The one made last; not the one with the largest id, because clocks jump.
    newest: Option<String>,
    pending: Option<Step>,
}

/// What is to be done next; repeated unchanged until an answer comes.
#[derive(Debug, Clone)]
enum Step {
    Make { title: String },
    Publish { id: String },
    Change { id: String, title: String },
    Close { id: String },
}

impl Witness {
    /// One that writes postings of `employer`; `name` makes its titles its own.
    pub fn new(name: &str, employer: &str, access: &str) -> Self {
        Self {
            name: name.to_owned(),
            employer: employer.to_owned(),
            access: access.to_owned(),
            postings: BTreeMap::new(),
            acknowledged: 0,
            step: 0,
            newest: None,
            pending: None,
        }
    }

    /// Writes that were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// Titles of the postings that must be public.
    pub fn public_titles(&self) -> Vec<String> {
        let public = self
            .postings
            .values()
            .filter(|known| known.is_public == Some(true));
        public.map(|known| known.title.clone()).collect()
    }

    /// Does one thing, or repeats the last one when it was not answered. False when no answer came this time either.
    ///
    /// # Panics
    /// When the board refuses what it should take.
    pub fn act(&mut self, board: &Board) -> bool {
        let step = self.pending.take().unwrap_or_else(|| self.choose());
        let key = format!("{}-{}", self.name, self.step);
        let (path, body) = match &step {
            Step::Make { title } => (
                format!("/v1/employers/{}/postings", self.employer),
                json!({"title": title, "description": "Write kernels."}),
            ),
            Step::Publish { id } => (format!("/v1/postings/{id}/publish"), json!({})),
            Step::Change { id, title } => (format!("/v1/postings/{id}"), json!({"title": title})),
            Step::Close { id } => (format!("/v1/postings/{id}/close"), json!({"reason": "filled"})),
        };
        let method = if matches!(step, Step::Change { .. }) {
            "PATCH"
        } else {
            "POST"
        };
        if let Step::Publish { id } | Step::Change { id, .. } | Step::Close { id } = &step
            && let Some(known) = self.postings.get_mut(id)
        {
            known.is_public = None;
        }
        let answer = board.try_send_keyed(method, &path, &self.access, &key, &body);
        match answer {
            Some(answer) if answer.status < 300 => self.learn(step, &answer),
            // Repeated after the answer was lost: what was asked is so.
            Some(answer) if answer.status == 409 && self.is_so(&step, board) => self.learn(step, &answer),
            Some(answer) if answer.status < 500 => {
                panic!("{method} {path} was refused: {} {}", answer.status, answer.text)
            }
            Some(_) | None => {
                self.pending = Some(step);
                return false;
            }
        }
        true
    }

    /// Repeats what was not answered until it is.
    pub fn settle(&mut self, board: &Board) {
        eventually("an answer", || {
            (self.pending.is_none() || self.act(board)).then_some(())
        });
    }

    /// Whether the posting is as `step` would make it.
    fn is_so(&self, step: &Step, board: &Board) -> bool {
        let id = match step {
            Step::Make { .. } => return false,
            Step::Publish { id } | Step::Change { id, .. } | Step::Close { id } => id,
        };
        let found = board.try_send("GET", &format!("/v1/postings/{id}"), Some(&self.access), None);
        let status = found
            .map(|found| found.json["status"].clone())
            .unwrap_or_default();
        matches!(
            (step, status.as_str()),
            (Step::Publish { .. }, Some("published")) | (Step::Close { .. }, Some("closed"))
        )
    }

    fn choose(&mut self) -> Step {
        self.step += 1;
        let newest = self.newest.clone().and_then(|id| {
            let known = self.postings.get(&id)?.clone();
            Some((id, known))
        });
        match (self.step % 6, newest) {
            (2 | 5, Some((id, _))) => Step::Publish { id },
            (3, Some((id, known))) => Step::Change {
                id,
                title: format!("{} revised", known.title),
            },
            (0, Some((id, _))) => Step::Close { id },
            _ => Step::Make {
                title: format!("Kernel Engineer {}{:05}", self.name, self.step),
            },
        }
    }

    fn learn(&mut self, step: Step, answer: &Answer) {
        self.acknowledged += 1;
        let (id, title, is_public) = match step {
            Step::Make { title } => {
                let id = answer.text_at("/id");
                self.newest = Some(id.clone());
                (id, Some(title), false)
            }
            Step::Publish { id } => (id, None, true),
            Step::Change { id, title } => (id, Some(title), true),
            Step::Close { id } => (id, None, false),
        };
        let known = self.postings.entry(id).or_insert(Known {
            title: String::new(),
            is_public: None,
        });
        if let Some(title) = title {
            known.title = title;
        }
        known.is_public = Some(is_public);
    }

    /// What was acknowledged and is not so; empty when nothing was lost.
    pub fn lost(&self, board: &Board) -> Vec<String> {
        let mut lost = Vec::new();
        let shown = shown(board);
        for (id, known) in &self.postings {
            let found = board.try_send("GET", &format!("/v1/postings/{id}"), Some(&self.access), None);
            let title = found.map_or(Value::Null, |found| found.json["title"].clone());
            let is_shown = shown.iter().any(|(shown_id, _)| shown_id == id);
            match known.is_public {
                _ if title != known.title.as_str() => {
                    lost.push(format!("{id} is called {title}, not {}", known.title));
                }
                Some(is_public) if is_public != is_shown => {
                    lost.push(format!(
                        "{id} ({}) in search: {is_shown}, acknowledged: {is_public}",
                        known.title
                    ));
                }
                _ => {}
            }
        }
        // Made once, however often it was asked for.
        let mut titles = HashSet::new();
        for (id, title) in &shown {
            if title.starts_with(&format!("Kernel Engineer {}", self.name)) && !titles.insert(title.clone()) {
                lost.push(format!("{id} ({title}) was made twice"));
            }
        }
        lost
    }
}

/// Ids and titles of everything that search shows.
fn shown(board: &Board) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/search?q=kernel&sort=newest&limit=100&cursor={cursor}");
        let Some(answer) = board.try_get(&path).filter(|answer| answer.status == 200) else {
            return shown;
        };
        for hit in answer.json["data"].as_array().into_iter().flatten() {
            let text = |name: &str| hit[name].as_str().unwrap_or_default().to_owned();
            shown.push((text("id"), text("title")));
        }
        match answer.json["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return shown,
        }
    }
}

/// How often mails came more than once under one Message-ID, and which (recipient, posting) were told by different mails.
pub fn repetitions(mails: &[Accepted]) -> (usize, Vec<(String, String)>) {
    let mut copies: HashMap<&str, usize> = HashMap::new();
    let mut about: HashMap<(String, String), HashSet<&str>> = HashMap::new();
    for mail in mails {
        *copies.entry(&mail.message_id).or_default() += 1;
        let text = mail.content.replace("=\r\n", "");
        for (at, lead) in text.match_indices("Kernel Engineer ") {
            let name: String = text[at + lead.len()..]
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            // The words of the alert name no posting.
            if name.len() > 5 && name.ends_with(|c: char| c.is_ascii_digit()) {
                about
                    .entry((mail.recipient.clone(), name))
                    .or_default()
                    .insert(&mail.message_id);
            }
        }
    }
    let repeated = copies.values().map(|count| count - 1).sum();
    let differing = about.into_iter().filter(|(_, ids)| ids.len() > 1);
    (repeated, differing.map(|(about, _)| about).collect())
}
