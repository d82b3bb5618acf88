//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use postings::import::Format;

/// The self-hosted job-board backend for the people who build AI infrastructure.
///
/// Starts with nothing installed: `backplane serve` keeps everything in ./data and answers on http://127.0.0.1:8080.
#[derive(Debug, Parser)]
#[command(name = "backplane", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Settings that differ from the defaults, as TOML; variables BACKPLANE_SECTION__KEY win over it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the board: API, search, alerts and mail in one process
    Serve(ServeArgs),
    /// Run only the background work beside servers that share a PostgreSQL; answers /healthz, /readyz and /metrics
    Worker,
    /// Turn a file of postings into published postings, also beside a running server
    ///
    /// Each line is a posting object as the API writes it, or a loose record of a collector (company, locations as free
    /// text, salary_raw, description_html, posted_at …). source + source_id is its identity: a second run of the same
    /// file creates nothing. Ends with status 0 when the file was read to its end, also with rejected rows, and with 1
    /// when it could not be.
    Import(ImportArgs),
    /// Build the search index anew from the database
    ///
    /// The old index answers until the new one is complete. A running server is asked to do it and waited for; interrupted,
    /// it goes on. Without a server this command does it; interrupted, the next start goes on.
    Reindex,
    /// Check that index, alerts, mails and counters agree with the database
    ///
    /// Reads everything and changes nothing, also beside a running server. Ends with status 0 when everything agrees, 3
    /// when something does not, and 1 when it could not look.
    Verify(VerifyArgs),
    /// Examine settings, disk, clock, database, index and mail, and say what to do
    ///
    /// Ends with status 0 when nothing fails, 3 otherwise. Warnings do not count.
    Doctor(DoctorArgs),
    /// Copy the SQLite database into an empty PostgreSQL database and compare the two
    ///
    /// No server may be running. Everything happens in one transaction: interrupted or failed, the target stays empty,
    /// and the command can be repeated. The SQLite database stays as it is.
    Move(MoveArgs),
    /// Look after an installation
    Admin {
        /// What to look after
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Keys, samples and reports of mail
    Mail {
        /// What about it
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Look at the settings
    Config {
        /// What to look at
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Write a copy of database and keys into a new directory, also beside a running server
    Backup {
        /// Directory that does not exist yet
        dest: PathBuf,
    },
    /// Bring a copy made by `backup` back into an empty data directory
    Restore {
        /// Directory written by `backup`
        src: PathBuf,
    },
    /// Play the whole journey on sample data, from registering to the alert mail, and print each step
    Demo,
    /// Ask the server of these settings whether it is alive; for containers
    Healthcheck,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man {
        /// Of one command, such as serve; of the whole program when left out
        command: Option<String>,
    },
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Begin with ten made-up employers and 75 postings when the database is empty
    #[arg(long)]
    pub(crate) samples: bool,
    /// Leave background work to `backplane worker` and to other nodes; only the index of this node is kept up to date
    #[arg(long)]
    pub(crate) front: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Mend what can be mended without losing anything; no server may be running on the data directory
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print the report as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print the findings as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `move`.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The empty database: postgres://user@host/name; a password comes from ~/.pgpass or the variable PGPASSWORD
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File to read, gzipped or not; - is standard input
    pub(crate) file: PathBuf,
    /// How the file is written
    #[arg(long, value_enum, default_value_t = ImportFormat::Ndjson)]
    pub(crate) format: ImportFormat,
    /// Whose postings they become; the employer is created when it is missing
    #[arg(long, value_name = "SLUG", conflicts_with = "employer_from_company")]
    pub(crate) employer: Option<String>,
    /// Each row's company (or employer) is its employer, created when missing
    #[arg(long)]
    pub(crate) employer_from_company: bool,
    /// Name of the board that answered, when the employer has several of this system
    #[arg(long, value_name = "TOKEN")]
    pub(crate) board: Option<String>,
    /// I looked: an empty or much shorter answer is right, close what it does not show
    #[arg(long)]
    pub(crate) confirm: bool,
    /// What the columns of a table hold, as JSON: {"Column": "field", …}
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Print what the columns of a table seem to hold, as a file for --mapping, and change nothing
    #[arg(long, conflicts_with = "mapping")]
    pub(crate) propose_mapping: bool,
    /// Count what would happen and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the counts as one line of JSON at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a file of postings is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// One JSON object a line
    Ndjson,
    /// A table with a header line
    Csv,
    /// What a Greenhouse board answers
    Greenhouse,
    /// What a Lever board answers
    Lever,
    /// What an Ashby board answers
    Ashby,
    /// What SmartRecruiters answers
    Smartrecruiters,
    /// What Recruitee answers
    Recruitee,
    /// What a Workday site answers
    Workday,
    /// A page with schema.org's JobPosting in it, or JSON-LD by itself
    #[value(name = "json_ld")]
    JsonLd,
}

impl From<ImportFormat> for Format {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Ndjson => Self::Ndjson,
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Greenhouse => Self::Greenhouse,
            ImportFormat::Lever => Self::Lever,
            ImportFormat::Ashby => Self::Ashby,
            ImportFormat::Smartrecruiters => Self::Smartrecruiters,
            ImportFormat::Recruitee => Self::Recruitee,
            ImportFormat::Workday => Self::Workday,
            ImportFormat::JsonLd => Self::JsonLd,
        }
    }
}

