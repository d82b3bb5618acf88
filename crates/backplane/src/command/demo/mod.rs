//! `backplane demo`: the whole journey over real HTTP, in a temporary directory that is thrown away.

mod talk;

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::command::serve::{self, Board, Role};
use crate::config::Config;

use talk::Talk;

/// Who posts.
const RECRUITER: &str = "rita@fernhollow.example";
/// Who looks.
const CANDIDATE: &str = "carl@candidate.example";

/// Plays the journey; status 0 only when each step held.
pub(super) fn run() -> Result<ExitCode> {
    let dir = tempfile::Builder::new()
        .prefix("backplane-demo-")
        .tempdir()
        .context("no temporary directory can be made")?;
    let config = settings(dir.path())?;
    println!(
        "A board on {} with everything in {}\n",
        config.public_url,
        dir.path().display()
    );
    let base = config.public_url.clone();
    let board = Board::open(config, Role::Node)?;
    board.load_samples()?;
    let db = board.db().clone();
    let runtime = serve::runtime()?;
    let running = runtime.block_on(async { board.start() })?;
    let outcome = journey(&Talk::new(base, db, runtime.handle().clone()));
    runtime.block_on(running.stop());
    runtime.shutdown_background();
    outcome?;
    println!("Every step held.");
    Ok(ExitCode::SUCCESS)
}

/// Settings of a board that touches nothing outside `dir`.
fn settings(dir: &Path) -> Result<Config> {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .context("no port is free")?
        .port();
    let dir = dir.join("data");
    let dir = Value::from(dir.to_str().context("the temporary directory is not UTF-8")?);
    let text = format!("data_dir = {dir}\n[server]\nbind = \"127.0.0.1:{port}\"\nworkers = 1\n");
    Ok(Config::from_text("demo", &text)?)
}

fn journey(talk: &Talk) -> Result<()> {
    let token = sign_up(talk)?;
    let employer = create_employer(talk, &token)?;
    let first = publish(talk, &token, &employer, &rtl_posting())?;
    find(talk, "staff rtl engineer austin", &first)?;
    subscribe(talk)?;
    let second = publish(talk, &token, &employer, &chiplet_posting())?;
    receive_alert(talk, &second)
}

fn sign_up(talk: &Talk) -> Result<String> {
    talk.step("A recruiter registers");
    let account =
        json!({"email": RECRUITER, "password": "correct horse battery staple", "name": "Rita Recruiter"});
    talk.post("/v1/auth/register", None, &account)?.expect(202)?;
    talk.step("The verification mail arrives");
    let mail = talk.next_mail(RECRUITER)?;
    talk.step("The code in it verifies the address and signs in");
    let answer = talk.post("/v1/auth/verify-email", None, &json!({"token": mail.token()?}))?;
    answer.expect(200)?.text("/access_token")
}

fn create_employer(talk: &Talk, token: &str) -> Result<String> {
    talk.step("She makes her employer's page");
    let employer = json!({"name": "Fernhollow Silicon", "website": "https://fernhollow.example"});
    talk.post("/v1/employers", Some(token), &employer)?
        .expect(201)?
        .text("/id")
}

/// A posting that was published.
struct Published {
    id: String,
    title: String,
}

fn publish(talk: &Talk, token: &str, employer: &str, posting: &Value) -> Result<Published> {
    talk.step("A posting is written …");
    let path = format!("/v1/employers/{employer}/postings");
    let draft = talk.post(&path, Some(token), posting)?;
    let draft = draft.expect(201)?;
    ensure!(
        draft.text("/status")? == "draft",
        "the new posting is not a draft"
    );
    let id = draft.text("/id")?;
    talk.step("… and published");
    let published = talk.post(&format!("/v1/postings/{id}/publish"), Some(token), &json!({}))?;
    let published = published.expect(200)?;
    ensure!(
        published.text("/status")? == "published",
        "the posting is not published"
    );
    let title = published.text("/title")?;
    Ok(Published { id, title })
}

fn find(talk: &Talk, words: &str, posting: &Published) -> Result<()> {
    talk.step("A candidate finds it among the samples");
    let path = format!("/v1/search?q={}&limit=3", words.replace(' ', "+"));
    let found = talk.until("the posting is not found", || {
        let answer = talk.get_quietly(&path)?;
        let is_there = answer.texts("/data", "/id").contains(&posting.id);
        Ok(is_there.then_some(answer))
    })?;
    found.show_search(&path);
    found.expect(200).map(|_| ())
}

fn subscribe(talk: &Talk) -> Result<()> {
    talk.step("He wants to hear of new ones, without an account");
    let alert = json!({"email": CANDIDATE, "query": {"q": "chiplet", "seniority": "principal"}, "frequency": "instant"});
    talk.post("/v1/alerts", None, &alert)?.expect(202)?;
    talk.step("He is asked whether that was him");
    let mail = talk.next_mail(CANDIDATE)?;
    talk.step("It was");
    let answer = talk.post("/v1/alerts/confirm", None, &json!({"token": mail.token()?}))?;
    let status = answer.expect(200)?.text("/status")?;
    ensure!(status == "confirmed", "the alert is {status}, not confirmed");
    Ok(())
}

fn receive_alert(talk: &Talk, posting: &Published) -> Result<()> {
    talk.step("The alert tells him about the new posting");
    let mail = talk.next_mail(CANDIDATE)?;
    ensure!(
        mail.says(&posting.title),
        "the alert does not name {}",
        posting.title
    );
    ensure!(
        !mail.says("Staff RTL Design Engineer"),
        "the alert names a posting it was not asked for"
    );
    talk.step("One click ends it");
    let path = mail.path_of("/v1/alerts/unsubscribe?token=")?;
    talk.post(&path, None, &json!({}))?.expect(200).map(|_| ())
}

fn rtl_posting() -> Value {
    json!({
        "title": "Staff RTL Design Engineer, Cache Coherence",
        "description": "Own the coherence fabric of our next accelerator, from microarchitecture to timing closure.\n\n\
            - SystemVerilog in production silicon\n- You have debugged a deadlock and enjoyed it",
        "discipline": "silicon", "specialties": ["rtl_design"], "seniority": "staff", "employment_type": "full_time",
        "workplace": "hybrid", "locations": [{"city": "Austin", "region": "TX", "country": "US"}], "openings": 4,
        "pay": {"base": {"min": 210_000, "max": 290_000, "currency": "USD", "period": "year"}, "equity": {"kind": "rsu"}},
        "apply": {"url": "https://fernhollow.example/apply/rtl"}
    })
}

fn chiplet_posting() -> Value {
    json!({
        "title": "Principal Chiplet Architect",
        "description": "Decide how our dies talk: UCIe, packaging, power delivery, and who may say no to whom.",
        "discipline": "silicon", "seniority": "principal", "employment_type": "full_time", "workplace": "hybrid",
        "locations": [{"city": "Austin", "region": "TX", "country": "US"}],
        "pay": {"base": {"min": 280_000, "max": 360_000, "currency": "USD", "period": "year"}},
        "apply": {"url": "https://fernhollow.example/apply/chiplet"}
    })
}
