use super::*;

fn shown(raw: &str) -> String {
    let resolved = Gazetteer::bundled().resolve(raw);
    let places: Vec<String> = resolved.places.iter().map(Place::label).collect();
    let mut out = places.join("; ");
    if resolved.remote {
        out.push_str(" +remote[");
        out.push_str(&resolved.remote_from.join(" "));
        out.push(']');
    }
    if resolved.hybrid {
        out.push_str(" +hybrid");
    }
    out.trim().to_owned()
}

#[test]
fn location_strings_as_employers_write_them_are_read() {
    let table = [
        ("Austin, TX", "Austin, TX, US"),
        (
            "San Francisco, CA; New York, NY",
            "San Francisco, CA, US; New York City, NY, US",
        ),
        (
            "San Francisco; New York City; Seattle",
            "San Francisco, CA, US; New York City, NY, US; Seattle, WA, US",
        ),
        ("Remote (United States | Canada)", "+remote[US CA]"),
        ("Remote - US", "+remote[US]"),
        ("US-TX-Austin", "Austin, TX, US"),
        ("US, CA, Santa Clara", "Santa Clara, CA, US"),
        ("Pleasanton, California, USA HQ", "Pleasanton, CA, US"),
        ("Singapore Office", "Singapore, SG"),
        ("London, England, United Kingdom", "London, England, GB"),
        ("München", "Munich, Bavaria, DE"),
        ("Bay Area", "San Francisco Bay Area, CA, US"),
        (
            "SF Bay Area, CA / Remote",
            "San Francisco Bay Area, CA, US +remote[]",
        ),
        ("4 Locations", ""),
        ("NYC", "New York City, NY, US"),
        ("Ashburn, VA", "Ashburn, VA, US"),
        ("Quincy, WA", "Quincy, WA, US"),
        ("The Dalles, Oregon", "The Dalles, OR, US"),
        ("Boydton, VA", "Boydton, VA, US"),
        ("Berlin, DE", "Berlin, State of Berlin, DE"),
        ("Wilmington, DE", "Wilmington, DE, US"),
        ("Toronto, CA", "Toronto, ON, CA"),
        ("Toronto, Ontario, Canada", "Toronto, ON, CA"),
        ("Bangalore, India", "Bengaluru, Karnataka, IN"),
        ("Bengaluru, Karnataka, India", "Bengaluru, Karnataka, IN"),
        ("New York, New York, United States", "New York City, NY, US"),
        ("New York, US, New York", "New York City, NY, US"),
        ("Redwood City, US, California", "Redwood City, CA, US"),
        ("Dublin, D, IE", "Dublin, Leinster, IE"),
        ("Australia, Sydney", "Sydney, NSW, AU"),
        ("California - San Francisco", "San Francisco, CA, US"),
        (
            "Dubai, London, Paris, Hong Kong",
            "Dubai, Dubai, AE; London, England, GB; Paris, Île-de-France, FR; Hong Kong, HK",
        ),
        ("Washington, DC", "Washington, DC, US"),
        ("Washington D.C.", "Washington, DC, US"),
        ("Redmond, Washington, USA", "Redmond, WA, US"),
        ("Nowhereville, TX", "Nowhereville, TX, US"),
        ("Nowhereville, Texas, United States", "Nowhereville, TX, US"),
        ("Nowhereville, Germany", "Nowhereville, DE"),
        ("Chicago, IL (Hybrid)", "Chicago, IL, US +hybrid"),
        ("Europe (Full Remote)", "+remote[EUROPE]"),
        ("Remote, EMEA", "+remote[EMEA]"),
        ("Remote", "+remote[]"),
        ("Anywhere (USA)", "+remote[US]"),
        ("Hybrid", "+hybrid"),
        ("Texas", "TX, US"),
        ("Germany", "DE"),
        (
            "Livingston, NJ / New York, NY / Sunnyvale, CA",
            "Livingston, NJ, US; New York City, NY, US; Sunnyvale, CA, US",
        ),
        ("Annapolis Junction, MD", "Annapolis Junction, MD, US"),
        ("Austin TX", "Austin, TX, US"),
        ("Toronto Canada", "Toronto, ON, CA"),
        ("San Francisco-Hybrid", "San Francisco, CA, US +hybrid"),
        ("Remote / Australia", "+remote[AU]"),
        ("Home based - Worldwide", "+remote[WORLDWIDE]"),
        ("Various Locations within Korea (Republic of)", "KR"),
        (
            "Sydney, Australia | Remote-Friendly, Australia",
            "Sydney, NSW, AU +remote[AU]",
        ),
        ("Netherlands", "NL"),
        ("United States- Tupelo, Mississippi", "Tupelo, MS, US"),
        ("Headquarters", ""),
        ("", ""),
    ];
    for (raw, expected) in table {
        assert_eq!(shown(raw), expected, "{raw}");
    }
}

