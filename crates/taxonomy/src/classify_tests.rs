use super::*;

fn discipline(title: &str, text: &str) -> Option<Discipline> {
    Taxonomy::bundled().recognise(title, text).discipline
}

fn specialty(title: &str) -> String {
    Taxonomy::bundled()
        .recognise(title, "")
        .specialties
        .first()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_clear_title_decides_alone() {
    use Discipline::{AiOperations, DataCenter, DistributedSystems, MlPlatform, Silicon};
    for (title, expected) in [
        ("Staff RTL Design Engineer", Silicon),
        ("GPU Verification Engineer - New College Grad", Silicon),
        ("Physical Design Engineer, Timing", Silicon),
        ("Senior DFT Engineer", Silicon),
        ("ASIC Engineer", Silicon),
        ("SoC Architect", Silicon),
        ("BMC Firmware Engineer", Silicon),
        ("Data Center Technician II", DataCenter),
        ("Datacentre Operations Manager (Night Shift)", DataCenter),
        ("DC Tech", DataCenter),
        ("Construction Manager, Data Center", DataCenter),
        ("Electrical Engineer - Data Centers", DataCenter),
        ("Software Engineer, Distributed Storage", DistributedSystems),
        ("Senior Network Engineer", DistributedSystems),
        ("Kubernetes Platform Engineer", DistributedSystems),
        ("Infrastructure Engineer", DistributedSystems),
        ("Software Engineer, Inference", MlPlatform),
        ("Research Engineer, Pretraining Scaling", MlPlatform),
        ("GPU Kernel Engineer", MlPlatform),
        ("MLOps Engineer", MlPlatform),
        ("ML Compiler Engineer", MlPlatform),
        ("Site Reliability Engineer", AiOperations),
        ("Lead SRE", AiOperations),
        ("GPU Fleet Operations Engineer", AiOperations),
        ("Data Center Capacity Planner", AiOperations),
        ("DevOps Engineer", AiOperations),
    ] {
        assert_eq!(discipline(title, ""), Some(expected), "{title}");
    }
}

#[test]
fn an_abbreviation_and_its_full_form_give_the_same_specialty() {
    for (one, other) in [
        ("SRE", "Site Reliability Engineer"),
        ("DC Tech", "Data Center Technician"),
        ("DV Engineer", "Design Verification Engineer"),
        ("STA Engineer", "Static Timing Analysis Engineer"),
        ("DFT Engineer", "Design for Test Engineer"),
        ("PD Engineer", "Physical Design Engineer"),
        ("HPC Engineer", "High Performance Computing Engineer"),
        ("K8s Engineer", "Kubernetes Engineer"),
        ("SI/PI Engineer", "Signal Integrity Engineer"),
        ("BMC Engineer", "BMC Firmware Engineer"),
        ("MLOps Engineer", "Machine Learning Operations Engineer"),
        ("RTL Engineer", "RTL Design Engineer"),
    ] {
        assert!(!specialty(one).is_empty(), "{one}");
        assert_eq!(specialty(one), specialty(other), "{one} / {other}");
    }
}

const CHIP_FIRM: &str = "We build AI accelerators. Our silicon team designs ASIC and SoC products in SystemVerilog and UVM, \
    from RTL to tapeout, with physical design, DFT, static timing analysis and post-silicon validation on TSMC nodes. \
    Our data center team runs GPU clusters on Kubernetes with Slurm, NCCL and InfiniBand in our data centers.";

#[test]
fn another_trade_at_an_ai_firm_belongs_to_no_discipline() {
    for title in [
        "Technical Recruiter, Silicon",
        "Account Executive, AI Infrastructure",
        "Senior Counsel, Data Center",
        "Registered Nurse",
        "Math Tutor",
        "HR Business Partner",
        "Product Marketing Manager, GPU Cloud",
        "Staff Accountant",
        "Executive Assistant",
        "Sales Engineer, HPC",
        "Teaching Assistant: Data Center Technician",
        "Customer Success Manager",
    ] {
        assert_eq!(discipline(title, CHIP_FIRM), None, "{title}");
    }
}

#[test]
fn a_title_near_the_field_needs_a_word_of_the_field_in_the_title() {
    assert_eq!(discipline("Product Manager", CHIP_FIRM), None);
    assert_eq!(
        discipline("Product Manager, Inference", ""),
        Some(Discipline::MlPlatform)
    );
    assert_eq!(discipline("Frontend Engineer", CHIP_FIRM), None);
    assert_eq!(discipline("Data Analyst", CHIP_FIRM), None);
}

#[test]
fn an_open_title_is_decided_by_its_text() {
    assert_eq!(discipline("Engineer II", CHIP_FIRM), Some(Discipline::Silicon));
    assert_eq!(discipline("Software Engineer", ""), None);
    let web = "You build pages in React for our shop, with PostgreSQL, Kafka and AWS behind them.";
    assert_eq!(discipline("Software Engineer", &web.repeat(4)), None);
    let deep = "You work on distributed systems: consensus and replication, fault tolerance, a storage engine with Raft, \
        sharding, a control plane on Kubernetes, cloud infrastructure and gRPC services at low latency. Large distributed \
        systems in Rust and C++, object storage, a query engine, and networking across regions.";
    assert_eq!(
        discipline("Software Engineer", deep),
        Some(Discipline::DistributedSystems)
    );
}

#[test]
fn look_alikes_stay_out() {
    for (title, text) in [
        ("SOC 2 Compliance Analyst", ""),
        (
            "SOC Analyst",
            "You watch alerts in our security operations center and keep SOC 2.",
        ),
        ("Vehicle Fleet Driver", ""),
        (
            "Fleet Manager",
            "You look after the vehicle fleet of our delivery partners.",
        ),
        ("Potato Chips Production Operator", "You make potato chips."),
        (
            "Operations Manager, Washington DC",
            "The office is in Washington, DC.",
        ),
        (
            "PD Coordinator",
            "You plan professional development for our teachers.",
        ),
        ("Salesforce CAD Administrator", ""),
        (
            "HVAC Technician",
            "You repair air conditioning and chillers in homes and shops.",
        ),
        (
            "Training Specialist",
            "You give on-the-job training and training programs.",
        ),
    ] {
        assert_eq!(discipline(title, text), None, "{title}");
    }
}

#[test]
fn capitals_matter_for_short_abbreviations_in_running_text() {
    let skills = |text: &str| Taxonomy::bundled().recognise("Engineer", text).skills;
    assert!(skills("Experience with Ray and Rust.").contains(&"ray".to_owned()));
    assert!(
        !skills("A ray of hope; rust is on the pipes.")
            .iter()
            .any(|id| id == "ray" || id == "rust")
    );
    assert!(skills("You know k8s, K8S or Kubernetes").contains(&"kubernetes".to_owned()));
}

#[test]
fn an_abbreviation_of_several_trades_is_a_skill_only_among_signs_of_its_own() {
    let skills = |title: &str, text: &str| Taxonomy::bundled().recognise(title, text).skills;
    let finance = skills(
        "Head of Strategic Finance",
        "You report to the CFO and work with the CPO and her staff.",
    );
    assert!(!finance.contains(&"silicon_photonics".to_owned()), "{finance:?}");
    let optics = skills("Photonics Engineer", "You bring CPO into our switch silicon.");
    assert!(optics.contains(&"silicon_photonics".to_owned()), "{optics:?}");
    let written_out = skills("Product Manager", "Our product is co-packaged optics.");
    assert!(
        written_out.contains(&"silicon_photonics".to_owned()),
        "{written_out:?}"
    );
}

#[test]
fn skills_are_listed_most_mentioned_first_and_found_within_longer_phrases() {
    let recognised = Taxonomy::bundled().recognise(
        "Kubernetes Engineer",
        "Python and Terraform. Terraform modules, Terraform state. Python scripts.",
    );
    assert_eq!(recognised.skills, ["kubernetes", "terraform", "python"]);
}

#[test]
fn the_answer_says_what_counted() {
    let recognised = Taxonomy::bundled().recognise("Senior RTL Engineer", CHIP_FIRM);
    assert_eq!(recognised.seniority, Some(Seniority::Senior));
    let first = recognised.evidence.first().unwrap();
    assert!(
        first.in_title && first.phrase.eq_ignore_ascii_case("rtl engineer"),
        "{first:?}"
    );
    assert!(recognised.scores[0] > recognised.scores[1]);
}

#[test]
fn environments_are_read_from_the_text() {
    let found = Taxonomy::bundled().recognise(
        "SRE",
        "Bare metal in colocation, some AWS, and an air-gapped site.",
    );
    let expected = [
        Environment::Cloud,
        Environment::OnPremises,
        Environment::Colocation,
        Environment::AirGapped,
    ];
    assert_eq!(found.environment, expected);
}

#[test]
fn odd_texts_do_not_break_the_reader() {
    for text in [
        "",
        " ",
        "日本語のテキスト",
        "\u{a0}\u{2003}",
        "C++#+#",
        "é".repeat(5_000).as_str(),
        "RTL\n\nRTL",
    ] {
        let _ = Taxonomy::bundled().recognise(text, text);
        let _ = Taxonomy::bundled().spans(text);
    }
}

#[test]
fn programs_and_supply_chains_count_only_for_infrastructure() {
    let shop = "You run cross-functional programs for our checkout, keep on-call runbooks, manage the program manager \
        calendar, root cause analysis, incident management and operational excellence of our shops, with lead times, \
        inventory management, supplier management and logistics for our toys. You write status for the whole company.";
    assert_eq!(discipline("Technical Program Manager", shop), None);
    assert_eq!(discipline("Supply Chain Manager", shop), None);
    let fleet = shop
        .replace("checkout", "data center and GPU silicon")
        .replace("toys", "data center servers");
    assert_eq!(
        discipline("Technical Program Manager", &fleet),
        Some(Discipline::AiOperations)
    );
}

#[test]
fn a_subject_of_another_department_does_not_hide_who_builds_for_it() {
    use Discipline::{AiOperations, MlPlatform};
    for (title, expected) in [
        ("Machine Learning Engineer, Payments", Some(MlPlatform)),
        ("Site Reliability Engineer, Marketplace", Some(AiOperations)),
        ("Software Engineer, Growth", None),
        ("Sales Manager, Data Center", None),
        ("Marketing Lead, GPU Cloud", None),
        ("Finance Manager, Data Center Construction", None),
    ] {
        assert_eq!(discipline(title, ""), expected, "{title}");
    }
}

#[test]
fn a_role_stays_what_it_is_whatever_the_title_says_behind_it() {
    use Discipline::{AiOperations, DataCenter, DistributedSystems, MlPlatform, Silicon};
    for (title, expected) in [
        ("Site Reliability Engineer, Inference", Some(AiOperations)),
        ("SRE - Distributed Storage", Some(AiOperations)),
        ("Technical Program Manager, Silicon", Some(AiOperations)),
        ("TPM, AI Platform", Some(AiOperations)),
        ("Technical Program Manager, Data Center", Some(DataCenter)),
        ("Technical Program Manager, Loyalty", None),
        ("Software Engineer, Inference", Some(MlPlatform)),
        ("Software Engineer, Storage", Some(DistributedSystems)),
        ("Product Manager, Silicon", Some(Silicon)),
    ] {
        assert_eq!(discipline(title, ""), expected, "{title}");
    }
}

#[test]
fn hints_alone_do_not_decide_a_title() {
    for title in [
        "Owner's Representative - Residential Construction",
        "Supply Chain & Logistics Intern",
        "Batching Operator",
        "CAE Engineer, Durability",
        "Test Operations Engineer / Test Operations Lead",
        "Security Incident Manager",
        "Frontend Engineer, Observability Platform",
        "Product Manager, Customer Data Platform",
        "Counter Coordinator - NOC 65201",
        "Security Analyst - SOC experience",
    ] {
        assert_eq!(discipline(title, ""), None, "{title}");
    }
}

#[test]
fn a_programmable_part_in_the_text_does_not_make_a_circuit_board_silicon() {
    let wearable = "You own the electrical architecture of our wristband: schematic and PCB layout, battery, radio and \
        sensors, a small FPGA for prototypes, firmware bring-up with the embedded team, suppliers and EVT builds. You \
        measure with an oscilloscope, write test plans and take the product through certification and into stores. The \
        team is twelve people in one room, and the first product shipped last spring.";
    assert_eq!(discipline("Electrical Engineer", wearable), None);
}

#[test]
fn one_word_in_several_spellings_is_one_word() {
    for (one, other) in [
        ("Datacentre Technician", "Data Center Technician"),
        ("Data Centre Operations Manager", "Datacenter Operations Manager"),
        ("K8s Platform Engineer", "Kubernetes Platform Engineer"),
        ("ML Platform Engineer", "Machine Learning Platform Engineer"),
        (
            "HPC Cluster Engineer",
            "High Performance Computing Cluster Engineer",
        ),
    ] {
        assert!(!specialty(one).is_empty(), "{one}");
        assert_eq!(specialty(one), specialty(other), "{one} / {other}");
    }
}

#[test]
fn the_shipped_postings_are_recognised() {
    let lines = include_str!("../../../scripts/eval.d/shipped.ndjson").lines();
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (title, text) = (row["title"].as_str().unwrap(), row["text"].as_str().unwrap());
        let found = Taxonomy::bundled().recognise(title, text);
        assert_eq!(
            found.discipline.map(Discipline::as_str),
            row["discipline"].as_str(),
            "{title}"
        );
        assert_eq!(
            found.seniority.map(Seniority::as_str),
            row["seniority"].as_str(),
            "{title}"
        );
        assert_eq!(
            found.workplace.map(Workplace::as_str),
            row["workplace"].as_str(),
            "{title}"
        );
        for skill in row["skills"].as_array().unwrap() {
            assert!(
                found.skills.iter().any(|id| Some(id.as_str()) == skill.as_str()),
                "{title}: {skill}"
            );
        }
    }
}
