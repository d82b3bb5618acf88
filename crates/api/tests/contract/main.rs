//! The contract of the API, as docs/API-DESIGN.md and the OpenAPI document promise it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod accounts;
mod alert_owner;
mod alerts;
mod employers;
mod feeds;
mod guards;
mod hiring;
mod hostile;
mod identity;
mod imports;
mod incidents;
mod journey;
mod keys;
mod mail_reports;
mod manners;
mod numbers;
mod openapi;
mod pages;
mod passkeys;
mod postings;
mod providers;
mod publishing;
mod search;
mod search_feeds;
mod syndication;
mod teams;
mod walk;
mod webhooks;

use serde_json::{Value, json};

/// A posting as an employer writes it.
fn rtl_role() -> Value {
    json!({
        "title": "Staff RTL Design Engineer",
        "description": "Own the **memory subsystem** RTL of our next accelerator in SystemVerilog.",
        "discipline": "silicon", "specialties": ["rtl_design"], "skills": ["systemverilog", "uvm"],
        "seniority": "staff", "employment_type": "full_time", "workplace": "hybrid",
        "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
        "openings": 4,
        "pay": {"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}, "equity": {"kind": "rsu"}},
        "apply": {"url": "https://acme.example/apply/1"}
    })
}

/// The role with another title.
fn titled(title: &str) -> Value {
    let mut role = rtl_role();
    role["title"] = title.into();
    role
}

/// The titles in a list's `data`.
fn titles(list: &Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["title"].as_str().unwrap())
        .collect()
}
