//! Randomness as a parameter.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use data_encoding::BASE64URL_NOPAD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Id, Timestamp};

/// A source of random bytes: the operating system's, or a seeded stream in tests.
#[derive(Debug)]
pub struct Random(Source);

#[derive(Debug)]
enum Source {
    System(SystemRandom),
    Seeded(Mutex<Box<ChaCha20Rng>>),
}

impl Random {
    /// Bytes from the operating system.
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// The same bytes for the same `seed`, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Mutex::new(Box::new(ChaCha20Rng::seed_from_u64(
            seed,
        )))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    #[expect(clippy::expect_used, reason = "a process without randomness must not go on")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System(system) => system
                .fill(&mut bytes)
                .expect("the operating system gives random bytes"),
            Source::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A new UUIDv7 (RFC 9562) whose time part is `now`.
    pub fn id(&self, now: Timestamp) -> Id {
        let millis = u64::try_from(now.micros() / 1000).unwrap_or(0);
        Id::from(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid())
    }

    /// A secret of 256 bits in URL-safe base64 (43 characters).
    pub fn token(&self) -> String {
        BASE64URL_NOPAD.encode(&self.bytes::<32>())
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.bytes())) / (f64::from(u32::MAX) + 1.0)
    }
}
