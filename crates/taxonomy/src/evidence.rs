//! Collecting what a title and a text say, before anything is decided.

use crate::normalise::spaced_into;
use crate::terms::{Meaning, Terms};
use crate::{Discipline, EmploymentType, Environment, Workplace};

/// Points of one phrase in the title.
pub(crate) const TITLE_SPECIALTY: f32 = 10.0;
const TITLE_LEADS: f32 = 20.0;
const TITLE_DISCIPLINE: f32 = 8.0;
const TITLE_CUE: f32 = 5.0;
const TITLE_SKILL: f32 = 3.0;
/// Points of the first mention of one phrase in the text; a second mention adds half, more add nothing.
const TEXT_SPECIALTY: f32 = 1.6;
const TEXT_DISCIPLINE: f32 = 1.2;
const TEXT_CUE: f32 = 1.0;
const TEXT_SKILL: f32 = 0.8;
/// A text shorter than this cannot be expected to support its title.
const SHORT_TEXT_BYTES: usize = 300;
/// An abbreviation of at most so many letters does not decide a title alone.
const AMBIGUOUS_LETTERS: usize = 3;
/// Of two phrases of one title the earlier one is the work, the later one its object.
const EARLIER_TITLE_WORD: f32 = 1.0;

/// Everything found, in points.
pub(crate) struct Findings {
    pub(crate) title: [f32; 5],
    pub(crate) text: [f32; 5],
    /// Whether the title names each discipline or a specialty of it.
    pub(crate) title_names: [bool; 5],
    /// Whether it does so at least by a weak name or a cue for the whole discipline.
    pub(crate) title_hints: [bool; 5],
    /// How often each discipline is called by its name, at most 255.
    pub(crate) named: [u8; 5],
    /// Whether there is too little text to count on.
    pub(crate) title_only: bool,
    /// Title and text points of each specialty.
    pub(crate) specialties: Vec<(f32, f32)>,
    /// Mentions of each skill, a mention in the title counting four.
    pub(crate) skills: Vec<u16>,
    pub(crate) environments: [u16; 5],
    /// What the text says first.
    pub(crate) employment_type: Option<EmploymentType>,
    /// How firmly the text says each workplace, in the order of [`Workplace::ALL`].
    pub(crate) workplaces: [u16; 3],
    pub(crate) outside: bool,
    pub(crate) elsewhere: bool,
    /// Whether the title says that someone builds or repairs: engineer, developer, technician …
    pub(crate) builds: bool,
    /// The discipline of a role of every trade that begins the title.
    pub(crate) led_by: Option<Discipline>,
    /// Of each discipline, whether what the title names is work of every trade.
    pub(crate) is_general: [bool; 5],
    pub(crate) adjacent: bool,
    pub(crate) open: bool,
    /// Phrases that gave points: number, in the title, discipline, points.
    pub(crate) scored: Vec<(usize, bool, Discipline, f32)>,
    /// Abbreviations of the text, which count only in company.
    pending: Vec<(usize, u16, f32)>,
    pending_skills: Vec<(usize, u16, f32)>,
    /// Whether a phrase of the title has counted already.
    title_begun: bool,
}

/// Title and text made ready for matching, one behind the other.
pub(crate) struct Prepared {
    bytes: Vec<u8>,
    title_end: usize,
    text_bytes: usize,
}

impl Prepared {
    pub(crate) fn new(title: &str, text: &str) -> Self {
        let mut bytes = Vec::with_capacity(title.len() + text.len() + 16);
        spaced_into(title, &mut bytes);
        let title_end = bytes.len();
        // No phrase holds a line feed: none reaches from the title into the text.
        bytes.push(b'\n');
        spaced_into(text, &mut bytes);
        Self {
            bytes,
            title_end,
            text_bytes: text.len(),
        }
    }

    pub(crate) fn title(&self) -> &[u8] {
        &self.bytes[..self.title_end]
    }
}

/// The position of a discipline in arrays of five.
pub(crate) fn slot(discipline: Discipline) -> usize {
    match discipline {
        Discipline::Silicon => 0,
        Discipline::DataCenter => 1,
        Discipline::DistributedSystems => 2,
        Discipline::MlPlatform => 3,
        Discipline::AiOperations => 4,
    }
}

pub(crate) fn workplace_slot(workplace: Workplace) -> usize {
    Workplace::ALL
        .iter()
        .position(|other| *other == workplace)
        .unwrap_or(0)
}

/// Whether a prepared title holds a word for someone who builds, runs or repairs.
fn builds(title: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "engineer",
        "engineers",
        "engineering",
        "developer",
        "sre",
        "devops",
        "devsecops",
        "architect",
        "swe",
        "sde",
        "mle",
        "mlops",
        "technician",
        "programmer",
    ];
    let mut words = title.split(|byte| *byte == b' ');
    words.any(|word| {
        WORDS
            .iter()
            .any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    })
}

