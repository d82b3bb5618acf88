//! Suggestions while typing, and postings like another one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use store::Timestamp;
use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, PhrasePrefixQuery, Query as TantivyQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use taxonomy::Taxonomy;

use crate::analyzer;
use crate::collect::{Collected, Filter, Wanted};
use crate::document::SearchDocument;
use crate::facet::Facet;
use crate::index::{Index, View};
use crate::parse::SearchRequest;
use crate::query::{Query, Sort};
use crate::searching::{FacetCount, Hit, SearchError};
use crate::text::TextQuery;
use crate::titles::Titles;

/// What a few typed letters may become.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
pub struct Suggestions {
    /// Titles of postings.
    pub titles: Vec<FacetCount>,
    /// Skills by id.
    pub skills: Vec<FacetCount>,
    /// Employers by slug.
    pub employers: Vec<FacetCount>,
    /// Cities.
    pub places: Vec<FacetCount>,
}

impl Index {
    /// Up to `limit` of each kind that begin like `typed`, with the number of postings for each.
    pub fn suggest(&self, typed: &str, limit: usize, now: Timestamp) -> Result<Suggestions, SearchError> {
        let prefix = typed.trim().to_lowercase();
        if prefix.is_empty() {
            return Ok(Suggestions::default());
        }
        let kinds = [Facet::Skill, Facet::Employer, Facet::City];
        let view = self.view();
        let everything = collect(&view, &self.text_query(&TextQuery::default()), &kinds, 0, now)?;
        let starting = |n: usize, matches: &dyn Fn(&str) -> bool| {
            let names = view.columns.dictionary.names(kinds[n]);
            let found = names
                .iter()
                .zip(&everything.counts[n])
                .filter(|(name, count)| **count > 0 && matches(name));
            best(
                found
                    .map(|(name, count)| FacetCount {
                        value: Arc::clone(name),
                        count: *count,
                    })
                    .collect(),
                limit,
            )
        };
        let begins = |text: &str| text.to_lowercase().starts_with(&prefix);
        let taxonomy = Taxonomy::bundled();
        let skill = |id: &str| {
            let known = taxonomy.skill(id);
            begins(id)
                || known.is_some_and(|skill| {
                    begins(&skill.label) || skill.synonyms.iter().any(|word| begins(word))
                })
        };
        let slug = prefix.replace(' ', "-");
        Ok(Suggestions {
            titles: self.suggested_titles(&view, &prefix, limit, now)?,
            skills: starting(0, &skill),
            employers: starting(1, &|name| name.starts_with(&slug)),
            places: starting(2, &|name| begins(name)),
        })
    }

    fn suggested_titles(
        &self,
        view: &View,
        prefix: &str,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<FacetCount>, SearchError> {
        let words = analyzer::tokens_by(analyzer::whole_words(), prefix);
        let terms: Vec<Term> = words
            .iter()
            .map(|word| Term::from_field_text(self.fields.title_words, word))
            .collect();
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = Titles {
            columns: Arc::clone(&view.columns),
            now: now.micros(),
        };
        let mut titles: HashMap<String, FacetCount> = HashMap::new();
        for (title, count) in view.searcher.search(&PhrasePrefixQuery::new(terms), &wanted)? {
            let known = titles.entry(title.to_lowercase()).or_insert(FacetCount {
                value: title.into(),
                count: 0,
            });
            known.count += count;
        }
        Ok(best(titles.into_values().collect(), limit))
    }

    /// Up to `limit` postings like `document`, best first: alike in title, specialties and skills.
    pub fn similar(
        &self,
        document: &SearchDocument,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Hit>, SearchError> {
        let [title, _, facts, _] = self.fields.texts;
        let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut push = |field, text: &str, boost: f32| {
            for word in analyzer::tokens(text) {
                let term = Term::from_field_text(field, &word);
                if clauses.len() < 64 && seen.insert(term.clone()) {
                    let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                    clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(query), boost))));
                }
            }
        };
        push(title, &document.title, 3.0);
        push(facts, &document.facts, 1.0);
        let view = self.view();
        let found = collect(&view, &BooleanQuery::new(clauses), &[], limit + 1, now)?;
        let mut hits = self.hits(&view, &found)?;
        hits.retain(|hit| hit.id != document.id);
        hits.truncate(limit);
        Ok(hits)
    }

    fn hits(&self, view: &View, found: &Collected) -> Result<Vec<Hit>, SearchError> {
        let hits = found
            .top
            .iter()
            .map(|(key, address)| self.hit(view, *key, *address, Sort::Relevance, None));
        Ok(hits.collect::<Result<_, _>>()?)
    }

    /// How many postings match `query`, and how many of them were published since `since`.
    pub fn volume(&self, query: &Query, since: Timestamp, now: Timestamp) -> Result<(u64, u64), SearchError> {
        let request = |hours| SearchRequest {
            query: Query {
                posted_within_hours: hours,
                ..query.clone()
            },
            sort: Sort::Newest,
            facets: Vec::new(),
            limit: 1,
            cursor: None,
        };
        let hours = u32::try_from((now.seconds() - since.seconds()) / 3600).unwrap_or(1);
        let all = self.search(&request(query.posted_within_hours), now)?.total;
        let recent = self
            .search(
                &request(Some(hours.min(query.posted_within_hours.unwrap_or(hours)))),
                now,
            )?
            .total;
        Ok((all, recent))
    }
}

/// The best of `query` without any filter.
pub(crate) fn collect(
    view: &View,
    query: &dyn TantivyQuery,
    facets: &[Facet],
    limit: usize,
    now: Timestamp,
) -> Result<Collected, SearchError> {
    let wanted = Wanted {
        columns: Arc::clone(&view.columns),
        filters: Vec::<Filter>::new().into(),
        facets: facets.into(),
        sort: Sort::Relevance,
        limit,
        after: None,
        now: now.micros(),
    };
    Ok(view.searcher.search(query, &wanted)?)
}

fn best(mut counts: Vec<FacetCount>, limit: usize) -> Vec<FacetCount> {
    counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts.truncate(limit);
    counts
}
