//! The columns of the index in memory: what filters, facets and orders look at for every candidate.
//!
//! A segment never changes, so its columns are read once. Facet values are numbers into one dictionary per facet that
//! all segments share and that only grows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::columnar::{Column, DynamicColumn, HasAssociatedColumnType};
use tantivy::fastfield::FastFieldReaders;
use tantivy::index::SegmentId;
use tantivy::{DocId, Searcher, SegmentReader};

use crate::analyzer;
use crate::facet::Facet;
use crate::schema::{LABEL_MARK, column};
use crate::values::label_of;

/// Number of a facet's value.
pub(crate) type ValueId = u32;

/// The values of every facet, numbered.
#[derive(Debug, Default, Clone)]
pub(crate) struct Dictionary {
    ids: [HashMap<Arc<str>, ValueId>; Facet::ALL.len()],
    names: [Vec<Arc<str>>; Facet::ALL.len()],
    /// What values are called, where that differs.
    labels: [Vec<Option<Arc<str>>>; Facet::ALL.len()],
    /// Employers by their name in plain words, without the form of the company.
    employers: HashMap<String, Vec<ValueId>>,
}

/// Forms of companies, which people leave out.
const COMPANY_FORMS: [&str; 12] = [
    "inc",
    "llc",
    "ltd",
    "limited",
    "gmbh",
    "corp",
    "corporation",
    "co",
    "ag",
    "sa",
    "bv",
    "plc",
];

impl Dictionary {
    pub(crate) fn id(&self, facet: Facet, value: &str) -> Option<ValueId> {
        self.ids[facet.index()].get(value).copied()
    }

    pub(crate) fn names(&self, facet: Facet) -> &[Arc<str>] {
        &self.names[facet.index()]
    }

    /// What a value is called.
    pub(crate) fn label(&self, facet: Facet, id: ValueId) -> Option<Arc<str>> {
        self.labels[facet.index()].get(id as usize).cloned().flatten()
    }

    /// The employers of a name in plain words.
    pub(crate) fn employers_named(&self, words: &str) -> Option<&[ValueId]> {
        self.employers.get(words).map(Vec::as_slice)
    }

    /// Takes in a value with its label behind a mark.
    fn intern(&mut self, facet: Facet, kept: &str) -> ValueId {
        let (value, label) = kept
            .split_once(LABEL_MARK)
            .map_or((kept, None), |(v, l)| (v, Some(l)));
        let id = self.intern_value(facet, value);
        let known = &mut self.labels[facet.index()][id as usize];
        if let Some(label) = label.filter(|label| known.as_deref() != Some(label)) {
            *known = Some(label.into());
            if facet == Facet::Employer {
                let mut words = analyzer::tokens_by(analyzer::whole_words(), label);
                while words.len() > 1
                    && words
                        .last()
                        .is_some_and(|last| COMPANY_FORMS.contains(&last.as_str()))
                {
                    words.pop();
                }
                let named = self.employers.entry(words.join(" ")).or_default();
                if !named.contains(&id) {
                    named.push(id);
                }
            }
        }
        id
    }

    fn intern_value(&mut self, facet: Facet, value: &str) -> ValueId {
        if let Some(id) = self.id(facet, value) {
            return id;
        }
        let names = &mut self.names[facet.index()];
        let (id, name) = (names.len() as ValueId, Arc::<str>::from(value));
        names.push(name.clone());
        // Looked up once, not for each answer that lists the value.
        self.labels[facet.index()].push(label_of(facet.as_str(), value).map(Into::into));
        self.ids[facet.index()].insert(name, id);
        id
    }
}

/// Values of a facet for each document. Most facets have few values, so their numbers are kept in two bytes where they
/// fit: half the memory to walk.
#[derive(Debug)]
pub(crate) enum FacetColumn {
    /// No document has any.
    Empty,
    Narrow(Values<u16>),
    Wide(Values<ValueId>),
}

/// The numbers of values, for each document.
#[derive(Debug)]
pub(crate) enum Values<N> {
    /// At most one each; the highest number for none.
    One(Vec<N>),
    /// Any number: `values[starts[doc]..starts[doc + 1]]`.
    Many { starts: Vec<u32>, values: Vec<N> },
}

/// A number of a value in as many bytes as are needed.
pub(crate) trait Number: Copy + Eq + Into<ValueId> {
    const NONE: Self;
    fn narrowed(id: ValueId) -> Self;
}

impl Number for u16 {
    const NONE: Self = Self::MAX;
    fn narrowed(id: ValueId) -> Self {
        id as Self
    }
}

impl Number for ValueId {
    const NONE: Self = Self::MAX;
    fn narrowed(id: ValueId) -> Self {
        id
    }
}