fn environment_slot(environment: Environment) -> usize {
    Environment::ALL
        .iter()
        .position(|other| *other == environment)
        .unwrap_or(0)
}

impl Findings {
    /// One pass over title and text.
    pub(crate) fn collect(terms: &Terms, prepared: &Prepared) -> Self {
        let title_end = prepared.title_end;
        let mut findings = Self {
            title: [0.0; 5],
            text: [0.0; 5],
            title_names: [false; 5],
            title_hints: [false; 5],
            named: [0; 5],
            title_only: prepared.text_bytes < SHORT_TEXT_BYTES,
            specialties: vec![(0.0, 0.0); terms.specialty_disciplines.len()],
            skills: vec![0; terms.skill_specialties.len()],
            environments: [0; 5],
            employment_type: None,
            workplaces: [0; 3],
            outside: false,
            elsewhere: false,
            builds: builds(prepared.title()),
            led_by: None,
            is_general: [false; 5],
            adjacent: false,
            open: false,
            scored: Vec::new(),
            pending: Vec::new(),
            pending_skills: Vec::new(),
            title_begun: false,
        };
        let mut mentions = vec![0_u8; terms.phrases.len()];
        for hit in terms.hits(&prepared.bytes) {
            let in_title = hit.start < title_end;
            let seen = &mut mentions[hit.phrase];
            // A word of the title says it once, however often the text repeats it.
            let mention = if in_title { 0 } else { *seen };
            *seen = seen.saturating_add(1);
            for (meaning, exact) in terms.meanings_of(hit, &prepared.bytes) {
                findings.take(terms, hit.phrase, meaning, exact, in_title, mention);
            }
        }
        findings.admit_pending(terms);
        findings.note_general(terms);
        findings
    }

    fn take(
        &mut self,
        terms: &Terms,
        phrase: usize,
        meaning: Meaning,
        exact: bool,
        in_title: bool,
        mention: u8,
    ) {
        let fading = match mention {
            0 => 1.0,
            1 => 0.5,
            _ => 0.0,
        };
        let points = |title: f32, text: f32| if in_title { title } else { text * fading };
        if in_title {
            self.note_title(
                terms,
                meaning,
                exact && terms.phrases[phrase].text.len() <= 1 + AMBIGUOUS_LETTERS,
            );
        }
        match meaning {
            Meaning::Specialty(index) if exact && !in_title => {
                self.pending.push((phrase, index, TEXT_SPECIALTY * fading));
            }
            // "PD", "BMS", "DFT": in other trades they mean something else.
            Meaning::Specialty(index)
                if exact && terms.phrases[phrase].text.len() <= 1 + AMBIGUOUS_LETTERS =>
            {
                self.add(terms, phrase, index, in_title, TITLE_CUE);
            }
            Meaning::Specialty(index) => {
                let leads = !self.title_begun && terms.specialty_leads[usize::from(index)];
                let title = if leads { TITLE_LEADS } else { TITLE_SPECIALTY };
                self.add(terms, phrase, index, in_title, points(title, TEXT_SPECIALTY));
            }
            Meaning::SpecialtyCue(index) | Meaning::WeakSpecialty(index) => {
                let is_role = in_title && terms.specialty_leads[usize::from(index)] && !self.title_begun;
                if is_role && matches!(meaning, Meaning::WeakSpecialty(_)) {
                    self.led_by = Some(terms.specialty_disciplines[usize::from(index)]);
                }
                self.add(terms, phrase, index, in_title, points(TITLE_CUE, TEXT_CUE));
            }
            Meaning::Holds(discipline) => self.name(discipline),
            Meaning::Discipline(discipline) => {
                self.name(discipline);
                self.score(
                    phrase,
                    discipline,
                    in_title,
                    points(TITLE_DISCIPLINE, TEXT_DISCIPLINE),
                );
            }
            Meaning::DisciplineCue(discipline) => {
                self.score(phrase, discipline, in_title, points(TITLE_CUE, TEXT_CUE));
            }
            Meaning::Skill(index) if exact && !in_title && terms.phrases[phrase].in_context => {
                self.pending_skills.push((phrase, index, TEXT_SKILL * fading));
            }
            Meaning::Skill(index) => {
                self.skill(terms, phrase, index, in_title, points(TITLE_SKILL, TEXT_SKILL));
            }
            Meaning::Environment(environment) => {
                let count = &mut self.environments[environment_slot(environment)];
                *count = count.saturating_add(if in_title { 3 } else { 1 });
            }
            Meaning::Employment(found) => self.employment_type = self.employment_type.or(Some(found)),
            Meaning::Workplace(found, weight) if mention == 0 => {
                let points = &mut self.workplaces[workplace_slot(found)];
                *points = points.saturating_add(u16::from(weight));
            }
            Meaning::Outside => self.outside |= in_title,
            Meaning::Elsewhere => self.elsewhere |= in_title,
            Meaning::Adjacent => self.adjacent |= in_title,
            Meaning::Open => self.open |= in_title,
            Meaning::Lookalike | Meaning::Query(_) | Meaning::Workplace(..) => {}
        }
    }

