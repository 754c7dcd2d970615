mod auth;
mod records;
mod risk;
mod secrets;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tapeline_model::money::{Money, Price, Quantity};

use crate::config::Span;
pub(crate) use auth::{Auth, AuthEnrol, AuthSessions};
pub(crate) use records::{Records, TailFrom, TailRecords};
pub(crate) use risk::{Author, Risk, RiskLimit, RiskReset, RiskStop};
pub(crate) use secrets::{Secrets, SecretsGet};

const EXAMPLES: &str = "  tapeline init > tapeline.toml          a configuration to start from
  tapeline check                         everything that is wrong with it
  tapeline alerts tail                   alerts as they come
  tapeline audit                         proof that the store holds every record once

Exit codes: 0 fine, 1 the thing checked is not so, 2 wrong usage or configuration,
3 an outside system failed.";

const LOCAL_EXAMPLES: &str = "
  tapeline up --demo                     everything on this machine, with a made-up market
  tapeline up --demo --for 60s --json    the same for a minute, then one JSON object";

/// What is not built in is not shown, and answers that it is not.
const HAS_LOCAL: bool = cfg!(feature = "local");

fn examples() -> String {
    let of_local = if HAS_LOCAL { LOCAL_EXAMPLES } else { "" };
    format!("Examples:{of_local}\n{EXAMPLES}")
}

/// Stream processing for people who trade through broker APIs.
#[derive(Debug, Parser)]
#[command(name = "tapeline", version, after_help = examples(), max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration; otherwise tapeline.toml of this folder, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Tables as wide as they are, also on a terminal
    #[arg(long, global = true)]
    pub wide: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: Kafka, ClickHouse and all roles
    #[command(hide = !HAS_LOCAL)]
    Up(Up),
    /// Stop an `up` that was left running
    #[command(hide = !HAS_LOCAL)]
    Down(DataFolder),
    /// Run one role against a Kafka and a ClickHouse that are there already
    Run(Run),
    /// Print a commented configuration, or its JSON Schema
    Init(Init),
    /// Find everything that is wrong with the configuration
    Check(Check),
    /// What this machine has and lacks for `up`
    #[command(hide = !HAS_LOCAL)]
    Doctor,
    /// The topics: what must change, and change it
    #[command(subcommand)]
    Topics(PlanApply),
    /// The store's tables: what must change, change it, what was changed
    #[command(subcommand)]
    Store(Store),
    /// The record schemas
    #[command(subcommand)]
    Schemas(Schemas),
    /// Prove that the store holds every record once
    Audit(Audit),
    /// Ask the store one of the questions it knows; without a name, list them
    Query(Query),
    /// Do recorded transactions again and compare what comes out, or run a backtest
    Replay(Replay),
    /// Recorded transactions in a file, to replay without Kafka
    #[command(subcommand)]
    Recording(Recording),
    /// The tasks of the processors: how far they are, and going on behind a gap
    #[command(subcommand)]
    Tasks(Tasks),
    /// Records that were refused
    #[command(subcommand)]
    Deadletters(DeadLetters),
    /// Records of a topic, decoded, and writing some
    #[command(subcommand)]
    Records(Records),
    /// Alerts
    #[command(subcommand)]
    Alerts(Alerts),
    /// What portfolios are worth, and how far they are from their limits
    #[command(subcommand)]
    Risk(Risk),
    /// Logins that need a person, and the sessions that are kept
    #[command(subcommand)]
    Auth(Auth),
    /// What secret:// references lead to, and the encrypted file of this machine
    #[command(subcommand)]
    Secrets(Secrets),
    /// A page of the reference, made from the code, in Markdown
    Reference {
        /// Which page
        page: Page,
    },
    /// Ask a running role for its health
    Health(Health),
    /// Shell completions
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// The manual page, in roff
    #[command(hide = true)]
    Man,
    /// Parts of the embedded stack
    #[command(subcommand, hide = true)]
    Local(Local),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Fetch what `up` needs into the cache folder
    Fetch,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline query                                 the questions
  tapeline query positions
  tapeline query pnl_by_day --param portfolio=growth --param days=7 --json")]
