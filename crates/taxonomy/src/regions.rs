//! Groups of countries, and distances.

/// Words for groups of countries: the identifier that answers carry, how people write it (folded), its members.
pub(crate) struct Group {
    pub(crate) id: &'static str,
    pub(crate) names: &'static [&'static str],
    /// Member groups by id and countries by two-letter code, separated by spaces.
    members: &'static str,
}

const GROUPS: &[Group] = &[
    Group {
        id: "WORLDWIDE",
        names: &[
            "worldwide",
            "global",
            "globally",
            "anywhere",
            "world",
            "anylocation",
            "international",
        ],
        members: "*",
    },
    Group {
        id: "EU",
        names: &["eu", "europeanunion", "eucountries"],
        members: "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE",
    },
    Group {
        id: "EEA",
        names: &["eea", "europeaneconomicarea"],
        members: "EU IS LI NO",
    },
    Group {
        id: "EUROPE",
        names: &["europe", "eur", "europa", "europeanregion", "westerneurope"],
        members: "EEA CH GB UA RS BA ME MK AL MD XK AD MC SM VA JE GG IM GI FO BY TR",
    },
    Group {
        id: "DACH",
        names: &["dach"],
        members: "DE AT CH",
    },
    Group {
        id: "NORDICS",
        names: &["nordics", "nordic", "scandinavia"],
        members: "DK FI IS NO SE",
    },
    Group {
        id: "BENELUX",
        names: &["benelux"],
        members: "BE NL LU",
    },
    Group {
        id: "CEE",
        names: &["cee", "easterneurope", "centraleasterneurope"],
        members: "PL CZ SK HU RO BG SI HR EE LV LT RS UA",
    },
    Group {
        id: "MENA",
        names: &["mena", "middleeast", "middleeastnorthafrica", "gcc", "gulf"],
        members: "AE SA QA KW BH OM JO LB IL IQ EG MA TN DZ LY YE SY PS IR",
    },
    Group {
        id: "AFRICA",
        names: &["africa"],
        members: "ZA NG KE EG MA GH ET TZ UG RW SN CI CM TN DZ AO BW ZM ZW MZ NA MU MG ML BF BJ TG NE TD SD SS LY SO ER DJ GM GN GW SL LR CD CG GA GQ CF BI MW LS SZ CV SC KM ST MR EH",
    },
    Group {
        id: "EMEA",
        names: &["emea"],
        members: "EUROPE MENA AFRICA",
    },
    Group {
        id: "ASIA",
        names: &["asia"],
        members: "IN CN JP KR TW HK MO SG MY TH VN ID PH PK BD LK NP KH LA MM MN KZ UZ KG TJ TM BN BT MV AF TL",
    },
    Group {
        id: "APAC",
        names: &["apac", "asiapacific", "apj", "japac"],
        members: "ASIA AU NZ FJ PG",
    },
    Group {
        id: "ANZ",
        names: &["anz", "oceania"],
        members: "AU NZ",
    },
    Group {
        id: "SEA",
        names: &["southeastasia"],
        members: "SG MY TH VN ID PH KH LA MM BN",
    },
    Group {
        id: "NORTH_AMERICA",
        names: &["northamerica", "namer", "noram"],
        members: "US CA MX",
    },
    Group {
        id: "LATAM",
        names: &["latam", "latinamerica", "southamerica", "centralamerica"],
        members: "MX BR AR CL CO PE UY PY BO EC VE CR PA GT HN SV NI DO CU PR JM TT GY SR BZ HT",
    },
    Group {
        id: "AMER",
        names: &["amer", "americas", "theamericas", "ams"],
        members: "US CA LATAM",
    },
];

/// The group a folded word means, e.g. `europeanunion` → `EU`.
pub(crate) fn group_named(folded: &str) -> Option<&'static str> {
    GROUPS
        .iter()
        .find(|group| group.names.contains(&folded))
        .map(|group| group.id)
}

fn group(id: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.id.eq_ignore_ascii_case(id))
}

/// What people call a group of countries: `Europe` for `EUROPE`; what is an abbreviation, or no group, stays as it is.
pub fn region_label(id: &str) -> &str {
    match id {
        "WORLDWIDE" => "Worldwide",
        "EUROPE" => "Europe",
        "NORDICS" => "Nordics",
        "BENELUX" => "Benelux",
        "AFRICA" => "Africa",
        "ASIA" => "Asia",
        "SEA" => "Southeast Asia",
        "NORTH_AMERICA" => "North America",
        "LATAM" => "Latin America",
        "AMER" => "Americas",
        abbreviation => abbreviation,
    }
}

