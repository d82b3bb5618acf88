//! The cells of one row of a table, and what they say.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use taxonomy::{Currency, Gazetteer, PayPeriod};

use super::ats_pay::{period_in_words, period_of_amount};
use super::loose::{LooseText, parse_time};
use super::row::RowError;

/// Fields that a column can hold, and other names that columns have for them, in small letters and digits only.
pub(crate) const FIELDS: &[(&str, &[&str])] = &[
    (
        "title",
        &[
            "jobtitle",
            "position",
            "positiontitle",
            "role",
            "roletitle",
            "name",
            "titel",
            "stelle",
            "poste",
        ],
    ),
    (
        "source_id",
        &[
            "id",
            "jobid",
            "postingid",
            "reqid",
            "requisition",
            "requisitionid",
            "reference",
            "ref",
        ],
    ),
    ("external_id", &["internalid", "requisitionnumber", "reqnumber"]),
    ("source", &["system", "feed"]),
    (
        "company",
        &[
            "employer",
            "companyname",
            "employername",
            "organisation",
            "organization",
            "firma",
        ],
    ),
    (
        "url",
        &[
            "link",
            "applyurl",
            "applicationurl",
            "joburl",
            "postingurl",
            "applylink",
        ],
    ),
    ("apply_email", &["email", "applicationemail", "contactemail"]),
    (
        "location",
        &[
            "locations",
            "place",
            "office",
            "worklocation",
            "joblocation",
            "ort",
            "standort",
            "lieu",
        ],
    ),
    ("city", &["town", "stadt", "ville"]),
    ("region", &["state", "province", "county"]),
    ("country", &["countrycode", "land", "pays"]),
    ("remote", &["isremote", "remotework", "telecommute"]),
    (
        "workplace",
        &["workplacetype", "worktype", "workmodel", "locationtype"],
    ),
    (
        "employment_type",
        &["employment", "contracttype", "commitment", "jobtype", "schedule"],
    ),
    ("seniority", &["level", "experiencelevel", "joblevel"]),
    ("discipline", &["category", "field"]),
    ("specialties", &["specialty", "specialities"]),
    ("skills", &["skill", "tags", "keywords", "requirements"]),
    (
        "description",
        &[
            "text",
            "body",
            "jobdescription",
            "details",
            "summary",
            "beschreibung",
        ],
    ),
    (
        "salary",
        &[
            "pay",
            "compensation",
            "salaryrange",
            "payrange",
            "wage",
            "gehalt",
            "jahresgehalt",
            "gehaltsspanne",
        ],
    ),
    (
        "pay_min",
        &["salarymin", "minsalary", "salaryfrom", "minpay", "minimumsalary"],
    ),
    (
        "pay_max",
        &["salarymax", "maxsalary", "salaryto", "maxpay", "maximumsalary"],
    ),
    ("pay_currency", &["currency", "salarycurrency"]),
    (
        "pay_period",
        &["salaryperiod", "salaryinterval", "payinterval", "payunit", "rate"],
    ),
    (
        "posted_at",
        &[
            "posted",
            "dateposted",
            "posteddate",
            "publishedat",
            "published",
            "startdate",
            "created",
        ],
    ),
    (
        "expires_at",
        &[
            "expires",
            "expirydate",
            "validthrough",
            "deadline",
            "closingdate",
            "enddate",
        ],
    ),
    ("status", &["state", "postingstatus"]),
    (
        "openings",
        &["positions", "vacancies", "headcount", "numberofopenings"],
    ),
    ("benefits", &["perks"]),
];

/// The field that a column of this name holds, and whether the name is the field's own.
pub(crate) fn field_named(column: &str) -> Option<(&'static str, bool)> {
    let folded: String = column
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let own = FIELDS.iter().find(|(field, _)| field.replace('_', "") == folded);
    if let Some((field, _)) = own {
        return Some((field, true));
    }
    let other = FIELDS
        .iter()
        .find(|(_, names)| names.contains(&folded.as_str()))?;
    Some((other.0, false))
}

/// The cells of a row by field, each with the name of its column.
#[derive(Debug, Default)]
pub(crate) struct Cells(BTreeMap<String, (String, String)>);

