//! Secrets that are shown once and stored as hashes.

use aws_lc_rs::digest;

/// What is stored of a secret. A plain SHA-256 is enough: 256 random bits cannot be guessed.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes())
        .as_ref()
        .to_vec()
}
