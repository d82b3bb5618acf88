//! The field's vocabulary as pure data and functions, and recognising it in text.
//!
//! | question | answer |
//! |---|---|
//! | which words does the product know? | [`Discipline`], [`Seniority`] and the other enums; [`Taxonomy`] for specialties and skills |
//! | what is this posting about? | [`Taxonomy::recognise`] |
//! | what did a person type into the search box? | [`Taxonomy::spans`], [`Gazetteer::find`] |
//! | where is this? | [`Gazetteer::resolve`], [`distance_km`], [`region_covers`] |
//! | what does it pay? | [`parse_pay`], [`find_pay_in_text`], [`yearly`] |
//! | what must be said about pay? | [`PayLaw`] |
//!
//! Nothing here reads a file, a clock or the network: the data files under `config/` are compiled in.

mod classify;
mod currency;
mod evidence;
mod gazetteer;
mod money;
mod normalise;
mod pay_law;
#[cfg(test)]
mod pay_law_tests;
mod pay_text;
mod pay_tokens;
mod place_grammar;
mod place_table;
mod places_text;
mod regions;
mod seniority;
mod spans;
mod taxonomy;
mod terms;
mod typed_places;
mod vocabulary;
mod work_terms;

pub use classify::{Evidence, Recognised};
pub use currency::{Currency, Rates, UnknownCurrency};
pub use gazetteer::{Gazetteer, Resolved};
pub use money::{Amount, InvalidAmount, PayRange, yearly};
pub use pay_law::{
    Coverage, Duty, Finding, NOTICE as PAY_LAW_NOTICE, Outcome, PayLaw, PayRule, Said, SourceRead, Standing,
    Statement, Verdict, WorkPlace,
};
pub use pay_text::{find_pay_in_text, parse_pay};
pub use place_table::{NamedPlace, Place};
pub use regions::{distance_km, groups_with, is_region, members_of, region_covers, region_label};
pub use seniority::recognise_seniority;
pub use spans::{Span, SpanKind};
pub use taxonomy::{Skill, Specialty, Taxonomy, TaxonomyError};
pub use typed_places::TypedPlace;
pub use vocabulary::{
    Discipline, EmploymentType, Environment, EquityKind, PayPeriod, Provenance, Requirement, Seniority,
    UnknownWord, Workplace,
};
pub use work_terms::{parse_employment_type, parse_workplace};
