//! The mails about accounts and about who runs an employer.

use ::accounts::{
    Client, PasswordHasher, Registration, SignInDesk, Texts, TxtLookup, add_domain, confirm_by_mail,
    confirm_totp, disable_totp, domain_pass, enrol_totp, mail_proof, register, request_email_change,
    request_password_reset, reset_password, start_session, totp_code, write_ways_to_sign_in,
};
use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use mail::{EmailAddress, MailKind};

use super::{Cast, Stage};

/// Plays what makes every mail of an account.
pub(super) fn write_mails(stage: &Stage, cast: &Cast) -> Result<()> {
    let (db, user) = (&stage.db, &cast.recruiter);
    let known = Registration {
        email: user.email.clone(),
        name: user.name.clone(),
        password_hash: "none".to_owned(),
    };
    db.write_blocking(|tx| register(tx, &known, stage.letters(), stage.now()))?;
    db.write_blocking(|tx| request_password_reset(tx, &user.email, stage.letters(), stage.now()))?;
    let token = stage.last_token(MailKind::ResetPassword, &user.email)?;
    db.write_blocking(|tx| reset_password(tx, &token, "none", stage.letters(), stage.now()))?;
    sign_in(stage, cast)?;
    use_codes(stage, cast)?;
    let ways = (stage.words.place, stage.words.employer);
    db.write_blocking(|tx| write_ways_to_sign_in(tx, user, ways, stage.letters(), stage.now()))?;
    let elsewhere: EmailAddress = "rita@elsewhere.example".parse()?;
    db.write_blocking(|tx| request_email_change(tx, user, &elsewhere, stage.letters(), stage.now()))?;
    stage.name_last(MailKind::EmailChange, &elsewhere, "new")
}

/// Signs in from one place and then from another.
fn sign_in(stage: &Stage, cast: &Cast) -> Result<()> {
    let desk = SignInDesk {
        db: stage.db.clone(),
        // No password is checked here.
        hasher: PasswordHasher::with_cost(8, 1, stage.random.clone()).context("no password can be hashed")?,
        links: stage.links.clone(),
        mail: stage.config.clone(),
        random: stage.random.clone(),
    };
    for (network, agent) in [
        ("192.0.2.1", "Firefox"),
        (
            "198.51.100.1",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
    ] {
        let client = Client {
            network: Some(network.to_owned()),
            user_agent: Some(agent.to_owned()),
            is_counted: true,
        };
        stage
            .db
            .write_blocking(|tx| desk.meet(tx, &cast.recruiter, &client, stage.now()))?;
    }
    Ok(())
}

/// Switches the second factor on and off again.
fn use_codes(stage: &Stage, cast: &Cast) -> Result<()> {
    let (db, user, links) = (&stage.db, &cast.recruiter, &stage.links);
    let enrolment =
        db.write_blocking(|tx| enrol_totp(tx, user, "Board", links, &stage.random, stage.now()))?;
    let session = db.write_blocking(|tx| start_session(tx, user.id, None, &stage.random, stage.now()))?;
    let now = stage.now();
    let code = totp_code(&enrolment.secret, now).context("no code can be made")?;
    let recovery = db.write_blocking(|tx| {
        confirm_totp(tx, user, &code, session.session.id, links, stage.letters(), now)
    })?;
    let code = recovery.first().context("there are no recovery codes")?;
    db.write_blocking(|tx| disable_totp(tx, user, code, links, stage.letters(), stage.now()))?;
    Ok(())
}

/// Plays what makes every mail about domains and owners.
pub(super) fn write_team_mails(stage: &Stage, cast: &Cast) -> Result<()> {
    let (db, employer) = (&stage.db, &cast.employer);
    let domain = db
        .write_blocking(|tx| add_domain(tx, employer.id, "fernhollow.example", &stage.random, stage.now()))?;
    db.write_blocking(|tx| {
        mail_proof(
            tx,
            employer,
            domain.id,
            "postmaster",
            stage.letters(),
            stage.now(),
        )
    })?;
    let postmaster = "postmaster@fernhollow.example".parse()?;
    let token = stage.last_token(MailKind::DomainProof, &postmaster)?;
    db.write_blocking(|tx| confirm_by_mail(tx, &token, stage.now()))?;
    // A mailed proof is good for a year.
    let later = stage.now().plus(SignedDuration::from_hours(400 * 24));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(domain_pass(db, &NoRecords, &stage.config, &stage.random, later))?;
    let offer = |tx: &mut _| {
        ::accounts::offer_ownership(
            tx,
            employer,
            &cast.recruiter,
            cast.colleague.id,
            stage.letters(),
            stage.now(),
        )
    };
    db.write_blocking(offer)?;
    db.write_blocking(|tx| {
        ::accounts::accept_ownership(tx, employer, &cast.colleague, stage.letters(), stage.now())
    })?;
    Ok(())
}

/// A world in which no domain has records.
#[derive(Debug)]
struct NoRecords;

impl TxtLookup for NoRecords {
    fn texts<'a>(&'a self, _domain: &'a str) -> Texts<'a> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
