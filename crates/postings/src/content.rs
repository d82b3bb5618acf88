//! The facts of a posting, in the field's vocabulary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use taxonomy::{
    Currency, Discipline, EmploymentType, Environment, EquityKind, PayPeriod, PayRange, Place, Provenance,
    Requirement, Seniority, Workplace,
};
use utoipa::ToSchema;

use crate::attributes::Attributes;

/// How a description is written on input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionFormat {
    /// CommonMark.
    #[default]
    Markdown,
    /// HTML, reduced to what [`crate::sanitise`] allows.
    Html,
}

/// A place of work. Coordinates are degrees (WGS 84) and come from the gazetteer when they are not given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Location {
    /// City or town.
    #[schema(example = "Austin")]
    pub city: Option<String>,
    /// State or province: the two-letter code in the US, Canada and Australia, else its name.
    #[schema(example = "TX")]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "US")]
    pub country: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

impl Location {
    /// "Austin, TX, US": the parts that are known, from small to large.
    pub fn label(&self) -> String {
        let parts = [&self.city, &self.region, &self.country];
        parts
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        Self {
            city: place.city,
            region: place.region,
            country: place.country,
            latitude: place.latitude,
            longitude: place.longitude,
        }
    }
}

/// An amount of money from `min` to `max` for a period; either end may be open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayBand {
    /// Lower end, in main units of the currency.
    #[schema(value_type = Option<f64>, example = 210_000)]
    #[serde(default)]
    pub min: Option<taxonomy::Amount>,
    /// Upper end, in main units of the currency.
    #[schema(value_type = Option<f64>, example = 290_000)]
    #[serde(default)]
    pub max: Option<taxonomy::Amount>,
    /// ISO 4217.
    #[schema(value_type = String, example = "USD")]
    pub currency: Currency,
    /// `hour`, `day`, `week`, `month` or `year`.
    #[schema(value_type = String, example = "year")]
    pub period: PayPeriod,
    /// To whom the band applies, when a posting has several: a place or a level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<String>,
}

impl From<PayRange> for PayBand {
    fn from(range: PayRange) -> Self {
        Self {
            min: range.min,
            max: range.max,
            currency: range.currency,
            period: range.period,
            applies_to: None,
        }
    }
}

/// Ownership that comes with the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Equity {
    /// `rsu`, `options` or `other`.
    #[schema(value_type = String, example = "rsu")]
    pub kind: EquityKind,
    /// Anything the employer adds in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What the role pays, always the employer's own figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pay {
    /// Base pay.
    pub base: Option<PayBand>,
    /// Further bands of base pay, per place or level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<PayBand>,
    /// Bonus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bonus: Option<PayBand>,
    /// Sign-on bonus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_on: Option<PayBand>,
    /// Addition for shifts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_premium: Option<PayBand>,
    /// Ownership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equity: Option<Equity>,
    /// Everything together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<PayBand>,
}

impl Pay {
    /// Each band with its JSON pointer below `/pay`.
    pub fn bands(&self) -> Vec<(String, &PayBand)> {
        let single = [
            ("base", &self.base),
            ("bonus", &self.bonus),
            ("sign_on", &self.sign_on),
            ("shift_premium", &self.shift_premium),
            ("total", &self.total),
        ];
        let ranges = self
            .ranges
            .iter()
            .enumerate()
            .map(|(n, band)| (format!("ranges/{n}"), band));
        let single = single
            .into_iter()
            .filter_map(|(name, band)| Some((name.to_owned(), band.as_ref()?)));
        single.chain(ranges).collect()
    }

    /// The highest yearly figure of base pay (else of total pay) in US dollars, for filter and sort.
    pub fn yearly_usd(&self) -> Option<i64> {
        let base = self.base.iter().chain(&self.ranges);
        let figures = |bands: &mut dyn Iterator<Item = &PayBand>| bands.filter_map(PayBand::yearly_usd).max();
        figures(&mut base.into_iter()).or_else(|| figures(&mut self.total.iter()))
    }
}

impl PayBand {
    /// The upper end (else the lower) as whole US dollars a year at the bundled rates.
    pub fn yearly_usd(&self) -> Option<i64> {
        let amount = self.max.or(self.min)?;
        let usd = "USD".parse::<Currency>().ok()?;
        Some(taxonomy::yearly(
            amount,
            self.currency,
            self.period,
            usd,
            taxonomy::Rates::bundled(),
        ))
    }

    /// "USD 210,000 – 290,000 a year".
    pub fn label(&self) -> String {
        let amounts = match (self.min, self.max) {
            (Some(min), Some(max)) if min != max => format!("{} – {}", grouped(min), grouped(max)),
            (Some(min), None) => format!("from {}", grouped(min)),
            (None, Some(max)) => format!("up to {}", grouped(max)),
            (Some(one), Some(_)) => grouped(one),
            (None, None) => return String::new(),
        };
        let article = if self.period == PayPeriod::Hour { "an" } else { "a" };
        format!("{} {amounts} {article} {}", self.currency, self.period)
    }
}

fn grouped(amount: taxonomy::Amount) -> String {
    let hundredths = amount.hundredths();
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let digits = whole.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if rest != 0 {
        let _ = write!(out, ".{rest:02}");
    }
    out
}

