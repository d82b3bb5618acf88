//! The closed sets of words: every value has one identifier, used in the API, the index, mail and docs alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is not one of a closed set's identifiers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {set}")]
pub struct UnknownWord {
    /// The set that was asked, e.g. `discipline`.
    pub set: &'static str,
    /// What was given, cut at 64 characters.
    pub word: String,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident, $set:literal, { $($(#[$vdoc:meta])* $variant:ident = $id:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order people expect to read them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The identifier: snake case, stable for ever.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            /// The English label for people.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            /// Reads an identifier exactly as [`Self::as_str`] writes it.
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($id => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { set: $set, word: word.chars().take(64).collect() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed_set!(
    /// Which of the five kinds of work a posting belongs to.
    Discipline, "discipline", {
        /// Designing, verifying, packaging and bringing up chips, and the firmware on them.
        Silicon = "silicon", "Silicon";
        /// Designing, building, powering, cooling and running the buildings.
        DataCenter = "data_center", "Data center";
        /// Storage, networks, schedulers, databases, runtimes and cloud platforms.
        DistributedSystems = "distributed_systems", "Distributed systems";
        /// Training, inference, kernels, compilers and data for machine learning.
        MlPlatform = "ml_platform", "ML platform";
        /// Keeping fleets and services running: reliability, hardware, capacity, supply, programs.
        AiOperations = "ai_operations", "AI operations";
    }
);

closed_set!(
    /// How much experience a posting asks for, least first. `Ord` follows this order.
    Seniority, "seniority", {
        /// Still studying.
        Intern = "intern", "Intern";
        /// New graduate, junior, level 1.
        Entry = "entry", "Entry level";
        /// Level 2 or 3, nothing said.
        Mid = "mid", "Mid level";
        /// Senior, lead.
        Senior = "senior", "Senior";
        /// Staff, senior staff.
        Staff = "staff", "Staff";
        /// Principal, senior principal.
        Principal = "principal", "Principal";
        /// Distinguished, fellow.
        Distinguished = "distinguished", "Distinguished";
        /// Leads people.
        Manager = "manager", "Manager";
        /// Leads managers.
        Director = "director", "Director";
        /// Vice president and above.
        Executive = "executive", "Executive";
    }
);

closed_set!(
    /// The kind of contract.
    EmploymentType, "employment type", {
        /// Open-ended or fixed, full hours.
        FullTime = "full_time", "Full time";
        /// Fewer hours than full time.
        PartTime = "part_time", "Part time";
        /// As a contractor or freelancer.
        Contract = "contract", "Contract";
        /// For a limited time: fixed term, seasonal.
        Temporary = "temporary", "Temporary";
        /// A student's stay: internship, co-op.
        Internship = "internship", "Internship";
        /// Learning a trade at work.
        Apprenticeship = "apprenticeship", "Apprenticeship";
    }
);

closed_set!(
    /// Where the work is done.
    Workplace, "workplace", {
        /// At the place named.
        OnSite = "on_site", "On site";
        /// Partly at the place named.
        Hybrid = "hybrid", "Hybrid";
        /// From anywhere the posting allows.
        Remote = "remote", "Remote";
    }
);

closed_set!(
    /// Where the machines of the work stand.
    Environment, "environment", {
        /// A public cloud.
        Cloud = "cloud", "Cloud";
        /// The employer's own machines.
        OnPremises = "on_premises", "On premises";
        /// Own machines in someone else's building.
        Colocation = "colocation", "Colocation";
        /// Networks with no way out.
        AirGapped = "air_gapped", "Air-gapped";
        /// Close to users or devices.
        Edge = "edge", "Edge";
    }
);

closed_set!(
    /// What one pay figure is for.
    PayPeriod, "pay period", {
        /// One hour.
        Hour = "hour", "hour";
        /// One working day.
        Day = "day", "day";
        /// One week.
        Week = "week", "week";
        /// One calendar month.
        Month = "month", "month";
        /// One year.
        Year = "year", "year";
    }
);

closed_set!(
    /// The form of a share in the company.
    EquityKind, "equity kind", {
        /// Restricted stock units.
        Rsu = "rsu", "Restricted stock units";
        /// Stock options.
        Options = "options", "Stock options";
        /// Something else, or not said.
        Other = "other", "Other equity";
    }
);

closed_set!(
    /// The answer to one question of eligibility (clearance, sponsorship, relocation …).
    Requirement, "requirement", {
        /// Without it an application is pointless.
        Required = "required", "Required";
        /// Welcome or offered.
        Accepted = "accepted", "Accepted";
        /// Explicitly not needed or not offered.
        NotNeeded = "not_needed", "Not needed";
        /// Nothing is said.
        Unknown = "unknown", "Not stated";
    }
);

closed_set!(
    /// Who says a fact.
    Provenance, "provenance", {
        /// The employer wrote it into the field.
        Stated = "stated", "Stated by the employer";
        /// An import carried it over from another system.
        Carried = "carried", "Carried by an import";
        /// We read it out of the text.
        Inferred = "inferred", "Inferred from the text";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_reads_back_to_its_value_and_serialises_as_itself() {
        for discipline in Discipline::ALL {
            assert_eq!(discipline.as_str().parse(), Ok(*discipline));
            assert_eq!(serde_json::to_value(discipline).unwrap(), discipline.as_str());
        }
        for workplace in Workplace::ALL {
            assert_eq!(workplace.as_str().parse(), Ok(*workplace));
            assert_eq!(serde_json::to_value(workplace).unwrap(), workplace.as_str());
        }
        for requirement in Requirement::ALL {
            assert_eq!(serde_json::to_value(requirement).unwrap(), requirement.as_str());
        }
        for environment in Environment::ALL {
            assert_eq!(serde_json::to_value(environment).unwrap(), environment.as_str());
        }
        for employment_type in EmploymentType::ALL {
            assert_eq!(
                serde_json::to_value(employment_type).unwrap(),
                employment_type.as_str()
            );
        }
    }

    #[test]
    fn seniority_is_ordered_from_intern_to_executive() {
        let sorted = Seniority::ALL.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(sorted);
        assert!(Seniority::Staff > Seniority::Senior);
    }

    #[test]
    fn a_word_outside_the_set_is_refused_by_name() {
        let refused = "data center".parse::<Discipline>().unwrap_err();
        assert_eq!(refused.to_string(), "\"data center\" is not a discipline");
    }
}