impl Cells {
    /// Takes a cell; an empty one says nothing.
    pub(crate) fn put(&mut self, field: &str, column: &str, cell: &str) {
        let cell = cell.trim();
        if !cell.is_empty() {
            self.0
                .insert(field.to_owned(), (column.to_owned(), cell.to_owned()));
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|(_, cell)| cell.as_str())
    }

    /// What `read` makes of the cell, or an error that names its column.
    fn read<T>(&self, field: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, RowError> {
        let Some((column, cell)) = self.0.get(field) else {
            return Ok(None);
        };
        read(cell).map(Some).map_err(|detail| RowError {
            column: Some(column.clone()),
            ..RowError::new("value_invalid", format!("{cell:?}: {detail}"))
        })
    }

    fn list(&self, field: &str) -> Option<Vec<&str>> {
        let parts = self.text(field)?.split([',', ';', '|', '\n']);
        Some(parts.map(str::trim).filter(|part| !part.is_empty()).collect())
    }

    /// The row in the loose form.
    pub(crate) fn into_loose(self) -> Result<Map<String, Value>, RowError> {
        let mut loose = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                loose.insert(field.to_owned(), value);
            }
        };
        let plain = [
            "title",
            "source",
            "source_id",
            "external_id",
            "company",
            "location",
            "url",
            "workplace",
            "employment_type",
            "seniority",
            "discipline",
            "status",
        ];
        for field in plain {
            put(field, self.text(field).map(Value::from));
        }
        for field in ["skills", "specialties", "benefits"] {
            put(field, self.list(field).map(Value::from));
        }
        put("salary_raw", self.text("salary").map(Value::from));
        put("remote", self.read("remote", yes_or_no)?.map(Value::from));
        put("openings", self.read("openings", whole_number)?.map(Value::from));
        for field in ["posted_at", "expires_at"] {
            put(field, self.read(field, time)?.map(Value::from));
        }
        put("locations", self.place()?);
        put("pay", self.pay()?);
        put(
            "apply",
            self.text("apply_email")
                .map(|email| json!({ "email": email, "url": self.text("url") })),
        );
        if let Some(text) = self.text("description") {
            let is_html = ["</", "<p", "<br", "<li", "<ul"]
                .iter()
                .any(|tag| text.contains(tag));
            put(
                if is_html {
                    "description_html"
                } else {
                    "description"
                },
                Some(text.into()),
            );
        }
        Ok(loose)
    }

    fn place(&self) -> Result<Option<Value>, RowError> {
        let country = self.read("country", |cell| {
            let code = cell.to_uppercase();
            let gazetteer = Gazetteer::bundled();
            if gazetteer.is_country(&code) {
                return Ok(code);
            }
            gazetteer
                .country_code(cell)
                .ok_or_else(|| "no country of this name or code is known".to_owned())
        })?;
        let (city, region) = (self.text("city"), self.text("region"));
        let any = city.is_some() || region.is_some() || country.is_some();
        Ok(any.then(|| json!([{ "city": city, "region": region, "country": country }])))
    }

    fn pay(&self) -> Result<Option<Value>, RowError> {
        let (min, max) = (self.read("pay_min", amount)?, self.read("pay_max", amount)?);
        let Some(figure) = max.or(min) else {
            return Ok(None);
        };
        let currency = self.read("pay_currency", |cell| {
            cell.to_uppercase()
                .parse::<Currency>()
                .map_err(|_| "a currency such as USD".to_owned())
        })?;
        let period = self.read("pay_period", |cell| {
            let named = cell
                .to_lowercase()
                .parse::<PayPeriod>()
                .ok()
                .or_else(|| period_in_words(cell));
            named.ok_or_else(|| "hour, day, week, month or year".to_owned())
        })?;
        let (Some(currency), Some(period)) = (currency, period.or_else(|| period_of_amount(figure))) else {
            let held = self.0.get("pay_min").or_else(|| self.0.get("pay_max"));
            let detail = "an amount needs a currency, and a period where its size leaves a doubt";
            return Err(RowError {
                column: held.map(|(column, _)| column.clone()),
                ..RowError::new("value_missing", detail)
            });
        };
        Ok(Some(
            json!({ "base": { "min": min, "max": max, "currency": currency, "period": period } }),
        ))
    }
}

