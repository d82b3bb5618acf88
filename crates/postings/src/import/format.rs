//! How a file of postings is written.

use store::text_enum;

text_enum! {
    /// How a file of postings is written.
    pub enum Format {
        /// One JSON object a line.
        Ndjson = "ndjson",
        /// A table with a header line.
        Csv = "csv",
        /// What a Greenhouse board answers.
        Greenhouse = "greenhouse",
        /// What a Lever board answers.
        Lever = "lever",
        /// What an Ashby board answers.
        Ashby = "ashby",
        /// What SmartRecruiters answers; read as a file.
        Smartrecruiters = "smartrecruiters",
        /// What Recruitee answers; read as a file.
        Recruitee = "recruitee",
        /// What a Workday site answers; read as a file.
        Workday = "workday",
        /// A page with schema.org's JobPosting in it, or JSON-LD by itself.
        JsonLd = "json_ld",
    }
}

impl Format {
    /// Whether a file is the answer of a board: it shows everything that is open there, so what it does not show
    /// is over. Only these are fetched.
    pub fn is_board(self) -> bool {
        matches!(self, Self::Greenhouse | Self::Lever | Self::Ashby)
    }
}
