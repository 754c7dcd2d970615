//! Everything on this machine: the embedded stack, the deploy steps, all roles.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tapeline_clickhouse::Store;
use tapeline_demo::SCRIPT;
use tapeline_kafka::Admin;
use tapeline_local::{Ports, PublishedSchema, Stack, StackOptions};
use tapeline_schemas::registry;
use tapeline_schemas::topics::Topic;

use super::alert_watch::{self, AlertWatch};
use super::demo_desk;
use super::down::PidFile;
use crate::cli::Up;
use crate::commands::run::Signals;
use crate::commands::{audit, quiet_logs, store};
use crate::config::{Config, Source, load, with_demo};
use crate::console;
use crate::failure::Failure;
use crate::roles::{self, Parts, Start};
use crate::telemetry::{self, Health};

/// A stack whose roles are not ready by then has something wrong with it.
const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The demo's settings, beside the data they made.
const DEMO_FILE: &str = "demo.json";

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    topics: BTreeMap<&'static str, u64>,
    tables: BTreeMap<&'static str, u64>,
    alerts: u64,
    audit: AuditCounts,
    started_ms: u64,
    first_alert_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct AuditCounts {
    lost: u64,
    duplicated: u64,
}

pub(crate) fn run(source: &Source, arguments: Up) -> Result<(), Failure> {
    let began = Instant::now();
    let config = configure(load(source)?, &arguments)?;
    quiet_logs(&config);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::external)?;
    let mut pipeline = Pipeline {
        config,
        arguments,
        began,
        runtime: runtime.handle().clone(),
    };
    runtime.block_on(pipeline.run())
}

fn configure(mut config: Config, arguments: &Up) -> Result<Config, Failure> {
    let local = &mut config.local;
    if let Some(data) = &arguments.data {
        local.data.clone_from(data);
    }
    local.kafka_port = arguments.kafka_port.unwrap_or(local.kafka_port);
    local.clickhouse_port = arguments.clickhouse_port.unwrap_or(local.clickhouse_port);
    local.registry_port = arguments.registry_port.unwrap_or(local.registry_port);
    if let Some(listen) = &arguments.metrics {
        config.telemetry.listen.clone_from(listen);
    }
    Ok(with_demo(config, arguments.demo)?)
}

/// The whole pipeline, from venue to store.
struct Pipeline {
    config: Config,
    arguments: Up,
    began: Instant,
    runtime: tokio::runtime::Handle,
}

/// The pipeline while it runs.
struct RunningPipeline {
    connectors: Parts,
    processors: Parts,
    sinks: Parts,
    alerts: Arc<AlertWatch>,
}

