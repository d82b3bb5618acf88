//! The Tantivy schema.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};

use crate::analyzer;
use crate::document::SearchDocument;
use crate::facet::Facet;

/// Changes whenever the index must be rebuilt because documents are written differently.
pub(crate) const VERSION: &str = "2";

/// The fields by name.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    /// title, employer, facts, description: as [`SearchDocument::texts`].
    pub(crate) texts: [Field; 4],
    /// The title in whole words, for suggestions.
    pub(crate) title_words: Field,
    /// The first words of the title together, and all of them, for titles that begin as was typed.
    pub(crate) title_starts: Field,
    /// Concepts by how they are said: title, fact, text.
    pub(crate) concepts: [Field; 3],
    /// Values of facets, cells of the map and the role.
    pub(crate) terms: Field,
    pub(crate) title: Field,
    pub(crate) facets: [Field; Facet::ALL.len()],
    pub(crate) tie: Field,
    pub(crate) published_at: Field,
    pub(crate) expires_at: Field,
    pub(crate) yearly_usd: Field,
    pub(crate) role: Field,
    pub(crate) completeness: Field,
    pub(crate) latitude: Field,
    pub(crate) longitude: Field,
    pub(crate) summary: Field,
    pub(crate) excerpt: Field,
}

/// How much a word counts in each of the texts.
pub(crate) const BOOSTS: [f32; 4] = [4.0, 4.0, 1.5, 1.0];
/// How much a concept counts that is said in the title, as a fact, in the text.
pub(crate) const CONCEPT_BOOSTS: [f32; 3] = [6.0, 3.0, 1.0];
/// Words of a title's beginning that are kept together at most.
const TITLE_START_WORDS: usize = 8;

/// Fast columns by name.
pub(crate) mod column {
    pub(crate) const TITLE: &str = "title_column";
    pub(crate) const TIE: &str = "tie";
    pub(crate) const PUBLISHED_AT: &str = "published_at";
    pub(crate) const EXPIRES_AT: &str = "expires_at";
    pub(crate) const YEARLY_USD: &str = "yearly_usd";
    pub(crate) const ROLE: &str = "role";
    pub(crate) const COMPLETENESS: &str = "completeness";
    pub(crate) const LATITUDE: &str = "latitude";
    pub(crate) const LONGITUDE: &str = "longitude";
}

pub(crate) fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let words = TextFieldIndexing::default()
        .set_tokenizer(analyzer::NAME)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(words);
    let whole_words = TextFieldIndexing::default()
        .set_tokenizer(analyzer::WHOLE_WORDS)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let facet = TextOptions::default().set_fast("raw");
    let presence = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    let presence = TextOptions::default().set_indexing_options(presence);
    let fields = Fields {
        id: schema.add_bytes_field("id", BytesOptions::default().set_indexed().set_stored()),
        texts: ["title", "employer", "facts", "description"]
            .map(|name| schema.add_text_field(name, text.clone())),
        title_words: schema.add_text_field(
            "title_words",
            TextOptions::default().set_indexing_options(whole_words),
        ),
        title_starts: schema.add_text_field("title_starts", presence.clone()),
        concepts: ["title", "fact", "text"]
            .map(|saying| schema.add_text_field(&format!("concept_{saying}"), presence.clone())),
        terms: schema.add_text_field("terms", presence.clone()),
        title: schema.add_text_field(column::TITLE, facet.clone()),
        facets: Facet::ALL.map(|of| schema.add_text_field(&format!("facet_{}", of.as_str()), facet.clone())),
        tie: schema.add_u64_field(column::TIE, FAST),
        published_at: schema.add_i64_field(column::PUBLISHED_AT, FAST),
        expires_at: schema.add_i64_field(column::EXPIRES_AT, FAST),
        yearly_usd: schema.add_i64_field(column::YEARLY_USD, FAST),
        role: schema.add_u64_field(column::ROLE, FAST),
        completeness: schema.add_i64_field(column::COMPLETENESS, FAST),
        latitude: schema.add_f64_field(column::LATITUDE, FAST),
        longitude: schema.add_f64_field(column::LONGITUDE, FAST),
        summary: schema.add_text_field("summary", STORED),
        excerpt: schema.add_text_field("excerpt", STORED),
    };
    (schema.build(), fields)
}

/// Breaks ties between postings that stand at the same place of an order: the random half of the id.
pub(crate) fn tie_of(id: store::Id) -> u64 {
    let mut half = [0; 8];
    half.copy_from_slice(&id.as_bytes()[8..]);
    u64::from_be_bytes(half)
}

/// Stands between a value and its label in a column.
pub(crate) const LABEL_MARK: char = '\u{1f}';

/// The beginning of a title as a term, all of it as another.
pub(crate) fn title_start(words: &[String]) -> String {
    words.join(" ")
}

pub(crate) fn whole_title(words: &[String]) -> String {
    format!("{}$", words.join(" "))
}

/// What a title may be found by as a whole: its first words, also without the level in front of them.
fn title_starts(title: &str) -> Vec<String> {
    let words = analyzer::tokens(title);
    let level = words
        .iter()
        .take_while(|word| LEVELS.contains(&word.as_str()))
        .count();
    let mut starts = Vec::new();
    for from in if level > 0 && level < words.len() {
        vec![0, level]
    } else {
        vec![0]
    } {
        let words = &words[from..];
        let longest = words.len().min(TITLE_START_WORDS);
        starts.extend((1..=longest).map(|count| title_start(&words[..count])));
        if words.len() <= TITLE_START_WORDS {
            starts.push(whole_title(words));
        }
    }
    starts
}

/// Levels as titles begin with them, stemmed.
const LEVELS: [&str; 9] = [
    "senior",
    "sr",
    "staff",
    "princip",
    "junior",
    "jr",
    "lead",
    "distinguish",
    "member",
];

pub(crate) fn to_tantivy(fields: &Fields, document: &SearchDocument) -> TantivyDocument {
    let mut out = TantivyDocument::default();
    out.add_bytes(fields.id, document.id.as_bytes());
    for (field, text) in fields.texts.iter().zip(document.texts()) {
        out.add_text(*field, text);
    }
    out.add_text(fields.title_words, &document.title);
    out.add_text(fields.title, &document.title);
    for start in title_starts(&document.title) {
        out.add_text(fields.title_starts, start);
    }
    for (saying, concept) in &document.concepts {
        out.add_text(fields.concepts[*saying as usize], concept);
    }
    document.each_term(|term| out.add_text(fields.terms, term));
    for (facet, value) in &document.facets {
        let label = document
            .labels
            .iter()
            .find(|(of, id, _)| of == facet && id == value);
        match label {
            Some((_, _, label)) => {
                out.add_text(
                    fields.facets[facet.index()],
                    format!("{value}{LABEL_MARK}{label}"),
                );
            }
            None => out.add_text(fields.facets[facet.index()], value),
        }
    }
    for (latitude, longitude) in &document.points {
        out.add_f64(fields.latitude, *latitude);
        out.add_f64(fields.longitude, *longitude);
    }
    out.add_u64(fields.tie, tie_of(document.id));
    out.add_i64(fields.published_at, document.published_at);
    out.add_i64(fields.expires_at, document.expires_at);
    out.add_i64(fields.yearly_usd, document.yearly_usd);
    out.add_u64(fields.role, document.role);
    out.add_i64(fields.completeness, document.completeness);
    out.add_text(fields.summary, &document.summary);
    out.add_text(fields.excerpt, document.excerpt());
    out
}
