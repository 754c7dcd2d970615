//! Against TA-Lib, over a fixed random series: see `reference.py` beside the file
//! for how it was made and where its definitions were aligned.

use tapeline_model::Micros;

use super::*;

const REFERENCE: &str = include_str!("../../tests/indicators/reference.csv");
/// Session, high, low, close, volume, bid, ask, milliseconds.
const SERIES: usize = 8;
/// The file holds twelve digits.
const RELATIVE: f64 = 1e-9;

struct Column {
    name: &'static str,
    line: &'static str,
    indicator: Indicator,
    compared: usize,
}

impl Column {
    /// `indicator(parameter=value …).line`
    fn parse(name: &'static str) -> Self {
        let (call, line) = name.rsplit_once(").").unwrap();
        let (indicator, parameters) = call.split_once('(').unwrap();
        let parameters: Vec<(&str, f64)> = parameters
            .split_whitespace()
            .map(|p| p.split_once('=').unwrap())
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect();
        Self {
            name,
            line,
            indicator: Indicator::new(indicator, &parameters).unwrap(),
            compared: 0,
        }
    }

    fn compare(&mut self, row: &[f64], cell: &str) {
        let sample = sample(self.indicator.definition().reads, row);
        let readings = self.indicator.update(&sample).unwrap();
        let ours = readings.line(self.line).unwrap();
        let name = self.name;
        match (cell, ours) {
            ("", _) | ("nan", Reading::NotEnough { .. }) => {}
            (number, Reading::Value(ours)) => {
                let theirs: f64 = number.parse().unwrap();
                let apart = (ours - theirs).abs();
                let allowed = RELATIVE * theirs.abs();
                assert!(apart <= allowed, "{name}: {ours}, but TA-Lib {theirs}");
                self.compared += 1;
            }
            (theirs, ours) => panic!("{name}: {ours}, but TA-Lib {theirs}"),
        }
    }
}

fn sample(reads: Reads, row: &[f64]) -> Sample {
    let [session, high, low, close, volume, bid, ask, millis] = row.try_into().unwrap();
    match reads {
        Reads::Quote => Sample::Quote(TopOfBook {
            time: Micros(millis as i64 * 1000),
            bid,
            ask,
        }),
        _ => Sample::Bar(Candle {
            session: session as i64,
            high,
            low,
            close,
            volume,
            notional: Candle::typical_notional(high, low, close, volume),
        }),
    }
}

#[test]
fn every_indicator_agrees_with_the_library() {
    let mut lines = REFERENCE.lines();
    let names = lines.next().unwrap().split(',').skip(SERIES);
    let mut columns: Vec<Column> = names.map(Column::parse).collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let row: Vec<f64> = cells[..SERIES].iter().map(|c| c.parse().unwrap()).collect();
        assert_eq!(cells.len(), SERIES + columns.len());
        for (column, cell) in columns.iter_mut().zip(&cells[SERIES..]) {
            column.compare(&row, cell);
        }
    }
    for column in &columns {
        assert!(column.compared >= 10, "{}", column.name);
    }
    for definition in DEFINITIONS {
        let compared = columns
            .iter()
            .any(|c| c.indicator.definition().name == definition.name);
        assert!(compared, "{} is not compared", definition.name);
    }
}
