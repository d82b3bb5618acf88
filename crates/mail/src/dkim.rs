//! DKIM signatures (RFC 6376, RFC 8463) over the final bytes: relaxed/relaxed, no `l=`.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64;
use store::Timestamp;

use crate::RenderError;

/// Headers that are signed when present.
const SIGNED: [&str; 13] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Precedence",
];

/// Named once more than they are present, so that nobody can add a second one.
const OVERSIGNED: [&str; 7] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
];

/// A key that signs mails, and where receivers find its public half: `{selector}._domainkey.{domain}`.
#[derive(Debug, Clone)]
pub struct DkimKey {
    selector: String,
    domain: String,
    secret: Secret,
}

#[derive(Debug, Clone)]
enum Secret {
    Rsa(Arc<RsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// How a key signs. Every receiver knows RSA; Ed25519 (RFC 8463) stands beside it, never alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DkimAlgorithm {
    /// RSA of 2048 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// A key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// Neither an RSA key of at least 2048 bits nor an Ed25519 key.
    #[error("a DKIM key must be an RSA key of 2048 bits or more, or an Ed25519 key, in PEM (PKCS#8)")]
    Key,
    /// A selector or domain that is not a DNS name.
    #[error("the selector and the domain of a DKIM key must be DNS names")]
    Name,
    /// No key came out.
    #[error("a key could not be made")]
    Generate,
}

impl DkimKey {
    /// A key from PEM text (PKCS#8, or PKCS#1 for RSA).
    pub fn from_pem(selector: &str, domain: &str, pem: &str) -> Result<Self, DkimError> {
        let base64: String = pem
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = BASE64.decode(base64.as_bytes()).map_err(|_| DkimError::Key)?;
        Self::from_der(selector, domain, &der)
    }

    /// A new key, and its PEM text (PKCS#8), which is a secret.
    pub fn generate(
        selector: &str,
        domain: &str,
        algorithm: DkimAlgorithm,
    ) -> Result<(Self, String), DkimError> {
        let der = match algorithm {
            DkimAlgorithm::Rsa => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| DkimError::Generate)?;
                let der: Result<Pkcs8V1Der<'_>, _> = key.as_der();
                der.map_err(|_| DkimError::Generate)?.as_ref().to_vec()
            }
            DkimAlgorithm::Ed25519 => {
                let key = Ed25519KeyPair::generate().map_err(|_| DkimError::Generate)?;
                let der = key.to_pkcs8v1().map_err(|_| DkimError::Generate)?;
                der.as_ref().to_vec()
            }
        };
        let base64 = BASE64.encode(&der);
        let lines: Vec<&str> = base64
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        Ok((Self::from_der(selector, domain, &der)?, pem))
    }

    fn from_der(selector: &str, domain: &str, der: &[u8]) -> Result<Self, DkimError> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_name = |text: &str| text.len() <= 200 && text.split('.').all(is_label);
        if !is_name(selector) || !is_name(domain) {
            return Err(DkimError::Name);
        }
        let secret = if let Ok(key) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            if key.public_modulus_len() < 256 {
                return Err(DkimError::Key);
            }
            Secret::Rsa(Arc::new(key))
        } else {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| DkimError::Key)?;
            Secret::Ed25519(Arc::new(key))
        };
        Ok(Self {
            selector: selector.to_owned(),
            domain: domain.to_owned(),
            secret,
        })
    }

    /// The TXT record that must stand at `{selector}._domainkey.{domain}`.
    pub fn dns_record(&self) -> String {
        match &self.secret {
            Secret::Rsa(key) => {
                let public: Result<PublicKeyX509Der<'_>, _> = key.public_key().as_der();
                let text = public.map(|der| BASE64.encode(der.as_ref())).unwrap_or_default();
                format!("v=DKIM1; k=rsa; p={text}")
            }
            Secret::Ed25519(key) => {
                format!(
                    "v=DKIM1; k=ed25519; p={}",
                    BASE64.encode(key.public_key().as_ref())
                )
            }
        }
    }

    /// Where the record must stand: `{selector}._domainkey.{domain}`.
    pub fn dns_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The record as a line of a zone file: a text in the DNS has at most 255 bytes, so a long one is several.
    pub fn zone_line(&self) -> String {
        let record = self.dns_record();
        let texts: Vec<String> = record
            .as_bytes()
            .chunks(250)
            .map(|text| format!("\"{}\"", String::from_utf8_lossy(text)))
            .collect();
        format!("{}. 3600 IN TXT ( {} )", self.dns_name(), texts.join(" "))
    }

    /// How it signs.
    pub fn kind(&self) -> DkimAlgorithm {
        match &self.secret {
            Secret::Rsa(_) => DkimAlgorithm::Rsa,
            Secret::Ed25519(_) => DkimAlgorithm::Ed25519,
        }
    }

    /// The domain that signs.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    fn algorithm(&self) -> &'static str {
        match &self.secret {
            Secret::Rsa(_) => "rsa-sha256",
            Secret::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, RenderError> {
        match &self.secret {
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .map_err(|_| RenderError::Signing)?;
                Ok(signature)
            }
            // RFC 8463: the signature is over the hash.
            Secret::Ed25519(key) => {
                let hash = digest::digest(&digest::SHA256, text);
                Ok(key.sign(hash.as_ref()).as_ref().to_vec())
            }
        }
    }
}

