//! The hidden subcommands as a program of their own (`tapeline` has the same ones), and the
//! bare stack: `tapeline-local up --data DIR [--fresh] [--any-ports]` and `doctor`.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use tapeline_local::{Ports, Stack, StackError, StackOptions, doctor};

const USAGE: &str =
    "usage: tapeline-local up --data DIR [--fresh] [--any-ports] | doctor [--data DIR]
(up prints one line of JSON and runs until its standard input ends)";
const FAILED: u8 = 3;
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let args = match args.split_first() {
        Some((first, rest)) if first == "local" => rest,
        _ => &args,
    };
    if let Some(code) = tapeline_local::local_main(args) {
        return code;
    }
    match args
        .split_first()
        .and_then(|(first, rest)| Some((first.to_str()?, rest)))
    {
        Some(("up", rest)) => run_up(rest),
        Some(("doctor", rest)) => run_doctor(rest),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    let _ = writeln!(io::stderr(), "{USAGE}");
    ExitCode::from(WRONG_USAGE)
}

fn data_dir(args: &[OsString]) -> Option<PathBuf> {
    args.windows(2)
        .find(|pair| pair[0] == "--data")
        .map(|pair| pair[1].clone().into())
}

fn run_up(args: &[OsString]) -> ExitCode {
    let Some(data) = data_dir(args) else {
        return usage();
    };
    match up(data, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn up(data: PathBuf, args: &[OsString]) -> Result<(), StackError> {
    let mut options = StackOptions::new(data)?;
    options.fresh = args.iter().any(|arg| arg == "--fresh");
    if args.iter().any(|arg| arg == "--any-ports") {
        options.ports = Ports::ANY;
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|source| StackError::Io {
        action: "cannot start threads in",
        path: ".".into(),
        source,
    })?;
    let password_file = tapeline_local::password_file(&options.data);
    runtime.block_on(async {
        let stack = Stack::start(options).await?;
        let timings = stack.timings();
        let line = serde_json::json!({
            "kafka": stack.bootstrap(),
            "clickhouse": stack.clickhouse_url(),
            "password_file": password_file,
            "registry": stack.registry_url(),
            "kafka_pid": stack.kafka_pid(),
            "clickhouse_pid": stack.clickhouse_pid(),
            "kafka_ms": timings.kafka.as_millis() as u64,
            "clickhouse_ms": timings.clickhouse.as_millis() as u64,
            "total_ms": timings.total.as_millis() as u64,
        });
        let _ = writeln!(io::stdout(), "{line}");
        // Until whoever started this lets go of the pipe.
        let _ =
            tokio::task::spawn_blocking(|| io::stdin().lock().read_to_end(&mut Vec::new())).await;
        stack.stop().await;
        Ok(())
    })
}

fn run_doctor(args: &[OsString]) -> ExitCode {
    let data = data_dir(args).unwrap_or_else(|| ".tapeline".into());
    let findings = doctor(Ports::default(), &data, 512);
    let mut out = io::stdout();
    for finding in &findings {
        let mark = if finding.ok { "ok  " } else { "MISS" };
        let _ = writeln!(out, "{mark} {}: {}", finding.name, finding.found);
        if !finding.remedy.is_empty() {
            let _ = writeln!(out, "     {}", finding.remedy);
        }
    }
    ExitCode::from(u8::from(findings.iter().any(|finding| !finding.ok)))
}
