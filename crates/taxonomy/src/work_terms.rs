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

/// Phrases of a description that say where the work is done, and how firmly: 3 speaks of this position, 2 of a number of
/// days, 1 of everybody at the employer.
const WORKPLACE_PHRASES: &[(&str, Workplace, u8)] = &[
    ("LI Hybrid", Workplace::Hybrid, 4),
    ("this is a hybrid", Workplace::Hybrid, 3),
    ("this will be a hybrid", Workplace::Hybrid, 3),
    ("is a hybrid role", Workplace::Hybrid, 3),
    ("hybrid role", Workplace::Hybrid, 3),
    ("hybrid position", Workplace::Hybrid, 3),
    ("this role is hybrid", Workplace::Hybrid, 3),
    ("roles are hybrid", Workplace::Hybrid, 3),
    ("this position is hybrid", Workplace::Hybrid, 3),
    ("this position will be hybrid", Workplace::Hybrid, 3),
    ("type hybrid", Workplace::Hybrid, 3),
    ("modality hybrid", Workplace::Hybrid, 3),
    ("location hybrid", Workplace::Hybrid, 3),
    ("hybrid work model", Workplace::Hybrid, 2),
    ("hybrid working model", Workplace::Hybrid, 2),
    ("hybrid model", Workplace::Hybrid, 2),
    ("hybrid schedule", Workplace::Hybrid, 2),
    ("hybrid flexible schedule", Workplace::Hybrid, 2),
    ("hybrid setup", Workplace::Hybrid, 2),
    ("hybrid set up", Workplace::Hybrid, 2),
    ("hybrid workplace", Workplace::Hybrid, 2),
    ("hybrid working", Workplace::Hybrid, 2),
    ("hybrid work", Workplace::Hybrid, 2),
    ("hybrid work environment", Workplace::Hybrid, 2),
    ("hybrid work arrangement", Workplace::Hybrid, 2),
    ("hybrid environment", Workplace::Hybrid, 2),
    ("hybrid fashion", Workplace::Hybrid, 2),
    ("hybrid policy", Workplace::Hybrid, 2),
    ("hybrid team", Workplace::Hybrid, 2),
    ("hybrid company", Workplace::Hybrid, 2),
    ("hybrid in office", Workplace::Hybrid, 2),
    ("in office 3x", Workplace::Hybrid, 2),
    ("office 3x wk", Workplace::Hybrid, 2),
    // "The number of hybrid, office-based and remote workers varies" says nothing.
    ("hybrid office based", Workplace::Hybrid, 0),
    ("LI Remote", Workplace::Remote, 4),
    ("this is a remote", Workplace::Remote, 3),
    ("this is a fully remote", Workplace::Remote, 3),
    ("primarily a remote role", Workplace::Remote, 3),
    ("this role is remote", Workplace::Remote, 3),
    ("this role is fully remote", Workplace::Remote, 3),
    ("this position is remote", Workplace::Remote, 3),
    ("this position is fully remote", Workplace::Remote, 3),
    ("work location remote", Workplace::Remote, 3),
    ("100 remote", Workplace::Remote, 3),
    ("remote position", Workplace::Remote, 3),
    ("remote opportunity", Workplace::Remote, 3),
    ("remote role", Workplace::Remote, 3),
    ("remote eligible", Workplace::Remote, 3),
    ("remote work supported", Workplace::Remote, 3),
    ("working fully remote", Workplace::Remote, 3),
    ("can be full remote", Workplace::Remote, 3),
    ("fully remote role", Workplace::Remote, 3),
    ("fully remote position", Workplace::Remote, 3),
    ("join our team remotely", Workplace::Remote, 3),
    ("apply to work remotely", Workplace::Remote, 3),
    ("remote friendly company and this position", Workplace::Remote, 3),
    ("predominantly remote", Workplace::Remote, 2),
    ("global remote workforce", Workplace::Remote, 2),
    ("fully remote", Workplace::Remote, 2),
    ("work from anywhere", Workplace::Remote, 1),
    ("remote first", Workplace::Remote, 2),
    ("all remote", Workplace::Remote, 2),
    ("remote work environment", Workplace::Remote, 2),
    ("fully distributed team", Workplace::Remote, 2),
    ("remote company", Workplace::Remote, 2),
    ("LI Onsite", Workplace::OnSite, 4),
    ("LI On site", Workplace::OnSite, 4),
    ("this is an onsite", Workplace::OnSite, 3),
    ("this is an on-site", Workplace::OnSite, 3),
    ("this is an in-person", Workplace::OnSite, 3),
    ("this is an in-office", Workplace::OnSite, 3),
    ("this role is on-site", Workplace::OnSite, 3),
    ("this role is onsite", Workplace::OnSite, 3),
    ("this role is in person", Workplace::OnSite, 3),
    ("this role is in office", Workplace::OnSite, 3),
    ("this position is onsite", Workplace::OnSite, 3),
    ("this position is on-site", Workplace::OnSite, 3),
    ("this position will be in-office", Workplace::OnSite, 3),
    ("roles are in person", Workplace::OnSite, 3),
    ("fully on-site", Workplace::OnSite, 3),
    ("fully onsite", Workplace::OnSite, 3),
    ("100 onsite", Workplace::OnSite, 3),
    ("100 on-site", Workplace::OnSite, 3),
    ("onsite role", Workplace::OnSite, 3),
    ("on-site role", Workplace::OnSite, 3),
    ("onsite position", Workplace::OnSite, 3),
    ("on-site position", Workplace::OnSite, 3),
    ("in-person role", Workplace::OnSite, 3),
    ("location on-site", Workplace::OnSite, 3),
    ("location onsite", Workplace::OnSite, 3),
    ("location in person", Workplace::OnSite, 3),
    ("work location in person", Workplace::OnSite, 3),
    ("in-person work model", Workplace::OnSite, 2),
    ("work in person at our", Workplace::OnSite, 2),
    ("working in person at our", Workplace::OnSite, 2),
    ("work in person", Workplace::OnSite, 1),
    ("works in person", Workplace::OnSite, 2),
    ("working in person", Workplace::OnSite, 1),
    ("in-person company", Workplace::OnSite, 2),
    ("in-office company", Workplace::OnSite, 2),
    ("in-office culture", Workplace::OnSite, 2),
    ("primarily in person", Workplace::OnSite, 2),
    ("company is in office", Workplace::OnSite, 2),
    ("in person in sf", Workplace::OnSite, 2),
    ("in office full time", Workplace::OnSite, 2),
    ("full time in office", Workplace::OnSite, 2),
    ("full time in the office", Workplace::OnSite, 2),
    ("full time and in person", Workplace::OnSite, 3),
    ("required to be in office 5", Workplace::OnSite, 3),
];

