use std::fmt;

use serde::{Deserialize, Serialize};

use super::DEFINITIONS;
use super::definition::{Definition, ParameterValues};
use super::parameters::{ParameterError, resolve};
use super::sample::{FromSample, InputError, Sample};
use super::saved_state::StateVisitor;

/// The most lines that any indicator has.
const MAX_LINES: usize = 5;

/// What a line of an indicator says now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    Value(f64),
    /// It has seen too few samples.
    NotEnough {
        have: u32,
        need: u32,
    },
    /// Its formula has no value for what it saw, such as a division by zero.
    Undefined,
}

impl Reading {
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotEnough { .. } | Self::Undefined => None,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::NotEnough { have, need } => write!(f, "not enough data ({have} of {need})"),
            Self::Undefined => f.write_str("undefined"),
        }
    }
}

/// What each line of an indicator says.
#[derive(Debug, Clone, Copy)]
pub struct Readings {
    definition: &'static Definition,
    lines: [Reading; MAX_LINES],
}

impl Readings {
    pub fn line(&self, name: &str) -> Option<Reading> {
        self.iter().find(|(line, _)| *line == name).map(|(_, r)| r)
    }

    /// In the order of the definition.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Reading)> + '_ {
        let names = self.definition.lines.iter().map(|line| line.name);
        names.zip(self.lines)
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BuildError {
    #[error("there is no indicator {name}; there are: {}", known())]
    UnknownIndicator { name: String },
    #[error("{}", sentences(.0))]
    Parameters(Vec<ParameterError>),
}

/// An indicator's state: bits in, the same bits out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub indicator: String,
    pub parameters: Vec<f64>,
    /// How many samples it has seen.
    pub seen: i64,
    pub numbers: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestoreError {
    #[error(
        "the state is that of {saved} {saved_parameters:?}, not of {indicator} {parameters:?}: \
         let the indicator warm up anew"
    )]
    OtherIndicator {
        saved: String,
        saved_parameters: Vec<f64>,
        indicator: &'static str,
        parameters: Vec<f64>,
    },
    #[error("the state of {indicator} is damaged: let the indicator warm up anew")]
    Damaged { indicator: &'static str },
}

/// An indicator with its parameters and what it remembers.
pub struct Indicator {
    definition: &'static Definition,
    parameters: Vec<f64>,
    needs: Vec<u32>,
    seen: u32,
    computation: Box<dyn Run>,
}

impl Indicator {
    /// What is not given has its default.
    pub fn new(name: &str, parameters: &[(&str, f64)]) -> Result<Self, BuildError> {
        let definition = Definition::find(name).ok_or_else(|| BuildError::UnknownIndicator {
            name: name.to_owned(),
        })?;
        let values = resolve(definition, parameters).map_err(BuildError::Parameters)?;
        let given = ParameterValues {
            definition,
            values: &values,
        };
        Ok(Self {
            definition,
            computation: (definition.build)(&given),
            needs: definition.needs(&values),
            parameters: values,
            seen: 0,
        })
    }

    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// In the order of the definition.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// How many samples it takes until every line can have a value.
    pub fn warm_up(&self) -> u32 {
        self.needs.iter().copied().max().unwrap_or_default()
    }

    /// Takes the next sample. A refused one leaves everything as it was.
    pub fn update(&mut self, sample: &Sample) -> Result<Readings, InputError> {
        sample.check()?;
        let kind = InputError::WrongKind {
            indicator: self.definition.name,
            reads: self.definition.reads,
            kind: sample.kind(),
        };
        let values = self.computation.run(sample)?.ok_or(kind)?;
        self.seen = self.seen.saturating_add(1);
        let mut lines = [Reading::Undefined; MAX_LINES];
        for ((line, value), need) in lines.iter_mut().zip(values).zip(&self.needs) {
            *line = match value.filter(|value| value.is_finite()) {
                Some(value) => Reading::Value(value),
                None if self.seen < *need => Reading::NotEnough {
                    have: self.seen,
                    need: *need,
                },
                None => Reading::Undefined,
            };
        }
        Ok(Readings {
            definition: self.definition,
            lines,
        })
    }

