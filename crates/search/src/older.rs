//! Reading an index of another version: which of our fields it has.

use tantivy::schema::{
    BytesOptions, Field, FieldEntry, FieldType, IndexRecordOption, NumericOptions, Schema, SchemaBuilder,
    TextOptions,
};

/// Makes a schema field by field; beside an older one, finds each field in that instead.
///
/// What an older index lacks is as if nothing stood in it, where that can be said to Tantivy: a column is empty, a term
/// is looked for among the ids, where it is not. What an answer shows, and words with their places, cannot be left out.
pub(crate) struct Maker<'s> {
    builder: SchemaBuilder,
    older: Option<&'s Schema>,
    is_usable: bool,
}

impl<'s> Maker<'s> {
    pub(crate) fn new(older: Option<&'s Schema>) -> Self {
        Self {
            builder: Schema::builder(),
            older,
            is_usable: true,
        }
    }

    pub(crate) fn build(self) -> Schema {
        self.builder.build()
    }

    /// Whether every field was found, or can be done without.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_usable
    }

    pub(crate) fn add_text_field(&mut self, name: &str, options: impl Into<TextOptions>) -> Field {
        self.add(FieldEntry::new_text(name.to_owned(), options.into()))
    }

    pub(crate) fn add_bytes_field(&mut self, name: &str, options: impl Into<BytesOptions>) -> Field {
        self.add(FieldEntry::new_bytes(name.to_owned(), options.into()))
    }

    pub(crate) fn add_u64_field(&mut self, name: &str, options: impl Into<NumericOptions>) -> Field {
        self.add(FieldEntry::new_u64(name.to_owned(), options.into()))
    }

    pub(crate) fn add_i64_field(&mut self, name: &str, options: impl Into<NumericOptions>) -> Field {
        self.add(FieldEntry::new_i64(name.to_owned(), options.into()))
    }

    pub(crate) fn add_f64_field(&mut self, name: &str, options: impl Into<NumericOptions>) -> Field {
        self.add(FieldEntry::new_f64(name.to_owned(), options.into()))
    }

    fn add(&mut self, entry: FieldEntry) -> Field {
        let Some(older) = self.older else {
            return self.builder.add_field(entry);
        };
        if let Ok(field) = older.get_field(entry.name())
            && serves(older.get_field_entry(field), &entry)
        {
            return field;
        }
        self.is_usable &=
            !entry.is_stored() && record(&entry) < Some(IndexRecordOption::WithFreqsAndPositions);
        older.get_field("id").unwrap_or(Field::from_field_id(0))
    }
}

/// Whether what an older field keeps is enough for what is asked of ours.
fn serves(older: &FieldEntry, ours: &FieldEntry) -> bool {
    older.field_type().value_type() == ours.field_type().value_type()
        && (older.is_stored() || !ours.is_stored())
        && (older.is_fast() || !ours.is_fast())
        && (older.is_indexed() || !ours.is_indexed())
        && record(older) >= record(ours)
}

/// What is kept of words beside where they are.
fn record(entry: &FieldEntry) -> Option<IndexRecordOption> {
    match entry.field_type() {
        FieldType::Str(options) => options
            .get_indexing_options()
            .map(tantivy::schema::TextFieldIndexing::index_option),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// Our schema without `name`, as an older version could have had it.
    fn without(name: &str) -> Schema {
        let (ours, _) = schema::build();
        let mut builder = Schema::builder();
        for (_, entry) in ours.fields().filter(|(_, entry)| entry.name() != name) {
            builder.add_field(entry.clone());
        }
        builder.build()
    }

    #[test]
    fn a_field_that_search_can_do_without_may_be_missing_and_others_stand_elsewhere() {
        let (ours, now) = schema::build();
        let older = without("title_starts");
        let found = schema::found_in(&older).expect("usable");
        assert_eq!(found.id, now.id);
        assert_eq!(older.get_field_name(found.summary), "summary");
        assert_ne!(found.summary, now.summary);
        assert_eq!(ours.get_field_name(now.summary), "summary");
        for needed in ["summary", "excerpt", "words", "names"] {
            assert!(schema::found_in(&without(needed)).is_none(), "{needed}");
        }
        for column in ["completeness", "role", "yearly_usd", "facet_country"] {
            assert!(schema::found_in(&without(column)).is_some(), "{column}");
        }
    }
}
