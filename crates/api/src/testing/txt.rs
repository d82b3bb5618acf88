//! Name servers that say what a test tells them to.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use accounts::{LookupFailed, Texts, TxtLookup};

/// TXT records by domain.
#[derive(Debug, Default)]
pub struct FixedTxt(Mutex<BTreeMap<String, Option<Vec<String>>>>);

impl FixedTxt {
    /// From now on `domain` has these records.
    pub fn publish(&self, domain: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.set(domain, Some(texts));
    }

    /// From now on nobody answers for `domain`.
    pub fn silence(&self, domain: &str) {
        self.set(domain, None);
    }

    fn set(&self, domain: &str, texts: Option<Vec<String>>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(domain.to_owned(), texts);
    }
}

impl TxtLookup for FixedTxt {
    fn texts<'a>(&'a self, domain: &'a str) -> Texts<'a> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match records.get(domain) {
            None => Ok(Vec::new()),
            Some(Some(texts)) => Ok(texts.clone()),
            Some(None) => Err(LookupFailed),
        };
        Box::pin(std::future::ready(answer))
    }
}
