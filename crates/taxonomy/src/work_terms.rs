//! Employment type and workplace: from a field of another system, or from a posting's own words.

use crate::normalise::fold;
use crate::{EmploymentType, Workplace};

/// Reads an employment type as applicant systems write it: `FullTime`, `Full-time`, `Permanent`, `Intern`, `Fixed Term
/// Contract`. `None` when the text says none of the six.
pub fn parse_employment_type(raw: &str) -> Option<EmploymentType> {
    let folded = fold(raw);
    let holds = |needles: &[&str]| needles.iter().any(|needle| folded.contains(needle));
    if holds(&["apprentic", "ausbildung"]) {
        Some(EmploymentType::Apprenticeship)
    } else if folded == "summer"
        || holds(&[
            "intern",
            "coop",
            "workingstudent",
            "werkstudent",
            "placement",
            "traineeship",
        ])
    {
        Some(EmploymentType::Internship)
    } else if holds(&["parttime", "teilzeit", "mitarbeitparttime"]) {
        Some(EmploymentType::PartTime)
    } else if holds(&["fixedterm", "fixedtime", "temporary", "temp", "seasonal", "ftc"]) {
        Some(EmploymentType::Temporary)
    } else if folded.contains("fulltime") || holds(&["permanent", "perm", "regular", "vollzeit", "cdi"]) {
        Some(EmploymentType::FullTime)
    } else if holds(&["contract", "freelance", "consultant", "corptocorp", "1099", "c2c"]) {
        Some(EmploymentType::Contract)
    } else if holds(&["newgrad", "earlycareer", "graduate", "employee", "fte"]) {
        Some(EmploymentType::FullTime)
    } else {
        None
    }
}

/// Reads a workplace as applicant systems write it: `Onsite`, `on-site`, `Hybrid`, `REMOTE`, `TELECOMMUTE`.
pub fn parse_workplace(raw: &str) -> Option<Workplace> {
    let folded = fold(raw);
    let holds = |needles: &[&str]| needles.iter().any(|needle| folded.contains(needle));
    if folded.contains("hybrid") {
        Some(Workplace::Hybrid)
    } else if holds(&["notremote", "noremote", "nonremote"]) {
        Some(Workplace::OnSite)
    } else if holds(&[
        "remote",
        "telecommut",
        "workfromhome",
        "telework",
        "wfh",
        "distributed",
        "anywhere",
    ]) {
        Some(Workplace::Remote)
    } else if holds(&["onsite", "office", "inperson", "onlocation"]) {
        Some(Workplace::OnSite)
    } else {
        None
    }
}

/// From the title's words, else from a sentence of the text that leaves no doubt.
pub(crate) fn find_employment_type(title: &str, text: &str) -> Option<EmploymentType> {
    let title = title.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| contains_word(&title, word));
    if has(&[
        "intern",
        "internship",
        "interns",
        "internships",
        "co-op",
        "working student",
        "werkstudent",
    ]) {
        return Some(EmploymentType::Internship);
    }
    if has(&["apprentice", "apprenticeship"]) {
        return Some(EmploymentType::Apprenticeship);
    }
    if has(&["part-time", "part time"]) {
        return Some(EmploymentType::PartTime);
    }
    if has(&["temporary", "fixed term", "fixed-term", "seasonal", "ftc"]) {
        return Some(EmploymentType::Temporary);
    }
    if has(&["contract", "contractor", "freelance", "freelancer"])
        && !has(&["manager", "contract manager", "contracts"])
    {
        return Some(EmploymentType::Contract);
    }
    if has(&["full-time", "full time"]) {
        return Some(EmploymentType::FullTime);
    }
    let head = head_of(text).to_lowercase();
    for (phrase, found) in [
        ("this is a full-time", EmploymentType::FullTime),
        ("this is a full time", EmploymentType::FullTime),
        ("employment type: full", EmploymentType::FullTime),
        ("this is a part-time", EmploymentType::PartTime),
        ("employment type: part", EmploymentType::PartTime),
        ("this is a contract ", EmploymentType::Contract),
        ("employment type: contract", EmploymentType::Contract),
        ("this is a temporary", EmploymentType::Temporary),
    ] {
        if head.contains(phrase) {
            return Some(found);
        }
    }
    None
}

