//! What a posting states, in words for people: the same on its page, in its JSON-LD and in aggregators' feeds.

use taxonomy::Requirement;

use crate::attributes::AttributeValue;
use crate::content::{
    Disclosures, Eligibility, Hardware, Pay, PayBand, PostingContent, Vacancy, WorkPattern,
};

/// "USD 210,000 – 290,000 a year (Austin)".
pub fn band(band: &PayBand) -> String {
    match &band.applies_to {
        Some(whom) => format!("{} ({whom})", band.label()),
        None => band.label(),
    }
}

/// Base pay: the first range and all further ones.
pub fn base_pay(pay: &Pay) -> Vec<String> {
    pay.base.iter().chain(&pay.ranges).map(band).collect()
}

/// What comes on top of base pay, each with its name.
pub fn incentives(pay: &Pay) -> Vec<String> {
    let bands = [
        ("bonus", &pay.bonus),
        ("sign-on", &pay.sign_on),
        ("shift premium", &pay.shift_premium),
    ];
    let bands = bands
        .into_iter()
        .filter_map(|(name, given)| Some(format!("{name} {}", band(given.as_ref()?))));
    let equity = pay.equity.as_ref().map(|equity| match &equity.note {
        Some(note) => format!("{} ({note})", equity.kind.label()),
        None => equity.kind.label().to_owned(),
    });
    bands.chain(equity).collect()
}

/// Everything about pay.
pub fn pay(pay: &Pay) -> Vec<String> {
    let total = pay.total.iter().map(|total| format!("total {}", band(total)));
    base_pay(pay)
        .into_iter()
        .chain(incentives(pay))
        .chain(total)
        .collect()
}

/// What the role works with.
pub fn hardware(hardware: &Hardware) -> Vec<String> {
    let lists = [
        &hardware.accelerators,
        &hardware.interconnects,
        &hardware.schedulers,
        &hardware.eda_flow,
    ];
    let named = lists.into_iter().flatten().cloned();
    let cooling = hardware.cooling.iter().map(|kind| format!("{kind} cooling"));
    let rack = hardware.rack_power_kw.map(|power| format!("{power} kW a rack"));
    named
        .chain(hardware.process_node.clone())
        .chain(cooling)
        .chain(rack)
        .chain(hardware.fleet_size.clone())
        .collect()
}

/// When and where the work is; physical demands stand by themselves.
pub fn work_pattern(pattern: &WorkPattern) -> Vec<String> {
    let on_call = pattern
        .on_call
        .map(|is_on_call| if is_on_call { "on call" } else { "not on call" });
    let site_days = pattern.site_days_per_week.map(|days| match days {
        1 => "one day a week on site".to_owned(),
        days => format!("{days} days a week on site"),
    });
    let travel = pattern.travel_percent.map(|share| format!("{share}% travel"));
    let shifts = pattern.shift_pattern.clone();
    let parts = [on_call.map(str::to_owned), shifts, site_days, travel];
    parts.into_iter().flatten().collect()
}

/// Who may take the role: "clearance: required". What is not stated is left out.
pub fn eligibility(eligibility: &Eligibility) -> Vec<String> {
    let answers = [
        ("export control", eligibility.export_control),
        ("US person", eligibility.us_person),
        ("security clearance", eligibility.clearance),
        ("citizenship", eligibility.citizenship),
        ("visa sponsorship", eligibility.sponsorship),
        ("relocation", eligibility.relocation),
    ];
    let stated = answers
        .into_iter()
        .filter_map(|(question, answer)| Some((question, answer?)));
    stated
        .filter(|(_, answer)| *answer != Requirement::Unknown)
        .map(|(question, answer)| format!("{question}: {}", answer.label().to_lowercase()))
        .collect()
}

/// What laws want told about how people are chosen, and for what.
pub fn disclosures(disclosures: Disclosures) -> Vec<&'static str> {
    let screening = disclosures.ai_screening.map(|is_used| {
        if is_used {
            "artificial intelligence screens, assesses or selects applicants"
        } else {
            "no artificial intelligence screens, assesses or selects applicants"
        }
    });
    let vacancy = disclosures.vacancy.map(|vacancy| match vacancy {
        Vacancy::Existing => "for an existing vacancy",
        Vacancy::Pool => "collects people for later; there is no vacancy now",
    });
    screening.into_iter().chain(vacancy).collect()
}

/// How the employer decides.
pub fn process(content: &PostingContent) -> Vec<String> {
    let Some(process) = &content.process else {
        return Vec::new();
    };
    let stages = (!process.stages.is_empty()).then(|| process.stages.join(", then "));
    let days = process
        .days_to_decision
        .map(|days| format!("a decision within {days} days"));
    stages.into_iter().chain(days).collect()
}

/// Where a remote person may be: countries and regions, and hours from UTC.
pub fn reach(content: &PostingContent) -> Vec<String> {
    let offsets = content
        .remote_utc_offsets
        .map(|offsets| format!("UTC{:+} to UTC{:+}", offsets.min, offsets.max));
    content.remote_from.iter().cloned().chain(offsets).collect()
}

/// What the employer named itself: "team size: 9".
pub fn attributes(content: &PostingContent) -> Vec<String> {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Flag(true) => "yes".to_owned(),
        AttributeValue::Flag(false) => "no".to_owned(),
        AttributeValue::Whole(number) => number.to_string(),
        AttributeValue::Number(number) => number.to_string(),
        AttributeValue::Text(text) => text.clone(),
    };
    let named = content.attributes.iter();
    named
        .map(|(name, given)| format!("{}: {}", name.replace('_', " "), value(given)))
        .collect()
}
