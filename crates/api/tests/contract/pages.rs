//! Pages for people.

use api::on_both;
use api::testing::link_in;
use serde_json::json;

use crate::rtl_role;

on_both! {
    async fn a_reader_searches_and_opens_a_role(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme <Compute>").await;
        let id = app.publish(&owner, &employer, &rtl_role()).await;
        app.settle().await;
        let front = app.get("/?q=rtl&utm_source=news").send().await.expect(200);
        assert!(front.text.contains("Staff RTL Design Engineer") && front.text.contains("Acme &#60;Compute&#62;"), "{}", front.text);
        app.get("/?limit=9000").send().await.expect(400);
        let slug = app.get(&format!("/v1/postings/{id}")).send().await.expect(200).text_at("/slug");
        let page = app.get(&format!("/postings/{slug}?fbclid=1")).send().await.expect(200);
        assert!(page.text.contains("<strong>memory subsystem</strong>") && page.text.contains(&format!("href=\"/v1/postings/{id}/apply\"")));
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
        app.post(&format!("/v1/postings/{id}/close")).by(&owner).json(&json!({"reason": "filled"})).send().await.expect(200);
        let closed = app.get(&format!("/postings/{slug}")).send().await.expect(200);
        assert!(closed.text.contains("closed") && !closed.text.contains("/apply\""), "{}", closed.text);
        assert!(app.get("/robots.txt").send().await.expect(200).text.contains("Sitemap: https://board.example/sitemap.xml\n"));
        app.get("/postings/nothing").send().await.expect(404);
        let lost = app.get("/nothing").header("Accept", "text/html").send().await.expect(404);
        assert!(lost.header("content-type").unwrap().starts_with("text/html"));
    }

    async fn the_page_says_everything_that_the_employer_stated(app) {
        let owner = app.sign_up("owner@acme.example").await;
        let employer = app.found_employer(&owner, "Acme Compute").await;
        let mut role = rtl_role();
        let band = |min: u32, max: u32, whom: &str| json!({"min": min, "max": max, "currency": "USD", "period": "year", "applies_to": whom});
        for (field, value) in [
            ("pay", json!({"base": band(210_000, 290_000, "Austin"), "ranges": [band(230_000, 310_000, "San Jose")], "equity": {"kind": "rsu", "note": "over four years"},
                "bonus": {"max": 30_000, "currency": "USD", "period": "year"}, "sign_on": {"min": 20_000, "max": 20_000, "currency": "USD", "period": "year"},
                "shift_premium": {"min": 8, "max": 8, "currency": "USD", "period": "hour"}, "total": {"min": 350_000, "max": 600_000, "currency": "USD", "period": "year"}})),
            ("hardware", json!({"accelerators": ["TX-9"], "interconnects": ["optical ring"], "schedulers": ["Slurm"], "eda_flow": ["own flow"], "process_node": "3 nm",
                "cooling": ["liquid"], "rack_power_kw": 120.5, "fleet_size": "40,000 accelerators"})),
            ("work_pattern", json!({"on_call": true, "shift_pattern": "4 × 10 h nights", "travel_percent": 10, "site_days_per_week": 3, "physical_demands": "lifts of 20 kg"})),
            ("eligibility", json!({"export_control": "required", "clearance": "required", "us_person": "required", "citizenship": "not_needed", "sponsorship": "unknown", "relocation": "accepted"})),
            ("environment", json!(["on_premises", "air_gapped"])), ("benefits", json!(["Health insurance"])),
            ("process", json!({"stages": ["call", "design review"], "days_to_decision": 14})),
            ("disclosures", json!({"ai_screening": true, "vacancy": "existing"})),
            ("remote_utc_offsets", json!({"min": -8, "max": -5})), ("attributes", json!({"team_size": 9})),
            ("openings", json!(4)), ("filled", json!(1)),
        ] {
            role[field] = value;
        }
        let id = app.publish(&owner, &employer, &role).await;
        let slug = app.get(&format!("/v1/postings/{id}")).send().await.expect(200).text_at("/slug");
        let page = app.get(&format!("/postings/{slug}")).send().await.expect(200).text;
        for said in ["USD 210,000 – 290,000 a year (Austin)", "USD 230,000 – 310,000 a year (San Jose)", "bonus USD up to 30,000 a year", "sign-on USD 20,000 a year",
            "shift premium USD 8 an hour", "total USD 350,000 – 600,000 a year", "Restricted stock units (over four years)", "TX-9", "optical ring", "Slurm", "own flow", "3 nm",
            "liquid cooling", "120.5 kW a rack", "40,000 accelerators", "on call", "4 × 10 h nights", "3 days a week on site", "10% travel", "lifts of 20 kg",
            "export control: required", "security clearance: required", "US person: required", "citizenship: not needed", "relocation: accepted", "On premises, Air-gapped",
            "Health insurance", "call, then design review", "a decision within 14 days", "artificial intelligence screens", "for an existing vacancy", "UTC-8 to UTC-5",
            "team size: 9", "4, of which 1 filled"] {
            assert!(page.contains(said), "{said} in {page}");
        }
        assert!(!page.contains("sponsorship"), "what is unknown is not said");
        let ld = app.get(&format!("/v1/postings/{id}/jsonld")).send().await.expect(200).json;
        assert_eq!(ld["securityClearanceRequirement"], "security clearance: required");
        assert_eq!(ld["eligibilityToWorkRequirement"], "export control: required; US person: required; citizenship: not needed");
        assert_eq!((&ld["workHours"], &ld["physicalRequirement"], &ld["totalJobOpenings"]), (&json!("4 × 10 h nights"), &json!("lifts of 20 kg"), &json!(3)));
        // Google's rule: what the markup says stands on the page.
        for field in ["incentiveCompensation", "eligibilityToWorkRequirement"] {
            for part in ld[field].as_str().unwrap().split("; ") {
                assert!(page.contains(part), "{part} of {field}");
            }
        }
    }

    async fn the_account_page_runs_its_own_script_and_nothing_else(app) {
        for path in ["/account", "/sign-in/acme?code=%3Cscript%3E&state=x"] {
            let page = app.get(path).send().await.expect(200);
            let (_, script) = page.text.split_once("<script>").unwrap();
            let (script, rest) = script.split_once("</script>").unwrap();
            assert!(!rest.contains("<script") && !script.contains("innerHTML") && !script.contains("eval("));
            let hash = data_encoding::BASE64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes()).as_ref());
            let policy = page.header("content-security-policy").unwrap();
            assert_eq!(policy, format!(
                "default-src 'none'; style-src 'self'; script-src 'sha256-{hash}'; connect-src 'self'; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
            ));
            assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "the code goes to nobody");
            assert_eq!(page.header("cache-control"), Some("no-store"));
        }
    }

    async fn the_links_of_account_mails_lead_to_forms(app) {
        let form = "application/x-www-form-urlencoded";
        let body = json!({"email": "a@example.org", "password": "correct horse battery", "name": "A"});
        app.post("/v1/auth/register").json(&body).send().await.expect(202);
        let mail = app.mails().await.pop().unwrap().as_text();
        let link = link_in(&mail, "/verify-email").unwrap();
        assert!(app.get(&link).send().await.expect(200).text.contains("<form"));
        let token = format!("token={}", link.split_once("token=").unwrap().1);
        app.post("/verify-email").body(form, token.clone()).send().await.expect(200);
        app.post("/verify-email").body(form, token).send().await.expect(404);

        app.advance(jiff::SignedDuration::from_mins(20));
        assert!(app.get("/forgot-password").send().await.expect(200).text.contains("<form"));
        app.post("/forgot-password").body(form, "email=a%40example.org").send().await.expect(200);
        let mail = app.mails().await.pop().unwrap().as_text();
        let link = link_in(&mail, "/reset-password").unwrap();
        assert!(app.get(&link).send().await.expect(200).text.contains("<form"));
        let token = link.split_once("token=").unwrap().1;
        app.post("/reset-password").body(form, format!("token={token}&password=short")).send().await.expect(422);
        app.post("/reset-password").body(form, format!("token={token}&password=another+fine+phrase")).send().await.expect(200);
        let login = json!({"email": "a@example.org", "password": "another fine phrase"});
        app.post("/v1/auth/login").json(&login).send().await.expect(200);
        app.post("/reset-password").body(form, "password=x").send().await.expect(400);
    }
}