pub(crate) struct Query {
    /// The question; without it, all are listed
    pub name: Option<String>,
    /// A parameter of the question, as often as needed
    #[arg(long, value_name = "NAME=VALUE", requires = "name")]
    pub param: Vec<String>,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
    /// As CSV
    #[arg(long, conflicts_with = "json", requires = "name")]
    pub csv: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline up --demo
  tapeline up --demo --for 60s --json
  tapeline up --fresh --data /tmp/try --kafka-port 0 --clickhouse-port 0 --registry-port 0")]
pub(crate) struct Up {
    /// Add a made-up market, brokers, and logins to venues of its own
    #[arg(long)]
    pub demo: bool,
    /// Stop after this long, with a report
    #[arg(long = "for", value_name = "TIME")]
    pub duration: Option<Span>,
    /// The report as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// Begin with empty topics and tables
    #[arg(long)]
    pub fresh: bool,
    /// Where data lives [default: .tapeline]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Port of Kafka on loopback; 0 takes a free one [default: 9092]
    #[arg(long, value_name = "PORT")]
    pub kafka_port: Option<u16>,
    /// Port of ClickHouse's HTTP interface on loopback [default: 8123]
    #[arg(long, value_name = "PORT")]
    pub clickhouse_port: Option<u16>,
    /// Port of the schema registry on loopback [default: 8081]
    #[arg(long, value_name = "PORT")]
    pub registry_port: Option<u16>,
    /// Address of metrics and health [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The data folder of the `up` to stop [default: .tapeline]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Venues in, records out
    Connectors,
    /// Marks, positions, limits
    Processors,
    /// Topics into the store
    Sinks,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// May be given several times
    #[arg(long, value_enum, required = true)]
    pub role: Vec<Role>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The JSON Schema of the configuration instead, for editors
    #[arg(long)]
    pub json_schema: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Also look at all that trading needs: secrets, codes, sessions, clocks, disk, Kafka, the store
    #[arg(long)]
    pub online: bool,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanApply {
    /// Print what must change; exit code 1 if anything
    Plan {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Change it
    Apply {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Print what must change; exit code 1 if anything
    Plan {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Change it
    Apply,
    /// What was changed, and when
    Status {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Fill a table anew from its topic, while everything goes on
    Rebuild {
        /// A table, like quotes, or its topic
        table: String,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Copy rows into a Parquet file
    Export {
        /// The table, like quotes
        table: String,
        /// The file
        file: PathBuf,
        /// Events from this time on, like "2026-11-20" or "2026-11-20 14:30:00"
        #[arg(long, value_name = "TIME", default_value = "1970-01-01")]
        from: String,
        /// Events before this time
        #[arg(long, value_name = "TIME", default_value = "2262-01-01")]
        to: String,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Bring rows of exported files back that are older than the topic
    Backfill {
        /// The table, like quotes
        table: String,
        /// The files, as `export` wrote them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schemas {
    /// Every version with its id and fingerprint
    List {
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// One schema, by record name or id
    Show {
        /// An id, or the name of a record for its newest version
        which: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only this topic, like market.quotes
    #[arg(long, conflicts_with = "table")]
    pub topic: Option<String>,
    /// Only this table, like quotes
    #[arg(long)]
    pub table: Option<String>,
    /// Only what came in the last while, like 1h
    #[arg(long, value_name = "TIME")]
    pub since: Option<Span>,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline replay --processor risk                     every transaction the journal holds
  tapeline replay --processor risk --from 5000 --json
  tapeline replay --processor risk --with other.toml   what other limits would have decided
  tapeline replay --recording risk.avro                from a file, without Kafka
  tapeline replay --history quotes.csv --out result    a backtest of the strategies")]
pub(crate) struct Replay {
    /// Whose journal: market or risk
    #[arg(long, required_unless_present_any = ["recording", "history"])]
    pub processor: Option<String>,
    /// From a file that `recording save` wrote; no Kafka is asked
    #[arg(long, value_name = "FILE", conflicts_with = "processor")]
    pub recording: Option<PathBuf>,
    /// Only this task (partition)
    #[arg(long)]
    pub task: Option<u32>,
    /// From this transaction of the task on; from its nearest snapshot in fact
    #[arg(long)]
    pub from: Option<i64>,
    /// Up to this transaction
    #[arg(long)]
    pub to: Option<i64>,
    /// Compare every output with what was recorded; this is what happens anyway
    #[arg(long, conflicts_with = "with")]
    pub verify: bool,
    /// The line was started with `up --demo`: its accounts count
    #[arg(long, hide = !HAS_LOCAL)]
    pub demo: bool,
    /// Decide under the limits of this configuration as well, and show which verdicts change
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub backtest: Backtest,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Backtest")]
pub(crate) struct Backtest {
    /// Run the processors over files of quotes, trades or bars: .csv, .jsonl, .parquet
    #[arg(long, value_name = "FILE", num_args = 1..,
          conflicts_with_all = ["processor", "recording", "task", "from", "to", "verify", "demo", "with"])]
    pub history: Vec<PathBuf>,
    /// What each account begins with
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "100000",
        requires = "history"
    )]
    pub deposit: Money,
    /// What a fill costs for each share, coin or contract
    #[arg(long, value_name = "AMOUNT", default_value = "0", requires = "history")]
    pub fee_per_unit: Price,
    /// What a fill costs in basis points of what it is worth
    #[arg(long, value_name = "BPS", default_value = "0", requires = "history")]
    pub fee_bps: Quantity,
    /// What a fill costs at least
    #[arg(long, value_name = "AMOUNT", default_value = "0", requires = "history")]
    pub fee_minimum: Money,
    /// Write equity.csv, trades.csv and verdicts.jsonl there, over those of an earlier run
    #[arg(long, value_name = "FOLDER", requires = "history")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Recording {
    /// Copy a range of transactions, with all they read, into a file
    Save(Save),
    /// What is in a file; exit code 1 if any of it is damaged
    Show {
        /// The file
        file: PathBuf,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline recording save risk.avro --processor risk
  tapeline recording save risk.avro --processor risk --task 3 --from 5000 --to 6000
  tapeline replay --recording risk.avro                on any machine")]
pub(crate) struct Save {
    /// An Avro object container file
    pub file: PathBuf,
    /// Whose journal: market or risk
    #[arg(long)]
    pub processor: String,
    /// Only this task (partition)
    #[arg(long)]
    pub task: Option<u32>,
    /// From this transaction of the task on; from its nearest snapshot in fact
    #[arg(long)]
    pub from: Option<i64>,
    /// Up to this transaction
    #[arg(long)]
    pub to: Option<i64>,
    /// The line was started with `up --demo`: its accounts count
    #[arg(long, hide = !HAS_LOCAL)]
    pub demo: bool,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// What each task read and what lies before it; exit code 1 if one cannot go on
    List {
        /// Only of this processor
        #[arg(long)]
        processor: Option<String>,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Go on behind records that are gone, and say so in an alert
    AcceptGap(AcceptGap),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tapeline tasks accept-gap --processor risk --task 2 --topic market.marks --partition 1 \\
      --reason 'the disk was full over the weekend'")]
pub(crate) struct AcceptGap {
    /// The processor, like risk
    #[arg(long)]
    pub processor: String,
    /// The number of the task
    #[arg(long)]
    pub task: u32,
    /// Without the prefix, like market.marks
    #[arg(long)]
    pub topic: String,
    /// The partition that lacks them
    #[arg(long)]
    pub partition: u32,
    /// Why these records may be left out; stands in the alert
    #[arg(long)]
    pub reason: String,
    /// Who accepts it [default: this user]
    #[arg(long)]
    pub by: Option<String>,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// The newest ones
    List {
        /// Only from this topic
        #[arg(long)]
        topic: Option<String>,
        /// Only with this reason, like NEGATIVE_SIZE
        #[arg(long)]
        reason: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// One, with its bytes
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Send the bytes to their topic again, after what was wrong is mended
    Replay {
        /// Ids as `list` shows them
        #[arg(required_unless_present_any = ["reason", "topic"])]
        ids: Vec<String>,
        /// All with this reason
        #[arg(long)]
        reason: Option<String>,
        /// All from this topic
        #[arg(long)]
        topic: Option<String>,
        /// Do it; without this, only say what would be sent
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// Print alerts as they come
    Tail {
        /// Begin with the oldest one there is
        #[arg(long)]
        all: bool,
        /// End after this many
        #[arg(long)]
        count: Option<usize>,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// Reason codes of dead letters and verdicts
    Reasons,
    /// Rules of limits and their keys
    Limits,
    /// Indicators and their parameters
    Indicators,
    /// Rules over indicators, and what a signal holds
    Signals,
    /// Questions to the store, with their SQL, and its views
    Queries,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Only whether it is alive, not whether it is ready
    #[arg(long)]
    pub live: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    /// What is shown and has no line of help.
    fn without_help(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        let arguments = command.get_arguments();
        for argument in arguments.filter(|argument| !argument.is_hide_set()) {
            if argument.get_help().is_none() {
                found.push(format!("{path}: {}", argument.get_id()));
            }
        }
        for inner in command.get_subcommands() {
            if inner.get_about().is_none() {
                found.push(format!("{path} {}", inner.get_name()));
            }
            without_help(inner, &path, found);
        }
    }

    #[test]
    fn every_command_and_argument_has_a_line_of_help() {
        let mut found = Vec::new();
        without_help(&Cli::command(), "", &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn lengths_of_time_are_checked() {
        let parse = |time: &str| Cli::try_parse_from(["tapeline", "up", "--for", time]);
        assert!(parse("60s").is_ok());
        assert!(parse("soon").is_err());
    }
}
