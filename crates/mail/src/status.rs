//! What an enhanced status code (RFC 3463) says about an address.

/// A code such as `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    class: u8,
    subject: u16,
    detail: u16,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Status {
    /// The code at the beginning of `text`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let mut numbers = word.split('.');
        let mut number = || {
            let digits = numbers.next()?;
            let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let (class, subject, detail) = (number()?, number()?, number()?);
        let class = match class {
            2 => 2,
            4 => 4,
            5 => 5,
            _ => return None,
        };
        numbers.next().is_none().then_some(Self {
            class,
            subject,
            detail,
        })
    }

    /// Whether it is for good.
    pub(crate) fn is_permanent(self) -> bool {
        self.class == 5
    }

    /// Whether it says for good that this mailbox or its domain takes no mail. Not that it is full (5.2.2), that the mail
    /// is too long (5.2.3, 5.3.4), that somebody does not like us (5.7.x, 5.1.7, 5.1.8) or that time ran out (5.4.7).
    pub(crate) fn ends_the_mailbox(self) -> bool {
        self.class == 5
            && matches!(
                (self.subject, self.detail),
                (0, 0) | (1, 0 | 1 | 2 | 3 | 4 | 6 | 10) | (2, 0 | 1) | (4, 4)
            )
    }
}

/// Whether the reply of a server to RCPT TO, without its three digits, says that the mailbox takes no mail for good.
pub(crate) fn is_about_the_mailbox(reply: &str) -> bool {
    // 5.0.0 in a conversation is any refusal; in a report the other side had more time to find words.
    Status::parse(reply).is_some_and(|status| status.ends_the_mailbox() && status.subject != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_mailbox_ends_it() {
        for ended in [
            "5.1.1 no such user",
            "5.1.10 null MX",
            "5.2.1",
            "5.2.0 mailbox",
            "5.4.4 no route",
        ] {
            assert!(is_about_the_mailbox(ended), "{ended}");
        }
        for kept in [
            "4.1.1 later",
            "5.7.1 policy",
            "5.2.2 full",
            "5.1.8 bad sender",
            "5.1.7 bad sender",
            "5.3.4 too big",
            "no",
            "",
            "5.1",
            "5.1.1.1 x",
            "5..1 x",
            "5.1.1111 x",
            "9.1.1 x",
            "550 5.1.1",
            "5.0.0 no",
        ] {
            assert!(!is_about_the_mailbox(kept), "{kept}");
        }
        assert!(Status::parse("5.0.0").unwrap().ends_the_mailbox(), "in a report");
    }
}
