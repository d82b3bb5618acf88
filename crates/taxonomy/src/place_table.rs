//! The table of places in memory: GeoNames' cities, regions and countries, and our own few additions.

use std::collections::HashMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::normalise::fold;

/// A place as postings and answers carry it. All parts may be absent: a country alone is a place too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The city or area as the gazetteer writes it, or as the posting wrote it when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The first-level region: its letters in the United States, Canada and Australia, else its English name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The country's ISO 3166-1 two-letter code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

impl Place {
    /// The place as people read it: `Austin, TX, US`; empty when nothing is known.
    pub fn label(&self) -> String {
        let parts: Vec<&str> = [&self.city, &self.region, &self.country]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect();
        parts.join(", ")
    }
}

/// One suggestion of [`crate::Gazetteer::complete`].
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPlace {
    /// What to show, e.g. `Austin, TX, US`.
    pub label: String,
    /// The place itself.
    pub place: Place,
    /// Inhabitants; 0 when not known.
    pub population: u32,
}

pub(crate) struct City {
    pub(crate) name: Box<str>,
    pub(crate) country: [u8; 2],
    /// Index into [`Table::regions`]; `u16::MAX` when the table has no name for it.
    pub(crate) region: u16,
    pub(crate) latitude: f32,
    pub(crate) longitude: f32,
    pub(crate) population: u32,
    /// An area without a city name of its own, or a town of ours: found by its bare name whatever its size.
    pub(crate) ours: bool,
}

pub(crate) struct Region {
    pub(crate) country: [u8; 2],
    pub(crate) code: Box<str>,
    pub(crate) name: Box<str>,
}

/// Reference to a city by one of its names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NameEntry {
    hash: u64,
    alternate: bool,
    city: u32,
}

#[derive(Default)]
pub(crate) struct Table {
    /// Most populous first, then ours.
    pub(crate) cities: Vec<City>,
    pub(crate) regions: Vec<Region>,
    /// Name and code of each country.
    pub(crate) countries: Vec<([u8; 2], Box<str>)>,
    names: Vec<NameEntry>,
    /// Folded primary names, one after the other, and where each ends.
    folded: String,
    folded_ends: Vec<u32>,
    country_keys: HashMap<Box<str>, [u8; 2]>,
    region_keys: HashMap<Box<str>, Vec<u16>>,
    preferred: HashMap<u64, u32>,
}

#[derive(Deserialize, Default)]
struct Extra {
    #[serde(default)]
    place: Vec<ExtraPlace>,
    #[serde(default)]
    area: Vec<ExtraArea>,
    #[serde(default)]
    alias: HashMap<String, String>,
    #[serde(default)]
    prefer: HashMap<String, String>,
    #[serde(default)]
    country: HashMap<String, String>,
    #[serde(default)]
    region: HashMap<String, String>,
}

#[derive(Deserialize)]
struct ExtraPlace {
    name: String,
    region: String,
    country: String,
    latitude: f32,
    longitude: f32,
}

#[derive(Deserialize)]
struct ExtraArea {
    names: Vec<String>,
    label: String,
    region: String,
    country: String,
    latitude: f32,
    longitude: f32,
}

impl Table {
    /// Unpacks the table and reads the additions. What cannot be read is left out: both files are compiled in and tested.
    pub(crate) fn load(packed: &[u8], extra: &str) -> Self {
        let mut text = String::new();
        let complete = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
        let mut table = Self::default();
        if complete.is_ok() {
            table.read_lines(&text);
        }
        table.add_extra(toml::from_str(extra).unwrap_or_default());
        table
    }