    /// What [`update`](Self::update) would say, as for a bar that is not closed or
    /// a quote that has not come. Costs a copy of the state.
    pub fn preview(&self, sample: &Sample) -> Result<Readings, InputError> {
        self.clone().update(sample)
    }

    pub fn save(&self) -> Saved {
        let mut visitor = StateVisitor::Write(Vec::new());
        self.computation.copy().visit_state(&mut visitor);
        let numbers = match visitor {
            StateVisitor::Write(numbers) => numbers,
            StateVisitor::Read { .. } => Vec::new(),
        };
        Saved {
            indicator: self.definition.name.to_owned(),
            parameters: self.parameters.clone(),
            seen: self.seen.into(),
            numbers,
        }
    }

    /// Goes on where the saved one stopped. State that does not fit leaves
    /// everything as it was.
    pub fn restore(&mut self, saved: &Saved) -> Result<(), RestoreError> {
        let indicator = self.definition.name;
        if saved.indicator != indicator || saved.parameters != self.parameters {
            return Err(RestoreError::OtherIndicator {
                saved: saved.indicator.clone(),
                saved_parameters: saved.parameters.clone(),
                indicator,
                parameters: self.parameters.clone(),
            });
        }
        let damaged = RestoreError::Damaged { indicator };
        let seen = u32::try_from(saved.seen).map_err(|_| damaged.clone())?;
        let mut computation = self.computation.copy();
        let mut visitor = StateVisitor::Read {
            rest: &saved.numbers,
            broken: false,
        };
        computation.visit_state(&mut visitor);
        let whole = matches!(
            visitor,
            StateVisitor::Read {
                rest: [],
                broken: false
            }
        );
        if !whole {
            return Err(damaged);
        }
        self.computation = computation;
        self.seen = seen;
        Ok(())
    }
}

impl Clone for Indicator {
    fn clone(&self) -> Self {
        Self {
            definition: self.definition,
            parameters: self.parameters.clone(),
            needs: self.needs.clone(),
            seen: self.seen,
            computation: self.computation.copy(),
        }
    }
}

impl fmt::Debug for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.save().fmt(f)
    }
}

/// One number a line; None where there is none, yet or at all.
pub(super) type Lines = [Option<f64>; MAX_LINES];

pub(super) fn lines<const N: usize>(values: [Option<f64>; N]) -> Lines {
    let mut lines = [None; MAX_LINES];
    for (line, value) in lines.iter_mut().zip(values) {
        *line = value;
    }
    lines
}

/// What an indicator does with the part of a sample that it reads.
pub(super) trait Computation: Clone + Send + Sync + 'static {
    type Input: FromSample;

    /// Whether the input can be used; asked before [`next`](Self::next).
    fn check(&self, _input: &Self::Input) -> Result<(), InputError> {
        Ok(())
    }

    fn next(&mut self, input: Self::Input) -> Lines;

    /// All that [`next`](Self::next) changes.
    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>);
}

/// A computation whatever it reads.
pub(super) trait Run: Send + Sync {
    /// None of a sample of another kind.
    fn run(&mut self, sample: &Sample) -> Result<Option<Lines>, InputError>;
    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>);
    fn copy(&self) -> Box<dyn Run>;
}

impl<C: Computation> Run for C {
    fn run(&mut self, sample: &Sample) -> Result<Option<Lines>, InputError> {
        let Some(input) = C::Input::from_sample(sample) else {
            return Ok(None);
        };
        self.check(&input)?;
        Ok(Some(self.next(input)))
    }

    fn visit_state(&mut self, visitor: &mut StateVisitor<'_>) {
        Computation::visit_state(self, visitor);
    }

    fn copy(&self) -> Box<dyn Run> {
        Box::new(self.clone())
    }
}

fn known() -> String {
    let names: Vec<&str> = DEFINITIONS.iter().map(|d| d.name).collect();
    names.join(", ")
}

fn sentences(faults: &[ParameterError]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}