/// What an operator looks after.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make a registered user an operator of the board
    MakeOperator {
        /// Their address
        email: String,
    },
    /// End every session of a user at once, because somebody else may have one
    EndSessions {
        /// Their address
        email: String,
    },
    /// Count mails, alerts and changes
    Status,
    /// Keys that sign access tokens
    Keys {
        /// What to do with them
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Take the keys of this data directory for the right ones, after they were exchanged on purpose
    AcceptKeys,
    /// Addresses that get no bulk mail
    Suppressions {
        /// What to do with them
        #[command(subcommand)]
        command: SuppressionCommand,
    },
}

/// What can be done about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a new key; tokens of the old one are good until they expire, also beside a running server
    Rotate {
        /// Take the old key away at once, because somebody else may have it
        #[arg(long)]
        withdraw: bool,
    },
}

/// What can be done about suppressed addresses.
#[derive(Debug, Subcommand)]
pub(crate) enum SuppressionCommand {
    /// Print them, one a line: address, reason, since when
    List,
    /// Keep an address out of bulk mail
    Add {
        /// The address
        email: String,
        /// Why, in words
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Let an address get bulk mail again
    Remove {
        /// The address
        email: String,
    },
}

/// What can be done about mail.
#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    /// Take in a bounce or a complaint from standard input, as a mail server's pipe hands it over
    ///
    /// Reads a whole delivery status notification (RFC 3464) or feedback report (RFC 5965) and prints what came of it. Ends
    /// with status 0 also when it is none, or about no mail of ours: who sent it must not be answered. Ends with 75 when
    /// the database is not available, so that the mail server tries again.
    Report,
    /// Write every kind of mail to files, on made-up data: .eml, .html and .txt
    ///
    /// Needs no database and sends nothing. Sender, postal address, URL and DKIM keys are those of the settings.
    Preview {
        /// One kind, such as alert_instant; all when left out
        kind: Option<String>,
        /// The language of names and titles in them: ar, de, el, en, he, hi, ja, ru, th or zh; or all
        #[arg(long, default_value = "en")]
        language: String,
        /// Where to
        #[arg(long, default_value = "mail-preview")]
        dir: PathBuf,
    },
    /// Keys that sign mails (RFC 6376)
    Dkim {
        /// What to do with them
        #[command(subcommand)]
        command: DkimCommand,
    },
    /// Addresses that get no bulk mail
    Suppressions {
        /// What to do with them
        #[command(subcommand)]
        command: SuppressionCommand,
    },
    /// Print the last reports of bounces and complaints, newest first
    Reports {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u16,
    },
}

/// What can be done about signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum DkimCommand {
    /// Make a key and print the DNS record and the settings that belong to it
    Generate {
        /// Name under which the public key will stand in the DNS
        #[arg(long)]
        selector: String,
        /// Domain that signs; that of mail.from when left out
        #[arg(long)]
        domain: Option<String>,
        /// RSA, which every receiver knows, or Ed25519, to stand beside it
        #[arg(long, value_enum, default_value_t = KeyKind::Rsa)]
        algorithm: KeyKind,
        /// File for the private key, which must not exist yet; keys/dkim-SELECTOR.pem in the data directory when left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the DNS records of the keys in the settings
    Show,
}

/// Kinds of signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// RSA of 2048 bits
    Rsa,
    /// Ed25519
    Ed25519,
}

/// What can be looked at.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the settings work: keys, values, database, mail
    Check,
    /// Print every setting with its origin, passwords hidden
    Show,
    /// Print data that is compiled in, as a beginning for a file in `data_override`
    Data {
        /// Which
        #[arg(value_enum)]
        which: OwnFile,
    },
}

/// Data that an operator may put in place of what is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnFile {
    /// The vocabulary: taxonomy.toml
    Taxonomy,
    /// What laws want said about pay: pay_transparency.toml
    PayTransparency,
}