    fn read_lines(&mut self, text: &str) {
        let mut key = String::with_capacity(64);
        let mut by_code: HashMap<(&str, &str), u16> = HashMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["C", iso2, iso3, name] => self.add_country(iso2, iso3, name),
                ["R", iso2, code, name] => {
                    by_code.insert((iso2, code), self.regions.len() as u16);
                    self.add_region(iso2, code, name);
                }
                ["P", name, iso2, code, lat, lon, population, alternates] => {
                    let region = by_code.get(&(iso2, code)).copied().unwrap_or(u16::MAX);
                    let city = City {
                        name: name.into(),
                        country: two_letters(iso2),
                        region,
                        latitude: lat.parse().unwrap_or(0.0),
                        longitude: lon.parse().unwrap_or(0.0),
                        population: population.parse().unwrap_or(0),
                        ours: false,
                    };
                    self.add_city(city, &mut key);
                    let index = self.cities.len() as u32 - 1;
                    for alternate in alternates.split('|').filter(|name| !name.is_empty()) {
                        self.add_name(alternate, index, &mut key);
                    }
                }
                _ => {}
            }
        }
    }

    fn add_country(&mut self, iso2: &str, iso3: &str, name: &str) {
        let code = two_letters(iso2);
        self.countries.push((code, name.into()));
        for word in [iso2, iso3, name] {
            self.country_keys.insert(fold(word).into(), code);
        }
    }

    fn add_region(&mut self, iso2: &str, code: &str, name: &str) {
        let index = self.regions.len() as u16;
        self.regions.push(Region {
            country: two_letters(iso2),
            code: code.into(),
            name: name.into(),
        });
        let short = code.bytes().all(|b| b.is_ascii_alphabetic());
        let words = [Some(name), short.then_some(code)];
        for word in words.into_iter().flatten() {
            self.region_keys.entry(fold(word).into()).or_default().push(index);
        }
    }

    fn add_city(&mut self, city: City, key: &mut String) {
        crate::normalise::fold_into(&city.name, key);
        self.names.push(NameEntry {
            hash: hash(key),
            alternate: false,
            city: self.cities.len() as u32,
        });
        self.folded.push_str(key);
        self.folded_ends.push(self.folded.len() as u32);
        self.cities.push(city);
    }

    fn add_name(&mut self, name: &str, city: u32, key: &mut String) {
        crate::normalise::fold_into(name, key);
        if !key.is_empty() {
            self.names.push(NameEntry {
                hash: hash(key),
                alternate: true,
                city,
            });
        }
    }

    fn add_extra(&mut self, extra: Extra) {
        let mut key = String::new();
        for (name, code) in &extra.country {
            self.country_keys.insert(fold(name).into(), two_letters(code));
        }
        for (name, target) in &extra.region {
            if let Some(index) = self.region_of_target(target) {
                self.region_keys.entry(fold(name).into()).or_default().push(index);
            }
        }
        for place in extra.place {
            let city = self.own_city(
                &place.name,
                &place.region,
                &place.country,
                (place.latitude, place.longitude),
            );
            self.add_city(city, &mut key);
        }
        for area in extra.area {
            let city = self.own_city(
                &area.label,
                &area.region,
                &area.country,
                (area.latitude, area.longitude),
            );
            self.add_city(city, &mut key);
            let index = self.cities.len() as u32 - 1;
            for name in &area.names {
                self.preferred.insert(hash(&fold(name)), index);
                self.add_name(name, index, &mut key);
            }
        }
        self.names.sort_unstable();
        for (name, target) in extra.alias {
            let Some((city_name, rest)) = target.split_once(", ") else {
                continue;
            };
            if let Some(index) = self.city_of_target(city_name, rest) {
                self.preferred.insert(hash(&fold(&name)), index);
                self.add_name(&name, index, &mut key);
            }
        }
        self.names.sort_unstable();
        for (name, target) in extra.prefer {
            if let Some(index) = self.city_of_target(&name, &target) {
                self.preferred.insert(hash(&fold(&name)), index);
            }
        }
    }

    fn own_city(&self, name: &str, region: &str, country: &str, point: (f32, f32)) -> City {
        let country = two_letters(country);
        let region = self
            .regions_named(&fold(region))
            .find(|index| self.regions[usize::from(*index)].country == country);
        let region = region.unwrap_or(u16::MAX);
        City {
            name: name.into(),
            country,
            region,
            latitude: point.0,
            longitude: point.1,
            population: 0,
            ours: true,
        }
    }

    fn region_of_target(&self, target: &str) -> Option<u16> {
        let (code, country) = target.split_once(", ")?;
        let country = two_letters(country);
        let at = self
            .regions
            .iter()
            .position(|region| region.country == country && &*region.code == code)?;
        Some(at as u16)
    }

    fn city_of_target(&self, name: &str, target: &str) -> Option<u32> {
        let region = self.region_of_target(target)?;
        self.cities_named(&fold(name))
            .find(|index| self.cities[*index as usize].region == region)
    }

    /// Indices of the cities with this folded name: by primary name first, each kind most populous first.
    pub(crate) fn cities_named(&self, folded: &str) -> impl Iterator<Item = u32> + '_ {
        let hash = hash(folded);
        let from = self.names.partition_point(|entry| entry.hash < hash);
        self.names[from..]
            .iter()
            .take_while(move |entry| entry.hash == hash)
            .map(|entry| entry.city)
    }

    /// Indices of the cities whose own name, not an alternate one, is this.
    pub(crate) fn cities_called(&self, folded: &str) -> impl Iterator<Item = u32> + '_ {
        let hash = hash(folded);
        let from = self.names.partition_point(|entry| entry.hash < hash);
        self.names[from..]
            .iter()
            .take_while(move |entry| entry.hash == hash && !entry.alternate)
            .map(|entry| entry.city)
    }

    pub(crate) fn preferred(&self, folded: &str) -> Option<u32> {
        self.preferred.get(&hash(folded)).copied()
    }

    pub(crate) fn country_named(&self, folded: &str) -> Option<[u8; 2]> {
        self.country_keys.get(folded).copied()
    }

    pub(crate) fn regions_named(&self, folded: &str) -> impl Iterator<Item = u16> + '_ {
        self.region_keys.get(folded).into_iter().flatten().copied()
    }

    pub(crate) fn country_name(&self, code: [u8; 2]) -> Option<&str> {
        let at = self
            .countries
            .binary_search_by_key(&code, |(code, _)| *code)
            .ok()?;
        Some(&self.countries[at].1)
    }

    /// Cities whose folded primary name starts with `folded`, most populous first.
    pub(crate) fn cities_starting<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = u32> + 'a {
        self.folded_ends
            .iter()
            .enumerate()
            .filter_map(move |(index, end)| {
                let start = if index == 0 {
                    0
                } else {
                    self.folded_ends[index - 1]
                };
                let name = self.folded.as_bytes().get(start as usize..*end as usize)?;
                name.starts_with(folded.as_bytes()).then_some(index as u32)
            })
    }

    /// The region as places carry it: letters in the US, Canada and Australia, else the name.
    pub(crate) fn region_label(&self, index: u16) -> Option<String> {
        let region = self.regions.get(usize::from(index))?;
        let letters = matches!(&region.country, b"US" | b"CA" | b"AU");
        Some(if letters {
            region.code.to_string()
        } else {
            region.name.to_string()
        })
    }

    pub(crate) fn place_of(&self, index: u32) -> Option<Place> {
        let city = self.cities.get(index as usize)?;
        let round = |degrees: f32| Some((f64::from(degrees) * 1_000.0).round() / 1_000.0);
        Some(Place {
            city: Some(city.name.to_string()),
            region: self.region_label(city.region),
            country: Some(letters(city.country)),
            latitude: round(city.latitude),
            longitude: round(city.longitude),
        })
    }
}

/// The code as text.
pub(crate) fn letters(code: [u8; 2]) -> String {
    code.iter().map(|b| char::from(*b)).collect()
}

/// The first two bytes; zeros when there are fewer.
pub(crate) fn two_letters(code: &str) -> [u8; 2] {
    code.as_bytes().first_chunk::<2>().copied().unwrap_or_default()
}

/// FNV-1a, 64 bits.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
