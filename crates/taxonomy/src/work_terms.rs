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

/// Sentences of a description that leave no doubt about the kind of contract.
pub(crate) const EMPLOYMENT_SENTENCES: &[(&str, EmploymentType)] = &[
    ("this is a full-time", EmploymentType::FullTime),
    ("employment type: full-time", EmploymentType::FullTime),
    ("job type: full-time", EmploymentType::FullTime),
    ("full-time position", EmploymentType::FullTime),
    ("full-time role", EmploymentType::FullTime),
    ("this is a part-time", EmploymentType::PartTime),
    ("employment type: part-time", EmploymentType::PartTime),
    ("this is a contract", EmploymentType::Contract),
    ("employment type: contract", EmploymentType::Contract),
    ("this is a temporary", EmploymentType::Temporary),
    ("employment type: temporary", EmploymentType::Temporary),
];

/// Sentences of a description that leave no doubt about where the work is done.
pub(crate) const WORKPLACE_SENTENCES: &[(&str, Workplace)] = &[
    ("this is a hybrid", Workplace::Hybrid),
    ("hybrid work model", Workplace::Hybrid),
    ("hybrid role", Workplace::Hybrid),
    ("hybrid position", Workplace::Hybrid),
    ("this role is hybrid", Workplace::Hybrid),
    ("this position is hybrid", Workplace::Hybrid),
    ("this is a remote", Workplace::Remote),
    ("this is a fully remote", Workplace::Remote),
    ("this role is remote", Workplace::Remote),
    ("this role is fully remote", Workplace::Remote),
    ("100 remote", Workplace::Remote),
    ("remote position", Workplace::Remote),
    ("this is an onsite", Workplace::OnSite),
    ("this is an on-site", Workplace::OnSite),
    ("this role is on-site", Workplace::OnSite),
    ("this role is onsite", Workplace::OnSite),
    ("5 days a week in the office", Workplace::OnSite),
    ("five days a week in the office", Workplace::OnSite),
    ("5 days per week in the office", Workplace::OnSite),
];

/// From the title's words.
pub(crate) fn title_employment_type(title: &str) -> Option<EmploymentType> {
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
        Some(EmploymentType::Internship)
    } else if has(&["apprentice", "apprenticeship"]) {
        Some(EmploymentType::Apprenticeship)
    } else if has(&["part-time", "part time"]) {
        Some(EmploymentType::PartTime)
    } else if has(&["temporary", "fixed term", "fixed-term", "seasonal", "ftc"]) {
        Some(EmploymentType::Temporary)
    } else if has(&["contract", "contractor", "freelance", "freelancer"]) && !has(&["manager", "contracts"]) {
        Some(EmploymentType::Contract)
    } else if has(&["full-time", "full time"]) {
        Some(EmploymentType::FullTime)
    } else {
        None
    }
}

/// From the title's words.
pub(crate) fn title_workplace(title: &str) -> Option<Workplace> {
    let title = title.to_lowercase();
    if contains_word(&title, "hybrid") && !title.contains("hybrid cloud") && !title.contains("hybrid bonding")
    {
        Some(Workplace::Hybrid)
    } else if contains_word(&title, "remote")
        && !title.contains("remote sensing")
        && !title.contains("remote access")
    {
        Some(Workplace::Remote)
    } else if contains_word(&title, "on-site") || contains_word(&title, "onsite") {
        Some(Workplace::OnSite)
    } else {
        None
    }
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
        let recognise = |title: &str, text: &str| crate::Taxonomy::bundled().recognise(title, text);
        assert_eq!(recognise("SRE (Remote)", "").workplace, Some(Workplace::Remote));
        assert_eq!(
            recognise("SRE", "This is a hybrid role in Austin.").workplace,
            Some(Workplace::Hybrid)
        );
        assert_eq!(recognise("SRE, Hybrid Cloud", "").workplace, None);
        assert_eq!(recognise("SRE", "You work with remote teams.").workplace, None);
        assert_eq!(recognise("Internal Tools Engineer", "").employment_type, None);
        assert_eq!(
            recognise("Hardware Intern", "").employment_type,
            Some(EmploymentType::Internship)
        );
        let contract = recognise("SRE", "This is a contract position. Full-time hours.").employment_type;
        assert_eq!(contract, Some(EmploymentType::Contract));
    }
}