impl Pipeline {
    async fn run(&mut self) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        let mut stack = tokio::select! {
            stack = self.start_stack() => stack?,
            () = signals.wanted() => return Ok(()),
        };
        let pid = PidFile::in_folder(&self.config.local.data);
        pid.write()?;
        let outcome = self.run_on(&mut stack, &mut signals).await;
        console::say("stopping");
        stack.stop().await;
        outcome
    }

    async fn start_stack(&mut self) -> Result<Stack, Failure> {
        let local = &self.config.local;
        let mut options = StackOptions::new(&local.data)?;
        options.fresh = self.arguments.fresh;
        options.heap_mb = local.kafka_heap_mb;
        options.min_free_mb = local.min_free_mb;
        options.store_origins.clone_from(&local.store_origins);
        options.ports = Ports {
            kafka: local.kafka_port,
            clickhouse: local.clickhouse_port,
            registry: local.registry_port,
            ..Ports::default()
        };
        options.schemas = published(&self.config.kafka.topic_prefix);
        if self.config.demo.is_on() && !self.arguments.fresh {
            check_demo(&self.config)?;
        }
        console::say("starting Kafka and ClickHouse");
        let stack = Stack::start(options).await?;
        self.config.kafka.bootstrap = stack.bootstrap();
        // One process runs on a data folder, so its restart need not wait for a lease.
        "up".clone_into(&mut self.config.kafka.instance);
        // The embedded store, and nothing of another that the configuration may name.
        self.config.clickhouse.url = stack.clickhouse_url();
        "default".clone_into(&mut self.config.clickhouse.user);
        self.config.clickhouse.password.clear();
        if self.config.demo.is_on() {
            if self.arguments.fresh {
                roles::forget_demo_logins(&self.config)?;
            }
            remember_demo(&self.config)?;
        }
        Ok(stack)
    }

    async fn run_on(&self, stack: &mut Stack, signals: &mut Signals) -> Result<(), Failure> {
        let health = Health::default();
        let metrics = telemetry::serve(&self.config.telemetry.listen, health.clone()).await?;
        self.deploy().await?;
        let mut running = self.start_roles(&health)?;
        self.wait_ready(&health, &mut running, signals).await?;
        let started = self.began.elapsed();
        self.print_addresses(stack, metrics, started);
        let outcome = self.watch(stack, &mut running, signals).await;
        let report = self.finish(running, started).await;
        outcome?;
        match report? {
            Some(report) if self.arguments.json => console::json(&report),
            Some(report) => {
                show(&report);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The same steps that `topics apply` and `store apply` take.
    async fn deploy(&self) -> Result<(), Failure> {
        let kafka = self.config.kafka_settings()?;
        let topics = tokio::task::spawn_blocking(move || {
            let admin = Admin::new(&kafka)?;
            admin.wait_ready(READY_WITHIN)?;
            admin.apply(&admin.plan()?)
        });
        let store = Store::connect(&self.config.store_settings()?)?;
        store.wait_ready(READY_WITHIN).await?;
        store::bring_up(&self.config, &store).await?;
        Ok(topics.await.map_err(Failure::external)??)
    }

    fn start_roles(&self, health: &Health) -> Result<RunningPipeline, Failure> {
        let start = Start {
            config: &self.config,
            runtime: &self.runtime,
            health,
        };
        let show = !self.arguments.json;
        let (mut sinks, alerts) = alert_watch::watch(&start, self.began, show)?;
        sinks.join(roles::start_sinks(&start)?);
        let processors = roles::start_processors(&start)?;
        let mut connectors = roles::start_connectors(&start)?;
        connectors.join(demo_desk::start(&start)?);
        Ok(RunningPipeline {
            connectors,
            processors,
            sinks,
            alerts,
        })
    }

    async fn wait_ready(
        &self,
        health: &Health,
        running: &mut RunningPipeline,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            running.check()?;
            let waiting = health.waiting_for();
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let names = waiting.join(", ");
                return Err(Failure::External(format!(
                    "not ready after {READY_WITHIN:?}: {names}"
                )));
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = signals.wanted() => return Ok(()),
            }
        }
    }

    fn print_addresses(&self, stack: &Stack, metrics: std::net::SocketAddr, started: Duration) {
        let database = &self.config.clickhouse.database;
        console::say(format!(
            "started in {:.1} s\n\
             \x20 Kafka             {}\n\
             \x20 ClickHouse        {}/?database={database}  (user `reader` to look)\n\
             \x20 user `default`    has all rights; its password: cat {}\n\
             \x20 schema registry   {}\n\
             \x20 metrics, health   http://{metrics}/metrics  http://{metrics}/health/ready\n\
             \x20 data              {}",
            started.as_secs_f64(),
            stack.bootstrap(),
            stack.clickhouse_url(),
            tapeline_local::password_file(&self.config.local.data).display(),
            stack.registry_url(),
            self.config.local.data.display(),
        ));
        if self.arguments.duration.is_none() {
            console::say("Ctrl-C stops everything; alerts appear below");
        }
    }

    /// Until the time is up, a signal comes, or something fails.
    async fn watch(
        &self,
        stack: &mut Stack,
        running: &mut RunningPipeline,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let end = self.arguments.duration.map(|span| Instant::now() + span.0);
        loop {
            running.check()?;
            stack.check_children()?;
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL * 5) => {}
                () = signals.wanted() => return Ok(()),
            }
        }
    }

    /// Stops the pipeline from its source to its end, so that what was read is
    /// written; then counts and proves it.
    async fn finish(
        &self,
        running: RunningPipeline,
        started: Duration,
    ) -> Result<Option<Report>, Failure> {
        let RunningPipeline {
            connectors,
            processors,
            sinks,
            alerts,
        } = running;
        stop(connectors).await?;
        stop(processors).await?;
        let wanted = self.arguments.json || self.arguments.duration.is_some();
        let report = if wanted {
            self.report(&alerts, started).await.map(Some)
        } else {
            Ok(None)
        };
        stop(sinks).await?;
        report
    }

    async fn report(&self, alerts: &AlertWatch, started: Duration) -> Result<Report, Failure> {
        let audited =
            audit::once_caught_up(&self.config, &self.runtime, self.config.audit_options()).await?;
        let store = Store::connect(&self.config.store_settings()?)?;
        Ok(Report {
            topics: audited
                .topics
                .iter()
                .map(|t| (t.topic, t.kafka_records))
                .collect(),
            tables: tapeline_clickhouse::counts(&store).await?,
            alerts: alerts.count(),
            audit: AuditCounts {
                lost: audited.lost,
                duplicated: audited.duplicated,
            },
            started_ms: started.as_millis() as u64,
            first_alert_ms: alerts.first().map(|first| first.as_millis() as u64),
        })
    }
}