impl<N: Number> Values<N> {
    fn load(ords: &Column, ids: &[ValueId], docs: u32) -> Self {
        let number = |ordinal: u64| N::narrowed(ids[ordinal as usize]);
        if !ords.get_cardinality().is_multivalue() {
            let one = |doc| ords.first(doc).map_or(N::NONE, number);
            return Self::One((0..docs).map(one).collect());
        }
        let (mut starts, mut values) = (vec![0], Vec::new());
        for doc in 0..docs {
            values.extend(ords.values_for_doc(doc).map(number));
            starts.push(values.len() as u32);
        }
        Self::Many { starts, values }
    }

    #[inline]
    fn of(&self, doc: DocId) -> &[N] {
        let doc = doc as usize;
        match self {
            Self::One(values) => match &values[doc..=doc] {
                [none] if *none == N::NONE => &[],
                one => one,
            },
            Self::Many { starts, values } => &values[starts[doc] as usize..starts[doc + 1] as usize],
        }
    }

    fn count(&self, docs: &[DocId], counts: &mut [u32]) {
        match self {
            Self::One(values) => {
                for doc in docs {
                    let value = values[*doc as usize];
                    if value != N::NONE {
                        counts[value.into() as usize] += 1;
                    }
                }
            }
            Self::Many { .. } => {
                for doc in docs {
                    for value in self.of(*doc) {
                        counts[(*value).into() as usize] += 1;
                    }
                }
            }
        }
    }
}

impl FacetColumn {
    /// Whether a document has one of `accepted`.
    #[inline]
    pub(crate) fn has_any(&self, doc: DocId, accepted: &[ValueId]) -> bool {
        match self {
            Self::Empty => false,
            Self::Narrow(values) => values.of(doc).iter().any(|id| accepted.contains(&(*id).into())),
            Self::Wide(values) => values.of(doc).iter().any(|id| accepted.contains(id)),
        }
    }

    /// The first value of a document.
    pub(crate) fn first(&self, doc: DocId) -> Option<ValueId> {
        match self {
            Self::Empty => None,
            Self::Narrow(values) => values.of(doc).first().map(|id| (*id).into()),
            Self::Wide(values) => values.of(doc).first().copied(),
        }
    }

    /// Adds what these documents have to the count of each value.
    pub(crate) fn count(&self, docs: &[DocId], counts: &mut [u32]) {
        match self {
            Self::Empty => {}
            Self::Narrow(values) => values.count(docs, counts),
            Self::Wide(values) => values.count(docs, counts),
        }
    }
}

/// The columns of one segment.
#[derive(Debug)]
pub(crate) struct SegmentColumns {
    pub(crate) facets: [FacetColumn; Facet::ALL.len()],
    pub(crate) tie: Vec<u64>,
    pub(crate) published_at: Vec<i64>,
    pub(crate) expires_at: Vec<i64>,
    /// The least of them.
    pub(crate) first_end: i64,
    pub(crate) yearly_usd: Vec<i64>,
    pub(crate) role: Vec<u64>,
    /// Documents by the lower half of their role.
    by_role: Vec<(u32, DocId)>,
    /// 0-100.
    pub(crate) completeness: Vec<u8>,
    /// By what scores are multiplied on a day.
    factors: Mutex<Option<(i64, Arc<[f32]>)>>,
    point_starts: Vec<u32>,
    points: Vec<(f64, f64)>,
}

impl SegmentColumns {
    pub(crate) fn points(&self, doc: DocId) -> &[(f64, f64)] {
        let doc = doc as usize;
        &self.points[self.point_starts[doc] as usize..self.point_starts[doc + 1] as usize]
    }

