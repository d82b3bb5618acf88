//! The trained part of recognition: a linear model over what the rules found and the words of title and text.
//!
//! The weights are data (`config/taxonomy/discipline.model`), made by `scripts/eval.d/train`. A model is six weights, one
//! for each discipline and one for none, per bucket; a feature's name is hashed into a bucket.

use std::sync::LazyLock;

use crate::Discipline;
use crate::evidence::{Findings, Prepared};

/// Buckets of a model; a power of two.
pub(crate) const BUCKETS: usize = 1 << 14;
/// The five disciplines in the order of [`Discipline::ALL`], then none.
pub(crate) const CLASSES: usize = 6;

/// One feature: its bucket and its value.
pub type Feature = (u16, f32);

/// How much the words of the text count together, beside the title's words and the rules' findings.
static TEXT_NORM: LazyLock<f32> = LazyLock::new(|| std::env::var("TN").ok().and_then(|v| v.parse().ok()).unwrap_or(1.0));
static TITLE_NORM: LazyLock<f32> = LazyLock::new(|| std::env::var("TI").ok().and_then(|v| v.parse().ok()).unwrap_or(1.6));

/// Collects features.
#[derive(Default)]
pub(crate) struct Features {
    pub(crate) list: Vec<Feature>,
    name: Vec<u8>,
}

impl Features {
    fn bucket(&self) -> u16 {
        let hash = self.name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
        });
        ((hash ^ (hash >> 15)) as usize % BUCKETS) as u16
    }

    fn add(&mut self, value: f32, parts: &[&[u8]]) {
        self.name.clear();
        for part in parts {
            self.name.extend_from_slice(part);
            self.name.push(b' ');
        }
        let bucket = self.bucket();
        self.list.push((bucket, value));
    }
}

/// The weights.
pub(crate) struct Model {
    weights: Vec<i8>,
    scale: f32,
}

static BUNDLED: LazyLock<Model> =
    LazyLock::new(|| Model::read(include_bytes!("../../../config/taxonomy/discipline.model")));

impl Model {
    pub(crate) fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// Reads weights: the scale as a little-endian `f32`, then runs of a little-endian `u16` bucket and six signed bytes.
    /// What is cut short or out of range is left out: an empty file is a model that says nothing.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut weights = vec![0_i8; BUCKETS * CLASSES];
        let (scale, rest) = bytes.split_first_chunk::<4>().map_or((0.0, &[][..]), |(head, rest)| {
            (f32::from_le_bytes(*head), rest)
        });
        for entry in rest.chunks_exact(2 + CLASSES) {
            let bucket = usize::from(u16::from_le_bytes([entry[0], entry[1]]));
            if let Some(slots) = weights.get_mut(bucket * CLASSES..(bucket + 1) * CLASSES) {
                for (slot, byte) in slots.iter_mut().zip(&entry[2..]) {
                    *slot = i8::from_le_bytes([*byte]);
                }
            }
        }
        Self { weights, scale }
    }

    /// Whether it says anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.scale == 0.0
    }

    /// The class with the largest figure.
    pub(crate) fn choice(&self, features: &[Feature]) -> Option<Discipline> {
        let scores = self.scores(features);
        let best = (0..CLASSES).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))?;
        Discipline::ALL.get(best).copied()
    }

    /// One figure for each discipline and one for none, the largest being the answer.
    pub(crate) fn scores(&self, features: &[Feature]) -> [f32; CLASSES] {
        let mut sums = [0.0_f32; CLASSES];
        for (bucket, value) in features {
            let at = usize::from(*bucket) * CLASSES;
            for (sum, weight) in sums.iter_mut().zip(&self.weights[at..at + CLASSES]) {
                *sum += f32::from(*weight) * value;
            }
        }
        sums.map(|sum| sum * self.scale)
    }
}

/// Features of a posting: `decided` is what the rules say.
pub(crate) fn features(
    findings: &Findings,
    decided: Option<Discipline>,
    prepared: &Prepared,
) -> Vec<Feature> {
    let mut out = Features::default();
    of_rules(&mut out, findings, decided);
    of_title(&mut out, prepared.title());
    of_text(&mut out, prepared.text());
    out.list
}

fn digit(value: f32, steps: &[f32]) -> [u8; 1] {
    [b'0' + steps.iter().filter(|step| value >= **step).count() as u8]
}

fn of_rules(out: &mut Features, findings: &Findings, decided: Option<Discipline>) {
    let class = [b'a' + decided.map_or(5, crate::evidence::slot) as u8];
    let flags = [
        b'0' + u8::from(findings.outside),
        b'0' + u8::from(findings.adjacent),
        b'0' + u8::from(findings.open),
        b'0' + u8::from(findings.title_only),
    ];
    out.add(1.0, &[b"bias"]);
    out.add(1.0, &[b"says", &class]);
    out.add(1.0, &[b"says", &class, &flags]);
    out.add(1.0, &[b"flags", &flags]);
    for at in 0..5 {
        let which = [b'a' + at as u8];
        let title = digit(findings.title[at], &[0.1, 3.5, 7.5, 13.0]);
        let text = digit(findings.text[at], &[0.5, 1.5, 3.0, 5.0, 8.0, 11.0, 16.0]);
        let named = [b'0' + findings.named[at].min(4)];
        out.add(1.0, &[b"title", &which, &title]);
        out.add(1.0, &[b"text", &which, &text]);
        out.add(0.7, &[b"named", &which, &named]);
        out.add(1.0, &[b"both", &which, &title, &text]);
        out.add(0.7, &[b"kind", &which, &text, &flags]);
    }
}

fn words(prepared: &[u8]) -> impl Iterator<Item = &[u8]> {
    prepared
        .split(|byte| *byte == b' ' || *byte == b'\n')
        .filter(|word| !word.is_empty() && !word.iter().all(u8::is_ascii_digit))
}

fn of_title(out: &mut Features, prepared: &[u8]) {
    let all: Vec<&[u8]> = words(prepared).take(24).collect();
    let value = *TITLE_NORM / (all.len().max(1) as f32).sqrt();
    for word in &all {
        out.add(value, &[b"t", word]);
    }
    for pair in all.windows(2) {
        out.add(value, &[b"t", pair[0], pair[1]]);
    }
}

fn of_text(out: &mut Features, prepared: &[u8]) {
    let begin = out.list.len();
    let mut seen = std::collections::HashSet::new();
    for word in words(prepared).filter(|word| word.len() > 2).take(1_200) {
        out.add(1.0, &[b"x", word]);
        if let Some((bucket, _)) = out.list.last()
            && !seen.insert(*bucket)
        {
            out.list.pop();
        }
    }
    let value = *TEXT_NORM / ((out.list.len() - begin).max(1) as f32).sqrt();
    for (_, have) in &mut out.list[begin..] {
        *have = value;
    }
}
