//! Links that act without a login.

use std::io;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use store::{Id, Random};

use crate::keyfile;

/// Bytes of the key and of a signature.
const SECRET: usize = 32;

/// Bytes of a short signature: 96 bits.
pub(crate) const TAG: usize = 12;

/// Signs ids for links in mails, such as unsubscribing: hard to forge, and good for as long as the key is.
///
/// A token is `base64url(id ‖ HMAC-SHA256(key, purpose ‖ 0 ‖ id))`, 64 characters. It shows no address.
pub struct LinkKey(hmac::Key);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// The key `data_dir/keys/links.key`, made at the first start. All nodes of one installation need the same file.
    ///
    /// # Errors
    /// When the file cannot be read or written, or does not hold 32 bytes.
    pub fn load_or_create(data_dir: &Path, random: &Random) -> io::Result<Self> {
        let path = data_dir.join("keys").join("links.key");
        let bytes = keyfile::load_or_create(&path, || Ok(random.bytes::<SECRET>().to_vec()))?;
        if bytes.len() != SECRET {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "links.key does not hold 32 bytes",
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A key for this process only, for tests.
    pub fn random(random: &Random) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random.bytes::<SECRET>()))
    }

    /// The token with which a link can do `purpose` to `id`.
    pub fn sign(&self, purpose: &str, id: Id) -> String {
        let mut token = id.as_bytes().to_vec();
        token.extend_from_slice(hmac::sign(&self.0, &signed_text(purpose, id)).as_ref());
        BASE64URL_NOPAD.encode(&token)
    }

    /// A secret of 256 bits (43 characters) that follows from `text`, but only for who has the key.
    pub fn derive(&self, purpose: &str, text: &str) -> String {
        let mut signed = purpose.as_bytes().to_vec();
        signed.extend_from_slice(b"\0\0");
        signed.extend_from_slice(text.as_bytes());
        BASE64URL_NOPAD.encode(hmac::sign(&self.0, &signed).as_ref())
    }

    /// A short signature of `id` for `purpose`, where a whole one has no room.
    pub(crate) fn tag(&self, purpose: &str, id: Id) -> [u8; TAG] {
        let signature = hmac::sign(&self.0, &signed_text(purpose, id));
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Whether `tag` is that of `id` for `purpose`; takes the same time for every wrong one.
    pub(crate) fn verify_tag(&self, purpose: &str, id: Id, tag: &[u8; TAG]) -> bool {
        verify_slices_are_equal(&self.tag(purpose, id), tag).is_ok()
    }

    /// The id in `token`, when this key signed it for `purpose`.
    pub fn verify(&self, purpose: &str, token: &str) -> Option<Id> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (id, signature) = bytes.split_first_chunk::<16>()?;
        let id = Id::from_bytes(*id);
        hmac::verify(&self.0, &signed_text(purpose, id), signature).ok()?;
        Some(id)
    }
}

fn signed_text(purpose: &str, id: Id) -> Vec<u8> {
    let mut text = purpose.as_bytes().to_vec();
    text.push(0);
    text.extend_from_slice(id.as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing::monday_morning;

    #[test]
    fn a_link_is_good_for_its_purpose_and_its_id_only() {
        let random = Random::seeded(1);
        let (key, other_key) = (LinkKey::random(&random), LinkKey::random(&random));
        let id = random.id(monday_morning());
        let token = key.sign("unsubscribe", id);
        assert_eq!(token.len(), 64);
        assert_eq!(key.verify("unsubscribe", &token), Some(id));
        assert_eq!(key.verify("manage", &token), None);
        assert_eq!(other_key.verify("unsubscribe", &token), None);
        assert_eq!(key.verify("unsubscribe", &token[..63]), None);
        assert_eq!(key.verify("unsubscribe", ""), None);
        for at in 0..64 {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                key.verify("unsubscribe", &String::from_utf8(changed).unwrap()),
                None,
                "at {at}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_outlives_a_restart_and_only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let random = Random::seeded(2);
        let id = random.id(monday_morning());
        let token = LinkKey::load_or_create(dir.path(), &random)
            .unwrap()
            .sign("manage", id);
        let again = LinkKey::load_or_create(dir.path(), &random).unwrap();
        assert_eq!(again.verify("manage", &token), Some(id));
        let mode = |path: &str| {
            std::fs::metadata(dir.path().join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!((mode("keys"), mode("keys/links.key")), (0o700, 0o600));
        assert_eq!(
            std::fs::read_dir(dir.path().join("keys")).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }
}
