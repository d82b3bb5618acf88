//! Mail as a ledger: outbox, delivery pass, transports, suppression
