//! The results: a JSON object a line, or the rows of a Markdown table.

use std::io::Write;

use serde_json::{Value, json};

use super::Fault;
use super::results::Results;

const COLUMNS: &str = "| name | ours | peer | limit | ratio | unit | must / aim | met |";

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What was promised of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    None,
    /// How many times better than the peer.
    Ratio {
        must: f64,
        aim: f64,
    },
    /// The figure itself.
    Ours {
        must: f64,
        aim: Option<f64>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub name: &'a str,
    pub unit: &'static str,
    pub better: Better,
    pub ours: f64,
    /// What users would pick instead.
    pub peer: Option<f64>,
    /// What the library underneath allows.
    pub limit: Option<f64>,
    pub budget: Budget,
}

impl Line<'_> {
    /// How many times better than the peer, or without one, than the limit.
    fn ratio(&self) -> Option<f64> {
        let other = self.peer.or(self.limit)?;
        Some(match self.better {
            Better::More => self.ours / other,
            Better::Less => other / self.ours,
        })
    }

    /// How the budget fared: `aim`, `must` or `missed`; nothing where there is none.
    fn met(&self) -> Option<&'static str> {
        let (reached_must, reached_aim) = match self.budget {
            Budget::None => return None,
            Budget::Ratio { must, aim } => {
                self.peer?;
                let ratio = self.ratio()?;
                (ratio >= must, ratio >= aim)
            }
            Budget::Ours { must, aim } => {
                let within = |bound: f64| match self.better {
                    Better::More => self.ours >= bound,
                    Better::Less => self.ours <= bound,
                };
                (within(must), aim.is_some_and(within))
            }
        };
        Some(match (reached_must, reached_aim) {
            (_, true) => "aim",
            (true, false) => "must",
            (false, false) => "missed",
        })
    }

    /// Every figure is a number: no time was divided by, and no sample was missing.
    fn is_measured(&self) -> Result<(), String> {
        let figures = [Some(self.ours), self.peer, self.limit];
        if figures.into_iter().flatten().all(f64::is_finite) {
            return Ok(());
        }
        Err(format!("{} has no figure: nothing was measured", self.name))
    }

    fn json(&self) -> Value {
        let mut line = json!({
            "name": self.name,
            "ours": rounded(Some(self.ours)),
            "peer": rounded(self.peer),
            "limit": rounded(self.limit),
            "ratio": rounded(self.ratio()),
            "unit": self.unit,
        });
        let (of, must, aim) = match self.budget {
            Budget::None => return line,
            Budget::Ratio { must, aim } => ("ratio", must, Some(aim)),
            Budget::Ours { must, aim } => ("ours", must, aim),
        };
        line["budget_of"] = json!(of);
        line["must"] = json!(must);
        line["aim"] = json!(aim);
        line["met"] = json!(self.met());
        line
    }

    fn row(&self) -> String {
        let figure = |value: Option<f64>| value.map_or("–".to_owned(), shown);
        let budget = match self.budget {
            Budget::None => "–".to_owned(),
            Budget::Ratio { must, aim } => format!("ratio {must} / {aim}"),
            Budget::Ours { must, aim } => format!("{must} / {}", figure(aim)),
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {budget} | {} |",
            self.name,
            shown(self.ours),
            figure(self.peer),
            figure(self.limit),
            figure(self.ratio()),
            self.unit,
            self.met().unwrap_or("–"),
        )
    }
}

/// Three digits are more than two runs agree on.
fn rounded(value: Option<f64>) -> Option<f64> {
    let value = value.filter(|v| v.is_finite())?;
    Some(if value.abs() >= 1000.0 {
        value.round()
    } else {
        (value * 1000.0).round() / 1000.0
    })
}

