//! Seniority from a title.

use crate::Seniority;
use crate::normalise::spaced_into;

/// The seniority a title states: by its words first, then by a level (`II`, `L5`, `3`). `None` when it says nothing.
///
/// A people-leading word wins over a level word (`Senior Manager` is a manager, `Director of Engineering` a director), but
/// roles that only sound like it do not: program, product, project, account and similar managers are judged by their
/// other words.
pub fn recognise_seniority(title: &str) -> Option<Seniority> {
    let mut prepared = Vec::with_capacity(title.len() + 2);
    spaced_into(title, &mut prepared);
    let lower = String::from_utf8_lossy(&prepared).to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    student(&words)
        .or_else(|| either_rank(title))
        .or_else(|| leader(&words))
        .or_else(|| rank(&words))
        .or_else(|| level(&words))
}

/// "Senior/Staff", "Senior to Staff": the lower of the two is what one needs to be. "Senior Staff" is one rank.
fn either_rank(title: &str) -> Option<Seniority> {
    let lower = title.to_lowercase();
    let between = |first: &str, second: &str| {
        let at = lower.find(first)? + first.len();
        let behind = &lower[at..];
        let gap = &behind[..behind.find(second)?];
        (gap.len() <= 6 && gap.contains(['/', '|', '-', '–', ',', '&']) || [" or ", " to "].contains(&gap))
            .then_some(Seniority::Senior)
    };
    let is_leader = ["manager", "director", "head of"]
        .iter()
        .any(|word| lower.contains(word));
    let found = between("senior", "staff")
        .or_else(|| between("staff", "senior"))
        .or_else(|| between("sr.", "staff"))
        .or_else(|| between("senior", "principal"));
    found.filter(|_| !is_leader)
}

fn pair(words: &[&str], first: &str, second: &str) -> bool {
    words.windows(2).any(|two| two[0] == first && two[1] == second)
}

fn student(words: &[&str]) -> Option<Seniority> {
    let intern = [
        "intern",
        "interns",
        "internship",
        "internships",
        "coop",
        "werkstudent",
        "stagiaire",
        "trainee",
    ];
    let is_student = words.iter().any(|word| intern.contains(word))
        || pair(words, "co", "op")
        || pair(words, "working", "student")
        || pair(words, "student", "researcher")
        || words.contains(&"apprentice");
    is_student.then_some(Seniority::Intern)
}

fn leader(words: &[&str]) -> Option<Seniority> {
    const CHIEFS: &[&str] = &[
        "ceo",
        "cto",
        "cfo",
        "coo",
        "cio",
        "cmo",
        "cpo",
        "ciso",
        "cro",
        "svp",
        "evp",
        "vp",
        "avp",
        "president",
    ];
    // A field CTO advises customers; an assistant to the CEO is none.
    let assistant = words
        .iter()
        .any(|word| matches!(*word, "assistant" | "to" | "office" | "field"));
    let chief = words.windows(2).any(|two| two[0] == "chief" && two[1] != "of")
        && words.contains(&"officer")
        && !assistant;
    if (words.iter().any(|word| CHIEFS.contains(word)) && !assistant) || chief {
        return Some(Seniority::Executive);
    }
    if words.contains(&"director") && !assistant {
        return Some(Seniority::Director);
    }
    if words.first() == Some(&"head") || pair(words, "head", "of") {
        return Some(Seniority::Director);
    }
    leads_people(words).then_some(Seniority::Manager)
}

/// Whether "manager" or "supervisor" means leading people.
fn leads_people(words: &[&str]) -> bool {
    const NOT_PEOPLE: &[&str] = &[
        "program",
        "programme",
        "product",
        "project",
        "account",
        "community",
        "office",
        "case",
        "accounts",
        "partner",
        "success",
        "marketing",
        "territory",
        "relationship",
        "customer",
        "content",
        "campaign",
        "growth",
        "client",
        "portfolio",
        "commodity",
        "category",
        "contracts",
        "change",
        "release",
        "partnerships",
        "sourcing",
        "alliance",
        "alliances",
        "partnership",
        "procurement",
        "supplier",
        "vendor",
        "chain",
        "onboarding",
        "implementation",
        "engagement",
        "enablement",
        "risk",
        "sales",
        "development",
        "event",
        "events",
        "brand",
        "pricing",
        "incident",
        "asset",
        "contract",
        "relations",
        "media",
        "influencer",
        "affiliate",
        "launch",
        "acquisition",
        "deployment",
        "strategy",
        "solutions",
        "policy",
        "affairs",
        "transformation",
        "capacity",
        "inventory",
        "bid",
        "proposal",
        "grants",
        "lifecycle",
    ];
    if words.contains(&"supervisor") || words.contains(&"foreman") {
        return true;
    }
    words.iter().enumerate().any(|(at, word)| {
        (*word == "manager" || *word == "mgr") && (at == 0 || !NOT_PEOPLE.contains(&words[at - 1]))
    })
}

