//! Specialties and skills: the part of the vocabulary that is data.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::Deserialize;

use crate::Discipline;
use crate::normalise::key;
use crate::terms::{Recognition, Terms, spellings};

/// A kind of work within a discipline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specialty {
    /// Stable identifier, snake case.
    pub id: String,
    /// English label for people.
    pub label: String,
    /// The discipline it belongs to.
    pub discipline: Discipline,
    /// Other names, as titles and queries write them.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// Names that count only exactly as written, mostly abbreviations in capitals.
    #[serde(default)]
    pub exact: Vec<String>,
    /// Names too general to decide a title alone: they count as a cue there, and as a name in a query.
    #[serde(default)]
    pub weak: Vec<String>,
    /// Whether such work is done in every trade and counts only where something of the field is named beside it.
    #[serde(default)]
    pub(crate) general: bool,
    /// Whether its name is a role that stays what it is whatever the title says behind it: an SRE for inference is an SRE.
    #[serde(default)]
    pub(crate) leads: bool,
    /// Words that speak for it without naming it.
    #[serde(default)]
    pub(crate) cues: Vec<String>,
}

/// A tool, technique, standard or part that a posting may ask for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Stable identifier, snake case.
    pub id: String,
    /// English label for people.
    pub label: String,
    /// Other names.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// Names that count in running text only exactly as written: `Ray`, `STA`.
    #[serde(default)]
    pub exact: Vec<String>,
    /// Abbreviations that mean something else in other trades, such as CPO and ADC: they count in running text only exactly
    /// as written and beside other signs of a discipline of `specialties`.
    #[serde(default)]
    pub in_context: Vec<String>,
    /// Identifiers of the specialties it speaks for; none for general skills.
    #[serde(default)]
    pub specialties: Vec<String>,
    /// Whether the label itself counts in running text in any case; false for words such as Ray.
    #[serde(default = "yes")]
    pub(crate) label_in_text: bool,
}

fn yes() -> bool {
    true
}

/// Further words for a discipline as a whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisciplineWords {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) synonyms: Vec<String>,
    #[serde(default)]
    pub(crate) exact: Vec<String>,
    #[serde(default)]
    pub(crate) cues: Vec<String>,
}

/// Why a vocabulary file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaxonomyError {
    /// The file is not TOML of the expected shape.
    #[error("the vocabulary cannot be read: {0}")]
    Syntax(String),
    /// Two entries of one kind have the same identifier.
    #[error("the identifier {0:?} is used twice")]
    DuplicateId(String),
    /// An identifier is not snake case.
    #[error("the identifier {0:?} is not snake case")]
    BadId(String),
    /// One name stands for two entries of one kind.
    #[error("the name {name:?} stands for both {first:?} and {second:?}")]
    Ambiguous {
        /// The name as written in the second entry.
        name: String,
        /// Identifier that had it first.
        first: String,
        /// Identifier that claims it too.
        second: String,
    },
    /// A skill or a word list names a specialty or discipline that is not there.
    #[error("{owner:?} names {missing:?}, which is not in the vocabulary")]
    Dangling {
        /// Identifier of the entry.
        owner: String,
        /// What it names.
        missing: String,
    },
    /// The words are too many for one automaton.
    #[error("the vocabulary is too large")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    #[serde(default)]
    discipline: Vec<DisciplineWords>,
    #[serde(default)]
    specialty: Vec<Specialty>,
    #[serde(default)]
    skill: Vec<Skill>,
    #[serde(default)]
    recognition: Recognition,
}

/// The vocabulary: specialties, skills, and everything needed to recognise them in text.
pub struct Taxonomy {
    version: String,
    specialties: Vec<Specialty>,
    skills: Vec<Skill>,
    specialty_keys: HashMap<String, usize>,
    skill_keys: HashMap<String, usize>,
    pub(crate) terms: Terms,
}

const BUNDLED_TEXT: &str = concat!(
    include_str!("../../../config/taxonomy/taxonomy.toml"),
    "\n",
    include_str!("../../../config/taxonomy/recognition.toml"),
    "\n",
    include_str!("../../../config/taxonomy/silicon.toml"),
    "\n",
    include_str!("../../../config/taxonomy/data_center.toml"),
    "\n",
    include_str!("../../../config/taxonomy/distributed_systems.toml"),
    "\n",
    include_str!("../../../config/taxonomy/ml_platform.toml"),
    "\n",
    include_str!("../../../config/taxonomy/ai_operations.toml"),
    "\n",
    include_str!("../../../config/taxonomy/skills_hardware.toml"),
    "\n",
    include_str!("../../../config/taxonomy/skills_software.toml"),
);