/// Whether `id` names a group of countries, such as `EU` or `WORLDWIDE`.
pub fn is_region(id: &str) -> bool {
    group(id).is_some()
}

/// Whether someone in `country` (two-letter code) may take work open to `region_or_country`: the code of that country, or
/// a group such as `EU`, `EMEA`, `APAC`, `LATAM`, `AMER` or `worldwide`. `UK` means `GB`. Unknown words cover nothing.
pub fn region_covers(region_or_country: &str, country: &str) -> bool {
    let country = if country.eq_ignore_ascii_case("uk") {
        "GB"
    } else {
        country
    };
    if country.len() != 2 {
        return false;
    }
    let wanted = if region_or_country.eq_ignore_ascii_case("uk") {
        "GB"
    } else {
        region_or_country
    };
    if wanted.eq_ignore_ascii_case(country) {
        return true;
    }
    let found = group(wanted).or_else(|| group_named(&crate::normalise::fold(wanted)).and_then(group));
    found.is_some_and(|group| holds(group, country, 0))
}

/// The groups of countries that cover `country` (two-letter code), such as `EU` and `WORLDWIDE` for `DE`.
pub fn groups_with(country: &str) -> impl Iterator<Item = &'static str> + '_ {
    let covers = |group: &&Group| holds(group, country, 0);
    GROUPS.iter().filter(covers).map(|group| group.id)
}

/// The countries of a group by two-letter code; empty for an unknown group and for `WORLDWIDE`, which has no list.
pub fn members_of(id: &str) -> Vec<&'static str> {
    fn add(of: &Group, to: &mut Vec<&'static str>, depth: u8) {
        for member in of.members.split(' ').filter(|member| *member != "*") {
            match group(member).filter(|_| member.len() > 2 || member == "EU") {
                Some(inner) if depth < 5 => add(inner, to, depth + 1),
                _ if !to.contains(&member) => to.push(member),
                _ => {}
            }
        }
    }
    let mut members = Vec::new();
    if let Some(found) = group(id) {
        add(found, &mut members, 0);
    }
    members
}

fn holds(outer: &Group, country: &str, depth: u8) -> bool {
    // The table nests three deep; the bound keeps a slip in it from becoming a loop.
    depth < 5
        && outer.members.split(' ').any(|member| {
            member == "*"
                || member.eq_ignore_ascii_case(country)
                || (member.len() > 2 || member == "EU")
                    && group(member).is_some_and(|inner| holds(inner, country, depth + 1))
        })
}

/// Great-circle distance between two points in degrees (latitude, longitude), in kilometres, on a sphere of radius
/// 6371.0088 km (haversine formula; within 0.6 % of the ellipsoid).
pub fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    const EARTH_RADIUS_KM: f64 = 6_371.008_8;
    let (latitude_a, latitude_b) = (a.0.to_radians(), b.0.to_radians());
    let half_latitude = (latitude_b - latitude_a) / 2.0;
    let half_longitude = (b.1 - a.1).to_radians() / 2.0;
    let chord =
        half_latitude.sin().powi(2) + latitude_a.cos() * latitude_b.cos() * half_longitude.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_covers_its_countries_and_no_others() {
        for (region, country, expected) in [
            ("EU", "DE", true),
            ("EU", "GB", false),
            ("EUROPE", "GB", true),
            ("EMEA", "DE", true),
            ("EMEA", "ZA", true),
            ("EMEA", "US", false),
            ("APAC", "IN", true),
            ("APAC", "AU", true),
            ("LATAM", "BR", true),
            ("AMER", "US", true),
            ("AMER", "BR", true),
            ("NORTH_AMERICA", "BR", false),
            ("US", "US", true),
            ("us", "US", true),
            ("US", "CA", false),
            ("UK", "GB", true),
            ("worldwide", "KE", true),
            ("WORLDWIDE", "US", true),
            ("nowhere", "US", false),
            ("EU", "", false),
        ] {
            assert_eq!(region_covers(region, country), expected, "{region} {country}");
        }
    }

    #[test]
    fn distances_follow_the_great_circle() {
        let (austin, dallas) = ((30.267, -97.743), (32.776, -96.797));
        assert!((distance_km(austin, dallas) - 293.0).abs() < 3.0);
        assert!(distance_km(austin, austin) < 1e-9);
        let (sydney, london) = ((-33.868, 151.207), (51.508, -0.126));
        assert!((distance_km(sydney, london) - 16_990.0).abs() < 60.0);
        assert!((distance_km((0.0, 179.9), (0.0, -179.9)) - 22.2).abs() < 0.2);
    }
}
