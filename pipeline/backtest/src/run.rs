//! A whole backtest: the history through the pipeline, with the broker of paper.

use tapeline_model::{Event, Micros};
use tapeline_processors::Processor;

use crate::history::HistoryError;
use crate::paper::{Paper, PaperSettings};
use crate::pipeline::{Pipeline, PipelineError, Sink};

#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

/// How much of the history there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistorySpan {
    pub records: u64,
    pub from: Micros,
    pub to: Micros,
}

/// Hands everything that comes out of the history to the sink, in order. At equal times the processors are given records in their order.
pub fn run(
    processors: Vec<Box<dyn Processor>>,
    paper: &PaperSettings,
    history: impl IntoIterator<Item = Result<Event<'static>, HistoryError>>,
    sink: &mut Sink<'_>,
) -> Result<HistorySpan, BacktestError> {
    let paper = Paper::new(paper.clone());
    let mut history = history.into_iter().peekable();
    let from = match history.peek() {
        Some(Ok(first)) => first.event_time(),
        _ => Micros(0),
    };
    let deposits = paper.deposits(from);
    let mut pipeline = Pipeline::new(processors).with_venue(Box::new(paper));
    let mut records = 0;
    for event in history {
        let event = event?;
        // The accounts are there when the first record comes.
        if records == 0 {
            pipeline.inject(deposits.clone(), from, sink)?;
        }
        pipeline.feed(event, sink)?;
        records += 1;
    }
    pipeline.finish(sink)?;
    let to = pipeline.now();
    Ok(HistorySpan { records, from, to })
}