static BUNDLED: LazyLock<Taxonomy> =
    LazyLock::new(|| Taxonomy::from_toml(BUNDLED_TEXT).unwrap_or_else(|_| Taxonomy::empty()));

/// What an operator put in place of it.
static REPLACEMENT: RwLock<Option<&'static Taxonomy>> = RwLock::new(None);

impl Taxonomy {
    /// The vocabulary in force: the one compiled in from `config/taxonomy/`, its files read as one, until it is replaced.
    pub fn bundled() -> &'static Self {
        let replacement = REPLACEMENT.read().unwrap_or_else(PoisonError::into_inner);
        replacement.unwrap_or(&BUNDLED)
    }

    /// Puts `vocabulary` in force, or the one that is compiled in. What is in use stays in memory until the process ends:
    /// some megabytes each time.
    pub fn replace(vocabulary: Option<Self>) {
        let replacement = vocabulary.map(|vocabulary| &*Box::leak(Box::new(vocabulary)));
        *REPLACEMENT.write().unwrap_or_else(PoisonError::into_inner) = replacement;
    }

    /// The same under a version that tells it from any other text, whatever version it names.
    #[must_use]
    pub fn named_by(mut self, text: &str) -> Self {
        // FNV-1a: the same on every machine and in every version of the program.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.version = format!("{}+{:08x}", self.version, hash >> 32);
        self
    }

    /// The text that [`Self::bundled`] is read from: a starting point for an operator's own file.
    pub fn bundled_toml() -> &'static str {
        BUNDLED_TEXT
    }

    /// Reads a vocabulary: `version`, then `[[discipline]]`, `[recognition]`, `[[specialty]]` and `[[skill]]` as in
    /// `config/taxonomy/`.
    ///
    /// # Errors
    /// [`TaxonomyError`] says what to mend: syntax, identifiers used twice or ill-formed, a name with two meanings, a
    /// reference to nothing.
    pub fn from_toml(text: &str) -> Result<Self, TaxonomyError> {
        let file: File = toml::from_str(text).map_err(|error| TaxonomyError::Syntax(error.to_string()))?;
        let mut specialty_keys = HashMap::new();
        for (index, specialty) in file.specialty.iter().enumerate() {
            let names = specialty
                .synonyms
                .iter()
                .chain(&specialty.weak)
                .chain(&specialty.exact);
            let owner = |at: usize| file.specialty[at].id.clone();
            claim(
                &mut specialty_keys,
                index,
                &specialty.id,
                &specialty.label,
                names,
                owner,
            )?;
        }
        let mut skill_keys = HashMap::new();
        for (index, skill) in file.skill.iter().enumerate() {
            let names = skill.synonyms.iter().chain(&skill.exact).chain(&skill.in_context);
            let owner = |at: usize| file.skill[at].id.clone();
            claim(&mut skill_keys, index, &skill.id, &skill.label, names, owner)?;
        }
        for skill in &file.skill {
            let missing = skill
                .specialties
                .iter()
                .find(|id| !file.specialty.iter().any(|s| s.id == **id));
            if let Some(missing) = missing {
                return Err(TaxonomyError::Dangling {
                    owner: skill.id.clone(),
                    missing: missing.clone(),
                });
            }
        }
        let terms = Terms::build(&file.discipline, &file.specialty, &file.skill, &file.recognition)?;
        Ok(Self {
            version: file.version,
            specialties: file.specialty,
            skills: file.skill,
            specialty_keys,
            skill_keys,
            terms,
        })
    }

    fn empty() -> Self {
        Self {
            version: String::new(),
            specialties: Vec::new(),
            skills: Vec::new(),
            specialty_keys: HashMap::new(),
            skill_keys: HashMap::new(),
            terms: Terms::default(),
        }
    }

    /// The version written in the file; changes whenever its contents do.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The specialty with exactly this identifier.
    pub fn specialty(&self, id: &str) -> Option<&Specialty> {
        self.specialties.iter().find(|specialty| specialty.id == id)
    }

    /// All specialties, discipline by discipline.
    pub fn specialties(&self) -> &[Specialty] {
        &self.specialties
    }

    /// The skill with exactly this identifier.
    pub fn skill(&self, id: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.id == id)
    }

    /// All skills, in the order of the file.
    pub fn skills(&self) -> &[Skill] {
        &self.skills
    }

    /// The identifier of the skill that `free_text` names by identifier, label or synonym; case and punctuation do not
    /// matter (`System-Verilog` → `systemverilog`).
    pub fn skill_id(&self, free_text: &str) -> Option<&str> {
        let index = lookup(&self.skill_keys, free_text)?;
        self.skills.get(index).map(|skill| skill.id.as_str())
    }

    /// The identifier of the specialty that `free_text` names, as [`Self::skill_id`] does for skills.
    pub fn specialty_id(&self, free_text: &str) -> Option<&str> {
        let index = lookup(&self.specialty_keys, free_text)?;
        self.specialties.get(index).map(|specialty| specialty.id.as_str())
    }

    /// The identifier of the skill whose name is most like `text`, for "did you mean"; `None` when nothing is close
    /// (similarity below 0.84 by Jaro-Winkler).
    pub fn nearest_skill(&self, text: &str) -> Option<&str> {
        let index = nearest(&self.skill_keys, text)?;
        self.skills.get(index).map(|skill| skill.id.as_str())
    }

    /// The identifier of the specialty whose name is most like `text`, as [`Self::nearest_skill`].
    pub fn nearest_specialty(&self, text: &str) -> Option<&str> {
        let index = nearest(&self.specialty_keys, text)?;
        self.specialties.get(index).map(|specialty| specialty.id.as_str())
    }
}

