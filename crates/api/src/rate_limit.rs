//! How often a client may ask, by what a call costs.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};
use store::Id;

/// What a call costs us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Checks a password or writes a mail to an address that somebody typed.
    Account,
    /// Changes something.
    Write,
    /// Reads or searches.
    Read,
}

type Limiter<K> = Governor<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// An address at which nobody is: who holds an account or a key is counted by its id.
type Holder = [u8; 16];

/// Counts the requests of each client: an IPv4 address, or the /64 of an IPv6 address.
pub(crate) struct RateLimiter {
    is_enabled: AtomicBool,
    account: (Policy, Limiter<IpAddr>),
    write: (Policy, Limiter<IpAddr>),
    read: (Policy, Limiter<IpAddr>),
    held_write: (Policy, Limiter<Holder>),
    held_read: (Policy, Limiter<Holder>),
}

/// So many at once, and as many again spread over the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) quota: u32,
    pub(crate) window_s: u64,
}

const ACCOUNT: Policy = Policy {
    name: "account",
    quota: 20,
    window_s: 15 * 60,
};
const WRITE: Policy = Policy {
    name: "write",
    quota: 300,
    window_s: 60,
};
const READ: Policy = Policy {
    name: "read",
    quota: 600,
    window_s: 60,
};

/// Of one account or API key, from however many addresses it asks.
const HELD_WRITE: Policy = Policy {
    name: "holder-write",
    quota: 600,
    window_s: 60,
};
const HELD_READ: Policy = Policy {
    name: "holder-read",
    quota: 1200,
    window_s: 60,
};

/// What the answer says about the client's budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    pub(crate) policy: Policy,
    /// Requests left at once.
    pub(crate) remaining: u32,
    /// Seconds until one more is possible; present when this one is refused.
    pub(crate) retry_after_s: Option<u64>,
}

impl Verdict {
    /// Whether less of this budget is left than of the other, by share; one that is used up comes first.
    pub(crate) fn is_tighter_than(&self, other: Self) -> bool {
        let share = |verdict: &Self| f64::from(verdict.remaining) / f64::from(verdict.policy.quota);
        self.retry_after_s.is_some() || share(self) < share(&other)
    }
}

impl RateLimiter {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self {
            is_enabled: AtomicBool::new(is_enabled),
            account: limiter(ACCOUNT),
            write: limiter(WRITE),
            read: limiter(READ),
            held_write: limiter(HELD_WRITE),
            held_read: limiter(HELD_READ),
        }
    }

    /// Whether requests are counted from here on.
    pub(crate) fn enable(&self, is_enabled: bool) {
        self.is_enabled.store(is_enabled, Ordering::Relaxed);
    }

    fn is_enabled(&self) -> bool {
        self.is_enabled.load(Ordering::Relaxed)
    }

    /// Counts one request of a client; `None` when nothing is counted.
    pub(crate) fn count(&self, client: Option<IpAddr>, cost: Cost) -> Option<Verdict> {
        let client = client.filter(|_| self.is_enabled())?;
        let counted = match cost {
            Cost::Account => &self.account,
            Cost::Write => &self.write,
            Cost::Read => &self.read,
        };
        Some(check(counted, &network(client)))
    }

    /// Counts one request of an account or an API key; `None` when nothing is counted.
    pub(crate) fn count_holder(&self, holder: Id, cost: Cost) -> Option<Verdict> {
        let counted = match cost {
            Cost::Account | Cost::Write => &self.held_write,
            Cost::Read => &self.held_read,
        };
        self.is_enabled().then(|| check(counted, holder.as_bytes()))
    }

    /// Forgets clients whose budget is full again.
    pub(crate) fn forget_idle(&self) {
        for (_, limiter) in [&self.account, &self.write, &self.read] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        for (_, limiter) in [&self.held_write, &self.held_read] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn limiter<K: Clone + Eq + Hash>(policy: Policy) -> (Policy, Limiter<K>) {
    let quota = NonZeroU32::new(policy.quota).unwrap_or(NonZeroU32::MIN);
    let replenish = Duration::from_secs(policy.window_s) / quota.get();
    let quota = Quota::with_period(replenish)
        .unwrap_or(Quota::per_minute(quota))
        .allow_burst(quota);
    let limiter = Governor::keyed(quota).with_middleware::<StateInformationMiddleware>();
    (policy, limiter)
}

fn check<K: Clone + Eq + Hash>((policy, limiter): &(Policy, Limiter<K>), key: &K) -> Verdict {
    match limiter.check_key(key) {
        Ok(left) => Verdict {
            policy: *policy,
            remaining: left.remaining_burst_capacity(),
            retry_after_s: None,
        },
        Err(not_until) => {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Verdict {
                policy: *policy,
                remaining: 0,
                retry_after_s: Some(wait.as_secs() + 1),
            }
        }
    }
}

/// A household or server has a whole /64, so single IPv6 addresses mean nothing.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(segments))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What the call with this method and path costs.
pub(crate) fn cost_of(method: &Method, path: &str) -> Option<Cost> {
    if matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/assets/") {
        return None;
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    // Unsubscribing must always work: mail programs ask on behalf of many from one address. A preview only searches.
    if matches!(path, "/v1/alerts/unsubscribe" | "/v1/alerts/preview") {
        return Some(Cost::Read);
    }
    let is_auth = path.starts_with("/v1/auth/") && path != "/v1/auth/logout" && path != "/v1/auth/refresh";
    let is_by_address = path.starts_with("/v1/events/") && path.ends_with("/registrations")
        || path.starts_with("/v1/postings/") && path.ends_with("/reports");
    // They write to whoever is named, and reach out to whichever server is.
    let is_outward = path.starts_with("/v1/employers/") && path.ends_with("/invitations")
        || path.starts_with("/v1/webhooks/") && path.ends_with("/test");
    let is_safety = [
        "/v1/me/password",
        "/v1/me/email",
        "/v1/me/second-factor",
        "/v1/me/passkeys/",
        "/v1/me/identities/",
        "/v1/domains/",
    ]
    .iter()
    .any(|start| path.starts_with(start));
    // They ask name servers and write to strangers.
    let is_proof = path.contains("/domains/") && (path.ends_with("/check") || path.ends_with("/mail"));
    let is_auth = is_auth || is_safety || is_proof || is_outward;
    let is_form = matches!(
        path,
        "/verify-email"
            | "/forgot-password"
            | "/reset-password"
            | "/confirm-domain"
            | "/confirm-email-change"
    );
    Some(
        match (
            is_read,
            is_auth || is_form || is_by_address || matches!(path, "/v1/alerts" | "/alerts/new"),
        ) {
            (true, _) => Cost::Read,
            (false, true) => Cost::Account,
            (false, false) => Cost::Write,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_refused_after_its_burst_and_its_neighbours_are_not() {
        let limiter = RateLimiter::new(true);
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        for left in (0..ACCOUNT.quota).rev() {
            let verdict = limiter.count(Some(client), Cost::Account).unwrap();
            assert_eq!((verdict.remaining, verdict.retry_after_s), (left, None));
        }
        let refused = limiter.count(Some(client), Cost::Account).unwrap();
        assert!(
            refused.retry_after_s.is_some_and(|wait| (1..=46).contains(&wait)),
            "{refused:?}"
        );
        assert!(
            limiter
                .count(Some(client), Cost::Read)
                .unwrap()
                .retry_after_s
                .is_none()
        );
        let neighbour = limiter.count("192.0.2.8".parse().ok(), Cost::Account).unwrap();
        assert!(neighbour.retry_after_s.is_none());
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_budget() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
    }
}
