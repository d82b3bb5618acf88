//! The query type, the index, search and the reverse matcher.
//!
//! - [`Query`] is the one form of a search: parsed from parameters or JSON, canonical, kept by alerts unchanged.
//! - [`SearchDocument`] is what a posting looks like to search; the index and the matcher both read only this.
//! - [`Index`] is a disposable reader of the feed of changes: Tantivy on disk, columns in memory.
//! - [`LiveIndex`] is the one in service, and the one that is built beside it to take its place.
//! - [`Matcher`] turns search around: which of a million stored queries match this posting?
//!
//! A query matches a document in the index exactly when it does in the matcher; tests hold the two to it.

mod analyzer;
mod attributes;
mod collect;
mod columns;
mod comparison;
mod compiled;
mod counting;
mod counts;
mod directory;
mod document;
mod facet;
mod highlight;
mod index;
mod interpret;
mod live;
mod matcher;
mod meaning;
mod names;
mod older;
mod paging;
mod parse;
mod pay_words;
mod plan;
mod query;
mod relax;
mod schema;
mod searching;
mod spelling;
mod suggest;
mod text;
mod titles;
mod tokens;
mod values;
mod why;
mod worth;

pub use attributes::WantedAttributes;
pub use comparison::{Comparison, Found};
pub use document::SearchDocument;
pub use facet::{Counted, Facet};
pub use index::{Index, IndexError, PassReport};
pub use interpret::Recognised;
pub use live::{LiveIndex, LivePass, Standing};
pub use matcher::Matcher;
pub use paging::More;
pub use parse::{ParameterError, Presentation, SearchRequest, parse_pairs, query_from_json};
pub use query::{Near, Query, Sort};
pub use relax::{Dropped, Help};
pub use searching::{Explanation, FacetCount, Hit, ScorePart, SearchError, SearchResults};
pub use suggest::Suggestions;
pub use text::TextError;
pub use why::{Why, WhyPart};