fn lookup(keys: &HashMap<String, usize>, text: &str) -> Option<usize> {
    let wanted = key(text);
    keys.get(&wanted)
        .or_else(|| keys.get(wanted.strip_suffix('s')?))
        .copied()
}

fn claim<'a>(
    keys: &mut HashMap<String, usize>,
    index: usize,
    id: &'a str,
    label: &'a str,
    names: impl Iterator<Item = &'a String>,
    owner: impl Fn(usize) -> String,
) -> Result<(), TaxonomyError> {
    let snake = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if id.is_empty() || !id.bytes().all(snake) {
        return Err(TaxonomyError::BadId(id.to_owned()));
    }
    if (0..index).any(|earlier| owner(earlier) == id) {
        return Err(TaxonomyError::DuplicateId(id.to_owned()));
    }
    for name in [id, label].into_iter().chain(names.map(String::as_str)) {
        match keys.insert(key(name), index) {
            Some(earlier) if earlier != index => {
                return Err(TaxonomyError::Ambiguous {
                    name: name.to_owned(),
                    first: owner(earlier),
                    second: id.to_owned(),
                });
            }
            _ => {}
        }
        // Other spellings are a convenience: a name that somebody wrote down goes before them.
        for spelling in spellings(name) {
            keys.entry(key(&spelling)).or_insert(index);
        }
    }
    Ok(())
}

/// The entry with the name most like `text`; ties go to the shorter, then the alphabetically first name.
fn nearest(keys: &HashMap<String, usize>, text: &str) -> Option<usize> {
    const CLOSE_ENOUGH: f64 = 0.84;
    let wanted = key(text);
    if wanted.len() < 3 || wanted.len() > 64 {
        return lookup(keys, text);
    }
    let mut best: Option<(f64, &str, usize)> = None;
    for (name, index) in keys {
        if name.len().abs_diff(wanted.len()) > wanted.len().max(name.len()) / 2 {
            continue;
        }
        let score = strsim::jaro_winkler(name, &wanted);
        let better = best.is_none_or(|(have, other, _)| {
            score > have || (score - have).abs() < 1e-12 && (name.len(), name.as_str()) < (other.len(), other)
        });
        if score >= CLOSE_ENOUGH && better {
            best = Some((score, name, *index));
        }
    }
    best.map(|(_, _, index)| index)
}

#[cfg(test)]
#[path = "taxonomy_tests.rs"]
mod tests;
