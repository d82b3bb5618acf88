//! `backplane import`, as an operator runs it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Write as _;
use std::process::Stdio;

use board::{Board, Settings, eventually, on_both, run_to_end};
use serde_json::Value;

const ROWS: &str = concat!(
    r#"{"source":"t","source_id":"1","title":"Senior SRE, GPU Fleet","company":"Acme","locations":["Austin, TX"],"salary_raw":"$200K – $260K","description_text":"Run Kubernetes and Slurm."}"#,
    "\n",
    "{\"source\":\"t\", broken\n",
    r#"{"source":"t","source_id":"2","title":"","company":"Acme"}"#,
    "\n",
    "\n",
    r#"{"source":"t","source_id":"3","title":"Data Center Technician","company":"Acme","locations":["Ashburn, VA"],"description_html":"<p>Racks<script>x</script></p>"}"#,
    "\n",
);

fn counts(output: &std::process::Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{text}"))
}

on_both! {
    fn a_file_is_imported_once_and_damaged_lines_are_reported(settings) {
        let file = settings.file("rows.ndjson");
        std::fs::write(&file, ROWS).unwrap();
        let args = ["import", "--format", "ndjson", file.to_str().unwrap(), "--employer-from-company", "--json"];
        let first = run_to_end(&args, &settings);
        assert!(first.status.success());
        let words = String::from_utf8_lossy(&first.stderr).into_owned();
        let summary = counts(&first);
        assert_eq!((&summary["created"], &summary["rejected"]), (&2.into(), &2.into()), "{summary}");
        for line in ["2", "3"] {
            assert!(words.contains(&format!("line {line}")), "line {line} in {words}");
        }
        let second = counts(&run_to_end(&args, &settings));
        assert_eq!((&second["created"], &second["unchanged"]), (&0.into(), &2.into()), "{second}");

        let board = Board::start(settings);
        let found = board.get("/v1/search?q=k8s&facets=discipline").expect(200);
        assert_eq!(found.text_at("/data/0/title"), "Senior SRE, GPU Fleet", "synonyms are one word");
        let id = found.text_at("/data/0/id");
        let posting = board.get(&format!("/v1/postings/{id}")).expect(200);
        assert_eq!(posting.text_at("/seniority"), "senior");
        assert_eq!(posting.json["pay"]["base"]["max"], 260_000);
        assert_eq!(posting.text_at("/provenance/pay"), "carried");
        assert_eq!(posting.text_at("/provenance/seniority"), "inferred");
    }

    fn standard_input_is_unzipped_and_a_running_board_sees_the_rows(settings) {
        let board = Board::start(settings);
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(ROWS.as_bytes()).unwrap();
        let zipped = zipped.finish().unwrap();
        let mut command = board.settings().command(&["import", "-", "--employer", "fresh-employer", "--json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&zipped).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(counts(&output)["created"], 2);
        eventually("the rows in search", || {
            (board.get("/v1/search?employer=fresh-employer").json["total"] == 2).then_some(())
        });
    }
}

#[test]
fn what_cannot_be_read_ends_with_a_failure() {
    let settings = Settings::sqlite();
    let missing = run_to_end(
        &["import", "nowhere.ndjson", "--employer-from-company"],
        &settings,
    );
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.ndjson"));
    let dry = settings.file("rows.ndjson");
    std::fs::write(&dry, ROWS).unwrap();
    let output = run_to_end(
        &[
            "import",
            dry.to_str().unwrap(),
            "--employer-from-company",
            "--dry-run",
            "--json",
        ],
        &settings,
    );
    assert_eq!(counts(&output)["created"], 2);
    let again = run_to_end(
        &[
            "import",
            dry.to_str().unwrap(),
            "--employer-from-company",
            "--dry-run",
            "--json",
        ],
        &settings,
    );
    assert_eq!(counts(&again)["created"], 2, "a dry run writes nothing");
}
