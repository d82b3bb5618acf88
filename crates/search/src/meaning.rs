//! What a search asks of a posting, in the form that the index and the matcher both read.

use std::ops::Range;

use crate::analyzer;
use crate::facet::Facet;
use crate::text::Leaf;
use crate::values::label_of;

/// One way to satisfy a clause.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Alternative {
    /// Says these words next to each other.
    Words(Leaf),
    /// Says or is a concept of the vocabulary, as `kind:id`.
    Concept(String),
    /// Has a value of a facet.
    Value(Facet, String),
    /// Has a place of work in the circle.
    Within(Circle),
    /// States at least this yearly pay, in whole US dollars.
    PayAtLeast(i64),
}

impl Alternative {
    /// Whether it is decided by columns: places, pay, values. The others are words of the index.
    pub(crate) fn is_columnar(&self) -> bool {
        matches!(self, Self::Value(..) | Self::Within(_) | Self::PayAtLeast(_))
    }
}

/// A circle on the map.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Circle {
    /// Degrees north.
    pub(crate) latitude: f64,
    /// Degrees east.
    pub(crate) longitude: f64,
    /// Radius in km.
    pub(crate) km: f64,
}

impl Circle {
    /// Whether a point (latitude, longitude) lies in the circle.
    pub(crate) fn holds(&self, point: (f64, f64)) -> bool {
        // A degree of latitude is 111 km everywhere, which spares most points the trigonometry.
        (point.0 - self.latitude).abs() * 110.0 <= self.km
            && taxonomy::distance_km((self.latitude, self.longitude), point) <= self.km
    }

    /// The cells of one degree that cover the circle, as terms; `None` when they are too many to be of use.
    pub(crate) fn cells(&self) -> Option<Vec<String>> {
        const MOST: usize = 40;
        let tall = self.km / 110.0;
        let (south, north) = (self.latitude - tall, self.latitude + tall);
        if south < -89.0 || north > 89.0 {
            return None;
        }
        // A degree of longitude is shortest at the end that is nearer to a pole.
        let shortest = 110.0 * south.abs().max(north.abs()).to_radians().cos();
        let wide = self.km / shortest;
        let rows = (north.floor() - south.floor()) as usize + 1;
        let columns = ((self.longitude + wide).floor() - (self.longitude - wide).floor()) as usize + 1;
        if rows.saturating_mul(columns) > MOST {
            return None;
        }
        let mut cells = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let latitude = south.floor() + row as f64;
                let longitude = (self.longitude - wide).floor() + column as f64;
                cells.push(cell((latitude, longitude)));
            }
        }
        cells.sort();
        cells.dedup();
        Some(cells)
    }
}

/// The term of the cell that holds a point (latitude, longitude).
pub(crate) fn cell(point: (f64, f64)) -> String {
    let longitude = (point.1.floor() + 180.0).rem_euclid(360.0) - 180.0;
    format!("cell:{}:{}", point.0.floor() as i32, longitude as i32)
}

/// Something that must, or must not, be found: any of its alternatives is enough.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub(crate) any: Vec<Alternative>,
    /// Where in the typed text it comes from.
    pub(crate) at: Range<usize>,
    pub(crate) weight: Weight,
}

/// How much of the question a clause is: the lighter it is, the sooner it is dropped when nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Shift, pay, kind of employment.
    Condition,
    /// A word that was not recognised.
    Word,
    /// Level and workplace.
    Level,
    /// Where.
    Place,
    /// What: a specialty, a skill, a phrase.
    Subject,
}

impl Clause {
    /// Whether columns alone decide it.
    pub(crate) fn is_columnar(&self) -> bool {
        self.any.iter().all(Alternative::is_columnar)
    }
}

/// What the typed text asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) required: Vec<Clause>,
    pub(crate) excluded: Vec<Clause>,
    /// What lifts a posting and is not needed: "engineer" beside a specialty.
    pub(crate) preferred: Vec<Alternative>,
    /// The words that could be a title, for postings that are called exactly so.
    pub(crate) title: Vec<String>,
}

impl Meaning {
    /// The same clauses in one order and none twice, as text: equal for queries that ask for the same.
    #[cfg(test)]
    pub(crate) fn key(&self) -> String {
        let sorted = |clauses: &[Clause]| {
            let mut texts: Vec<String> = clauses
                .iter()
                .map(|clause| {
                    let mut any: Vec<String> = clause.any.iter().map(|a| format!("{a:?}")).collect();
                    any.sort();
                    any.dedup();
                    any.join("|")
                })
                .collect();
            texts.sort();
            texts.dedup();
            texts.join("&")
        };
        format!("{}-{}", sorted(&self.required), sorted(&self.excluded))
    }

    /// Every word that is looked for, and the words of the concepts, for marking them.
    pub(crate) fn words(&self) -> impl Iterator<Item = String> {
        let required = self
            .required
            .iter()
            .flat_map(|clause| &clause.any)
            .flat_map(words_of);
        required.chain(self.preferred.iter().flat_map(words_of))
    }
}

fn words_of(alternative: &Alternative) -> Vec<String> {
    match alternative {
        Alternative::Words(leaf) => leaf.clone(),
        Alternative::Concept(concept) => {
            let Some((kind, id)) = concept.split_once(':') else {
                return Vec::new();
            };
            let label = label_of(kind, id).unwrap_or_default();
            let mut words = analyzer::tokens(&label);
            // The words that say nothing by themselves: "and" in "Place and route".
            words.retain(|word| word.chars().count() > 3);
            let short = taxonomy::Taxonomy::bundled();
            let synonyms = match kind {
                "specialty" => short.specialty(id).map(|specialty| specialty.synonyms.as_slice()),
                "skill" => short.skill(id).map(|skill| skill.synonyms.as_slice()),
                _ => None,
            };
            // Abbreviations and other names of one word.
            let names = synonyms
                .unwrap_or_default()
                .iter()
                .map(|name| analyzer::tokens(name));
            words.extend(names.filter(|name| name.len() == 1).flatten());
            words
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_of_a_circle_hold_all_its_points() {
        for (latitude, longitude, km) in [
            (30.27, -97.74, 50.0),
            (59.9, 10.7, 120.0),
            (0.2, 179.9, 80.0),
            (-33.9, -0.05, 30.0),
            (69.6, 18.9, 60.0),
        ] {
            let circle = Circle {
                latitude,
                longitude,
                km,
            };
            let cells = circle.cells().unwrap();
            for step in 0..3600 {
                let angle = f64::from(step).to_radians() / 10.0;
                let near = f64::from(step % 10) / 10.0;
                let north = latitude + near * km / 111.2 * angle.sin();
                let east = longitude + near * km / (111.2 * latitude.to_radians().cos()) * angle.cos();
                let east = (east + 180.0).rem_euclid(360.0) - 180.0;
                if circle.holds((north, east)) {
                    assert!(cells.contains(&cell((north, east))), "{north} {east} {cells:?}");
                }
            }
        }
        let wide = Circle {
            latitude: 50.0,
            longitude: 8.0,
            km: 3000.0,
        };
        assert_eq!(wide.cells(), None);
    }
}
