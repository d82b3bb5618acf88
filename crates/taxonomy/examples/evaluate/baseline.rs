//! The plain keyword list that recognition has to beat: count words, the discipline with the most wins.

use taxonomy::Discipline;

const WORDS: &[(Discipline, &[&str])] = &[
    (
        Discipline::Silicon,
        &[
            "asic",
            "rtl",
            "verilog",
            "vlsi",
            "silicon",
            "semiconductor",
            "fpga",
            "soc",
            "chip",
            "firmware",
            "physical design",
            "dft",
            "tapeout",
            "analog",
            "circuit",
        ],
    ),
    (
        Discipline::DataCenter,
        &[
            "data center",
            "datacenter",
            "data centre",
            "hvac",
            "cooling",
            "electrical",
            "mechanical",
            "facilities",
            "construction",
            "commissioning",
            "ups",
            "generator",
            "technician",
            "cabling",
            "power",
        ],
    ),
    (
        Discipline::DistributedSystems,
        &[
            "distributed systems",
            "kubernetes",
            "storage",
            "database",
            "network",
            "cloud",
            "infrastructure",
            "platform",
            "backend",
            "scalable",
            "microservices",
            "aws",
            "compiler",
            "kafka",
            "linux",
        ],
    ),
    (
        Discipline::MlPlatform,
        &[
            "machine learning",
            "ml",
            "deep learning",
            "pytorch",
            "gpu",
            "cuda",
            "inference",
            "training",
            "llm",
            "model",
            "mlops",
            "tensorflow",
            "data pipeline",
            "ai platform",
            "transformer",
        ],
    ),
    (
        Discipline::AiOperations,
        &[
            "sre",
            "site reliability",
            "devops",
            "on-call",
            "incident",
            "monitoring",
            "observability",
            "operations",
            "capacity",
            "supply chain",
            "terraform",
            "uptime",
            "runbook",
            "program manager",
            "fleet",
        ],
    ),
];

/// Counts whole words, a word of the title five times; `None` below four points.
pub(crate) fn discipline(title: &str, text: &str) -> Option<Discipline> {
    let (title, text) = (spaced(title), spaced(text));
    let points = |words: &[&str]| -> usize {
        words
            .iter()
            .map(|word| {
                let word = spaced(word);
                5 * title.matches(&word).count() + text.matches(&word).count().min(3)
            })
            .sum()
    };
    let (best, discipline) = WORDS
        .iter()
        .map(|(discipline, words)| (points(words), *discipline))
        .max_by_key(|(points, _)| *points)?;
    (best >= 4).then_some(discipline)
}

fn spaced(text: &str) -> String {
    let mut out = String::from(" ");
    for c in text.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}
