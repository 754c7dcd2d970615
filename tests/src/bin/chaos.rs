//! Failure suites on a real Kafka and the real ClickHouse engine: `./dev chaos` runs this.

use std::process::ExitCode;

fn main() -> ExitCode {
    tapeline_tests::chaos::main()
}