/// From the title's words, else from a sentence of the text that leaves no doubt.
pub(crate) fn find_workplace(title: &str, text: &str) -> Option<Workplace> {
    let title = title.to_lowercase();
    if contains_word(&title, "hybrid") && !title.contains("hybrid cloud") && !title.contains("hybrid bonding")
    {
        return Some(Workplace::Hybrid);
    }
    if contains_word(&title, "remote")
        && !title.contains("remote sensing")
        && !title.contains("remote access")
    {
        return Some(Workplace::Remote);
    }
    if contains_word(&title, "on-site") || contains_word(&title, "onsite") {
        return Some(Workplace::OnSite);
    }
    let head = head_of(text).to_lowercase();
    for (phrase, found) in [
        ("this is a hybrid", Workplace::Hybrid),
        ("hybrid work model", Workplace::Hybrid),
        ("hybrid role", Workplace::Hybrid),
        ("hybrid position", Workplace::Hybrid),
        ("this is a remote", Workplace::Remote),
        ("fully remote", Workplace::Remote),
        ("this role is remote", Workplace::Remote),
        ("100% remote", Workplace::Remote),
        ("remote position", Workplace::Remote),
        ("this is an onsite", Workplace::OnSite),
        ("this is an on-site", Workplace::OnSite),
        ("this role is on-site", Workplace::OnSite),
        ("this role is onsite", Workplace::OnSite),
        ("5 days a week in the office", Workplace::OnSite),
        ("five days a week in the office", Workplace::OnSite),
    ] {
        if head.contains(phrase) {
            return Some(found);
        }
    }
    None
}

/// The first 6,000 bytes: what says how one works stands there or nowhere.
fn head_of(text: &str) -> &str {
    let mut end = text.len().min(6_000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn contains_word(lower: &str, word: &str) -> bool {
    lower.match_indices(word).any(|(at, _)| {
        let before = lower[..at].chars().next_back();
        let behind = lower[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn employment_types_of_other_systems_are_read() {
        use EmploymentType::{Apprenticeship, Contract, FullTime, Internship, PartTime, Temporary};
        for (raw, expected) in [
            ("FullTime", Some(FullTime)),
            ("Full-time", Some(FullTime)),
            ("FULL_TIME", Some(FullTime)),
            ("Permanent", Some(FullTime)),
            ("New Grad", Some(FullTime)),
            ("Intern", Some(Internship)),
            ("Summer 2027 Intern", Some(Internship)),
            ("Co-op", Some(Internship)),
            ("PartTime", Some(PartTime)),
            ("Contractor", Some(Contract)),
            ("Fixed Term Contract", Some(Temporary)),
            ("Temporary", Some(Temporary)),
            ("Apprenticeship", Some(Apprenticeship)),
            ("Permanent / Contract", Some(FullTime)),
            ("", None),
            ("Engineering", None),
        ] {
            assert_eq!(parse_employment_type(raw), expected, "{raw}");
        }
    }

    #[test]
    fn workplaces_of_other_systems_are_read() {
        for (raw, expected) in [
            ("Onsite", Some(Workplace::OnSite)),
            ("On Site", Some(Workplace::OnSite)),
            ("on_site", Some(Workplace::OnSite)),
            ("Hybrid", Some(Workplace::Hybrid)),
            ("REMOTE", Some(Workplace::Remote)),
            ("TELECOMMUTE", Some(Workplace::Remote)),
            ("unspecified", None),
        ] {
            assert_eq!(parse_workplace(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_title_or_a_plain_sentence_says_the_workplace_and_nothing_else_does() {
        assert_eq!(find_workplace("SRE (Remote)", ""), Some(Workplace::Remote));
        assert_eq!(
            find_workplace("SRE", "This is a hybrid role in Austin."),
            Some(Workplace::Hybrid)
        );
        assert_eq!(find_workplace("SRE, Hybrid Cloud", ""), None);
        assert_eq!(find_workplace("SRE", "You work with remote teams."), None);
        assert_eq!(find_employment_type("Internal Tools Engineer", ""), None);
        assert_eq!(
            find_employment_type("Hardware Intern", ""),
            Some(EmploymentType::Internship)
        );
    }
}
