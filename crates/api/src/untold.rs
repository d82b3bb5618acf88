//! What clients spent of their budgets on this node, until other nodes are told.
//!
//! With N nodes that tell each other, a client gets its budget once; besides, what it spends elsewhere in the second until it
//! is told, and on each of the others at most a twentieth that is not worth telling. Nothing of it is stored: a message that
//! is lost costs one client's budget once more.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;

use crate::rate_limit::Policy;

/// What somebody is counted under: an address or the name of a client, or the id of an account or key.
pub(crate) type Name = [u8; 16];

/// Less than this share of a budget is not told.
const SHARE: u32 = 20;
/// Clients that are remembered at once.
const MOST_CLIENTS: usize = 50_000;
/// Clients that are told of at once, those that spent most first.
const MOST_TOLD: usize = 1200;
/// Clients in one message: PostgreSQL takes less than 8,000 bytes.
const IN_A_MESSAGE: usize = 120;

#[derive(Default)]
pub(crate) struct Untold(Mutex<HashMap<(&'static str, Name), Spent>>);

#[derive(Clone, Copy)]
struct Spent {
    count: u32,
    worth_telling: u32,
}

impl Untold {
    fn clients(&self) -> MutexGuard<'_, HashMap<(&'static str, Name), Spent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more request of `name`.
    pub(crate) fn add(&self, policy: Policy, name: Name) {
        let mut clients = self.clients();
        let key = (policy.name, name);
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(&key) {
            return;
        }
        let spent = clients.entry(key).or_insert(Spent {
            count: 0,
            worth_telling: (policy.quota / SHARE).max(1),
        });
        spent.count = spent.count.saturating_add(1);
    }

    /// Takes what is worth telling out, as messages.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut clients = self.clients();
        let mut told: Vec<((&'static str, Name), u32)> = clients
            .iter()
            .filter(|(_, spent)| spent.count >= spent.worth_telling)
            .map(|(key, spent)| (*key, spent.count))
            .collect();
        told.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
        told.truncate(MOST_TOLD);
        for (key, _) in &told {
            clients.remove(key);
        }
        drop(clients);
        told.chunks(IN_A_MESSAGE)
            .map(|part| {
                let mut message = String::new();
                for ((budget, name), count) in part {
                    // Writing into a string does not fail.
                    let _ = writeln!(message, "{budget} {} {count}", HEXLOWER.encode(name));
                }
                message
            })
            .collect()
    }

    /// Forgets what was too little to be told.
    pub(crate) fn forget(&self) {
        let mut clients = self.clients();
        clients.clear();
        clients.shrink_to_fit();
    }
}

/// Budget, name and requests of each line of a message; what is no such line is passed over.
pub(crate) fn read(message: &str) -> impl Iterator<Item = (&str, Name, u32)> {
    message.lines().take(IN_A_MESSAGE).filter_map(|line| {
        let mut words = line.split(' ');
        let (budget, name, count) = (words.next()?, words.next()?, words.next()?);
        let name = HEXLOWER.decode(name.as_bytes()).ok()?;
        Some((budget, name.try_into().ok()?, count.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_fit_and_hold_those_that_spent_most() {
        let untold = Untold::default();
        let policy = Policy {
            name: "holder-write",
            quota: 600,
            window_s: 60,
        };
        for n in 0..MOST_TOLD + 100 {
            let mut name = Name::default();
            name[..8].copy_from_slice(&n.to_be_bytes());
            let times = if n < 100 { 30 } else { 31 };
            (0..times).for_each(|_| untold.add(policy, name));
        }
        let messages = untold.take();
        assert_eq!(messages.len(), MOST_TOLD / IN_A_MESSAGE);
        assert!(messages.iter().all(|message| message.len() < 7900));
        let told: Vec<_> = messages.iter().flat_map(|message| read(message)).collect();
        assert_eq!(told.len(), MOST_TOLD);
        assert!(
            told.iter()
                .all(|(budget, _, count)| (*budget, *count) == ("holder-write", 31))
        );
        assert_eq!(
            untold.take().iter().flat_map(|message| read(message)).count(),
            100,
            "the others next time"
        );
    }
}
