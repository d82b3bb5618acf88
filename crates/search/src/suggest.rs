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
use crate::collect::Collected;
use crate::document::SearchDocument;
use crate::facet::{Counted, Facet};
use crate::index::{Index, View};
use crate::plan::Plan;
use crate::query::{Query, Sort};
use crate::searching::{Asked, FacetCount, Hit, SearchError, Take};
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
    /// Up to `limit` of each kind that begin like `typed`, with the number of postings for each among those that `within`
    /// finds.
    pub fn suggest(
        &self,
        typed: &str,
        within: &Query,
        limit: usize,
        now: Timestamp,
    ) -> Result<Suggestions, SearchError> {
        let prefix = typed.trim().to_lowercase();
        if prefix.is_empty() {
            return Ok(Suggestions::default());
        }
        let kinds = [Facet::Skill, Facet::Employer, Facet::City].map(Counted::Facet);
        let view = self.view();
        let asked = self.settled(&view, within);
        let plan = self.plan(&asked.query, &asked.meaning, &view.columns.dictionary, &[], now);
        let take = Take {
            counted: &kinds,
            ..Take::default()
        };
        let found = if *within == Query::default() {
            view.remembered_counts(&kinds, now)?
        } else {
            Arc::new(view.run(plan.query.as_ref(), plan.filters.clone(), take, now)?)
        };
        let dictionary = &view.columns.dictionary;
        let starting = |n: usize, facet: Facet, matches: &dyn Fn(&str, Option<&str>) -> bool| {
            let names = dictionary.names(facet).iter().enumerate().zip(&found.counts[n]);
            let named = names.filter(|(_, count)| **count > 0);
            let labelled = named.filter_map(|((id, name), count)| {
                let label = dictionary.label(facet, id as u32);
                matches(name, label.as_deref()).then(|| FacetCount {
                    value: Arc::clone(name),
                    label,
                    count: *count,
                })
            });
            best(labelled.collect(), limit)
        };
        let begins = |text: &str| text.to_lowercase().starts_with(&prefix);
        let taxonomy = Taxonomy::bundled();
        let skill = |id: &str, label: Option<&str>| {
            let synonyms = taxonomy.skill(id).map(|skill| skill.synonyms.as_slice());
            begins(id)
                || label.is_some_and(begins)
                || synonyms.unwrap_or_default().iter().any(|word| begins(word))
        };
        let slug = prefix.replace(' ', "-");
        let folded = analyzer::tokens_by(analyzer::whole_words(), &prefix).join(" ");
        let place = |_: &str, label: Option<&str>| {
            label.is_some_and(|label| {
                begins(label)
                    || analyzer::tokens_by(analyzer::whole_words(), label)
                        .join(" ")
                        .starts_with(&folded)
            })
        };
        Ok(Suggestions {
            titles: self.suggested_titles(&view, &prefix, plan, limit, now)?,
            skills: starting(0, Facet::Skill, &skill),
            employers: starting(1, Facet::Employer, &|name, label| {
                name.starts_with(&slug) || label.is_some_and(begins)
            }),
            places: starting(2, Facet::City, &place),
        })
    }

    fn suggested_titles(
        &self,
        view: &View,
        prefix: &str,
        within: Plan,
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
            filters: within.filters,
            now: now.micros(),
        };
        let query = BooleanQuery::new(vec![
            (
                Occur::Must,
                Box::new(PhrasePrefixQuery::new(terms)) as Box<dyn TantivyQuery>,
            ),
            (Occur::Must, within.query),
        ]);
        let mut titles: HashMap<String, FacetCount> = HashMap::new();
        for (title, count) in view.searcher.search(&query, &wanted)? {
            let known = titles.entry(title.to_lowercase()).or_insert(FacetCount {
                value: title.into(),
                label: None,
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
        push(self.fields.names, &document.title, 3.0);
        push(self.fields.words, &document.facts, 1.0);
        let view = self.view();
        let take = Take {
            limit: limit + 1,
            distinct: Some(Arc::default()),
            ..Take::default()
        };
        let found = view.run(&BooleanQuery::new(clauses), Vec::new(), take, now)?;
        let mut hits = self.hits(&view, &found)?;
        hits.retain(|hit| hit.id != document.id);
        hits.truncate(limit);
        Ok(hits)
    }

    fn hits(&self, view: &View, found: &Collected) -> Result<Vec<Hit>, SearchError> {
        let hits = found
            .top
            .iter()
            .map(|(key, _, address)| self.hit(view, *key, *address, Sort::Relevance, None));
        Ok(hits.collect::<Result<_, _>>()?)
    }

    /// How many postings match `query` exactly as it stands, and how many of them were published since `since`.
    pub fn volume(&self, query: &Query, since: Timestamp, now: Timestamp) -> Result<(u64, u64), SearchError> {
        let view = self.view();
        let hours = u32::try_from((now.seconds() - since.seconds()) / 3600).unwrap_or(1);
        let hours = hours.min(query.posted_within_hours.unwrap_or(hours));
        let recent = Query {
            posted_within_hours: Some(hours),
            ..query.clone()
        };
        let all = self.count(&view, &Asked::of(query.clone()), now)?;
        let recent = self.count(&view, &Asked::of(recent), now)?;
        Ok((all, recent))
    }
}

fn best(mut counts: Vec<FacetCount>, limit: usize) -> Vec<FacetCount> {
    counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts.truncate(limit);
    counts
}