#[test]
fn a_place_typed_by_a_person_is_found() {
    let find = |text: &str| {
        Gazetteer::bundled()
            .find(text)
            .map(|place| place.label())
            .unwrap_or_default()
    };
    for (text, expected) in [
        ("Austin,TX", "Austin, TX, US"),
        ("austin", "Austin, TX, US"),
        ("austin tx", "Austin, TX, US"),
        ("Berlin, DE", "Berlin, State of Berlin, DE"),
        ("berlin germany", "Berlin, State of Berlin, DE"),
        ("Paris", "Paris, Île-de-France, FR"),
        ("paris texas", "Paris, TX, US"),
        ("new york", "New York City, NY, US"),
        ("zürich", "Zürich, Zurich, CH"),
        ("germany", "DE"),
        ("UK", "GB"),
        ("texas", "TX, US"),
        ("bay area", "San Francisco Bay Area, CA, US"),
        ("nova", "Northern Virginia, VA, US"),
        ("san jose", "San Jose, CA, US"),
        ("singapore", "Singapore, SG"),
        ("qwertyuiop", ""),
        ("", ""),
    ] {
        assert_eq!(find(text), expected, "{text}");
    }
}

#[test]
fn a_found_city_has_a_point_on_the_map() {
    let austin = Gazetteer::bundled().find("Austin, TX").unwrap();
    let point = (austin.latitude.unwrap(), austin.longitude.unwrap());
    assert!(crate::distance_km(point, (30.267, -97.743)) < 2.0);
}

#[test]
fn countries_have_names_and_codes() {
    let gazetteer = Gazetteer::bundled();
    assert_eq!(gazetteer.country_name("DE"), Some("Germany"));
    assert!(gazetteer.is_country("US") && !gazetteer.is_country("ZZ") && !gazetteer.is_country("us"));
    assert_eq!(gazetteer.country_code("usa").as_deref(), Some("US"));
    assert!(gazetteer.countries().count() > 240);
}

#[test]
fn completion_gives_the_most_populous_first() {
    let labels: Vec<String> = Gazetteer::bundled()
        .complete("aust", 5)
        .into_iter()
        .map(|place| place.label)
        .collect();
    assert!(
        labels.contains(&"Australia".to_owned()) && labels.contains(&"Austin, TX, US".to_owned()),
        "{labels:?}"
    );
    assert_eq!(Gazetteer::bundled().complete("", 5), Vec::new());
    assert_eq!(Gazetteer::bundled().complete("san", 3).len(), 3);
}

#[test]
fn odd_strings_do_not_break_the_reader() {
    for raw in [
        "-",
        ",,,",
        "()",
        "/",
        "- - -",
        "🙂",
        "日本",
        "a,b,c,d,e,f,g",
        "Remote;Remote;;",
        "US-",
        "–",
    ] {
        let _ = Gazetteer::bundled().resolve(raw);
        let _ = Gazetteer::bundled().find(raw);
        let _ = Gazetteer::bundled().complete(raw, 3);
    }
}
