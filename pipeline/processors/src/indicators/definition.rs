use super::DEFINITIONS;
use super::indicator::Run;
use super::parameters::Parameter;
use super::sample::Reads;

/// What an indicator is, for building it and for its page.
#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    pub title: &'static str,
    pub reads: Reads,
    pub parameters: &'static [Parameter],
    /// The first of the two parameters must be below the second.
    pub ascending: Option<(&'static str, &'static str)>,
    pub lines: &'static [IndicatorLine],
    pub formula: &'static str,
    /// How it starts.
    pub seeding: &'static str,
    /// What it reads where its formula would divide by zero.
    pub flat: &'static str,
    pub(super) build: fn(&ParameterValues<'_>) -> Box<dyn Run>,
}

/// One of the numbers that an indicator reads.
#[derive(Debug)]
pub struct IndicatorLine {
    pub name: &'static str,
    pub meaning: &'static str,
    /// The largest of these is how many samples it takes to the first value.
    pub needs: &'static [Need],
}

impl IndicatorLine {
    pub(super) const fn new(
        name: &'static str,
        meaning: &'static str,
        needs: &'static [Need],
    ) -> Self {
        Self {
            name,
            meaning,
            needs,
        }
    }
}

/// A number of samples: a sum of parameters, and a bit more or less.
#[derive(Debug)]
pub struct Need {
    pub parameters: &'static [&'static str],
    pub plus: i32,
}

impl Need {
    pub(super) const fn of(parameters: &'static [&'static str], plus: i32) -> Self {
        Self { parameters, plus }
    }
}

/// A window of so many samples, and nothing before it.
pub(super) const PERIOD: &[Need] = &[Need::of(&["period"], 0)];
/// The same of what is between two samples.
pub(super) const PERIOD_AFTER_FIRST: &[Need] = &[Need::of(&["period"], 1)];

impl Definition {
    pub fn find(name: &str) -> Option<&'static Self> {
        DEFINITIONS.iter().find(|d| d.name == name)
    }

    /// How many samples each line takes to its first value.
    pub(super) fn needs(&self, values: &[f64]) -> Vec<u32> {
        let samples = |need: &Need| {
            let sum: f64 = need.parameters.iter().map(|p| self.value(values, p)).sum();
            (sum + f64::from(need.plus)) as u32
        };
        let of_line =
            |line: &IndicatorLine| line.needs.iter().map(samples).max().unwrap_or_default();
        self.lines.iter().map(of_line).collect()
    }

    pub(super) fn value(&self, values: &[f64], name: &str) -> f64 {
        let at = self.parameters.iter().position(|p| p.name == name);
        at.and_then(|at| values.get(at).copied())
            .unwrap_or_default()
    }
}

/// Values that were found to be allowed.
pub(super) struct ParameterValues<'v> {
    pub definition: &'v Definition,
    pub values: &'v [f64],
}

impl ParameterValues<'_> {
    pub fn count(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    pub fn number(&self, name: &str) -> f64 {
        self.definition.value(self.values, name)
    }
}