impl RunningPipeline {
    fn check(&mut self) -> Result<(), Failure> {
        self.connectors.check()?;
        self.processors.check()?;
        self.sinks.check()
    }
}

async fn stop(parts: Parts) -> Result<(), Failure> {
    tokio::task::spawn_blocking(move || parts.stop())
        .await
        .map_err(Failure::external)?
}

fn show(report: &Report) {
    for (topic, records) in &report.topics {
        console::line(format!("{topic:20} {records:>10} records"));
    }
    for (table, rows) in &report.tables {
        console::line(format!("{table:20} {rows:>10} rows"));
    }
    let AuditCounts { lost, duplicated } = report.audit;
    console::line(format!(
        "{} alerts; audit: {lost} lost, {duplicated} duplicated",
        report.alerts
    ));
}

/// What the registry of the embedded stack serves: each topic's record.
fn published(prefix: &str) -> Vec<PublishedSchema> {
    let of = |topic: &Topic| {
        let subject = format!("{prefix}{topic}-value");
        let versions = registry()
            .all()
            .iter()
            .filter(|v| v.record == topic.spec().record);
        versions
            .map(|v| PublishedSchema {
                id: v.id,
                subject: subject.clone(),
                version: v.version,
                schema: v.json.to_owned(),
            })
            .collect::<Vec<_>>()
    };
    Topic::ALL.iter().flat_map(of).collect()
}

/// The demo goes on where it stopped, which only makes sense with the settings
/// it was started with.
fn check_demo(config: &Config) -> Result<(), Failure> {
    let Ok(before) = std::fs::read_to_string(config.local.data.join(DEMO_FILE)) else {
        return Ok(());
    };
    if before == demo_text(config)? {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "the data in {} were made by a demo with other settings or another script ({before}); \
         set demo.settings back, or begin anew with --fresh",
        config.local.data.display()
    )))
}

fn remember_demo(config: &Config) -> Result<(), Failure> {
    write_file(&config.local.data.join(DEMO_FILE), &demo_text(config)?)
}

fn demo_text(config: &Config) -> Result<String, Failure> {
    let made = serde_json::json!({ "script": SCRIPT, "settings": config.demo.settings });
    serde_json::to_string(&made).map_err(Failure::external)
}

fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::External(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_serves_every_topic() {
        let schemas = published("t.");
        let subjects: std::collections::BTreeSet<_> = schemas.iter().map(|s| &s.subject).collect();
        assert_eq!(subjects.len(), Topic::ALL.len());
        assert!(
            schemas
                .iter()
                .any(|s| s.subject == "t.alerts-value" && s.id == 10)
        );
    }

    #[test]
    fn a_demo_with_other_settings_is_refused_until_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.local.data = folder.path().to_owned();
        check_demo(&config).unwrap();
        remember_demo(&config).unwrap();
        check_demo(&config).unwrap();
        config.demo.settings.seed += 1;
        let failure = check_demo(&config).unwrap_err();
        assert!(failure.to_string().contains("--fresh"), "{failure}");
    }
}
