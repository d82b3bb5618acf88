//! How often a client may ask, by what a call costs.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::Method;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};
use mail::LinkKey;
use store::Id;

use crate::untold::{Name, Untold};

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

type Limiter = Governor<Name, DefaultKeyedStateStore<Name>, DefaultClock, StateInformationMiddleware>;

/// How much of something there is for each who asks, and who has spent how much of it.
struct Budget {
    policy: Policy,
    limiter: Limiter,
}

/// Counts the requests of each client (an IPv4 address, or the /64 of an IPv6 address), and of each account and API key.
pub(crate) struct RateLimiter {
    is_enabled: AtomicBool,
    account: Budget,
    write: Budget,
    read: Budget,
    held_write: Budget,
    held_read: Budget,
    /// Names clients towards other nodes; not there while nobody is told.
    names: OnceLock<Arc<LinkKey>>,
    untold: Untold,
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
            account: Budget::new(ACCOUNT),
            write: Budget::new(WRITE),
            read: Budget::new(READ),
            held_write: Budget::new(HELD_WRITE),
            held_read: Budget::new(HELD_READ),
            names: OnceLock::new(),
            untold: Untold::default(),
        }
    }

    /// From here on remembers what is spent, so that other nodes can be told; they know clients by names made with `key`.
    pub(crate) fn share(&self, key: Arc<LinkKey>) {
        // A second call would bring the same key.
        let _ = self.names.set(key);
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
        let budget = match cost {
            Cost::Account => &self.account,
            Cost::Write => &self.write,
            Cost::Read => &self.read,
        };
        Some(self.spend(budget, self.name_of(client)))
    }

    /// Counts one request of an account or an API key; `None` when nothing is counted.
    pub(crate) fn count_holder(&self, holder: Id, cost: Cost) -> Option<Verdict> {
        let budget = match cost {
            Cost::Account | Cost::Write => &self.held_write,
            Cost::Read => &self.held_read,
        };
        self.is_enabled().then(|| self.spend(budget, *holder.as_bytes()))
    }

    fn spend(&self, budget: &Budget, name: Name) -> Verdict {
        let verdict = budget.check(&name);
        if verdict.retry_after_s.is_none() && self.names.get().is_some() {
            self.untold.add(budget.policy, name);
        }
        verdict
    }

    /// What a client is counted under. Other nodes hear of it, and nobody shall read addresses there.
    fn name_of(&self, client: IpAddr) -> Name {
        let network = network(client);
        match (self.names.get(), network) {
            (Some(key), _) => {
                let mut name = Name::default();
                let derived = key.derive("budget", &network.to_string());
                name.iter_mut()
                    .zip(derived.as_bytes())
                    .for_each(|(to, from)| *to = *from);
                name
            }
            (None, IpAddr::V4(address)) => address.to_ipv6_mapped().octets(),
            (None, IpAddr::V6(address)) => address.octets(),
        }
    }

    /// What is worth telling other nodes of what was spent here since the last call, as messages for [`RateLimiter::hear`].
    pub(crate) fn take_untold(&self) -> Vec<String> {
        self.untold.take()
    }

    /// Takes what was spent on another node off the budgets here; returns how many requests that were.
    pub(crate) fn hear(&self, message: &str) -> u64 {
        if self.names.get().is_none() || !self.is_enabled() {
            return 0;
        }
        let mut heard = 0;
        for (budget, name, count) in crate::untold::read(message) {
            let Some(budget) = self.budgets().into_iter().find(|one| one.policy.name == budget) else {
                // Of a later version.
                continue;
            };
            let most = count.min(budget.policy.quota);
            heard += u64::from(most);
            // What is there no more cannot be taken away.
            let _ = (0..most).try_for_each(|_| budget.limiter.check_key(&name).map(|_| ()));
        }
        heard
    }

    fn budgets(&self) -> [&Budget; 5] {
        [
            &self.account,
            &self.write,
            &self.read,
            &self.held_write,
            &self.held_read,
        ]
    }

    /// Forgets clients whose budget is full again, and what was too little to be told.
    pub(crate) fn forget_idle(&self) {
        for budget in self.budgets() {
            budget.limiter.retain_recent();
            budget.limiter.shrink_to_fit();
        }
        self.untold.forget();
    }
}

impl Budget {
    fn new(policy: Policy) -> Self {
        let quota = NonZeroU32::new(policy.quota).unwrap_or(NonZeroU32::MIN);
        let replenish = Duration::from_secs(policy.window_s) / quota.get();
        let quota = Quota::with_period(replenish)
            .unwrap_or(Quota::per_minute(quota))
            .allow_burst(quota);
        let limiter = Governor::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { policy, limiter }
    }

