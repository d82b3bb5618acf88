//! Trains the linear part of recognition and judges it by cross-validation over employers.
//!
//! `train --labels FILE --titles FILE --data FILE.ndjson.gz [--out FILE]`. Only postings of the half that may be looked at
//! are used. The same input gives the same weights.

#[path = "../evaluate/rows.rs"]
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use rows::{Half, Labelled};
use taxonomy::{Discipline, Feature, Taxonomy};

const BUCKETS: usize = 1 << 14;
const CLASSES: usize = 6;
const FOLDS: u64 = 10;

/// One posting to learn from.
struct Example {
    employer: String,
    features: Vec<Feature>,
    class: usize,
    by_rules: usize,
    /// How much it counts: a label from title and text more than one from the title alone.
    weight: f32,
    is_judged: bool,
}

/// How hard to learn.
struct Settings {
    rounds: usize,
    rate: f32,
    decay: f32,
    title_weight: f32,
}

fn class_of(discipline: Option<Discipline>) -> usize {
    Discipline::ALL.iter().position(|d| Some(*d) == discipline).unwrap_or(CLASSES - 1)
}

fn example(row: &Labelled, weight: f32, is_judged: bool) -> Example {
    let taxonomy = Taxonomy::bundled();
    Example {
        employer: row.employer.clone(),
        features: taxonomy.features(&row.title, &row.text),
        class: class_of(row.label.discipline),
        by_rules: class_of(taxonomy.discipline_by_rules(&row.title, &row.text)),
        weight,
        is_judged,
    }
}

/// Softmax regression by stochastic gradient descent with AdaGrad steps (Duchi, Hazan and Singer 2011) and L2 decay.
fn learn(examples: &[&Example], settings: &Settings) -> Vec<f32> {
    let mut weights = vec![0.0_f32; BUCKETS * CLASSES];
    let mut squares = vec![1e-2_f32; BUCKETS * CLASSES];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..settings.rounds {
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        for at in &order {
            let example = examples[*at];
            let shares = softmax(&scores(&weights, &example.features));
            for (bucket, value) in &example.features {
                for class in 0..CLASSES {
                    let slot = usize::from(*bucket) * CLASSES + class;
                    let wanted = if class == example.class { 1.0 } else { 0.0 };
                    let slope = (shares[class] - wanted) * value * example.weight + settings.decay * weights[slot];
                    squares[slot] += slope * slope;
                    weights[slot] -= settings.rate * slope / squares[slot].sqrt();
                }
            }
        }
    }
    weights
}

fn scores(weights: &[f32], features: &[Feature]) -> [f32; CLASSES] {
    let mut sums = [0.0; CLASSES];
    for (bucket, value) in features {
        let at = usize::from(*bucket) * CLASSES;
        for (sum, weight) in sums.iter_mut().zip(&weights[at..at + CLASSES]) {
            *sum += weight * value;
        }
    }
    sums
}

fn softmax(scores: &[f32; CLASSES]) -> [f32; CLASSES] {
    let top = scores.iter().copied().fold(f32::MIN, f32::max);
    let powers = scores.map(|score| (score - top).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

fn best(scores: &[f32; CLASSES]) -> usize {
    (0..CLASSES).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(CLASSES - 1)
}

fn fold(employer: &str) -> u64 {
    let hash = employer.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 20) % FOLDS
}

/// Shares right on postings of employers left out of training: by rules alone, and trained.
fn cross_validate(examples: &[Example], settings: &Settings, is_shown: bool) -> (f64, f64) {
    let (mut by_rules, mut trained, mut whole) = (0_u32, 0_u32, 0_u32);
    let mut table = [[0_u32; CLASSES]; CLASSES];
    for left_out in 0..FOLDS {
        let learned: Vec<&Example> = examples.iter().filter(|e| fold(&e.employer) != left_out).collect();
        let weights = learn(&learned, settings);
        for example in examples.iter().filter(|e| e.is_judged && fold(&e.employer) == left_out) {
            let said = best(&scores(&weights, &example.features));
            whole += 1;
            by_rules += u32::from(example.by_rules == example.class);
            trained += u32::from(said == example.class);
            table[example.class][said] += 1;
        }
    }
    if is_shown {
        println!("labelled (down) against said (across), employers left out:");
        for (row, counts) in table.iter().enumerate() {
            let name = Discipline::ALL.get(row).map_or("none", |d| d.as_str());
            println!("  {name:20} {counts:4?}");
        }
    }
    let share = |part: u32| f64::from(part) / f64::from(whole.max(1));
    (share(by_rules), share(trained))
}

/// Weights as bytes: see `Model::read`. Buckets whose weights all round to nothing are left out.
fn packed(weights: &[f32]) -> Vec<u8> {
    let top = weights.iter().fold(0.0_f32, |top, weight| top.max(weight.abs()));
    let scale = top / 127.0;
    let mut out = scale.to_le_bytes().to_vec();
    for (bucket, slots) in weights.chunks_exact(CLASSES).enumerate() {
        let rounded: Vec<i8> = slots.iter().map(|weight| (weight / scale).round() as i8).collect();
        if rounded.iter().any(|weight| *weight != 0) {
            out.extend_from_slice(&(bucket as u16).to_le_bytes());
            out.extend(rounded.iter().flat_map(|weight| weight.to_le_bytes()));
        }
    }
    out
}

fn argument(name: &str) -> Option<PathBuf> {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.next()?;
    words.next().map(PathBuf::from)
}

fn number(name: &str, otherwise: f32) -> f32 {
    argument(name).and_then(|word| word.to_str()?.parse().ok()).unwrap_or(otherwise)
}

fn run() -> Result<(), String> {
    let missing = |name: &str| format!("{name} needs a file");
    let labels = argument("--labels").ok_or_else(|| missing("--labels"))?;
    let titles = argument("--titles").ok_or_else(|| missing("--titles"))?;
    let data = argument("--data").ok_or_else(|| missing("--data"))?;
    let settings = Settings {
        rounds: number("--rounds", 12.0) as usize,
        rate: number("--rate", 0.12),
        decay: number("--decay", 0.002),
        title_weight: number("--title-weight", 0.6),
    };
    let mut examples: Vec<Example> = Vec::new();
    for row in rows::real(&labels, &data)?.iter().filter(|row| row.half == Half::Dev) {
        examples.push(example(row, 1.0, true));
    }
    for row in &rows::titles(&titles, &data)? {
        examples.push(example(row, settings.title_weight, false));
    }
    let (by_rules, trained) = cross_validate(&examples, &settings, true);
    println!("{} examples; employers left out: rules {:.1}%, trained {:.1}%", examples.len(), by_rules * 100.0, trained * 100.0);
    if let Some(out) = argument("--out") {
        let all: Vec<&Example> = examples.iter().collect();
        let bytes = packed(&learn(&all, &settings));
        std::fs::write(&out, &bytes).map_err(|error| format!("{}: {error}", out.display()))?;
        println!("{} bytes written", bytes.len());
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("train: {reason}");
            ExitCode::FAILURE
        }
    }
}
