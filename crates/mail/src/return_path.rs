//! The envelope's sender of each mail, by which a report finds back to it (VERP).

use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, Encoding};
use store::Id;

use crate::links::TAG;
use crate::{EmailAddress, LinkKey};

/// What a token signs.
const PURPOSE: &str = "return_path";

/// An address whose local part carries a signed token: `board+TOKEN@example.com`.
///
/// The token is base32 in lower case (some servers change the case of a local part) of the mail's id and 96 bits of
/// HMAC-SHA256: 45 characters. Nobody can make one for a mail that they did not get.
#[derive(Debug, Clone)]
pub struct ReturnPath {
    address: EmailAddress,
    key: Arc<LinkKey>,
}

impl ReturnPath {
    /// Most characters of its part before the `@`: that part has 64 at most (RFC 5321, section 4.5.3.1.1).
    pub const LOCAL_CHARS: usize = 18;

    /// `address`, which must receive mail for any `+token`. `None` when there is no room: its part before the `@` has
    /// more than [`Self::LOCAL_CHARS`] characters.
    pub fn new(address: EmailAddress, key: Arc<LinkKey>) -> Option<Self> {
        let (local, _) = address.as_str().split_once('@')?;
        (local.len() <= Self::LOCAL_CHARS).then_some(Self { address, key })
    }

    /// The sender of the mail `id`.
    pub(crate) fn of(&self, id: Id) -> EmailAddress {
        let mut token = id.as_bytes().to_vec();
        token.extend_from_slice(&self.key.tag(PURPOSE, id));
        let token = BASE32_NOPAD.encode(&token).to_ascii_lowercase();
        let address = self.address.as_str();
        let (local, domain) = address.split_once('@').unwrap_or((address, ""));
        // Made of checked parts; were it ever refused, the plain address still is one.
        format!("{local}+{token}@{domain}")
            .parse()
            .unwrap_or_else(|_| self.address.clone())
    }

    /// The mail that `address` was the sender of, when it was made with our key.
    pub(crate) fn mail_of(&self, address: &str) -> Option<Id> {
        let (local, domain) = address.trim().rsplit_once('@')?;
        if !domain.eq_ignore_ascii_case(self.address.domain()) {
            return None;
        }
        let (_, token) = local.rsplit_once('+')?;
        let base32: &Encoding = &BASE32_NOPAD;
        let bytes = base32.decode(token.to_ascii_uppercase().as_bytes()).ok()?;
        let (id, tag) = bytes.split_first_chunk::<16>()?;
        let tag: &[u8; TAG] = tag.try_into().ok()?;
        let id = Id::from_bytes(*id);
        self.key.verify_tag(PURPOSE, id, tag).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Random;
    use store::testing::monday_morning;

    #[test]
    fn a_return_path_leads_to_its_mail_and_cannot_be_made_by_others() {
        let random = Random::seeded(1);
        let board: EmailAddress = "board@board.example".parse().unwrap();
        let path = ReturnPath::new(board.clone(), Arc::new(LinkKey::random(&random))).unwrap();
        let other = ReturnPath::new(board, Arc::new(LinkKey::random(&random))).unwrap();
        let id = random.id(monday_morning());
        let sender = path.of(id);
        let local = sender.as_str().split_once('@').unwrap().0;
        assert!(local.len() <= 64 && local.starts_with("board+"), "{local}");
        assert_eq!(path.mail_of(sender.as_str()), Some(id));
        assert_eq!(
            path.mail_of(&sender.as_str().to_ascii_uppercase()),
            Some(id),
            "in any case"
        );
        assert_eq!(other.mail_of(sender.as_str()), None);
        assert_eq!(
            path.mail_of(&sender.as_str().replace("board.example", "evil.example")),
            None
        );
        for at in 6..local.len() {
            let mut changed = sender.as_str().to_owned().into_bytes();
            changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(
                path.mail_of(&String::from_utf8(changed).unwrap()),
                None,
                "at {at}"
            );
        }
        for nonsense in [
            "",
            "@",
            "board@board.example",
            "board+@board.example",
            "board+ä@board.example",
        ] {
            assert_eq!(path.mail_of(nonsense), None);
        }
        let long: EmailAddress = "a-local-part-of-nineteen@board.example".parse().unwrap();
        assert!(ReturnPath::new(long, Arc::new(LinkKey::random(&random))).is_none());
    }
}