fn shown(value: f64) -> String {
    match value.abs() {
        1000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The head of the table, with further columns.
pub(crate) fn head(further: &str) -> String {
    let names = format!("{COLUMNS}{}", further.strip_prefix('|').unwrap_or_default());
    let rule = "---|".repeat(names.matches('|').count() - 1);
    format!("{names}\n|{rule}")
}

/// Prints each line as soon as it is known: what was measured stays when a later part fails.
pub(crate) struct Report {
    json: bool,
    begun: bool,
    quiet: bool,
    results: Option<Results>,
    faults: Vec<Fault>,
}

impl Report {
    pub fn new(json: bool, results: Option<Results>) -> Self {
        Self {
            json,
            begun: false,
            quiet: false,
            results,
            faults: Vec::new(),
        }
    }

    /// Whether the machine had nothing else to do before the lines that follow.
    pub fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// A line without a figure is a fault, and is not saved.
    pub fn add(&mut self, line: &Line<'_>) {
        self.print(line);
        if let Err(fault) = line.is_measured() {
            self.faults.push(Fault::Failed(fault));
            return;
        }
        let saved = self.results.as_mut();
        if let Some(Err(fault)) = saved.map(|results| results.put(&line.row(), self.quiet)) {
            self.faults.push(Fault::Impossible(fault));
        }
    }

    /// What was wrong with the lines since it was last asked.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    fn print(&mut self, line: &Line<'_>) {
        let mut stdout = std::io::stdout().lock();
        if self.json {
            let mut object = line.json();
            object["quiet"] = json!(self.quiet);
            let _closed = writeln!(stdout, "{object}");
            return;
        }
        if !self.begun {
            self.begun = true;
            let _closed = writeln!(stdout, "{}", head(""));
        }
        let _closed = writeln!(stdout, "{}", line.row());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        name: "n",
        unit: "ms",
        better: Better::Less,
        ours: 20.0,
        peer: Some(100.0),
        limit: None,
        budget: Budget::Ours {
            must: 50.0,
            aim: Some(10.0),
        },
    };

    #[test]
    fn a_ratio_above_one_is_better_either_way() {
        assert_eq!(rounded(LINE.ratio()), Some(5.0));
        let more = Line {
            better: Better::More,
            ..LINE
        };
        assert_eq!(rounded(more.ratio()), Some(0.2));
        let alone = Line { peer: None, ..LINE };
        assert_eq!(alone.ratio(), None);
    }

    #[test]
    fn a_budget_is_reached_missed_or_not_measurable() {
        assert_eq!(LINE.met(), Some("must"));
        assert_eq!(Line { ours: 5.0, ..LINE }.met(), Some("aim"));
        assert_eq!(Line { ours: 51.0, ..LINE }.met(), Some("missed"));
        let ratio = Line {
            budget: Budget::Ratio {
                must: 4.0,
                aim: 6.0,
            },
            ..LINE
        };
        assert_eq!(ratio.met(), Some("must"));
        assert_eq!(
            Line {
                peer: None,
                ..ratio
            }
            .met(),
            None
        );
    }

    #[test]
    fn a_line_without_a_figure_is_a_fault() {
        let mut report = Report::new(true, None);
        report.add(&LINE);
        assert_eq!(report.take_faults(), []);
        let lines = [
            Line {
                ours: f64::NAN,
                ..LINE
            },
            Line {
                ours: f64::INFINITY,
                ..LINE
            },
            Line {
                peer: Some(f64::NAN),
                ..LINE
            },
            Line {
                limit: Some(f64::NAN),
                ..LINE
            },
        ];
        for line in lines {
            report.add(&line);
            let fault = "n has no figure: nothing was measured".to_owned();
            assert_eq!(report.take_faults(), [Fault::Failed(fault)]);
        }
    }

    #[test]
    fn the_head_has_a_rule_under_each_column() {
        assert_eq!(
            head("| a |").lines().last(),
            Some("|---|---|---|---|---|---|---|---|---|")
        );
        let columns = |line: &str| line.matches('|').count();
        assert_eq!(
            columns(head("").lines().last().unwrap()),
            columns(&LINE.row())
        );
    }

    #[test]
    fn a_line_has_what_every_reader_looks_for() {
        assert_eq!(
            LINE.json().to_string(),
            json!({
                "name": "n", "ours": 20.0, "peer": 100.0, "limit": null, "ratio": 5.0, "unit": "ms",
                "budget_of": "ours", "must": 50.0, "aim": 10.0, "met": "must",
            })
            .to_string()
        );
        assert_eq!(
            LINE.row(),
            "| n | 20.0 | 100.0 | – | 5.00 | ms | 50 / 10.0 | must |"
        );
    }
}
