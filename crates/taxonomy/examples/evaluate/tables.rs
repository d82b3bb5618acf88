//! What is printed.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use taxonomy::{Discipline, PayRange, Seniority, Taxonomy, Workplace};

use crate::baseline;
use crate::rows::{Labelled, stated_pay};
use crate::score::{Count, interval};

/// One way of answering.
type Answer<'a> = &'a dyn Fn(&Labelled) -> Option<&'static str>;

/// All tables for `rows`.
pub(crate) fn print<R: Borrow<Labelled>>(title: &str, rows: &[R]) {
    let employers: BTreeSet<&str> = rows.iter().map(|row| row.borrow().employer.as_str()).collect();
    println!(
        "\n== {title}: {} postings of {} employers",
        rows.len(),
        employers.len()
    );
    print_discipline(rows);
    let names = |all: &'static [Seniority]| all.iter().map(|s| s.as_str()).collect::<Vec<_>>();
    print_classes(
        "seniority",
        rows,
        &names(Seniority::ALL),
        &|row| row.label.seniority.map(Seniority::as_str),
        &|row| row.found.seniority.map(Seniority::as_str),
    );
    let workplaces: Vec<&str> = Workplace::ALL.iter().map(|w| w.as_str()).collect();
    print_classes(
        "workplace",
        rows,
        &workplaces,
        &|row| row.label.workplace.map(Workplace::as_str),
        &|row| row.found.workplace.map(Workplace::as_str),
    );
    print_specialties(rows);
    print_pay(rows);
    print_skills(rows);
    print_speed(rows);
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "     -".to_owned(), |share| format!("{:5.1}%", share * 100.0))
}

fn accuracy<R: Borrow<Labelled>>(rows: &[R], is_right: impl Fn(&Labelled) -> bool) -> String {
    let right = rows.iter().filter(|row| is_right((*row).borrow())).count() as u32;
    let whole = rows.len() as u32;
    let (low, high) = interval(right, whole);
    let share = f64::from(right) / f64::from(whole.max(1));
    format!(
        "{:.1}% ({right} of {whole}; 95% interval {:.1}-{:.1}%)",
        share * 100.0,
        low * 100.0,
        high * 100.0
    )
}

pub(crate) fn print_discipline<R: Borrow<Labelled>>(rows: &[R]) {
    let said = |row: &Labelled| row.found.discipline;
    let plain: Vec<Option<Discipline>> = rows
        .iter()
        .map(|row| baseline::discipline(&row.borrow().title, &row.borrow().text))
        .collect();
    println!(
        "{:22}    n  precision  recall    F1    keyword list: precision  recall",
        "discipline"
    );
    let classes = Discipline::ALL.iter().map(|d| Some(*d)).chain([None]);
    for class in classes {
        let (mut ours, mut theirs) = (Count::default(), Count::default());
        for (row, plain) in rows.iter().zip(&plain) {
            let row = row.borrow();
            ours.note(row.label.discipline == class, said(row) == class);
            theirs.note(row.label.discipline == class, *plain == class);
        }
        println!(
            "  {:20} {:4}  {}     {}  {}                 {}     {}",
            class.map_or("none", Discipline::as_str),
            ours.labelled(),
            percent(ours.precision()),
            percent(ours.recall()),
            percent(ours.f1()),
            percent(theirs.precision()),
            percent(theirs.recall()),
        );
    }
    println!(
        "  accuracy {}",
        accuracy(rows, |row| said(row) == row.label.discipline)
    );
    let either = |row: &Labelled| said(row) == row.label.discipline || row.label.also.contains(&said(row));
    println!(
        "  accuracy where another reader's answer counts too {}",
        accuracy(rows, either)
    );
    let random: Vec<&Labelled> = rows
        .iter()
        .map(Borrow::borrow)
        .filter(|row| row.is_random)
        .collect();
    if !random.is_empty() {
        let share = accuracy(&random, |row| said(row) == row.label.discipline);
        println!("  accuracy on those drawn blindly {share}");
    }
    let right = rows
        .iter()
        .zip(&plain)
        .filter(|(row, plain)| (*row).borrow().label.discipline == **plain)
        .count();
    println!(
        "  accuracy of the keyword list {:.1}%",
        right as f64 * 100.0 / rows.len().max(1) as f64
    );
}

