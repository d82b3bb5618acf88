//! Secrets that lie in the database so that the database alone does not give them away.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use store::{Id, Random};

use crate::LinkKey;

impl LinkKey {
    /// `secret` so that only this key opens it, for the same `purpose` and `owner`: nonce, then AES-256-GCM. `None` when
    /// the cipher refuses to work, which it has no reason to.
    pub fn seal(&self, purpose: &str, owner: Id, secret: &[u8], random: &Random) -> Option<Vec<u8>> {
        let nonce = random.bytes::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        self.sealing_key(purpose)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// What [`LinkKey::seal`] sealed; `None` when the key, the purpose or the owner is another.
    pub fn open(&self, purpose: &str, owner: Id, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self
            .sealing_key(purpose)?
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut rest)
            .ok()?;
        Some(opened.to_vec())
    }

    fn sealing_key(&self, purpose: &str) -> Option<LessSafeKey> {
        let bytes = digest::digest(&digest::SHA256, self.derive(purpose, "seal").as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_ref()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn a_sealed_secret_opens_for_its_key_purpose_and_owner_only() {
        let random = Random::seeded(1);
        let (key, other_key) = (LinkKey::random(&random), LinkKey::random(&random));
        let (owner, other) = (random.id(monday_morning()), random.id(monday_morning()));
        let sealed = key.seal("webhook", owner, b"whsec_x", &random).unwrap();
        assert_eq!(key.open("webhook", owner, &sealed).unwrap(), b"whsec_x");
        assert!(!sealed.windows(7).any(|window| window == b"whsec_x"));
        assert_ne!(key.seal("webhook", owner, b"whsec_x", &random).unwrap(), sealed);
        assert_eq!(key.open("totp", owner, &sealed), None);
        assert_eq!(key.open("webhook", other, &sealed), None);
        assert_eq!(other_key.open("webhook", owner, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("webhook", owner, &changed), None, "byte {at}");
            assert_eq!(key.open("webhook", owner, &sealed[..at]), None, "cut at {at}");
        }
    }
}