fn rank(words: &[&str]) -> Option<Seniority> {
    let has = |word: &str| words.contains(&word);
    let is_office = pair(words, "chief", "of");
    if has("distinguished") || has("fellow") {
        Some(Seniority::Distinguished)
    } else if has("principal") || pair(words, "sr", "principal") {
        Some(Seniority::Principal)
    } else if has("staff")
        && !is_office
        && !pair(words, "technical", "staff")
        && !pair(words, "staff", "accountant")
    {
        Some(Seniority::Staff)
    } else if has("senior") || has("sr") || has("lead") || has("snr") {
        Some(Seniority::Senior)
    } else if has("junior")
        || has("jr")
        || has("graduate")
        || has("grad")
        || has("newgrad")
        || pair(words, "entry", "level")
        || pair(words, "early", "career")
        || pair(words, "early", "careers")
    {
        Some(Seniority::Entry)
    } else if pair(words, "mid", "level") || has("midlevel") || has("intermediate") {
        Some(Seniority::Mid)
    } else {
        None
    }
}

/// `Engineer II`, `Technician 3`, `SWE L5`: a numeral directly behind a role word, or a level code.
fn level(words: &[&str]) -> Option<Seniority> {
    const ROLES: &[&str] = &[
        "engineer",
        "developer",
        "technician",
        "scientist",
        "architect",
        "designer",
        "analyst",
        "manager",
        "specialist",
        "swe",
        "sre",
        "sde",
        "administrator",
        "operator",
        "researcher",
        "programmer",
        "tech",
        "electrician",
        "level",
        "development",
        "engineering",
        "tpm",
    ];
    words.windows(2).find_map(|two| {
        let behind_role = ROLES.contains(&two[0]);
        match two[1] {
            "i" | "1" | "l3" | "e3" if behind_role => Some(Seniority::Entry),
            "ii" | "2" | "iii" | "3" | "l4" | "e4" if behind_role => Some(Seniority::Mid),
            "iv" | "4" | "l5" | "e5" if behind_role => Some(Seniority::Senior),
            "v" | "5" | "l6" | "e6" if behind_role => Some(Seniority::Staff),
            "vi" | "6" | "l7" | "e7" if behind_role => Some(Seniority::Principal),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_how_senior_the_work_is() {
        use Seniority::{
            Director, Distinguished, Entry, Executive, Intern, Manager, Mid, Principal, Senior, Staff,
        };
        for (title, expected) in [
            ("Senior RTL Design Engineer", Some(Senior)),
            ("Sr. Staff Software Engineer", Some(Staff)),
            ("Senior Principal Engineer", Some(Principal)),
            ("Distinguished Engineer, Accelerators", Some(Distinguished)),
            ("Engineering Fellow", Some(Distinguished)),
            ("Data Center Technician II", Some(Mid)),
            ("Software Engineer I", Some(Entry)),
            ("Software Engineer 4", Some(Senior)),
            ("Hardware Engineering Intern", Some(Intern)),
            ("Hardware Engineer Co-op", Some(Intern)),
            ("GPU Verification Engineer - New College Grad 2026", Some(Entry)),
            ("Senior Manager, Site Reliability", Some(Manager)),
            ("Engineering Manager", Some(Manager)),
            ("Senior/Staff Network Engineer", Some(Senior)),
            ("Senior or Staff Engineer, Storage", Some(Senior)),
            ("SRE (Staff or Senior)", Some(Senior)),
            ("Senior Staff Engineer", Some(Staff)),
            ("Software Engineering II", Some(Mid)),
            ("Field CTO", None),
            ("Account Manager", None),
            ("Regional Sales Manager", None),
            ("Business Development Manager", None),
            ("Implementation Manager", None),
            ("Supply Chain Manager", None),
            ("Incident Manager", None),
            ("Data Center Manager", Some(Manager)),
            ("Construction Manager", Some(Manager)),
            ("Manager, Sales Engineering", Some(Manager)),
            ("Technical Program Manager", None),
            ("Senior Technical Program Manager", Some(Senior)),
            ("Director of Data Center Operations", Some(Director)),
            ("Head of Infrastructure", Some(Director)),
            ("VP, Infrastructure", Some(Executive)),
            ("Chief Technology Officer", Some(Executive)),
            ("Chief of Staff", None),
            ("Executive Assistant to the CEO", None),
            ("Member of Technical Staff", None),
            ("Lead SRE", Some(Senior)),
            ("Software Engineer, Internal Tools", None),
            ("Software Engineer", None),
            ("", None),
        ] {
            assert_eq!(recognise_seniority(title), expected, "{title}");
        }
    }
}
