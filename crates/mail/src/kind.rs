//! What sorts of mail there are.

store::text_enum! {
    /// Every sort of mail that the program writes: there is no other, so that whoever shows, judges or counts them can be
    /// asked for each. Whether one is bulk is said by [`crate::Draft::list`].
    pub enum MailKind {
        /// Proof of an account's address.
        VerifyEmail = "verify_email",
        /// Somebody registered with an address that has an account.
        AccountExists = "account_exists",
        /// A new password is asked for.
        ResetPassword = "reset_password",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// Somebody signed in from a new place.
        NewSignIn = "new_sign_in",
        /// Signing in asks for a code from now on.
        SecondFactorOn = "second_factor_on",
        /// Signing in asks for no code any more.
        SecondFactorOff = "second_factor_off",
        /// A passkey signs in to the account from now on.
        PasskeyAdded = "passkey_added",
        /// A passkey does not any more.
        PasskeyRemoved = "passkey_removed",
        /// An identity provider signs in to the account from now on.
        ProviderConnected = "provider_connected",
        /// An identity provider does not any more.
        ProviderDisconnected = "provider_disconnected",
        /// Another address for the account; to both of them.
        EmailChange = "email_change",
        /// To work for an employer.
        Invitation = "invitation",
        /// Does a domain belong to an employer?
        DomainProof = "domain_proof",
        /// The proof of a domain is gone.
        DomainLost = "domain_lost",
        /// An employer could be yours.
        OwnershipOffered = "ownership_offered",
        /// You offered an employer to somebody.
        OwnershipOfferMade = "ownership_offer_made",
        /// An employer has another owner.
        OwnershipChanged = "ownership_changed",
        /// Postings end within a week.
        PostingEnds = "posting_ends",
        /// What a moderator decided about a posting that waited.
        PostingReview = "posting_review",
        /// What a moderator decided about a posting that readers reported.
        PostingModerated = "posting_moderated",
        /// A webhook was switched off.
        WebhookDisabled = "webhook_disabled",
        /// Proof of the address that wants a seat.
        EventConfirm = "event_confirm",
        /// A seat, or a place on the waiting list.
        EventSeat = "event_seat",
        /// An event is at another time or place, or called off.
        EventNews = "event_news",
        /// Proof of the address that wants an alert.
        AlertConfirm = "alert_confirm",
        /// What an instant alert found.
        AlertInstant = "alert_instant",
        /// What a daily or weekly alert found.
        AlertDigest = "alert_digest",
        /// Is the alert still of use?
        AlertKeep = "alert_keep",
    }
}
