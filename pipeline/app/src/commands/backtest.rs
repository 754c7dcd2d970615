//! Historical files through the processors that run live, with a broker of paper.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tapeline_backtest::history::Kind;
use tapeline_backtest::paper::Instrument;
use tapeline_backtest::{
    BacktestError, Digest, Fees, History, HistoryError, HistorySpan, PaperSettings, Report,
    ReportEntry, Summary,
};
use tapeline_model::Event;
use tapeline_model::money::{Money, Quantity, Rounding};
use tapeline_processors::market::BarsOf;
use tapeline_processors::{Processor, Share};

use super::backtest_files::Files;
use crate::cli::Backtest;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::registry;

pub(super) fn run(config: &Config, arguments: &Backtest, json: bool) -> Result<(), Failure> {
    let paper = paper(config, arguments)?;
    let history = History::open(&arguments.history)?;
    let kinds: Vec<Kind> = history.kinds().collect();
    let mut results = Results {
        report: Report::new(&paper),
        digest: Digest::default(),
        files: arguments.out.as_deref().map(Files::create).transpose()?,
        fault: None,
    };
    let mut sink = |event: &Event<'static>| results.collect(event);
    let passed = tapeline_backtest::run(processors(config), &paper, history, &mut sink)?;
    if passed.records == 0 {
        let message = "the history holds no rows: give files that do".to_owned();
        return Err(Failure::Usage(message));
    }
    let backtested = results.finish(config, &kinds, passed)?;
    if json {
        return console::json(&backtested.json());
    }
    backtested.show();
    Ok(())
}

/// Those that the configuration wants to run, in the order of the registry.
fn processors(config: &Config) -> Vec<Box<dyn Processor>> {
    let wanted = registry::processors(config).into_iter();
    wanted.map(|(_, make)| make(Share::ALL)).collect()
}

fn paper(config: &Config, arguments: &Backtest) -> Result<PaperSettings, Failure> {
    for (name, amount) in [
        ("--deposit", arguments.deposit),
        ("--fee-per-unit", arguments.fee_per_unit.into()),
        ("--fee-bps", arguments.fee_bps.into()),
        ("--fee-minimum", arguments.fee_minimum),
    ] {
        if amount.is_negative() {
            let message = format!("{name} {amount} is below zero: write 0 for none");
            return Err(Failure::Usage(message));
        }
    }
    let risk = config.risk_settings();
    let instruments = risk.instruments.iter().map(|(symbol, instrument)| {
        let known = Instrument {
            currency: instrument.currency.to_string(),
            multiplier: instrument.multiplier.get(),
        };
        (symbol.clone(), known)
    });
    Ok(PaperSettings {
        deposit: arguments.deposit,
        currency: risk.currency.to_string(),
        fees: Fees {
            per_unit: arguments.fee_per_unit,
            bps: arguments.fee_bps,
            minimum: arguments.fee_minimum,
        },
        instruments: instruments.collect::<BTreeMap<_, _>>(),
        accounts: risk.accounts,
    })
}

/// Everything that came out so far.
struct Results {
    report: Report,
    digest: Digest,
    files: Option<Files>,
    /// The first one; the line goes on to its end without being written down.
    fault: Option<Failure>,
}

impl Results {
    fn collect(&mut self, event: &Event<'_>) {
        if self.fault.is_none() {
            self.fault = self.try_collect(event).err();
        }
    }

    fn try_collect(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.digest.take(event).map_err(Failure::external)?;
        let noted = self.report.take(event).map_err(Failure::external)?;
        let Some(files) = &mut self.files else {
            return Ok(());
        };
        match (noted, event) {
            (ReportEntry::Equity(point), _) => files.equity(&point),
            (ReportEntry::Trade(trade), _) => files.trade(&trade),
            (ReportEntry::Verdict, Event::Verdict(verdict)) => files.verdict(verdict),
            _ => Ok(()),
        }
    }

    fn finish(
        self,
        config: &Config,
        kinds: &[Kind],
        passed: HistorySpan,
    ) -> Result<Backtested, Failure> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some(files) = self.files {
            files.finish()?;
        }
        let summary = self.report.summary(&passed);
        Ok(Backtested {
            notes: notes(config, kinds, &summary),
            currency: config.risk.currency.clone(),
            hash: self.digest.finish(),
            summary,
            passed,
        })
    }
}