    fn check(&self, name: &Name) -> Verdict {
        match self.limiter.check_key(name) {
            Ok(left) => Verdict {
                policy: self.policy,
                remaining: left.remaining_burst_capacity(),
                retry_after_s: None,
            },
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Verdict {
                    policy: self.policy,
                    remaining: 0,
                    retry_after_s: Some(wait.as_secs() + 1),
                }
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

    /// Two nodes of one installation, which share their keys.
    fn nodes() -> [RateLimiter; 2] {
        let random = store::Random::seeded(7);
        let dir = tempfile::tempdir().unwrap();
        let node = || {
            let limiter = RateLimiter::new(true);
            limiter.share(Arc::new(LinkKey::load_or_create(dir.path(), &random).unwrap()));
            limiter
        };
        [node(), node()]
    }

    fn tell(from: &RateLimiter, to: &RateLimiter) -> u64 {
        from.take_untold().iter().map(|message| to.hear(message)).sum()
    }

    #[test]
    fn what_a_client_spends_on_one_node_is_gone_on_the_others() {
        let [first, second] = nodes();
        let client: Option<IpAddr> = "192.0.2.7".parse().ok();
        for _ in 0..15 {
            first.count(client, Cost::Account).unwrap();
        }
        let messages = first.take_untold();
        assert_eq!(messages.len(), 1);
        assert!(!messages[0].contains("192.0.2"), "no addresses: {}", messages[0]);
        assert_eq!(second.hear(&messages[0]), 15);
        assert_eq!(tell(&first, &second), 0, "told once");
        let left = second.count(client, Cost::Account).unwrap().remaining;
        assert_eq!(left, ACCOUNT.quota - 16);
        assert_eq!(tell(&second, &first), 1, "what was heard is not told again");
        let neighbour = second.count("192.0.2.8".parse().ok(), Cost::Account).unwrap();
        assert_eq!(neighbour.remaining, ACCOUNT.quota - 1);

        // More than there is takes what there is.
        for _ in 0..4 {
            first.count(client, Cost::Account).unwrap();
        }
        tell(&first, &second);
        assert!(
            second
                .count(client, Cost::Account)
                .unwrap()
                .retry_after_s
                .is_some()
        );
        let refused = first.count(client, Cost::Account).unwrap();
        assert!(refused.retry_after_s.is_some(), "{refused:?}");
        assert!(first.take_untold().is_empty(), "what was refused was not spent");
    }

    #[test]
    fn a_little_of_a_large_budget_is_not_told_until_it_adds_up() {
        let [first, second] = nodes();
        let holder = store::Random::seeded(1).id(store::Timestamp::from_seconds(1));
        for _ in 0..HELD_READ.quota / 20 - 1 {
            first.count_holder(holder, Cost::Read).unwrap();
        }
        assert!(first.take_untold().is_empty());
        first.count_holder(holder, Cost::Read).unwrap();
        assert_eq!(tell(&first, &second), u64::from(HELD_READ.quota / 20));
        first.count_holder(holder, Cost::Read).unwrap();
        first.forget_idle();
        for _ in 0..HELD_READ.quota / 20 - 1 {
            first.count_holder(holder, Cost::Read).unwrap();
        }
        assert!(first.take_untold().is_empty(), "forgotten when it is long ago");
    }

    #[test]
    fn what_is_no_message_of_ours_changes_nothing() {
        let [first, _] = nodes();
        let client: Option<IpAddr> = "192.0.2.7".parse().ok();
        let name = data_encoding::HEXLOWER.encode(&first.name_of(client.unwrap()));
        for message in [
            String::new(),
            "account".to_owned(),
            format!("account {name}"),
            format!("account {name} -1"),
            format!("later {name} 5"),
            "account zz 5".to_owned(),
            format!("account {name}00 5"),
        ] {
            first.hear(&message);
        }
        assert_eq!(
            first.count(client, Cost::Account).unwrap().remaining,
            ACCOUNT.quota - 1
        );
        assert_eq!(
            first.hear(&format!("account {name} 4000000000")),
            u64::from(ACCOUNT.quota)
        );
        let alone = RateLimiter::new(true);
        alone.count(client, Cost::Account).unwrap();
        assert!(
            alone.take_untold().is_empty(),
            "one that is alone remembers nothing"
        );
    }
}
