use clap::{Args, Subcommand};

use super::HAS_LOCAL;
use crate::config::Span;

#[derive(Debug, Subcommand)]
pub(crate) enum Risk {
    /// Every portfolio with its newest figures, its guard and its limits; exit code 1 if one is beyond a limit or stopped
    Status {
        /// Only this one
        portfolio: Option<String>,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Halt: no order passes any more, until a person resets it
    Kill(RiskStop),
    /// Only orders that bring positions closer to zero pass, until a person resets it
    Reduce(RiskStop),
    /// Let trading go on, setting verdicts aside by name
    Reset(RiskReset),
    /// The limits in force, and changing them
    #[command(subcommand)]
    Limit(RiskLimit),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline risk kill growth --reason 'the strategy buys at any price'
  tapeline risk kill --all --reason 'maintenance'")]
pub(crate) struct RiskStop {
    /// The portfolio
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub portfolio: Option<String>,
    /// Every portfolio
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub author: Author,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapeline risk reset growth --reason 'why'      shows the verdicts that must be named
  tapeline risk reset growth --verdict 6949d055-7c27-5b0b-aa4b-2427a5ef9aa4 --reason 'prices were wrong'")]
pub(crate) struct RiskReset {
    /// The portfolio
    pub portfolio: String,
    /// A verdict that is set aside; every one that holds the guard up must be named
    #[arg(long, value_name = "ID")]
    pub verdict: Vec<String>,
    #[command(flatten)]
    pub author: Author,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RiskLimit {
    /// Those in force: what the configuration says, and what commands made of it
    List {
        /// The line was started with `up --demo`: its limits count
        #[arg(long, hide = !HAS_LOCAL)]
        demo: bool,
        /// As JSON, for scripts
        #[arg(long)]
        json: bool,
    },
    /// Set a limit, or another one of the same name, while everything runs
    #[command(after_help = "\
Example:
  tapeline risk limit set '{\"name\": \"day\", \"rule\": \"daily_loss\", \"basis\": \"marked\", \"breach\": \"2000\", \"action\": \"reducing\"}' --reason 'first day live'")]
    Set {
        /// The limit as JSON, with the keys it has in the configuration
        definition: String,
        #[command(flatten)]
        author: Author,
    },
    /// Take a limit away
    Remove {
        /// The name of the limit
        name: String,
        #[command(flatten)]
        author: Author,
    },
}

/// Who wants something, and why; both stand in the verdict.
#[derive(Debug, Args)]
pub(crate) struct Author {
    /// Why, in a sentence
    #[arg(long)]
    pub reason: String,
    /// Who wants it
    #[arg(long, env = "USER")]
    pub author: Option<String>,
    /// How long to wait for the verdict
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub wait: Span,
    /// As JSON, for scripts
    #[arg(long)]
    pub json: bool,
}
