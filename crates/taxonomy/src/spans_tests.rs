use super::*;

fn spans(query: &str) -> Vec<String> {
    let found = Taxonomy::bundled().spans(query);
    let kind = |span: &Span| {
        serde_json::to_value(span.kind)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    found
        .iter()
        .map(|span| format!("{}={}:{}", &query[span.start..span.end], kind(span), span.ids[0]))
        .collect()
}

#[test]
fn a_typed_query_is_taken_apart() {
    assert_eq!(
        spans("senior rtl engineer austin remote"),
        [
            "senior=seniority:senior",
            "rtl engineer=specialty:rtl_design",
            "remote=workplace:remote"
        ]
    );
    assert_eq!(
        spans("Staff SRE, kubernetes"),
        [
            "Staff=seniority:staff",
            "SRE=specialty:sre",
            "kubernetes=skill:kubernetes"
        ]
    );
    assert_eq!(spans("dc tech"), ["dc tech=specialty:technicians"]);
    assert_eq!(
        spans("part-time pytorch"),
        ["part-time=employment_type:part_time", "pytorch=skill:pytorch"]
    );
    assert_eq!(spans("data centre"), ["data centre=discipline:data_center"]);
    assert_eq!(spans("systemverilog"), ["systemverilog=skill:systemverilog"]);
}

#[test]
fn an_abbreviation_and_its_full_form_are_one() {
    for (one, other) in [
        ("sre", "site reliability engineer"),
        ("dc tech", "data center technician"),
        ("dv", "design verification"),
        ("sta", "static timing analysis"),
        ("dft", "design for test"),
        ("pd", "physical design"),
        ("hpc", "high performance computing"),
        ("k8s", "kubernetes"),
        ("si/pi", "signal integrity"),
        ("bmc", "baseboard management controller"),
        ("tpm", "technical program management"),
        ("mlops", "machine learning operations"),
        ("rtl", "rtl design"),
    ] {
        let id = |query: &str| {
            Taxonomy::bundled()
                .spans(query)
                .first()
                .map(|span| span.ids[0].clone())
        };
        assert!(id(one).is_some(), "{one}");
        assert_eq!(id(one), id(other), "{one} / {other}");
    }
}

#[test]
fn look_alikes_and_strangers_give_nothing() {
    for query in [
        "soc 2",
        "washington dc",
        "vehicle fleet",
        "potato chips",
        "internal",
        "nurse",
        "",
        "   ",
        "日本",
    ] {
        assert_eq!(spans(query), Vec::<String>::new(), "{query}");
    }
}
