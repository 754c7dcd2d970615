use std::fmt;

use super::definition::Definition;

/// A number that an indicator is built with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    pub name: &'static str,
    pub meaning: &'static str,
    pub default: f64,
    pub min: f64,
    pub max: f64,
    pub whole: bool,
}

/// As far back as an indicator may look.
const LONGEST: f64 = 10_000.0;

impl Parameter {
    /// How many samples; at least `min`.
    pub(super) const fn period(
        name: &'static str,
        meaning: &'static str,
        default: f64,
        min: f64,
    ) -> Self {
        Self {
            name,
            meaning,
            default,
            min,
            max: LONGEST,
            whole: true,
        }
    }

    /// How many standard deviations or ranges a band is away.
    pub(super) const fn width(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            default: 2.0,
            min: 0.01,
            max: 100.0,
            whole: false,
        }
    }

    fn allows(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value) && (!self.whole || value.fract() == 0.0)
    }
}

/// `a whole number from 2 to 10000`
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.whole { "whole number" } else { "number" };
        write!(f, "a {kind} from {} to {}", self.min, self.max)
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    #[error("{indicator} has no parameter {name}; it has: {known}")]
    Unknown {
        indicator: &'static str,
        name: String,
        known: String,
    },
    #[error("{indicator}: {} = {value} is not allowed: write {parameter}", parameter.name)]
    NotAllowed {
        indicator: &'static str,
        parameter: Parameter,
        value: f64,
    },
    #[error(
        "{indicator}: {lower} must be below {higher}, but {lower_value} is not below {higher_value}"
    )]
    NotAscending {
        indicator: &'static str,
        lower: &'static str,
        lower_value: f64,
        higher: &'static str,
        higher_value: f64,
    },
}

/// The values of an indicator's parameters, in their order, and every fault at once.
pub(super) fn resolve(
    definition: &Definition,
    given: &[(&str, f64)],
) -> Result<Vec<f64>, Vec<ParameterError>> {
    let indicator = definition.name;
    let parameters = definition.parameters;
    let mut values: Vec<f64> = parameters.iter().map(|p| p.default).collect();
    let mut faults = Vec::new();
    for (name, value) in given {
        let Some(at) = parameters.iter().position(|p| p.name == *name) else {
            faults.push(ParameterError::Unknown {
                indicator,
                name: (*name).to_owned(),
                known: names(parameters),
            });
            continue;
        };
        let parameter = parameters[at];
        values[at] = *value;
        if !parameter.allows(*value) {
            faults.push(ParameterError::NotAllowed {
                indicator,
                parameter,
                value: *value,
            });
        }
    }
    if let Some((lower, higher)) = definition.ascending {
        let (low, high) = (
            definition.value(&values, lower),
            definition.value(&values, higher),
        );
        if faults.is_empty() && low >= high {
            faults.push(ParameterError::NotAscending {
                indicator,
                lower,
                lower_value: low,
                higher,
                higher_value: high,
            });
        }
    }
    if faults.is_empty() {
        Ok(values)
    } else {
        Err(faults)
    }
}

fn names(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = parameters.iter().map(|p| p.name).collect();
    names.join(", ")
}
