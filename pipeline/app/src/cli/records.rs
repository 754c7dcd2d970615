use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use tapeline_schemas::topics::Topic;

use crate::config::Span;

#[derive(Debug, Subcommand)]
pub(crate) enum Records {
    /// Print the records of a topic, decoded
    #[command(after_help = "\
Examples:
  tapeline records tail market.quotes --key AAPL
  tapeline records tail broker.fills --from oldest --end --json")]
    Tail(TailRecords),
    /// Write records to a topic: one JSON object a line on standard input
    #[command(after_help = "\
Decimals and times are text (`\"189.12\"`, `\"2026-11-21T09:30:00Z\"`). A field with a default may be
left out, and so may event_time and ingest_time (now) and source. All lines are checked before the
first one is written. `tapeline schemas show quote` lists the fields of a record.

Example:
  echo '{\"symbol\":\"AAPL\",\"venue\":\"mine\",\"seq\":1,\"bid_price\":\"189.12\",\"ask_price\":\"189.13\",
  \"bid_size\":\"100\",\"ask_size\":\"100\"}' | tr -d '\\n' | tapeline records produce market.quotes")]
    Produce {
        /// The topic, without its prefix
        #[arg(value_parser = topic())]
        topic: Topic,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TailRecords {
    /// The topic, without its prefix
    #[arg(value_parser = topic())]
    pub topic: Topic,
    /// Only records of this key, like a symbol or a portfolio
    #[arg(long)]
    pub key: Option<String>,
    /// Where to begin: oldest, newest, or a while ago, like 15m
    #[arg(long, default_value = "newest")]
    pub from: TailFrom,
    /// End after this many
    #[arg(long)]
    pub count: Option<usize>,
    /// End with the newest record there is, instead of waiting for more
    #[arg(long)]
    pub end: bool,
    /// With topic, partition, offset, key and headers, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailFrom {
    Oldest,
    Newest,
    Ago(Span),
}

impl std::str::FromStr for TailFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "oldest" => Ok(Self::Oldest),
            "newest" => Ok(Self::Newest),
            _ => text
                .parse()
                .map(Self::Ago)
                .map_err(|_| "write oldest, newest, or a while, like 15m".to_owned()),
        }
    }
}

fn topic() -> impl TypedValueParser<Value = Topic> {
    let names = Topic::ALL.iter().map(|topic| topic.name());
    PossibleValuesParser::new(names)
        .try_map(|name| Topic::from_name(&name).ok_or("there is no such topic"))
}
