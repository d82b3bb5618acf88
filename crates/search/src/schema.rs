//! The Tantivy schema.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};
use taxonomy::Taxonomy;

use crate::analyzer;
use crate::document::{Saying, SearchDocument};
use crate::facet::Facet;
use crate::older::Maker;

/// Changes whenever the index must be rebuilt because documents are written differently.
const VERSION: &str = "4";

/// The version of documents that are written now: how they are written, and with which vocabulary.
pub(crate) fn version() -> String {
    format!("{VERSION}/{}", Taxonomy::bundled().version())
}

/// The fields by name.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    /// The words of all texts, one after the other: one list of postings decides whether a word is there.
    pub(crate) words: Field,
    /// The words of title and employer once more: what stands there is worth more.
    pub(crate) names: Field,
    /// The title in whole words, for suggestions.
    pub(crate) title_words: Field,
    /// The first words of the title together, and all of them, for titles that begin as was typed.
    pub(crate) title_starts: Field,
    /// Concepts, the more often the more plainly they are said.
    pub(crate) concepts: Field,
    /// The concepts of the title once more.
    pub(crate) title_concepts: Field,
    /// Values of facets and attributes, cells of the map and the role.
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

/// How often a concept counts that is said in the title, as a fact, in the text.
const SAID: [usize; 3] = [6, 4, 1];
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

/// The schema of documents that are written now.
pub(crate) fn build() -> (Schema, Fields) {
    let mut maker = Maker::new(None);
    let fields = make(&mut maker);
    (maker.build(), fields)
}

/// The fields as an index of another version has them; `None` when it lacks one that search cannot do without.
pub(crate) fn found_in(older: &Schema) -> Option<Fields> {
    let mut maker = Maker::new(Some(older));
    let fields = make(&mut maker);
    maker.is_usable().then_some(fields)
}

fn make(schema: &mut Maker<'_>) -> Fields {
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
    let counted = presence.clone().set_index_option(IndexRecordOption::WithFreqs);
    let presence = TextOptions::default().set_indexing_options(presence);
    Fields {
        id: schema.add_bytes_field("id", BytesOptions::default().set_indexed().set_stored()),
        words: schema.add_text_field("words", text.clone()),
        names: schema.add_text_field("names", text),
        title_words: schema.add_text_field(
            "title_words",
            TextOptions::default().set_indexing_options(whole_words),
        ),
        title_starts: schema.add_text_field("title_starts", presence.clone()),
        concepts: schema.add_text_field("concepts", TextOptions::default().set_indexing_options(counted)),
        title_concepts: schema.add_text_field("title_concepts", presence.clone()),
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
    }
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
    document
        .texts()
        .iter()
        .for_each(|text| out.add_text(fields.words, text));
    out.add_text(fields.names, &document.title);
    out.add_text(fields.names, &document.employer);
    out.add_text(fields.title_words, &document.title);
    out.add_text(fields.title, &document.title);
    for start in title_starts(&document.title) {
        out.add_text(fields.title_starts, start);
    }
    for (saying, concept) in &document.concepts {
        for _ in 0..SAID[*saying as usize] {
            out.add_text(fields.concepts, concept);
        }
        if *saying == Saying::Title {
            out.add_text(fields.title_concepts, concept);
        }
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
