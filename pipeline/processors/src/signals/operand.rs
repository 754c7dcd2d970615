use std::fmt::Write;

use crate::indicators::{Definition, Indicator, Reading, Readings, Reads, Sample};
use crate::settings::Faults;

use super::moment::Moment;
use super::settings::{BarField, Interval, OperandSettings};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Number(f64),
    Field(BarField),
    /// A line of the rule's indicator with this place.
    Line(usize, &'static str),
}

/// A value and the name it has in a signal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub source: Source,
    pub label: String,
}

impl Operand {
    /// Adds the indicator it needs to those that are there, unless one is the same.
    pub fn new(
        key: &str,
        settings: &OperandSettings,
        interval: Interval,
        indicators: &mut Vec<Indicator>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let OperandSettings {
            indicator,
            bar,
            number,
            ..
        } = settings;
        match (indicator, bar, number) {
            (Some(name), None, None) => {
                of_indicator(key, name, settings, interval, indicators, faults)
            }
            (None, Some(field), None) => of_field(key, *field, interval, faults),
            (None, None, Some(number)) => of_number(key, *number, faults),
            _ => {
                let remedy = "must be exactly one of indicator, bar and number";
                faults.add(key, "the value", remedy);
                None
            }
        }
    }

    pub fn value(&self, moment: &Moment<'_>, readings: &[Option<Readings>]) -> Option<f64> {
        match &self.source {
            Source::Number(number) => Some(*number),
            Source::Field(field) => moment.field(*field),
            Source::Line(place, line) => {
                let readings = readings.get(*place)?.as_ref()?;
                readings.line(line).and_then(Reading::value)
            }
        }
    }
}

fn of_number(key: &str, number: f64, faults: &mut Faults) -> Option<Operand> {
    if !number.is_finite() {
        faults.add(
            format!("{key}.number"),
            number,
            "is not a finite number: write one like 30",
        );
        return None;
    }
    Some(Operand {
        source: Source::Number(number),
        label: number.to_string(),
    })
}

fn of_field(
    key: &str,
    field: BarField,
    interval: Interval,
    faults: &mut Faults,
) -> Option<Operand> {
    if interval == Interval::Quote && field != BarField::Close {
        let remedy = "is no part of a quote: write close, which is the price between bid and ask";
        faults.add(format!("{key}.bar"), field.as_str(), remedy);
        return None;
    }
    Some(Operand {
        source: Source::Field(field),
        label: field.as_str().to_owned(),
    })
}

fn of_indicator(
    key: &str,
    name: &str,
    settings: &OperandSettings,
    interval: Interval,
    indicators: &mut Vec<Indicator>,
    faults: &mut Faults,
) -> Option<Operand> {
    let parameters: Vec<(&str, f64)> = settings
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let indicator = match Indicator::new(name, &parameters) {
        Ok(indicator) => indicator,
        Err(error) => {
            faults.add(
                format!("{key}.indicator"),
                name,
                format!("cannot be used: {error}"),
            );
            return None;
        }
    };
    let definition = indicator.definition();
    let line = line_of(key, definition, settings.line.as_deref(), faults)?;
    if !reads_at(definition.reads, interval) {
        let remedy = format!(
            "reads {}, and so not at the interval {}",
            definition.reads,
            interval.as_str()
        );
        faults.add(format!("{key}.indicator"), name, remedy);
        return None;
    }
    let label = label(&indicator, line);
    let same = |known: &Indicator| {
        known.definition().name == definition.name && known.parameters() == indicator.parameters()
    };
    let place = indicators.iter().position(same).unwrap_or_else(|| {
        indicators.push(indicator.clone());
        indicators.len() - 1
    });
    Some(Operand {
        source: Source::Line(place, line),
        label,
    })
}

fn line_of(
    key: &str,
    definition: &'static Definition,
    wanted: Option<&str>,
    faults: &mut Faults,
) -> Option<&'static str> {
    let names: Vec<&'static str> = definition.lines.iter().map(|line| line.name).collect();
    let found = match (wanted, names.as_slice()) {
        (None, [only]) => Some(*only),
        (None, _) => None,
        (Some(wanted), names) => names.iter().copied().find(|name| *name == wanted),
    };
    if found.is_none() {
        let remedy = format!(
            "is no line of {}; write one of {}",
            definition.name,
            names.join(", ")
        );
        faults.add(format!("{key}.line"), wanted.unwrap_or("nothing"), remedy);
    }
    found
}

fn reads_at(reads: Reads, interval: Interval) -> bool {
    match (reads, interval) {
        (Reads::Price, _) => true,
        (Reads::Quote, interval) => interval == Interval::Quote,
        (Reads::Volume | Reads::Bar, interval) => interval != Interval::Quote,
    }
}

/// What an indicator's value is called in a signal; None of what cannot be used.
pub(super) fn name(settings: &OperandSettings) -> Option<String> {
    let (mut indicators, mut faults) = (Vec::new(), Faults::default());
    let name = settings.indicator.as_deref()?;
    let reads = Definition::find(name)?.reads;
    let interval = if reads == Reads::Quote {
        Interval::Quote
    } else {
        Interval::Day
    };
    let operand = Operand::new("", settings, interval, &mut indicators, &mut faults)?;
    Some(operand.label)
}

/// `macd(fast=12,slow=26,signal=9).signal`
fn label(indicator: &Indicator, line: &str) -> String {
    let definition = indicator.definition();
    let mut label = definition.name.to_owned();
    let named = definition.parameters.iter().zip(indicator.parameters());
    let listed: Vec<String> = named
        .map(|(p, value)| format!("{}={value}", p.name))
        .collect();
    // Writing to a string cannot fail.
    let _ = write!(label, "({})", listed.join(","));
    if definition.lines.len() > 1 {
        let _ = write!(label, ".{line}");
    }
    label
}

/// What each indicator reads now; None where it could not use it.
pub(super) fn update(indicators: &mut [Indicator], moment: &Moment<'_>) -> Vec<Option<Readings>> {
    let read = |indicator: &mut Indicator| {
        let sample: Sample = moment.sample(indicator.definition().reads)?;
        indicator.update(&sample).ok()
    };
    indicators.iter_mut().map(read).collect()
}
