//! The Tantivy schema.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions,
};

use crate::analyzer;
use crate::document::SearchDocument;
use crate::facet::Facet;

/// Changes whenever the index must be rebuilt because documents are written differently.
pub(crate) const VERSION: &str = "1";

/// The fields by name.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    /// title, employer, facts, description: as [`SearchDocument::texts`].
    pub(crate) texts: [Field; 4],
    /// The title in whole words, for suggestions.
    pub(crate) title_words: Field,
    pub(crate) title: Field,
    pub(crate) facets: [Field; Facet::ALL.len()],
    pub(crate) tie: Field,
    pub(crate) published_at: Field,
    pub(crate) expires_at: Field,
    pub(crate) yearly_usd: Field,
    pub(crate) latitude: Field,
    pub(crate) longitude: Field,
    pub(crate) summary: Field,
    pub(crate) excerpt: Field,
}

/// How much a word counts in each of the texts.
pub(crate) const BOOSTS: [f32; 4] = [4.0, 2.0, 1.5, 1.0];

/// Fast columns by name.
pub(crate) mod column {
    pub(crate) const TITLE: &str = "title_column";
    pub(crate) const TIE: &str = "tie";
    pub(crate) const PUBLISHED_AT: &str = "published_at";
    pub(crate) const EXPIRES_AT: &str = "expires_at";
    pub(crate) const YEARLY_USD: &str = "yearly_usd";
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
    let fields = Fields {
        id: schema.add_bytes_field("id", BytesOptions::default().set_indexed().set_stored()),
        texts: ["title", "employer", "facts", "description"]
            .map(|name| schema.add_text_field(name, text.clone())),
        title_words: schema.add_text_field(
            "title_words",
            TextOptions::default().set_indexing_options(whole_words),
        ),
        title: schema.add_text_field(column::TITLE, facet.clone()),
        facets: Facet::ALL.map(|of| schema.add_text_field(&format!("facet_{}", of.as_str()), facet.clone())),
        tie: schema.add_u64_field(column::TIE, FAST),
        published_at: schema.add_i64_field(column::PUBLISHED_AT, FAST),
        expires_at: schema.add_i64_field(column::EXPIRES_AT, FAST),
        yearly_usd: schema.add_i64_field(column::YEARLY_USD, FAST),
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

pub(crate) fn to_tantivy(fields: &Fields, document: &SearchDocument) -> TantivyDocument {
    let mut out = TantivyDocument::default();
    out.add_bytes(fields.id, document.id.as_bytes());
    for (field, text) in fields.texts.iter().zip(document.texts()) {
        out.add_text(*field, text);
    }
    out.add_text(fields.title_words, &document.title);
    out.add_text(fields.title, &document.title);
    for (facet, value) in &document.facets {
        out.add_text(fields.facets[facet.index()], value);
    }
    for (latitude, longitude) in &document.points {
        out.add_f64(fields.latitude, *latitude);
        out.add_f64(fields.longitude, *longitude);
    }
    out.add_u64(fields.tie, tie_of(document.id));
    out.add_i64(fields.published_at, document.published_at);
    out.add_i64(fields.expires_at, document.expires_at);
    out.add_i64(fields.yearly_usd, document.yearly_usd);
    out.add_text(fields.summary, &document.summary);
    out.add_text(fields.excerpt, document.excerpt());
    out
}