    /// How firmly the title speaks of a discipline: by a name, or by less than that.
    fn note_title(&mut self, terms: &Terms, meaning: Meaning, is_ambiguous: bool) {
        let (discipline, is_name) = match meaning {
            Meaning::Specialty(index) => (terms.specialty_disciplines[usize::from(index)], !is_ambiguous),
            Meaning::WeakSpecialty(index) => (terms.specialty_disciplines[usize::from(index)], false),
            Meaning::Discipline(discipline) => (discipline, true),
            Meaning::DisciplineCue(discipline) => (discipline, false),
            _ => return,
        };
        self.title_hints[slot(discipline)] = true;
        self.title_names[slot(discipline)] |= is_name;
    }

    fn note_general(&mut self, terms: &Terms) {
        for at in 0..5 {
            let of_discipline =
                (0..self.specialties.len()).filter(|index| slot(terms.specialty_disciplines[*index]) == at);
            let best = of_discipline
                .max_by(|one, other| self.specialties[*one].0.total_cmp(&self.specialties[*other].0));
            self.is_general[at] = best.is_some_and(|index| {
                let is_named = self.specialties[index].0 > 0.0;
                // A title that names no specialty leaves it to the text, which must then name the field.
                !is_named || terms.specialty_is_general[index]
            });
        }
    }

    fn skill(&mut self, terms: &Terms, phrase: usize, index: u16, in_title: bool, points: f32) {
        let weight = if in_title { 4 } else { 1 };
        let count = &mut self.skills[usize::from(index)];
        *count = count.saturating_add(weight);
        let owners = &terms.skill_specialties[usize::from(index)];
        let share = points / owners.len().max(1) as f32;
        for owner in owners {
            // A word that is both a skill and a cue says one thing, not two.
            let discipline = terms.specialty_disciplines[usize::from(*owner)];
            if terms.phrases[phrase].speaks_for & (1 << slot(discipline)) == 0 {
                self.add(terms, phrase, *owner, in_title, share);
            }
        }
    }

    fn name(&mut self, discipline: Discipline) {
        let count = &mut self.named[slot(discipline)];
        *count = count.saturating_add(1);
    }

    fn add(&mut self, terms: &Terms, phrase: usize, index: u16, in_title: bool, points: f32) {
        let found = &mut self.specialties[usize::from(index)];
        if in_title {
            found.0 += points;
        } else {
            found.1 += points;
        }
        let discipline = terms.specialty_disciplines[usize::from(index)];
        // "AI platform" names the discipline and hints at a specialty of it: one thing, not two.
        if terms.phrases[phrase].names & (1 << slot(discipline)) == 0 {
            self.score(phrase, discipline, in_title, points);
        }
    }

    fn score(&mut self, phrase: usize, discipline: Discipline, in_title: bool, points: f32) {
        if points <= 0.0 {
            return;
        }
        let side = if in_title { &mut self.title } else { &mut self.text };
        let mut points = points;
        if in_title && !self.title_begun && points >= TITLE_CUE {
            points += EARLIER_TITLE_WORD;
            self.title_begun = true;
        }
        side[slot(discipline)] += points;
        self.scored.push((phrase, in_title, discipline, points));
    }

    /// Abbreviations of the text count when something else speaks for their discipline too.
    fn admit_pending(&mut self, terms: &Terms) {
        let pending = std::mem::take(&mut self.pending);
        let company: Vec<bool> = (0..5)
            .map(|at| self.title[at] >= TITLE_CUE || self.text[at] >= 2.0)
            .collect();
        for (phrase, index, points) in pending {
            let discipline = terms.specialty_disciplines[usize::from(index)];
            if company[slot(discipline)] {
                self.add(terms, phrase, index, false, points);
            }
        }
        for (phrase, index, points) in std::mem::take(&mut self.pending_skills) {
            let mut owners = terms.skill_specialties[usize::from(index)].iter();
            if owners.any(|owner| company[slot(terms.specialty_disciplines[usize::from(*owner)])]) {
                self.skill(terms, phrase, index, false, points);
            }
        }
    }
}
