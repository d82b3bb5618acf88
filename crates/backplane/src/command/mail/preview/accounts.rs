//! The mails of accounts.

use accounts::{Letters, NewEmployer, NewInvitation, Registration, Role};
use anyhow::Result;
use mail::EmailAddress;

use super::Stage;

/// Plays what makes every mail of an account.
pub(super) fn write_mails(stage: &Stage) -> Result<()> {
    let letters = Letters {
        config: &stage.config,
        random: &stage.random,
    };
    let db = &stage.db;
    let rita: EmailAddress = "rita@fernhollow.example".parse()?;
    let registration = Registration {
        email: rita.clone(),
        name: "Rita Recruiter".to_owned(),
        // Nobody signs in here, so it need not be a real hash.
        password_hash: "none".to_owned(),
    };
    db.write_blocking(|tx| accounts::register(tx, &registration, letters, stage.now()))?;
    let token = stage.last_token(&rita)?;
    let user = db.write_blocking(|tx| accounts::verify_email(tx, &token, stage.now()))?;
    db.write_blocking(|tx| accounts::register(tx, &registration, letters, stage.now()))?;
    db.write_blocking(|tx| accounts::request_password_reset(tx, &rita, letters, stage.now()))?;
    let token = stage.last_token(&rita)?;
    db.write_blocking(|tx| accounts::reset_password(tx, &token, "none", letters, stage.now()))?;
    let new = NewEmployer {
        name: "Fernhollow Silicon & Söhne".to_owned(),
        website: None,
        description_html: String::new(),
        headquarters: None,
        employees: None,
    };
    let employer = db.write_blocking(|tx| {
        accounts::create_employer(tx, Some(user.id), &new, &stage.random, stage.now())
    })?;
    let invitation = NewInvitation {
        email: "tariq@fernhollow.example".parse()?,
        role: Role::Recruiter,
    };
    db.write_blocking(|tx| accounts::invite(tx, &employer, &invitation, &user, letters, stage.now()))?;
    Ok(())
}
