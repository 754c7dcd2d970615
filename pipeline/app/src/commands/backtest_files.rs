//! What a backtest leaves in a folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tapeline_backtest::report::{EquityPoint, Trade};
use tapeline_model::money::Money;
use tapeline_model::records::Verdict;

use crate::failure::Failure;

const EQUITY: &[&str] = &["time", "portfolio", "equity", "drawdown"];
const TRADES: &[&str] = &[
    "portfolio",
    "account",
    "symbol",
    "side",
    "quantity",
    "entry",
    "exit",
    "profit",
    "fees",
    "currency",
    "opened",
    "closed",
    "held_seconds",
];

pub(super) struct Files {
    folder: PathBuf,
    equity: csv::Writer<File>,
    trades: csv::Writer<File>,
    verdicts: BufWriter<File>,
}

impl Files {
    pub fn create(folder: &Path) -> Result<Self, Failure> {
        let open = |name: &str| File::create(folder.join(name)).map_err(cannot(folder));
        fs::create_dir_all(folder).map_err(cannot(folder))?;
        let mut equity = csv::Writer::from_writer(open("equity.csv")?);
        let mut trades = csv::Writer::from_writer(open("trades.csv")?);
        equity.write_record(EQUITY).map_err(cannot(folder))?;
        trades.write_record(TRADES).map_err(cannot(folder))?;
        Ok(Self {
            equity,
            trades,
            verdicts: BufWriter::new(open("verdicts.jsonl")?),
            folder: folder.to_owned(),
        })
    }

    /// An amount that is unknown is left empty.
    pub fn equity(&mut self, point: &EquityPoint) -> Result<(), Failure> {
        let text = |amount: Option<Money>| amount.map_or(String::new(), |a| a.to_string());
        let row = [
            point.time.to_string(),
            point.portfolio.to_string(),
            text(point.equity),
            text(point.drawdown),
        ];
        self.equity.write_record(row).map_err(cannot(&self.folder))
    }

    pub fn trade(&mut self, trade: &Trade) -> Result<(), Failure> {
        let row = [
            trade.portfolio.to_string(),
            trade.account.to_string(),
            trade.symbol.to_string(),
            trade.side.to_string(),
            trade.quantity.to_string(),
            trade.entry.to_string(),
            trade.exit.to_string(),
            trade.profit.to_string(),
            trade.fees.to_string(),
            trade.currency.clone(),
            trade.opened.to_string(),
            trade.closed.to_string(),
            seconds(trade.held_for()),
        ];
        self.trades.write_record(row).map_err(cannot(&self.folder))
    }

    pub fn verdict(&mut self, verdict: &Verdict) -> Result<(), Failure> {
        let line = as_json(verdict);
        writeln!(self.verdicts, "{line}").map_err(cannot(&self.folder))
    }

    pub fn finish(mut self) -> Result<(), Failure> {
        let cannot = cannot::<std::io::Error>(&self.folder);
        self.equity.flush().map_err(&cannot)?;
        self.trades.flush().map_err(&cannot)?;
        self.verdicts.flush().map_err(&cannot)
    }
}

/// CSV's errors and those of files.
fn cannot<E: Into<std::io::Error>>(folder: &Path) -> impl Fn(E) -> Failure {
    let folder = folder.display().to_string();
    move |error| Failure::Usage(format!("{folder} cannot be written to: {}", error.into()))
}

/// As a decimal.
fn seconds(micros: i64) -> String {
    let amount = Money::from_raw(i128::from(micros) * 100);
    amount.map_or(String::new(), |amount| amount.to_string())
}

fn as_json(verdict: &Verdict) -> Value {
    json!({
        "verdict_id": verdict.verdict_id.to_string(),
        "portfolio": verdict.portfolio.as_str(),
        "rule": verdict.rule,
        "grade": verdict.grade.as_str(),
        "reason": verdict.reason,
        "message": verdict.message,
        "value": verdict.value.to_string(),
        "limit": verdict.limit.to_string(),
        "distance": verdict.distance.to_string(),
        "unit": verdict.unit,
        "action": verdict.action.as_str(),
        "guard": verdict.guard.as_str(),
        "request_id": verdict.request_id,
        "cause": {
            "topic": verdict.cause_topic,
            "partition": verdict.cause_partition,
            "offset": verdict.cause_offset,
        },
        "event_time": verdict.event_time.to_string(),
    })
}