/// One `DKIM-Signature` header with CRLF for each key, over `headers` (name and whole text) and `body`.
pub(crate) fn sign(
    keys: &[DkimKey],
    headers: &[(&'static str, String)],
    body: &[u8],
    signed_at: Timestamp,
) -> Result<Vec<String>, RenderError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let body_hash = BASE64.encode(digest::digest(&digest::SHA256, &relaxed_body(body)).as_ref());
    keys.iter()
        .map(|key| signature(key, headers, &body_hash, signed_at))
        .collect()
}

fn signature(
    key: &DkimKey,
    headers: &[(&'static str, String)],
    body_hash: &str,
    signed_at: Timestamp,
) -> Result<String, RenderError> {
    let mut signed_text = String::new();
    let mut names = Vec::new();
    for name in SIGNED {
        if let Some((_, line)) = headers.iter().find(|(header, _)| *header == name) {
            signed_text.push_str(&relaxed_header(line));
            names.push(name);
        }
    }
    names.extend(OVERSIGNED);
    let unsigned = format!(
        "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={};\r\n s={}; t={};\r\n h={};\r\n bh={body_hash};\r\n b=",
        key.algorithm(),
        key.domain,
        key.selector,
        signed_at.seconds(),
        folded(&names.join(":"), ':'),
    );
    let own_line = relaxed_header(&format!("{unsigned}\r\n"));
    signed_text.push_str(own_line.trim_end_matches("\r\n"));
    let signature = BASE64.encode(&key.sign(signed_text.as_bytes())?);
    let lines: Vec<String> = signature
        .as_bytes()
        .chunks(72)
        .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
        .collect();
    Ok(format!("{unsigned}\r\n {}\r\n", lines.join("\r\n ")))
}

/// `text` with a line break after a `separator` wherever a line would get longer than 70 characters.
fn folded(text: &str, separator: char) -> String {
    let mut out = String::new();
    let mut width = 0;
    for part in text.split_inclusive(separator) {
        if width + part.len() > 70 {
            out.push_str("\r\n ");
            width = 0;
        }
        out.push_str(part);
        width += part.len();
    }
    out
}

/// RFC 6376, section 3.4.2: lower-case name, unfolded value, single spaces, CRLF at the end.
fn relaxed_header(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let words: Vec<&str> = value
        .split([' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
        .collect();
    format!("{}:{}\r\n", name.trim().to_ascii_lowercase(), words.join(" "))
}

/// RFC 6376, section 3.4.4: single spaces, none at line ends, no empty lines at the end.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut in_space = false;
        for &byte in line {
            if matches!(byte, b' ' | b'\t') {
                in_space = true;
                continue;
            }
            if in_space {
                out.push(b' ');
                in_space = false;
            }
            out.push(byte);
        }
        out.extend_from_slice(b"\r\n");
    }
    while out.ends_with(b"\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if out == b"\r\n" {
        out.clear();
    }
    out
}