/// What may not be as it was meant.
fn notes(config: &Config, kinds: &[Kind], summary: &Summary) -> Vec<String> {
    let mut notes = Vec::new();
    if config.accounts.is_empty() {
        notes.push("there are no [[accounts]], so nothing can be held".to_owned());
    }
    let bars_of = |of: BarsOf| config.market.bars.iter().any(|bars| bars.of == of);
    if bars_of(BarsOf::Mids) && !kinds.contains(&Kind::Quotes) {
        let note = "the history has no quotes for [[market.bars]] of = \"mids\": of = \"trades\" \
                    takes trades and bars";
        notes.push(note.to_owned());
    }
    if bars_of(BarsOf::Trades) && kinds.iter().all(|kind| *kind == Kind::Quotes) {
        let note = "the history has no trades or bars for [[market.bars]] of = \"trades\": \
                    of = \"mids\" takes quotes";
        notes.push(note.to_owned());
    }
    let counts = summary.counts;
    if counts.unjudged > 0 {
        let requests = console::count(counts.unjudged as usize, "request");
        notes.push(format!("{requests} had no verdict and could not be traded"));
    }
    if counts.letters > 0 {
        let records = console::count(counts.letters as usize, "record");
        notes.push(format!(
            "{records} refused: {}",
            summary.refusals.join("; ")
        ));
    }
    notes
}

/// A backtest that went through.
struct Backtested {
    passed: HistorySpan,
    summary: Summary,
    /// In which sums are told.
    currency: String,
    hash: String,
    notes: Vec<String>,
}

impl Backtested {
    fn json(&self) -> Value {
        let Summary { counts, .. } = &self.summary;
        let summary = &self.summary;
        let text = |amount: Option<Money>| amount.map(|amount| amount.to_string());
        json!({
            "records": self.passed.records,
            "from": self.passed.from.to_string(),
            "to": self.passed.to.to_string(),
            "currency": self.currency,
            "deposits": text(summary.start),
            "equity": text(summary.equity),
            "gain": text(summary.gain),
            "return": text(summary.gained),
            "max_drawdown": text(summary.max_drawdown),
            "max_drawdown_share": text(summary.max_drawdown_share),
            "trades": counts.trades,
            "win_rate": text(summary.win_rate),
            "profit_factor": text(summary.profit_factor),
            "expectancy": text(summary.expectancy),
            "exposure": text(summary.exposure),
            "fees": text(summary.fees),
            "open_positions": counts.open,
            "signals": counts.signals,
            "requests": counts.requests,
            "approved": counts.approved,
            "refused": counts.refused,
            "unjudged": counts.unjudged,
            "fills": counts.fills,
            "verdicts": counts.verdicts,
            "alerts": counts.alerts,
            "refused_records": counts.letters,
            "notes": self.notes,
            "sha256": self.hash,
        })
    }

    fn show(&self) {
        let HistorySpan { records, from, to } = self.passed;
        let records = console::count(records as usize, "record");
        console::line(format!("{records} from {from} to {to}"));
        let rows = self
            .rows()
            .map(|(what, value)| vec![what.to_owned(), value]);
        console::table(&["FIGURE", "VALUE"], &rows);
        for note in &self.notes {
            console::say(format!("note: {note}"));
        }
    }

    fn rows(&self) -> [(&'static str, String); 13] {
        let (summary, counts) = (&self.summary, &self.summary.counts);
        let money = |amount: Option<Money>| shown(amount, &format!(" {}", self.currency));
        let requests = format!(
            "{}: {} approved, {} refused, {} without a verdict",
            counts.requests, counts.approved, counts.refused, counts.unjudged
        );
        [
            ("deposits", money(summary.start)),
            ("equity", money(summary.equity)),
            ("return", percent(summary.gained)),
            ("max drawdown", {
                let (amount, share) = (summary.max_drawdown, summary.max_drawdown_share);
                format!("{}, {}", money(amount), percent(share))
            }),
            (
                "trades",
                format!("{}, {} still open", counts.trades, counts.open),
            ),
            ("win rate", percent(summary.win_rate)),
            ("profit factor", shown(summary.profit_factor, "")),
            ("expectancy", shown(summary.expectancy, " a trade")),
            ("exposure time", percent(summary.exposure)),
            ("fees", shown(summary.fees, "")),
            ("signals", counts.signals.to_string()),
            ("requests", requests),
            ("outputs", format!("sha256 {}", self.hash)),
        ]
    }
}

fn shown(amount: Option<Money>, unit: &str) -> String {
    amount.map_or_else(
        || "not enough data".to_owned(),
        |amount| format!("{amount}{unit}"),
    )
}

fn percent(share: Option<Money>) -> String {
    // Multiplying by a hundred loses no digit.
    let hundred = Quantity::from_raw(100);
    let one = Quantity::from_raw(1);
    let times = hundred.zip(one);
    let percent = share
        .zip(times)
        .and_then(|(share, (hundred, one))| share.share(hundred, one, Rounding::HalfEven).ok());
    shown(percent, " %")
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<BacktestError> for Failure {
    fn from(error: BacktestError) -> Self {
        match error {
            BacktestError::History(error) => error.into(),
            BacktestError::Pipeline(_) => Self::external(error),
        }
    }
}
