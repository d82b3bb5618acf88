//! The fields that are counted and filtered by value.

use store::page::UnknownWord;

/// A field of the vocabulary whose values a posting has none, one or several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the field of the posting with its name")]
pub enum Facet {
    Discipline,
    Specialty,
    Skill,
    Seniority,
    EmploymentType,
    Workplace,
    Employer,
    Country,
    Region,
    City,
    RemoteFrom,
    Environment,
    Accelerator,
}

impl Facet {
    /// Every facet, in the order of the index's columns.
    pub const ALL: [Self; 13] = [
        Self::Discipline,
        Self::Specialty,
        Self::Skill,
        Self::Seniority,
        Self::EmploymentType,
        Self::Workplace,
        Self::Employer,
        Self::Country,
        Self::Region,
        Self::City,
        Self::RemoteFrom,
        Self::Environment,
        Self::Accelerator,
    ];

    /// Its name in parameters and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discipline => "discipline",
            Self::Specialty => "specialty",
            Self::Skill => "skill",
            Self::Seniority => "seniority",
            Self::EmploymentType => "employment_type",
            Self::Workplace => "workplace",
            Self::Employer => "employer",
            Self::Country => "country",
            Self::Region => "region",
            Self::City => "city",
            Self::RemoteFrom => "remote_from",
            Self::Environment => "environment",
            Self::Accelerator => "accelerator",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl std::str::FromStr for Facet {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|facet| facet.as_str() == text)
            .ok_or(UnknownWord)
    }
}