fn print_classes<R: Borrow<Labelled>>(
    name: &str,
    rows: &[R],
    classes: &[&'static str],
    label: Answer,
    said: Answer,
) {
    println!("{name:22}    n  precision  recall");
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut any = Count::default();
    for row in rows {
        let row = row.borrow();
        let (label, said) = (label(row), said(row));
        for class in classes {
            counts
                .entry(class)
                .or_default()
                .note(label == Some(class), said == Some(class));
        }
        any.note(label.is_none(), said.is_none());
    }
    counts.insert("not stated", any);
    for class in classes.iter().chain(&["not stated"]) {
        let count = counts[class];
        if count.labelled() + count.wrongly > 0 {
            println!(
                "  {class:20} {:4}  {}     {}",
                count.labelled(),
                percent(count.precision()),
                percent(count.recall())
            );
        }
    }
    println!("  accuracy {}", accuracy(rows, |row| label(row) == said(row)));
}

/// Any of the reader's specialties is right; what is said beyond them is wrong.
fn print_specialties<R: Borrow<Labelled>>(rows: &[R]) {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let (mut first, mut with_label) = (0_u32, 0_u32);
    for row in rows.iter().map(Borrow::borrow) {
        let row: &Labelled = row;
        if row.label.specialties.is_empty() {
            continue;
        }
        with_label += 1;
        let best = row.found.specialties.first();
        first += u32::from(best.is_some_and(|best| row.label.specialties.contains(best)));
        let all: BTreeSet<&String> = row
            .label
            .specialties
            .iter()
            .chain(&row.found.specialties)
            .collect();
        for id in all {
            let count = counts.entry(id.as_str()).or_default();
            count.note(
                row.label.specialties.contains(id),
                row.found.specialties.contains(id),
            );
        }
    }
    let mut micro = Count::default();
    for count in counts.values() {
        micro.right += count.right;
        micro.wrongly += count.wrongly;
        micro.missed += count.missed;
    }
    let each: Vec<f64> = counts
        .values()
        .filter(|count| count.labelled() > 0)
        .filter_map(Count::f1)
        .collect();
    println!("specialties              n  precision  recall    F1");
    println!(
        "  all together         {:4}  {}     {}  {}",
        micro.labelled(),
        percent(micro.precision()),
        percent(micro.recall()),
        percent(micro.f1())
    );
    let mean = each.iter().sum::<f64>() / each.len().max(1) as f64;
    println!("  mean F1 of {} specialties {:.1}%", each.len(), mean * 100.0);
    println!(
        "  the first one is right for {}",
        percent(crate::score::share(first, with_label)).trim()
    );
}

fn is_same(one: &PayRange, other: &PayRange) -> bool {
    let ends = |range: &PayRange| (range.min.or(range.max), range.max.or(range.min));
    one.currency == other.currency && one.period == other.period && ends(one) == ends(other)
}

fn print_pay<R: Borrow<Labelled>>(rows: &[R]) {
    let mut count = Count::default();
    for row in rows.iter().map(Borrow::borrow) {
        let row: &Labelled = row;
        if row.label.pay.is_empty() {
            continue;
        }
        let wanted = stated_pay(&row.label.pay);
        match (&wanted, &row.pay) {
            (Some(wanted), Some(found)) if is_same(wanted, found) => count.right += 1,
            (Some(_), Some(_)) => {
                count.wrongly += 1;
                count.missed += 1;
            }
            (Some(_), None) => count.missed += 1,
            (None, Some(_)) => count.wrongly += 1,
            (None, None) => {}
        }
    }
    println!(
        "pay, exact             {:4}  {}     {}",
        count.labelled(),
        percent(count.precision()),
        percent(count.recall())
    );
}

fn print_skills<R: Borrow<Labelled>>(rows: &[R]) {
    let (mut labelled, mut found) = (0_u32, 0_u32);
    for row in rows.iter().map(Borrow::borrow) {
        let row: &Labelled = row;
        if row.label.skills.is_empty() {
            continue;
        }
        labelled += row.label.skills.len() as u32;
        found += row
            .label
            .skills
            .iter()
            .filter(|id| row.found.skills.contains(id))
            .count() as u32;
    }
    if labelled > 0 {
        let recall = crate::score::share(found, labelled);
        println!(
            "skills named           {labelled:4}  recall {}",
            percent(recall).trim()
        );
    }
}

/// The best of several passes: the others were disturbed by whatever else the machine does.
fn print_speed<R: Borrow<Labelled>>(rows: &[R]) {
    let pass = || {
        let begin = Instant::now();
        for row in rows {
            let row = row.borrow();
            std::hint::black_box(Taxonomy::bundled().recognise(&row.title, &row.text));
        }
        begin.elapsed().as_secs_f64() * 1e6 / rows.len().max(1) as f64
    };
    let best = (0..5).map(|_| pass()).fold(f64::MAX, f64::min);
    println!("recognising took {best:.0} µs a posting");
}

/// What was got wrong, with titles: only ever for postings that may be looked at.
pub(crate) fn print_errors<R: Borrow<Labelled>>(rows: &[R]) {
    for row in rows.iter().map(Borrow::borrow) {
        let row: &Labelled = row;
        let title = row.title.trim();
        print_discipline_error(row);
        if row.found.seniority != row.label.seniority {
            println!(
                "S {:?} -> {:?} | {title}",
                row.label.seniority, row.found.seniority
            );
        }
        if row.found.workplace != row.label.workplace {
            println!(
                "W {:?} -> {:?} | {title} | {}",
                row.label.workplace, row.found.workplace, row.employer
            );
        }
        let wanted = stated_pay(&row.label.pay);
        let differs = match (&wanted, &row.pay) {
            (Some(wanted), Some(found)) => !is_same(wanted, found),
            (None, None) => false,
            _ => true,
        };
        if differs && !row.label.pay.is_empty() {
            println!(
                "P {:?} -> {:?} | {title} | {}",
                row.label.pay, row.pay, row.employer
            );
        }
        let shares = row
            .label
            .specialties
            .first()
            .is_none_or(|id| row.found.specialties.contains(id));
        if row.found.discipline == row.label.discipline && !shares {
            println!(
                "T {:?} -> {:?} | {title}",
                row.label.specialties, row.found.specialties
            );
        }
    }
}

/// As [`print_errors`], of the discipline only.
pub(crate) fn print_discipline_errors<R: Borrow<Labelled>>(rows: &[R]) {
    for row in rows {
        print_discipline_error(row.borrow());
    }
}

fn print_discipline_error(row: &Labelled) {
    let title = row.title.trim();
    if row.found.discipline != row.label.discipline {
        let name = |d: Option<Discipline>| d.map_or("none", Discipline::as_str);
        let because: Vec<String> = row
            .found
            .evidence
            .iter()
            .take(5)
            .map(|e| {
                format!(
                    "{}{}={:.1}",
                    if e.in_title { "^" } else { "" },
                    e.phrase,
                    e.points
                )
            })
            .collect();
        println!(
            "D {} -> {} | {title} | {} | {:?} {}",
            name(row.label.discipline),
            name(row.found.discipline),
            row.employer,
            row.found.scores,
            because.join(", ")
        );
    }
}