    /// By what the score of each document is multiplied on `day`, which `factor` says; made once a day.
    pub(crate) fn factors(&self, day: i64, factor: impl Fn(usize) -> f32) -> Arc<[f32]> {
        let mut known = self.factors.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, factors)) if *of == day => Arc::clone(factors),
            _ => {
                let factors: Arc<[f32]> = (0..self.tie.len()).map(factor).collect();
                *known = Some((day, Arc::clone(&factors)));
                factors
            }
        }
    }

    /// The documents of a role.
    pub(crate) fn of_role(&self, role: u64) -> impl Iterator<Item = DocId> + '_ {
        let half = role as u32;
        let from = self.by_role.partition_point(|(own, _)| *own < half);
        let alike = self.by_role[from..]
            .iter()
            .take_while(move |(own, _)| *own == half);
        alike
            .map(|(_, doc)| *doc)
            .filter(move |doc| self.role[*doc as usize] == role)
    }

    fn load(reader: &SegmentReader, dictionary: &mut Dictionary) -> tantivy::Result<Self> {
        let docs = reader.max_doc();
        let fast = reader.fast_fields();
        let mut facets = Vec::with_capacity(Facet::ALL.len());
        for facet in Facet::ALL {
            facets.push(load_facet(reader, facet, dictionary)?);
        }
        let numbers = |name: &str| -> tantivy::Result<Vec<i64>> {
            let column: Column<i64> = column_of(fast, name, docs)?;
            Ok((0..docs).map(|doc| column.first(doc).unwrap_or(0)).collect())
        };
        let (tie, role): (Column<u64>, Column<u64>) = (
            column_of(fast, column::TIE, docs)?,
            column_of(fast, column::ROLE, docs)?,
        );
        let role: Vec<u64> = (0..docs).map(|doc| role.first(doc).unwrap_or(0)).collect();
        let mut by_role: Vec<(u32, DocId)> = (0..docs).map(|doc| (role[doc as usize] as u32, doc)).collect();
        by_role.sort_unstable();
        let completeness: Column<i64> = column_of(fast, column::COMPLETENESS, docs)?;
        let (latitude, longitude): (Column<f64>, Column<f64>) = (
            column_of(fast, column::LATITUDE, docs)?,
            column_of(fast, column::LONGITUDE, docs)?,
        );
        let (mut point_starts, mut points) = (vec![0], Vec::new());
        for doc in 0..docs {
            points.extend(latitude.values_for_doc(doc).zip(longitude.values_for_doc(doc)));
            point_starts.push(points.len() as u32);
        }
        let facets = facets
            .try_into()
            .map_err(|_| tantivy::TantivyError::InternalError("one column a facet".to_owned()))?;
        let expires_at = numbers(column::EXPIRES_AT)?;
        Ok(Self {
            facets,
            factors: Mutex::default(),
            first_end: expires_at.iter().copied().min().unwrap_or(i64::MAX),
            tie: (0..docs).map(|doc| tie.first(doc).unwrap_or(0)).collect(),
            published_at: numbers(column::PUBLISHED_AT)?,
            expires_at,
            yearly_usd: numbers(column::YEARLY_USD)?,
            role,
            by_role,
            completeness: (0..docs)
                .map(|doc| {
                    completeness
                        .first(doc)
                        .map_or(0, |points| points.clamp(0, 100) as u8)
                })
                .collect(),
            point_starts,
            points,
        })
    }
}

/// A column by its name; an index of another version may lack it, and has nothing in it then.
fn column_of<T>(fast: &FastFieldReaders, name: &str, docs: u32) -> tantivy::Result<Column<T>>
where
    T: HasAssociatedColumnType + Default,
    DynamicColumn: Into<Option<Column<T>>>,
{
    let found = fast.column_opt(name)?;
    Ok(found.unwrap_or_else(|| Column::build_empty_column(docs)))
}

fn load_facet(
    reader: &SegmentReader,
    facet: Facet,
    dictionary: &mut Dictionary,
) -> tantivy::Result<FacetColumn> {
    let docs = reader.max_doc();
    let name = format!("facet_{}", facet.as_str());
    let Some(column) = reader
        .fast_fields()
        .str(&name)?
        .filter(|column| column.num_terms() > 0)
    else {
        return Ok(FacetColumn::Empty);
    };
    let mut ids = Vec::with_capacity(column.num_terms());
    let mut value = String::new();
    for ordinal in 0..column.num_terms() as u64 {
        value.clear();
        column.ord_to_str(ordinal, &mut value)?;
        ids.push(dictionary.intern(facet, &value));
    }
    let fits = ids.iter().all(|id| *id < u32::from(u16::MAX));
    Ok(if fits {
        FacetColumn::Narrow(Values::load(column.ords(), &ids, docs))
    } else {
        FacetColumn::Wide(Values::load(column.ords(), &ids, docs))
    })
}

/// The columns of everything a searcher sees.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) dictionary: Arc<Dictionary>,
    by_segment: HashMap<SegmentId, Arc<SegmentColumns>>,
}

impl Columns {
    pub(crate) fn segment(&self, id: SegmentId) -> Option<Arc<SegmentColumns>> {
        self.by_segment.get(&id).cloned()
    }

    /// How many documents of a role there are, also such that were deleted and are not yet forgotten.
    pub(crate) fn count_of_role(&self, role: u64) -> usize {
        self.by_segment
            .values()
            .map(|columns| columns.of_role(role).count())
            .sum()
    }

    /// When the next posting ends after `now`; both in microseconds since 1970.
    pub(crate) fn next_end(&self, now: i64) -> i64 {
        let of_segment = |columns: &Arc<SegmentColumns>| {
            if columns.first_end > now {
                return columns.first_end;
            }
            let ends = columns.expires_at.iter().copied();
            ends.filter(|end| *end > now).min().unwrap_or(i64::MAX)
        };
        self.by_segment.values().map(of_segment).min().unwrap_or(i64::MAX)
    }

    /// The columns for `searcher`, taking over what is loaded already.
    pub(crate) fn refreshed(&self, searcher: &Searcher) -> tantivy::Result<Self> {
        let mut dictionary = Arc::clone(&self.dictionary);
        let mut by_segment = HashMap::new();
        for reader in searcher.segment_readers() {
            let id = reader.segment_id();
            let columns = match self.segment(id) {
                Some(loaded) => loaded,
                None => Arc::new(SegmentColumns::load(reader, Arc::make_mut(&mut dictionary))?),
            };
            by_segment.insert(id, columns);
        }
        Ok(Self {
            dictionary,
            by_segment,
        })
    }
}
