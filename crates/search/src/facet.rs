//! The fields that are counted and filtered by value.

use store::page::UnknownWord;

macro_rules! facets {
    ($($variant:ident $name:literal,)*) => {
        /// A field of the vocabulary whose values a posting has none, one or several of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each is the field of the posting with its name")]
        pub enum Facet {
            $($variant,)*
        }

        impl Facet {
            /// Every facet, in the order of the index's columns.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name in parameters and answers.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

facets! {
    Discipline "discipline",
    Specialty "specialty",
    Skill "skill",
    Seniority "seniority",
    EmploymentType "employment_type",
    Workplace "workplace",
    Employer "employer",
    Country "country",
    Region "region",
    City "city",
    RemoteFrom "remote_from",
    Environment "environment",
    Accelerator "accelerator",
    Interconnect "interconnect",
    Scheduler "scheduler",
    EdaFlow "eda_flow",
    ProcessNode "process_node",
    Cooling "cooling",
    Shift "shift",
    OnCall "on_call",
    SiteDays "site_days",
    Equity "equity",
    ExportControl "export_control",
    UsPerson "us_person",
    Clearance "clearance",
    Citizenship "citizenship",
    Sponsorship "sponsorship",
    Relocation "relocation",
}

impl Facet {
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The term under which the index and the matcher know a value.
    pub(crate) fn term(self, value: &str) -> String {
        format!("{}:{value}", self.as_str())
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

/// What an answer can count: a facet, or a number in buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// The values of a facet.
    Facet(Facet),
    /// Yearly pay in US dollars, in buckets; `unstated` for postings that state none.
    Pay,
    /// Published within a time, each holding the shorter ones.
    PostedWithin,
}

/// The lower ends of the buckets of yearly pay, whole US dollars.
const PAY_FROM: [i64; 9] = [
    1, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 500_000,
];
/// The names of the buckets, behind them the one for postings that state no pay.
pub(crate) const PAY_BUCKETS: [&str; 10] = [
    "0-50000",
    "50000-100000",
    "100000-150000",
    "150000-200000",
    "200000-250000",
    "250000-300000",
    "300000-400000",
    "400000-500000",
    "500000-",
    "unstated",
];
/// Hours and names of the times since publication.
pub(crate) const POSTED_WITHIN: [(i64, &str); 5] =
    [(24, "24h"), (72, "3d"), (168, "7d"), (336, "14d"), (720, "30d")];

/// The bucket of a yearly pay in whole US dollars; 0 is "unstated".
#[inline]
pub(crate) fn pay_bucket(usd: i64) -> usize {
    if usd <= 0 {
        return PAY_FROM.len();
    }
    PAY_FROM.iter().rposition(|from| usd >= *from).unwrap_or(0)
}

impl Counted {
    /// Everything that can be counted.
    pub fn all() -> impl Iterator<Item = Self> {
        let facets = Facet::ALL.into_iter().map(Self::Facet);
        facets.chain([Self::Pay, Self::PostedWithin])
    }

    /// Its name in parameters and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Facet(facet) => facet.as_str(),
            Self::Pay => "pay",
            Self::PostedWithin => "posted_within",
        }
    }
}

impl From<Facet> for Counted {
    fn from(facet: Facet) -> Self {
        Self::Facet(facet)
    }
}

impl std::str::FromStr for Counted {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::all()
            .find(|counted| counted.as_str() == text)
            .ok_or(UnknownWord)
    }
}
