//! The people who get mails, and where they work.

use accounts::{Employer, Letters, NewEmployer, NewInvitation, Registration, Role, User};
use anyhow::Result;
use mail::{EmailAddress, MailKind};

use super::Stage;

/// Who plays. Getting them onto the board writes the first mails.
pub(super) struct Cast {
    /// Owns the employer.
    pub(super) recruiter: User,
    /// Works for it.
    pub(super) colleague: User,
    /// Where both work.
    pub(super) employer: Employer,
}

impl Stage {
    /// What mails are written with.
    pub(super) fn letters(&self) -> Letters<'_> {
        Letters {
            config: &self.config,
            random: &self.random,
        }
    }

    fn sign_up(&self, email: &EmailAddress, name: &str) -> Result<User> {
        let registration = Registration {
            email: email.clone(),
            name: name.to_owned(),
            // Nobody signs in here, so it need not be a real hash.
            password_hash: "none".to_owned(),
        };
        self.db
            .write_blocking(|tx| accounts::register(tx, &registration, self.letters(), self.now()))?;
        let token = self.last_token(MailKind::VerifyEmail, email)?;
        Ok(self
            .db
            .write_blocking(|tx| accounts::verify_email(tx, &token, self.now()))?)
    }
}

/// Brings them onto the board: two accounts, an employer, an invitation.
pub(super) fn assemble(stage: &Stage) -> Result<Cast> {
    let (db, words) = (&stage.db, stage.words);
    let recruiter = stage.sign_up(&"rita@fernhollow.example".parse()?, words.recruiter)?;
    let new = NewEmployer {
        name: words.employer.to_owned(),
        website: Some("https://fernhollow.example".to_owned()),
        description_html: String::new(),
        headquarters: None,
        employees: None,
    };
    let employer = db.write_blocking(|tx| {
        accounts::create_employer(tx, Some(recruiter.id), &new, &stage.random, stage.now())
    })?;
    let invitation = NewInvitation {
        email: "tariq@fernhollow.example".parse()?,
        role: Role::Recruiter,
    };
    let invited = |tx: &mut _| {
        accounts::invite(
            tx,
            &employer,
            &invitation,
            &recruiter,
            stage.letters(),
            stage.now(),
        )
    };
    db.write_blocking(invited)?;
    let token = stage.last_token(MailKind::Invitation, &invitation.email)?;
    let colleague = stage.sign_up(&invitation.email, words.colleague)?;
    db.write_blocking(|tx| accounts::accept_invitation(tx, &token, &colleague, stage.now()))?;
    Ok(Cast {
        recruiter,
        colleague,
        employer,
    })
}