/// How a number of days in the office is written; `#` is the number.
const DAYS_IN_OFFICE: &[&str] = &[
    "# days a week in the office",
    "# days a week in office",
    "# days a week in our",
    "# days a week in person",
    "# days a week onsite",
    "# days a week on site",
    "# days a week at our",
    "# days a week from our",
    "# days per week in the office",
    "# days per week in office",
    "# days per week in our",
    "# days per week in person",
    "# days per week onsite",
    "# days per week on site",
    "# days per week at our",
    "# days week in the office",
    "# days week in office",
    "# days week in our",
    "# days week in person",
    "# days week onsite",
    "# days week with an office",
    "# days in the office",
    "# days in office",
    "# days in our",
    "# days onsite",
    "# days on site",
    "# days in person",
    "# in office days",
    "# on site days",
    "# office days",
    "in the office # days",
    "in office # days",
    "in our office # days",
    "in our offices # days",
    "from the office # days",
    "from our office # days",
    "in person # days",
    "onsite # days",
    "on site # days",
    "to the office # days",
    "office # days a week",
    "office # days per week",
    "# times a week in the office",
    "office # times",
];

/// All phrases that say where the work is done, and how firmly.
pub(crate) fn workplace_phrases() -> Vec<(String, Workplace, u8)> {
    let mut all: Vec<(String, Workplace, u8)> = WORKPLACE_PHRASES
        .iter()
        .map(|(text, workplace, weight)| ((*text).to_owned(), *workplace, *weight))
        .collect();
    let numbers = [
        ("1", Workplace::Hybrid),
        ("2", Workplace::Hybrid),
        ("3", Workplace::Hybrid),
        ("4", Workplace::Hybrid),
        ("one", Workplace::Hybrid),
        ("two", Workplace::Hybrid),
        ("three", Workplace::Hybrid),
        ("four", Workplace::Hybrid),
        ("5", Workplace::OnSite),
        ("five", Workplace::OnSite),
    ];
    for pattern in DAYS_IN_OFFICE {
        for (number, workplace) in numbers {
            all.push((pattern.replace('#', number), workplace, 3));
        }
    }
    all
}

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
        for (text, expected) in [
            (
                "We follow a hybrid work model with 3 days a week in the office.",
                Some(Workplace::Hybrid),
            ),
            (
                "Everyone is in our Oslo office 5 days per week.",
                Some(Workplace::OnSite),
            ),
            ("You are in the office 5 days a week.", Some(Workplace::OnSite)),
            ("In person 5 days a week, in Lyon.", Some(Workplace::OnSite)),
            ("This position is onsite.", Some(Workplace::OnSite)),
            ("We are an in-person company.", Some(Workplace::OnSite)),
            ("A remote-first company. #LI-Hybrid", Some(Workplace::Hybrid)),
            (
                "This is a remote opportunity within Canada.",
                Some(Workplace::Remote),
            ),
            (
                "As a fully remote company we meet once a year.",
                Some(Workplace::Remote),
            ),
            ("On-prem and hybrid execution for our customers.", None),
            (
                "The number of hybrid, office-based, and remote workers varies.",
                None,
            ),
            ("Lunch on in-office days.", None),
        ] {
            assert_eq!(recognise("SRE", text).workplace, expected, "{text}");
        }
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
