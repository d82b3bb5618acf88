//! Judges recognition against postings that people have read and labelled, and prints precision and recall per class.
//!
//! `evaluate --labels FILE --shipped FILE [--titles FILE] [--data FILE.ndjson.gz] [--errors]`. Without `--data` only the
//! shipped postings are judged. `--errors` lists what goes wrong in the half that may be looked at, never in the other.
//! `scripts/eval` calls it.

mod baseline;
mod rows;
mod score;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;

use rows::{Half, Labelled};

#[derive(Default)]
struct Options {
    labels: Option<PathBuf>,
    shipped: Option<PathBuf>,
    titles: Option<PathBuf>,
    data: Option<PathBuf>,
    errors: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut path = || {
            words
                .next()
                .map(PathBuf::from)
                .ok_or(format!("{word} needs a file"))
        };
        match word.as_str() {
            "--labels" => options.labels = Some(path()?),
            "--shipped" => options.shipped = Some(path()?),
            "--titles" => options.titles = Some(path()?),
            "--data" => options.data = Some(path()?),
            "--errors" => options.errors = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(options)
}

fn run() -> Result<(), String> {
    let options = options()?;
    if let Some(shipped) = &options.shipped {
        let rows = rows::shipped(shipped)?;
        tables::print("shipped postings, written for this purpose", &rows);
        if options.errors {
            tables::print_errors(&rows);
        }
    }
    let (Some(labels), Some(data)) = (&options.labels, &options.data) else {
        return Ok(());
    };
    let rows = rows::real(labels, data)?;
    for half in [Half::Dev, Half::Test] {
        let of_half: Vec<&Labelled> = rows.iter().filter(|row| row.half == half).collect();
        let title = match half {
            Half::Dev => "real postings, half used for tuning",
            Half::Test => "real postings, held-out half: employers never looked at while tuning",
        };
        tables::print(title, &of_half);
        if options.errors && half == Half::Dev {
            tables::print_errors(&of_half);
        }
    }
    if let Some(titles) = &options.titles {
        let rows = rows::titles(titles, data)?;
        println!(
            "\n== further postings of the half used for tuning, labelled by their titles alone: {}",
            rows.len()
        );
        tables::print_discipline(&rows);
        if options.errors {
            tables::print_discipline_errors(&rows);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("evaluate: {reason}");
            ExitCode::FAILURE
        }
    }
}
