use super::*;

#[test]
fn the_bundled_vocabulary_reads_without_a_clash() {
    let read = Taxonomy::from_toml(BUNDLED_TEXT).map(|taxonomy| taxonomy.version().to_owned());
    assert!(read.is_ok(), "{}", read.unwrap_err());
    assert!(!Taxonomy::bundled().version().is_empty());
}

#[test]
fn every_discipline_has_eight_to_fourteen_specialties_and_there_are_250_skills() {
    let taxonomy = Taxonomy::bundled();
    for discipline in Discipline::ALL {
        let count = taxonomy
            .specialties()
            .iter()
            .filter(|s| s.discipline == *discipline)
            .count();
        assert!((8..=14).contains(&count), "{discipline}: {count}");
    }
    assert!(taxonomy.skills().len() >= 250, "{}", taxonomy.skills().len());
}

#[test]
fn the_identifiers_of_the_product_are_there() {
    for id in [
        "architecture",
        "rtl_design",
        "verification",
        "physical_design",
        "dft",
        "post_silicon",
        "analog_mixed_signal",
        "packaging",
        "eda_cad",
        "firmware",
        "sta",
        "electrical",
        "mechanical_cooling",
        "controls_bms",
        "construction_commissioning",
        "facility_operations",
        "technicians",
        "network_cabling",
        "power_procurement",
        "site_selection",
        "security",
        "storage",
        "networking",
        "databases",
        "training_infrastructure",
        "inference_serving",
        "gpu_kernels",
        "ml_compilers",
        "mlops",
        "data_platform",
        "sre",
        "gpu_fleet",
        "hardware_operations",
        "capacity_planning",
        "supply_chain",
        "incident_response",
        "technical_program_management",
    ] {
        assert!(Taxonomy::bundled().specialty(id).is_some(), "{id}");
    }
    for id in [
        "systemverilog",
        "uvm",
        "primetime",
        "kubernetes",
        "slurm",
        "infiniband",
        "nccl",
        "cuda",
        "triton",
        "pytorch",
    ] {
        assert!(Taxonomy::bundled().skill(id).is_some(), "{id}");
    }
}

#[test]
fn a_name_finds_its_entry_in_any_spelling() {
    let taxonomy = Taxonomy::bundled();
    for (text, id) in [
        ("System-Verilog", "systemverilog"),
        ("SYSTEMVERILOG", "systemverilog"),
        ("k8s", "kubernetes"),
        ("medium_voltage", "medium_voltage"),
        ("Medium Voltage", "medium_voltage"),
        ("C++", "cpp"),
        ("c", "c"),
        ("c#", "csharp"),
        ("golang", "go"),
        ("Chillers", "chillers"),
        ("chiller", "chillers"),
    ] {
        assert_eq!(taxonomy.skill_id(text), Some(id), "{text}");
    }
    assert_eq!(taxonomy.skill_id("origami"), None);
    for (text, id) in [
        ("SRE", "sre"),
        ("Site Reliability Engineering", "sre"),
        ("DV", "verification"),
        ("PD", "physical_design"),
        ("sta", "sta"),
        ("dft", "dft"),
        ("dc tech", "technicians"),
        ("SI/PI", "signal_power_integrity"),
        ("bmc", "firmware"),
        ("MLOps", "mlops"),
        ("rtl", "rtl_design"),
        ("HPC", "gpu_kernels"),
        ("TPM", "technical_program_management"),
    ] {
        assert_eq!(taxonomy.specialty_id(text), Some(id), "{text}");
    }
}

#[test]
fn a_typo_finds_the_nearest_name_and_nonsense_none() {
    let taxonomy = Taxonomy::bundled();
    assert_eq!(taxonomy.nearest_skill("kuberntes"), Some("kubernetes"));
    assert_eq!(taxonomy.nearest_skill("sytemverilog"), Some("systemverilog"));
    assert_eq!(
        taxonomy.nearest_specialty("phisical_design"),
        Some("physical_design")
    );
    assert_eq!(taxonomy.nearest_skill("zzzzzzqqq"), None);
}

const SMALL: &str =
    "version = \"1\"\n[[specialty]]\nid = \"sre\"\nlabel = \"SRE\"\ndiscipline = \"ai_operations\"\n";

#[test]
fn a_file_with_an_error_is_refused_with_its_place() {
    let read = |more: &str| Taxonomy::from_toml(&format!("{SMALL}{more}")).err();
    assert_eq!(read(""), None);
    let again = "[[specialty]]\nid = \"sre\"\nlabel = \"Again\"\ndiscipline = \"silicon\"\n";
    assert_eq!(read(again), Some(TaxonomyError::DuplicateId("sre".to_owned())));
    let clash = "[[specialty]]\nid = \"other\"\nlabel = \"S.R.E\"\ndiscipline = \"silicon\"\n";
    assert!(matches!(read(clash), Some(TaxonomyError::Ambiguous { .. })));
    let dangling = "[[skill]]\nid = \"a\"\nlabel = \"A\"\nspecialties = [\"nothing\"]\n";
    assert!(matches!(read(dangling), Some(TaxonomyError::Dangling { .. })));
    assert_eq!(
        read("[[skill]]\nid = \"A b\"\nlabel = \"A\"\n"),
        Some(TaxonomyError::BadId("A b".to_owned()))
    );
    assert!(matches!(read("skills = 3"), Some(TaxonomyError::Syntax(_))));
}

#[test]
fn an_abbreviation_and_its_full_form_are_one_specialty_in_a_query() {
    let taxonomy = Taxonomy::bundled();
    for (one, other) in [
        ("SRE", "site reliability engineering"),
        ("DC tech", "data center technician"),
        ("DCT", "datacentre technician"),
        ("DV", "design verification"),
        ("STA", "static timing analysis"),
        ("DFT", "design for test"),
        ("PD", "physical design"),
        ("HPC", "high performance computing"),
        ("k8s", "kubernetes"),
        ("SI/PI", "signal and power integrity"),
        ("BMC", "BMC firmware"),
        ("TPM", "technical program manager"),
        ("MLOps", "machine learning operations"),
        ("RTL", "register transfer level design"),
        ("BMS", "building management system"),
        ("NOC", "network operations center"),
        ("DBRE", "database reliability engineer"),
        ("EDA", "electronic design automation"),
        ("AMS", "analog mixed signal"),
        ("PnR", "place and route"),
        ("DevOps", "site reliability"),
        ("MLE", "machine learning engineer"),
        ("IaC", "infrastructure as code"),
        ("o11y", "observability"),
        ("Cx", "commissioning"),
        ("OSP", "outside plant engineer"),
    ] {
        let found = taxonomy.specialty_id(one);
        assert!(found.is_some(), "{one}");
        assert_eq!(found, taxonomy.specialty_id(other), "{one} / {other}");
    }
}

#[test]
fn an_abbreviation_and_its_full_form_are_one_skill() {
    let taxonomy = Taxonomy::bundled();
    for (one, other) in [
        ("k8s", "Kubernetes"),
        ("UVM", "universal verification methodology"),
        ("HLS", "high-level synthesis"),
        ("GPFS", "Spectrum Scale"),
        ("S3", "Amazon S3"),
        ("Postgres", "PostgreSQL"),
        ("Golang", "Go"),
        ("CPP", "C++"),
        ("GCP", "Google Cloud Platform"),
        ("AWS", "Amazon Web Services"),
        ("IB", "InfiniBand"),
    ] {
        let found = taxonomy.skill_id(one);
        assert!(found.is_some(), "{one}");
        assert_eq!(found, taxonomy.skill_id(other), "{one} / {other}");
    }
}