fn yes_or_no(cell: &str) -> Result<bool, String> {
    match cell.to_lowercase().as_str() {
        "yes" | "y" | "true" | "1" | "x" | "ja" | "oui" | "remote" => Ok(true),
        "no" | "n" | "false" | "0" | "-" | "nein" | "non" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

fn whole_number(cell: &str) -> Result<u32, String> {
    cell.parse().map_err(|_| "a whole number".to_owned())
}

/// "120,000", "120.000", "120 000,50", "120k", "$120,000".
fn amount(cell: &str) -> Result<f64, String> {
    let wrong = || "an amount such as 120000".to_owned();
    let lower = cell.to_lowercase();
    let (figure, factor) = match lower.strip_suffix('k') {
        Some(thousands) => (thousands, 1000.0),
        None => (lower.as_str(), 1.0),
    };
    let kept: String = figure
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        .collect();
    let is_clean = figure
        .chars()
        .all(|c| c.is_ascii_digit() || !c.is_alphanumeric() && c != '-');
    if !is_clean || kept.is_empty() {
        return Err(wrong());
    }
    let last = kept.rfind(['.', ',']);
    let is_decimal = last.is_some_and(|at| {
        let separator = kept.as_bytes()[at];
        let is_only = kept.bytes().filter(|b| *b == separator).count() == 1;
        is_only && kept.len() - at - 1 != 3
    });
    let digits = |text: &str| text.replace(['.', ','], "");
    let number = match last.filter(|_| is_decimal) {
        Some(at) => format!("{}.{}", digits(&kept[..at]), &kept[at + 1..]),
        None => digits(&kept),
    };
    number
        .parse::<f64>()
        .map(|number| number * factor)
        .map_err(|_| wrong())
}

/// A time or a date as people write it; one that can be two dates is refused.
fn time(cell: &str) -> Result<String, String> {
    if parse_time(&LooseText::Text(cell.to_owned())).is_some() {
        return Ok(cell.to_owned());
    }
    let wrong = || "a date such as 2026-11-23".to_owned();
    let separator = ['.', '/', '-']
        .into_iter()
        .find(|c| cell.contains(*c))
        .ok_or_else(wrong)?;
    let parts: Vec<i16> = cell
        .split(separator)
        .map(|part| part.trim().parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let [first, second, year] = parts.as_slice() else {
        return Err(wrong());
    };
    // Only the slash is written in both orders.
    let (day, month) = match (separator, first, second) {
        ('/', first, second) if *first <= 12 && *second <= 12 && first != second => {
            return Err(format!(
                "this can be two dates; write {year}-{first:02}-{second:02} or {year}-{second:02}-{first:02}"
            ));
        }
        ('/', first, second) if *second > 12 => (second, first),
        (_, first, second) => (first, second),
    };
    let date = Date::new(*year, *month as i8, *day as i8).map_err(|_| wrong())?;
    Ok(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let cases = [
            ("120000", 120_000.0),
            ("$120,000", 120_000.0),
            ("120.000 €", 120_000.0),
            ("1,234,567", 1_234_567.0),
            ("120 000,50", 120_000.5),
            ("48.5", 48.5),
            ("120k", 120_000.0),
            ("1.234,5", 1234.5),
        ];
        for (cell, expected) in cases {
            assert_eq!(amount(cell), Ok(expected), "{cell}");
        }
        for cell in ["plenty", "", "-5", "12e4", "100-120"] {
            assert!(amount(cell).is_err(), "{cell}");
        }
    }

    #[test]
    fn dates_are_read_in_both_orders_where_there_is_no_doubt() {
        assert_eq!(time("2026-11-23").unwrap(), "2026-11-23");
        assert_eq!(time("23.11.2026").unwrap(), "2026-11-23");
        assert_eq!(time("11/23/2026").unwrap(), "2026-11-23");
        assert_eq!(time("23/11/2026").unwrap(), "2026-11-23");
        assert_eq!(time("05/05/2026").unwrap(), "2026-05-05");
        assert!(
            time("05/06/2026")
                .unwrap_err()
                .contains("2026-05-06 or 2026-06-05")
        );
        for cell in ["soon", "2026", "32.1.2026", "1.13.2026"] {
            assert!(time(cell).is_err(), "{cell}");
        }
    }
}
