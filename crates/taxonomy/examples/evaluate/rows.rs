//! The labelled postings: labels from one file, title and text from another.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use taxonomy::{
    Discipline, PayRange, Recognised, Seniority, Taxonomy, Workplace, find_pay_in_text, parse_pay,
};

/// Which half a real posting belongs to; all postings of one employer are in the same half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// May be looked at while rules are written.
    Dev,
    /// Only its figures are ever read.
    Test,
}

/// What a reader says about a posting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Label {
    pub(crate) discipline: Option<Discipline>,
    /// What another reader might as well say; `None` in it is none of the five.
    #[serde(skip)]
    pub(crate) also: Vec<Option<Discipline>>,
    /// Any of these counts as right; the first is the best.
    pub(crate) specialties: Vec<String>,
    pub(crate) seniority: Option<Seniority>,
    pub(crate) workplace: Option<Workplace>,
    /// `min-max CUR period`, `-` for none stated, empty when nobody looked.
    pub(crate) pay: String,
    /// Skills that must be found; only the shipped postings have them.
    pub(crate) skills: Vec<String>,
}

/// A posting with its label and what the program says.
pub(crate) struct Labelled {
    pub(crate) half: Half,
    /// Whether it was drawn blindly from all postings, not chosen for being hard or for its title.
    pub(crate) is_random: bool,
    pub(crate) employer: String,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) label: Label,
    pub(crate) found: Recognised,
    pub(crate) pay: Option<PayRange>,
}

#[derive(Deserialize)]
struct Shipped {
    title: String,
    text: String,
    #[serde(flatten)]
    label: Label,
}

#[derive(Deserialize)]
struct Real {
    source: String,
    source_id: String,
    title: String,
    company_key: String,
    description_html: Option<String>,
    description_text: Option<String>,
}

/// The postings in `path`, one JSON object a line.
pub(crate) fn shipped(path: &Path) -> Result<Vec<Labelled>, String> {
    let mut rows = Vec::new();
    for (number, line) in lines(path)?.enumerate() {
        let line = line.map_err(|error| format!("{}: {error}", path.display()))?;
        let row: Shipped = serde_json::from_str(&line)
            .map_err(|error| format!("{}:{}: {error}", path.display(), number + 1))?;
        rows.push(labelled(
            Half::Dev,
            false,
            String::new(),
            row.title,
            row.text,
            row.label,
        ));
    }
    Ok(rows)
}

/// The postings of `data` that `labels` has a label for.
pub(crate) fn real(labels: &Path, data: &Path) -> Result<Vec<Labelled>, String> {
    let mut wanted = HashMap::new();
    for line in lines(labels)? {
        let line = line.map_err(|error| format!("{}: {error}", labels.display()))?;
        if !line.starts_with('#') {
            let (key, row) = label_of(&line).ok_or_else(|| format!("{}: {line:?}", labels.display()))?;
            wanted.insert(key, row);
        }
    }
    find(wanted, data)
}

/// The postings of `data` that `titles` has a discipline for, all of the half used for tuning.
pub(crate) fn titles(titles: &Path, data: &Path) -> Result<Vec<Labelled>, String> {
    let mut wanted = HashMap::new();
    for line in lines(titles)? {
        let line = line.map_err(|error| format!("{}: {error}", titles.display()))?;
        if line.starts_with('#') {
            continue;
        }
        let wrong = || format!("{}: {line:?}", titles.display());
        let (key, word) = line.split_once('\t').ok_or_else(wrong)?;
        let discipline = match word {
            "none" => None,
            word => Some(word.parse().map_err(|_| wrong())?),
        };
        let label = Label {
            discipline,
            ..Label::default()
        };
        wanted.insert(key.to_owned(), (Half::Dev, false, label));
    }
    find(wanted, data)
}

