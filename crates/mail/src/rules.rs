//! How fast mails leave, and when they are tried again.

use std::collections::HashMap;

use jiff::SignedDuration;

/// How many mails leave at once and how fast, for one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRules {
    /// Connections to the relay at once. At least 1.
    pub connections: usize,
    /// Mails at once whose final dot is sent and whose outcome is not written down yet; also the most mails that a crash can
    /// repeat, but for those that the relay thinks about for long ([`crate::SmtpTimeouts`]). At least 1.
    pub unconfirmed: usize,
    /// Mails to one domain at once; 0 is as many as there are connections.
    pub domain_connections: usize,
    /// Mails to one domain in a second; 0 is no limit.
    pub domain_per_second: usize,
    /// What holds for single domains instead.
    pub domains: HashMap<String, DomainRule>,
    /// How long to wait after the first, second, … attempt; the last holds for all that follow. Not empty.
    pub retry_after: Vec<SignedDuration>,
}

/// What one domain puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainRule {
    /// Connections that carry its mails at once. They carry nobody else's.
    pub connections: usize,
    /// Mails in a second; 0 is no limit.
    pub per_second: usize,
}

/// A rule that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Nothing could ever leave, or more than a relay can bear.
    #[error("mail.connections must be between 1 and 100")]
    Connections,
    /// No mail could ever leave, or the number means nothing.
    #[error("mail.unconfirmed must be between 1 and 100")]
    Unconfirmed,
    /// Not `domain connections/per_second`.
    #[error(
        "mail.domains must read like `example.com 2/10, example.net 4/0`: connections at once / mails a second (0: no limit), not `{0}`"
    )]
    Domain(String),
    /// Not a list of seconds.
    #[error("mail.retry_after_s must be whole seconds, the shortest first, such as `60, 300, 1800`")]
    RetryAfter,
}

impl Default for DeliveryRules {
    /// What `config/default.toml` says.
    fn default() -> Self {
        Self {
            connections: 8,
            unconfirmed: 1,
            domain_connections: 6,
            domain_per_second: 0,
            domains: HashMap::new(),
            retry_after: [60, 300, 1800, 3600, 7200, 14_400]
                .map(SignedDuration::from_secs)
                .to_vec(),
        }
    }
}

impl DeliveryRules {
    /// The rules as they are written in settings.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn parse(
        connections: usize,
        domain_connections: usize,
        domain_per_second: usize,
        domains: &str,
        retry_after_s: &str,
    ) -> Result<Self, RulesError> {
        if !(1..=100).contains(&connections) {
            return Err(RulesError::Connections);
        }
        let mut by_domain = HashMap::new();
        for entry in domains
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let (domain, rule) = parse_domain(entry).ok_or_else(|| RulesError::Domain(entry.to_owned()))?;
            by_domain.insert(domain, rule);
        }
        let steps: Result<Vec<u32>, _> = retry_after_s
            .split(',')
            .map(|step| step.trim().parse::<u32>())
            .collect();
        let steps = steps.map_err(|_| RulesError::RetryAfter)?;
        if steps.first().is_none_or(|&first| first == 0) || !steps.is_sorted() {
            return Err(RulesError::RetryAfter);
        }
        Ok(Self {
            connections,
            unconfirmed: Self::default().unconfirmed,
            domain_connections,
            domain_per_second,
            domains: by_domain,
            retry_after: steps
                .into_iter()
                .map(|step| SignedDuration::from_secs(i64::from(step)))
                .collect(),
        })
    }

    /// The same rules with room for so many mails between their final dot and the record of it.
    ///
    /// # Errors
    /// [`RulesError::Unconfirmed`] when it makes no sense.
    pub fn with_unconfirmed(self, unconfirmed: usize) -> Result<Self, RulesError> {
        if !(1..=100).contains(&unconfirmed) {
            return Err(RulesError::Unconfirmed);
        }
        Ok(Self { unconfirmed, ..self })
    }

    /// What holds for mails to `domain`.
    pub(crate) fn of(&self, domain: &str) -> DomainRule {
        let rule = self.domains.get(domain).copied().unwrap_or(DomainRule {
            connections: match self.domain_connections {
                0 => self.connections,
                some => some,
            },
            per_second: self.domain_per_second,
        });
        DomainRule {
            connections: rule.connections.clamp(1, self.connections),
            ..rule
        }
    }

    /// The lane of a domain that has connections of its own.
    pub(crate) fn lane<'d>(&self, domain: &'d str) -> Option<&'d str> {
        self.domains.contains_key(domain).then_some(domain)
    }
}

fn parse_domain(entry: &str) -> Option<(String, DomainRule)> {
    let (domain, rule) = entry.split_once(char::is_whitespace)?;
    let (connections, per_second) = rule.trim().split_once('/')?;
    let connections = connections.trim().parse().ok().filter(|&count| count > 0)?;
    let per_second = per_second.trim().parse().ok()?;
    let is_name = domain.contains('.')
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    is_name.then(|| {
        let rule = DomainRule {
            connections,
            per_second,
        };
        (domain.to_ascii_lowercase(), rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_what_the_written_ones_say() {
        let written = DeliveryRules::parse(8, 6, 0, "", "60, 300, 1800, 3600, 7200, 14400").unwrap();
        assert_eq!(written, DeliveryRules::default());
    }

    #[test]
    fn a_domain_of_its_own_has_its_own_rule() {
        let rules = DeliveryRules::parse(8, 0, 20, "Slow.Example 2/5, other.example 30/0", "1").unwrap();
        let of = |domain| {
            let rule = rules.of(domain);
            (rule.connections, rule.per_second, rules.lane(domain))
        };
        assert_eq!(of("slow.example"), (2, 5, Some("slow.example")));
        assert_eq!(
            of("other.example"),
            (8, 0, Some("other.example")),
            "never more than there are"
        );
        assert_eq!(of("third.example"), (8, 20, None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for domains in [
            "slow.example",
            "slow.example 2",
            "slow.example 0/5",
            "slow 2/5",
            "a.b x/y",
            "a.b 2/-1",
        ] {
            assert!(
                matches!(
                    DeliveryRules::parse(8, 0, 0, domains, "1"),
                    Err(RulesError::Domain(_))
                ),
                "{domains}"
            );
        }
        for steps in ["", "0", "x", "5,1", "1.5", "-1"] {
            assert_eq!(
                DeliveryRules::parse(8, 0, 0, "", steps),
                Err(RulesError::RetryAfter),
                "{steps}"
            );
        }
        assert_eq!(
            DeliveryRules::parse(0, 0, 0, "", "1"),
            Err(RulesError::Connections)
        );
    }
}
