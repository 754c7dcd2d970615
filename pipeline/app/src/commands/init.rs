use clap::CommandFactory;

use crate::cli::{Cli, Init};
use crate::config::{json_schema, template};
use crate::console;
use crate::failure::Failure;

pub(super) fn run(arguments: &Init) -> Result<(), Failure> {
    if arguments.json_schema {
        let text = serde_json::to_string_pretty(&json_schema()).map_err(Failure::external)?;
        console::line(text);
    } else {
        console::line(template().trim_end());
    }
    Ok(())
}

pub(super) fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        "tapeline",
        &mut std::io::stdout(),
    );
}

pub(super) fn manual() -> Result<(), Failure> {
    clap_mangen::Man::new(Cli::command())
        .render(&mut std::io::stdout())
        .map_err(Failure::external)
}
