use super::*;

fn shown(range: Option<PayRange>) -> String {
    let Some(range) = range else {
        return "none".to_owned();
    };
    let end = |amount: Option<Amount>| amount.map_or_else(|| "..".to_owned(), |a| a.to_string());
    format!(
        "{} {} {} {}",
        end(range.min),
        end(range.max),
        range.currency,
        range.period
    )
}

#[test]
fn pay_as_employers_write_it_is_read() {
    let table = [
        ("$210,000 - $290,000 a year", "210000 290000 USD year"),
        ("USD 48.50/hr", "48.50 48.50 USD hour"),
        ("€70k–90k", "70000 90000 EUR year"),
        ("€70-90k", "70000 90000 EUR year"),
        ("£60,000 per annum", "60000 60000 GBP year"),
        ("CA$120K", "120000 120000 CAD year"),
        ("CHF 130'000", "130000 130000 CHF year"),
        ("$159.1K – $218.8K • Offers Equity", "159100 218800 USD year"),
        ("$72K/yr - $90K/yr", "72000 90000 USD year"),
        ("$18.00 – $25.00 per hour", "18 25 USD hour"),
        ("$30 - $45/hr USD", "30 45 USD hour"),
        ("$67,895.00 - $113,159.00", "67895 113159 USD year"),
        ("70.000 € - 90.000 €", "70000 90000 EUR year"),
        ("65 000 € par an", "65000 65000 EUR year"),
        ("$120,000 to $150,000 CAD", "120000 150000 CAD year"),
        ("USD $180,000—$220,000", "180000 220000 USD year"),
        ("up to £80,000", ".. 80000 GBP year"),
        ("from $150k", "150000 .. USD year"),
        ("$150k+", "150000 .. USD year"),
        ("PLN 20 000 - 28 000 per month", "20000 28000 PLN month"),
        ("$5,500 per month", "5500 5500 USD month"),
        ("A$140,000 - A$160,000", "140000 160000 AUD year"),
        ("£550 per day", "550 550 GBP day"),
        ("$100K – $150K", "100000 150000 USD year"),
        ("$2,100 per week", "2100 2100 USD week"),
    ];
    for (text, expected) in table {
        assert_eq!(shown(parse_pay(text)), expected, "{text}");
    }
}

#[test]
fn other_money_and_other_numbers_are_not_pay() {
    for text in [
        "$400M raised",
        "we raised $400 million",
        "$5B",
        "401(k)",
        "401(k) match of 4%",
        "0.01% – 0.05%",
        "10,000 GPUs",
        "5+ years",
        "",
        "competitive",
        "100 MW",
        "$1,000,000,000 valuation",
        "$3",
        "24/7",
        "2026-2027",
        "₹25 LPA",
        "$20,000 in funding",
        "$0 - $0",
    ] {
        assert_eq!(parse_pay(text), None, "{text}");
    }
}

#[test]
fn the_salary_paragraph_of_a_description_is_found() {
    let text = "We raised $400M in 2025 and run 10,000 GPUs. You get a $1,500 home office stipend. \
                The base salary range for this role is $184,000 - $287,500 per year, plus equity and a 401(k).";
    assert_eq!(shown(find_pay_in_text(text)), "184000 287500 USD year");
    let hourly = "Benefits include 401(k). Pay: $28.50 - $35.00 per hour, depending on shift.";
    assert_eq!(shown(find_pay_in_text(hourly)), "28.50 35 USD hour");
    let total = "Total compensation is $350,000 - $600,000. Base salary: $210,000 - $290,000.";
    assert_eq!(shown(find_pay_in_text(total)), "210000 290000 USD year");
}

#[test]
fn a_description_without_pay_gives_none() {
    for text in [
        "We manage $2,000,000,000 to $3,000,000,000 in assets and pay attention to detail.",
        "Sign-on bonus of $20,000 to $30,000.",
        "You own a budget of $100,000 - $200,000.",
        "A leader with $50,000 to $70,000 in annual revenue per customer.",
        "Our series B of $40M lets us pay well.",
    ] {
        assert_eq!(find_pay_in_text(text), None, "{text}");
    }
}

#[test]
fn odd_bytes_do_not_break_the_reader() {
    for text in [
        "$",
        "€€€",
        "$1,",
        "1’",
        "£ 5\u{a0}",
        "k€",
        "$9'9’9",
        "🙂$80k🙂",
        "80\u{202f}000 €",
        "USD",
    ] {
        let _ = parse_pay(text);
        let _ = find_pay_in_text(&format!("salary {text} per year 日本"));
    }
}

#[test]
fn a_single_figure_counts_with_its_period_or_when_it_is_called_salary() {
    for (text, expected) in [
        ("Night shift; $19.25 per hour.", "19.25 19.25 USD hour"),
        (
            "We offer: $60K base salary, commission and equity.",
            "60000 60000 USD year",
        ),
        (
            "A salaried position with a target range of $180,000 - $225,000.",
            "180000 225000 USD year",
        ),
        ("Salary: ₱230K – ₱300K per year", "230000 300000 PHP year"),
    ] {
        assert_eq!(shown(find_pay_in_text(text)), expected, "{text}");
    }
    for text in [
        "A stipend of $25 per hour of childcare.",
        "Our plan costs $20 per seat.",
    ] {
        assert_eq!(find_pay_in_text(text), None, "{text}");
    }
}