fn find(mut wanted: HashMap<String, (Half, bool, Label)>, data: &Path) -> Result<Vec<Labelled>, String> {
    let count = wanted.len();
    let file = File::open(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let mut rows = Vec::with_capacity(count);
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line.map_err(|error| format!("{}: {error}", data.display()))?;
        let row: Real = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        if let Some((half, is_random, label)) = wanted.remove(&key_of(&row.source, &row.source_id)) {
            let text = plain(row.description_html.as_deref(), row.description_text.as_deref());
            rows.push(labelled(half, is_random, row.company_key, row.title, text, label));
        }
    }
    if rows.len() < count {
        println!(
            "{} of {count} labelled postings are not in the data",
            count - rows.len()
        );
    }
    Ok(rows)
}

fn labelled(
    half: Half,
    is_random: bool,
    employer: String,
    title: String,
    text: String,
    label: Label,
) -> Labelled {
    let found = Taxonomy::bundled().recognise(&title, &text);
    let pay = find_pay_in_text(&text);
    Labelled {
        half,
        is_random,
        employer,
        title,
        text,
        label,
        found,
        pay,
    }
}

fn label_of(line: &str) -> Option<(String, (Half, bool, Label))> {
    let mut fields = line.split('\t');
    let key = fields.next()?.to_owned();
    let half = match fields.next()? {
        "dev" => Half::Dev,
        "test" => Half::Test,
        _ => return None,
    };
    let is_random = fields.next()? == "random";
    let discipline = match fields.next()? {
        "none" => None,
        word => Some(word.parse().ok()?),
    };
    let also = fields.next()?.split(',').filter(|word| !word.is_empty());
    let also: Vec<Option<Discipline>> = also.map(|word| word.parse().ok()).collect();
    let specialties: Vec<String> = fields
        .next()?
        .split(',')
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect();
    let known = |id: &String| Taxonomy::bundled().specialty(id).is_some();
    if !specialties.iter().all(known) {
        return None;
    }
    let seniority = optional(fields.next()?)?;
    let workplace = optional(fields.next()?)?;
    let pay = fields.next()?.to_owned();
    let label = Label {
        discipline,
        also,
        specialties,
        seniority,
        workplace,
        pay,
        skills: Vec::new(),
    };
    Some((key, (half, is_random, label)))
}

/// Outer `None` for a word that is none of the set, inner `None` for an empty field.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
fn optional<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
    if word.is_empty() {
        Some(None)
    } else {
        word.parse().ok().map(Some)
    }
}

/// Reads a label's pay; `None` for "none stated".
pub(crate) fn stated_pay(label: &str) -> Option<PayRange> {
    let mut words = label.split(' ');
    let (min, max) = words.next()?.split_once('-')?;
    let (currency, period) = (words.next()?, words.next()?);
    parse_pay(&format!("{currency} {min} - {currency} {max} per {period}"))
}

fn lines(path: &Path) -> Result<std::io::Lines<BufReader<File>>, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(BufReader::new(file).lines())
}

/// FNV-1a, 64 bits, of `source`, NUL and `source_id`, in hexadecimal: labels name no employer.
fn key_of(source: &str, source_id: &str) -> String {
    let bytes = source.bytes().chain([0]).chain(source_id.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The text as an import would take it, HTML before plain text, tags away.
fn plain(html: Option<&str>, text: Option<&str>) -> String {
    let Some(html) = html.filter(|html| !html.trim().is_empty()) else {
        return text.unwrap_or_default().to_owned();
    };
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let Some(close) = rest[open..].find('>') else {
            break;
        };
        let tag = &rest[open..open + close];
        let is_inline = [
            "<b", "</b", "<i>", "</i", "<em", "</em", "<st", "</st", "<sp", "</sp", "<a ", "</a",
        ];
        let keeps_line = is_inline.iter().any(|start| tag.starts_with(start)) && !tag.starts_with("<br");
        if !keeps_line {
            out.push('\n');
        }
        rest = &rest[open + close + 1..];
    }
    out.push_str(rest);
    for (entity, character) in [
        ("&nbsp;", " "),
        ("&#xa0;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&mdash;", "—"),
        ("&amp;", "&"),
    ] {
        if out.contains(entity) {
            out = out.replace(entity, character);
        }
    }
    out
}