/// What the role works with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hardware {
    /// Accelerators by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accelerators: Vec<String>,
    /// Interconnects by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interconnects: Vec<String>,
    /// Schedulers by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedulers: Vec<String>,
    /// Tools of the EDA flow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eda_flow: Vec<String>,
    /// Process node, as the field says it: "3nm".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_node: Option<String>,
    /// Kinds of cooling.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cooling: Vec<String>,
    /// Power of a rack in kW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack_power_kw: Option<f64>,
    /// Size of the fleet in the employer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet_size: Option<String>,
}

/// When, where and how hard the work is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkPattern {
    /// Whether the role is on call.
    pub on_call: Option<bool>,
    /// Shift pattern in words: "4 × 10 h nights".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_pattern: Option<String>,
    /// Share of travel in percent, 0-100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub travel_percent: Option<u8>,
    /// Days a week on site, 0-7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_days_per_week: Option<u8>,
    /// Physical demands in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_demands: Option<String>,
}

/// Who may take the role: each `required`, `accepted`, `not_needed` or `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Eligibility {
    /// Subject to export control.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_control: Option<Requirement>,
    /// Being a US person (22 CFR 120.62).
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub us_person: Option<Requirement>,
    /// A security clearance.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Requirement>,
    /// Citizenship.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citizenship: Option<Requirement>,
    /// Visa sponsorship.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sponsorship: Option<Requirement>,
    /// Relocation.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relocation: Option<Requirement>,
}

/// Whether there is a role to be filled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vacancy {
    /// There is.
    Existing,
    /// Not yet: the posting collects people for later.
    Pool,
}

/// What laws want told, and readers want to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disclosures {
    /// Whether software screens, assesses or selects applicants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_screening: Option<bool>,
    /// Whether there is a role to be filled now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vacancy: Option<Vacancy>,
}

/// Time zones in which a remote person may live, as hours from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UtcOffsets {
    /// The westernmost, -12 to 14.
    #[schema(example = -8)]
    pub min: f32,
    /// The easternmost, -12 to 14.
    #[schema(example = -5)]
    pub max: f32,
}

/// How the employer decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// Stages in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
    /// Days from application to decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_to_decision: Option<u16>,
}

/// How to apply: a page or a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Apply {
    /// An `https` or `http` page.
    #[schema(example = "https://acme.example/apply/1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Everything a posting says, validated. This is what a version keeps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PostingContent {
    /// One line, at most 200 characters.
    pub title: String,
    /// Sanitised HTML.
    pub description_html: String,
    /// The same as plain text.
    pub description_text: String,
    /// One of the five disciplines, or `none`.
    #[schema(value_type = String, example = "silicon")]
    #[serde(with = "discipline_word")]
    pub discipline: Option<Discipline>,
    /// Ids of specialties.
    pub specialties: Vec<String>,
    /// Ids of skills.
    pub skills: Vec<String>,
    /// Level.
    #[schema(value_type = Option<String>, example = "staff")]
    pub seniority: Option<Seniority>,
    /// Kind of employment.
    #[schema(value_type = Option<String>, example = "full_time")]
    pub employment_type: Option<EmploymentType>,
    /// `on_site`, `hybrid` or `remote`.
    #[schema(value_type = Option<String>, example = "hybrid")]
    pub workplace: Option<Workplace>,
    /// Places of work.
    pub locations: Vec<Location>,
    /// Where a remote person may be: ISO countries, or regions such as `EU`.
    pub remote_from: Vec<String>,
    /// How many positions the posting stands for.
    pub openings: u32,
    /// How many of them are filled.
    pub filled: u32,
    /// What it pays.
    pub pay: Option<Pay>,
    /// Hardware stack.
    pub hardware: Option<Hardware>,
    /// Work pattern.
    pub work_pattern: Option<WorkPattern>,
    /// Who may take it.
    pub eligibility: Option<Eligibility>,
    /// `cloud`, `on_premises`, `colocation`, `air_gapped`, `edge`.
    #[schema(value_type = Vec<String>)]
    pub environment: Vec<Environment>,
    /// Benefits in words.
    pub benefits: Vec<String>,
    /// How the employer decides.
    pub process: Option<Process>,
    /// How to apply.
    pub apply: Option<Apply>,
    /// What laws want told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosures: Option<Disclosures>,
    /// Time zones in which a remote person may live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_utc_offsets: Option<UtcOffsets>,
    /// Attributes that the employer names itself.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// For each field that holds something: did the employer state it, did an import carry it, or was it inferred?
    #[schema(value_type = Object)]
    pub provenance: BTreeMap<String, Provenance>,
}

/// A discipline as its word, and `none` for a posting that belongs to none of them.
pub(crate) mod discipline_word {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use taxonomy::Discipline;

    /// The word for "belongs to none of the five".
    pub(crate) const NONE: &str = "none";

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's signature"
    )]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Discipline>, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(value.map_or(NONE, Discipline::as_str))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Discipline>, D::Error> {
        let word = Option::<String>::deserialize(from)?;
        match word.as_deref() {
            None | Some(NONE) => Ok(None),
            Some(word) => word.parse().map(Some).map_err(|_| {
                let words: Vec<&str> = Discipline::ALL.iter().map(|d| d.as_str()).chain([NONE]).collect();
                D::Error::custom(format!(
                    "unknown variant `{word}`, expected one of `{}`",
                    words.join("`, `")
                ))
            }),
        }
    }
}
