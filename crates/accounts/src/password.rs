//! Passwords: what is accepted, and argon2id in a bounded pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use store::Random;
use tokio::sync::Semaphore;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane; about 20 ms.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at the same time: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;

/// Callers that may wait; the next one is told to come back later.
const WAITING: usize = 32;

/// Shortest and longest password, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// Words of which very common passwords are made, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Less than 8 characters.
    #[error("the password needs at least 8 characters")]
    TooShort,
    /// More than 256 characters; nothing is ever cut off silently.
    #[error("the password may have at most 256 characters")]
    TooLong,
    /// One of those that are tried first.
    #[error("this password is among those that are guessed first")]
    TooCommon,
    /// Made of words, names, dates or runs that a program guesses in less than 10^8 attempts.
    #[error("this password is easy to guess: make it longer, of words that do not belong together")]
    TooWeak,
}

/// Characters of which the strength is estimated: more cannot make it weaker, and the estimate grows with their square.
const ESTIMATED: usize = 64;

/// Checks a new password of somebody about whom `known` is known: address, name. Any characters are fine; there are no rules
/// about digits or signs (NIST SP 800-63B, 3.1.1.2). The strength is zxcvbn's estimate, 3 of 4 at least.
///
/// # Errors
/// The first problem.
pub fn check_password(password: &str, known: &[&str]) -> Result<(), PasswordProblem> {
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err(PasswordProblem::TooShort);
    }
    if length > *LENGTH.end() {
        return Err(PasswordProblem::TooLong);
    }
    if is_common(password) {
        return Err(PasswordProblem::TooCommon);
    }
    let estimated: String = password.chars().take(ESTIMATED).collect();
    let parts: Vec<&str> = known
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| part.chars().count() > 2)
        .chain(["backplane"])
        .collect();
    if zxcvbn::zxcvbn(&estimated, &parts).score() < zxcvbn::Score::Three {
        return Err(PasswordProblem::TooWeak);
    }
    Ok(())
}

/// Whether the password is a common word with digits or signs around it, one character repeated, or a run such as
/// `abcdefgh` and `87654321`.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let without_leet: String = core
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            other => other,
        })
        .collect();
    let codes: Vec<u32> = lower.chars().map(u32::from).collect();
    let is_run = |step: i64| {
        codes
            .windows(2)
            .all(|w| matches!(w, [a, b] if i64::from(*b) - i64::from(*a) == step))
    };
    let few_kinds = lower.chars().collect::<std::collections::BTreeSet<_>>().len() <= 2;
    let is_digits = lower.chars().all(|c| c.is_ascii_digit()) && lower.len() <= 10;
    let is_word = COMMON
        .lines()
        .any(|word| word == lower || word == core || word == without_leet);
    is_word || is_run(0) || is_run(1) || is_run(-1) || few_kinds || is_digits
}

/// Nothing was checked or hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordUnavailable {
    /// Too many are waiting; come back in a second.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// Hashing failed or was interrupted; a bug or too little memory.
    #[error("the password could not be processed")]
    Failed,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password is the right one.
    pub matches: bool,
    /// Whether the stored hash was made with other parameters than today's and should be replaced.
    pub needs_rehash: bool,
}

/// Hashes and checks passwords on a few threads of its own, so that a crowd of logins cannot take the memory and the cores
/// of everything else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PasswordHasher(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    params: Params,
    random: Arc<Random>,
    permits: Arc<Semaphore>,
    inside: AtomicUsize,
    /// A hash of nothing: checking an unknown user's password costs the same.
    dummy: String,
}

impl PasswordHasher {
    /// A pool with OWASP's parameters.
    ///
    /// # Errors
    /// [`PasswordUnavailable::Failed`] when not even one hash can be made.
    pub fn new(random: Arc<Random>) -> Result<Self, PasswordUnavailable> {
        Self::with_cost(MEMORY_KIB, PASSES, random)
    }

    /// A pool with other parameters: memory in KiB and passes.
    pub fn with_cost(memory_kib: u32, passes: u32, random: Arc<Random>) -> Result<Self, PasswordUnavailable> {
        let params = Params::new(memory_kib, passes, LANES, None).map_err(|_| PasswordUnavailable::Failed)?;
        let dummy = hash_now(&params, "no such user", &random.bytes())?;
        let (permits, inside) = (Arc::new(Semaphore::new(AT_ONCE)), AtomicUsize::new(0));
        Ok(Self(Arc::new(Pool {
            params,
            random,
            permits,
            inside,
            dummy,
        })))
    }

    /// The hash of `password` in PHC form, with a salt of its own.
    pub async fn hash(&self, password: String) -> Result<String, PasswordUnavailable> {
        let salt = self.0.random.bytes();
        let params = self.0.params.clone();
        self.run(move || hash_now(&params, &password, &salt)).await
    }

    /// Whether `password` belongs to `hash`. Without a hash (no such user) it never does, after the same work.
    pub async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<Verified, PasswordUnavailable> {
        let pool = Arc::clone(&self.0);
        self.run(move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| pool.dummy.clone());
            let parsed = PasswordHash::new(&hash).map_err(|_| PasswordUnavailable::Failed)?;
            let matches = Argon2::default()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok();
            let needs_rehash = Params::try_from(&parsed).map_or(true, |used| !same_cost(&used, &pool.params));
            Ok(Verified {
                matches: matches && is_known,
                needs_rehash,
            })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordUnavailable> + Send + 'static,
    ) -> Result<T, PasswordUnavailable> {
        let place = Place::take(Arc::clone(&self.0))?;
        let permits = Arc::clone(&self.0.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| PasswordUnavailable::Failed)?;
        // Both go with the work: it cannot be stopped when its caller goes away, and still takes its core.
        let counted = move || {
            let _held = (place, permit);
            work()
        };
        tokio::task::spawn_blocking(counted)
            .await
            .map_err(|_| PasswordUnavailable::Failed)?
    }
}

fn same_cost(a: &Params, b: &Params) -> bool {
    (a.m_cost(), a.t_cost(), a.p_cost()) == (b.m_cost(), b.t_cost(), b.p_cost())
}

fn hash_now(params: &Params, password: &str, salt: &[u8; 16]) -> Result<String, PasswordUnavailable> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|_| PasswordUnavailable::Failed)?;
    Ok(hash.to_string())
}

/// A place among those that hash or wait, given up when dropped.
struct Place(Arc<Pool>);

impl Place {
    fn take(pool: Arc<Pool>) -> Result<Self, PasswordUnavailable> {
        let inside = pool.inside.fetch_add(1, Ordering::AcqRel);
        let place = Self(pool);
        if inside >= AT_ONCE + WAITING {
            return Err(PasswordUnavailable::Busy); // dropping `place` counts it out again
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}
