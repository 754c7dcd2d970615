//! The pages that are made from the code. They are committed, too, so that they can be
//! read without the program.

use tapeline_processors::{indicators, limits, signals};

use crate::cli::Page;
use crate::console;

pub(super) fn run(page: Page) {
    console::line(text(page).trim_end());
}

fn text(page: Page) -> String {
    match page {
        Page::Reasons => limits::reference::reason_codes(),
        Page::Limits => limits::reference::limits(),
        Page::Indicators => indicators::reference(),
        Page::Signals => signals::reference(),
        Page::Queries => tapeline_clickhouse::reference(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;

    const FOLDER: &str = "docs";

    fn file(page: Page) -> &'static str {
        match page {
            Page::Reasons => "reason-codes.md",
            Page::Limits => "limits.md",
            Page::Indicators => "indicators.md",
            Page::Signals => "signals.md",
            Page::Queries => "queries.md",
        }
    }

    #[test]
    fn the_committed_pages_are_what_the_code_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        for page in Page::value_variants() {
            let file = file(*page);
            let committed = fs::read_to_string(folder.join(file)).unwrap_or_default();
            let name = page.to_possible_value().unwrap();
            let name = name.get_name();
            assert!(
                committed.trim_end() == text(*page).trim_end(),
                "{FOLDER}/{file} is not what the code says; renew it: \
                 tapeline reference {name} > {FOLDER}/{file}"
            );
        }
    }
}
