//! Subscriptions, the match pass, digests and alert mails
