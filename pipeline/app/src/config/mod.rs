//! The configuration: one TOML file, overridden by `TAPELINE__SECTION__KEY`.
//! Every default stands here.

mod codes;
mod fault;
mod limits;
mod load;
#[cfg_attr(not(feature = "local"), path = "without_local.rs")]
mod local;
mod logins;
mod market;
mod preflight;
mod risk;
mod secret_store;
mod secrets;
mod span;
mod template;
mod validate;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_clickhouse::{AuditOptions, Password, Retention, SinkSettings, StoreSettings};
use tapeline_kafka::KafkaSettings;
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_processors::limits::LimitDefinition;
use tapeline_processors::strategy::InstanceSettings;
use tapeline_runtime::{CommitPolicy, RunSettings, SnapshotPolicy};
use tapeline_schemas::topics::manifest;
use tapeline_secrets::Reference;

pub(crate) use codes::MailboxAccount;
pub(crate) use fault::{ConfigError, Fault};
pub(crate) use load::{Source, json_schema, load};
#[cfg(not(feature = "local"))]
pub(crate) use local::not_built_in;
pub(crate) use local::{Demo, Local, with_demo};
pub(crate) use logins::{Auth, LoginAccount, SessionStoreKind, Way};
pub(crate) use market::Market;
pub(crate) use preflight::Preflight;
pub(crate) use risk::{Account, Instrument, Risk};
pub(crate) use secret_store::OpenError;
pub(crate) use secrets::Places;
pub(crate) use span::Span;
pub(crate) use template::template;

/// Everything Tapeline can be told. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub kafka: Kafka,
    pub clickhouse: ClickHouse,
    pub processors: Processors,
    pub market: Market,
    pub risk: Risk,
    /// Every broker account, and the portfolio it shares limits with.
    pub accounts: Vec<Account>,
    /// What is not a plain share in the currency of its fills.
    pub instruments: Vec<Instrument>,
    /// How far portfolios may go, to begin with; commands change it.
    pub limits: Option<Vec<LimitDefinition>>,
    /// What trades by itself; nothing, unless it is listed here.
    pub strategies: Vec<InstanceSettings>,
    /// What all logins share.
    pub auth: Auth,
    /// The accounts that are logged in to.
    pub logins: Vec<LoginAccount>,
    /// What is looked at before trading begins.
    pub preflight: Preflight,
    pub sink: Sink,
    pub demo: Demo,
    pub local: Local,
    /// Where secrets are that references lead to, other than environment and files.
    pub secrets: Places,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kafka {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Before the name of every topic, group and transactional id.
    pub topic_prefix: String,
    pub app_id: String,
    /// Partitions of the topics keyed by symbol; fixed once the topics exist.
    pub market_partitions: u32,
    /// Partitions of the topics keyed by portfolio; fixed once the topics exist.
    pub portfolio_partitions: u32,
    pub replication: u16,
    /// Names this process among others of its role, so that a restart goes on at once; no two may share it.
    pub instance: String,
    /// After this long without its owner, the broker aborts a transaction.
    pub transaction_timeout: Span,
    /// The longest that one call waits for the cluster.
    pub request_timeout: Span,
    /// Further librdkafka properties, such as "security.protocol"; values may be secret:// references.
    pub properties: BTreeMap<String, String>,
}

impl Default for Kafka {
    fn default() -> Self {
        let defaults = KafkaSettings::default();
        Self {
            bootstrap: defaults.bootstrap,
            topic_prefix: defaults.topic_prefix,
            app_id: defaults.app_id,
            market_partitions: defaults.market_partitions,
            portfolio_partitions: defaults.portfolio_partitions,
            replication: defaults.replication,
            instance: String::new(),
            transaction_timeout: Span(defaults.transaction_timeout),
            request_timeout: Span(defaults.request_timeout),
            properties: defaults.properties,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClickHouse {
    /// The HTTP interface.
    pub url: String,
    pub database: String,
    pub user: String,
    /// A reference, like secret://env/NAME or secret://file/PATH; empty for none, or for that of
    /// the embedded store.
    pub password: String,
    /// For how long tables keep their rows; what is not named is kept for ever.
    pub retention: BTreeMap<String, Span>,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            database: "tapeline".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            retention: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Processors {
    /// Which run in the role `processors`.
    pub run: Vec<String>,
    /// Everything that is not urgent is committed at least this often.
    pub commit_interval: Span,
    /// What other processors wait for goes this often, unless records pile up.
    pub prompt_interval: Span,
    /// Urgent records (alerts, verdicts) are committed at once, but this far apart.
    pub urgent_gap: Span,
    /// Or after this many records.
    pub commit_records: usize,
    /// A full state is written every so many transactions and every day, to replay from.
    pub snapshot_transactions: i64,
    /// Keep the state of other processes' tasks in memory, to take one over at once.
    pub standby: bool,
}

impl Default for Processors {
    fn default() -> Self {
        let policy = CommitPolicy::default();
        Self {
            run: processor_names(),
            commit_interval: Span(policy.interval),
            prompt_interval: Span(policy.prompt_interval),
            urgent_gap: Span(policy.urgent_gap),
            commit_records: policy.max_records,
            snapshot_transactions: SnapshotPolicy::default().transactions,
            standby: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sink {
    /// Rows go into the store when so many wait of one partition ...
    pub batch_rows: usize,
    /// ... or so many bytes ...
    pub batch_bytes: usize,
    /// ... or when the first of them waits for so long.
    pub batch_age: Span,
    /// Reading pauses when so many bytes wait for the store.
    pub buffer_bytes: usize,
    /// Inserts at the same time.
    pub parallel_inserts: usize,
    /// What came lately is compared with the topics this often, and an alert tells what is wrong; "0s" for never.
    pub audit_every: Span,
}

impl Default for Sink {
    fn default() -> Self {
        let defaults = SinkSettings::default();
        Self {
            batch_rows: defaults.batch_rows,
            batch_bytes: defaults.batch_bytes,
            batch_age: Span(defaults.batch_age),
            buffer_bytes: defaults.buffer_bytes,
            parallel_inserts: defaults.parallel_inserts,
            audit_every: Span(Duration::from_secs(3600)),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// Where /metrics and /health are served.
    pub listen: String,
    /// error, warn, info, debug, trace, or a filter like "info,tapeline_kafka=debug".
    pub log: String,
    pub log_format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    pub fn kafka_settings(&self) -> Result<KafkaSettings, Fault> {
        let kafka = &self.kafka;
        let mut properties = BTreeMap::new();
        for (name, value) in &kafka.properties {
            let key = property_key(name);
            let value = secrets::resolve_if_reference(&self.secrets, &key, value)?;
            properties.insert(name.clone(), value);
        }
        Ok(KafkaSettings {
            properties,
            ..self.kafka_settings_unresolved()
        })
    }

    /// Without looking any secret up: for validation.
    fn kafka_settings_unresolved(&self) -> KafkaSettings {
        let kafka = &self.kafka;
        KafkaSettings {
            bootstrap: kafka.bootstrap.clone(),
            topic_prefix: kafka.topic_prefix.clone(),
            app_id: kafka.app_id.clone(),
            market_partitions: kafka.market_partitions,
            portfolio_partitions: kafka.portfolio_partitions,
            replication: kafka.replication,
            instance: Some(kafka.instance.clone()).filter(|name| !name.is_empty()),
            transaction_timeout: kafka.transaction_timeout.0,
            request_timeout: kafka.request_timeout.0,
            properties: kafka.properties.clone(),
        }
    }

    pub fn store_settings(&self) -> Result<StoreSettings, Fault> {
        let store = &self.clickhouse;
        let password = if let Some(password) = local::store_password(self)? {
            password
        } else {
            let key = "clickhouse.password";
            secrets::resolve_reference(&self.secrets, key, &store.password)?
        };
        Ok(StoreSettings {
            url: store.url.clone(),
            database: store.database.clone(),
            user: store.user.clone(),
            password: Password::new(password),
            ..StoreSettings::default()
        })
    }

    /// Every reference of this configuration, by key. Wrong ones are left out.
    pub fn references(&self) -> Vec<(String, Reference)> {
        let mut texts = self.reference_texts();
        texts.extend(self.secrets.references());
        let parsed = texts.into_iter();
        parsed
            .filter_map(|(key, text)| Some((key, text.parse().ok()?)))
            .collect()
    }

    /// Each of them once, with the keys that need it.
    pub fn keys_by_reference(&self) -> BTreeMap<Reference, Vec<String>> {
        let mut keys: BTreeMap<Reference, Vec<String>> = BTreeMap::new();
        for (key, reference) in self.references() {
            keys.entry(reference).or_default().push(key);
        }
        keys
    }

    /// What must be a reference, by key, apart from what opens the places of secrets.
    fn reference_texts(&self) -> Vec<(String, &str)> {
        let properties = self.kafka.properties.iter();
        let meant = properties.filter(|(_, value)| Reference::is_meant(value));
        let mut texts: Vec<(String, &str)> = meant
            .map(|(name, value)| (property_key(name), value.as_str()))
            .collect();
        if !self.clickhouse.password.is_empty() {
            texts.push(("clickhouse.password".to_owned(), &self.clickhouse.password));
        }
        texts.extend(self.login_references());
        texts
    }

    /// Faults are keyed by table.
    pub fn retention(&self) -> Result<Retention, Vec<(String, String)>> {
        let named = self.clickhouse.retention.iter();
        Retention::of(&named.map(|(name, kept)| (name.clone(), kept.0)).collect())
    }

    pub fn run_settings(&self) -> RunSettings {
        let processors = &self.processors;
        RunSettings {
            commits: CommitPolicy {
                interval: processors.commit_interval.0,
                prompt_interval: processors.prompt_interval.0,
                max_records: processors.commit_records,
                urgent_gap: processors.urgent_gap.0,
            },
            snapshots: SnapshotPolicy {
                transactions: processors.snapshot_transactions,
                ..SnapshotPolicy::default()
            },
            standby: processors.standby,
        }
    }

    pub fn sink_settings(&self) -> SinkSettings {
        SinkSettings {
            batch_rows: self.sink.batch_rows,
            batch_bytes: self.sink.batch_bytes,
            batch_age: self.sink.batch_age.0,
            buffer_bytes: self.sink.buffer_bytes,
            parallel_inserts: self.sink.parallel_inserts,
            ..SinkSettings::default()
        }
    }

    pub fn audit_options(&self) -> AuditOptions {
        AuditOptions {
            // A configuration with faults is refused before any command runs.
            retention: self.retention().unwrap_or_default(),
            ..AuditOptions::default()
        }
    }

    /// Every account, and the portfolio it belongs to.
    pub fn portfolios(&self) -> BTreeMap<AccountId, PortfolioId> {
        let accounts = self.accounts.iter();
        accounts
            .map(|a| (AccountId::new(&*a.id), PortfolioId::new(a.portfolio())))
            .collect()
    }
}

/// Those that have topics.
pub(crate) fn processor_names() -> Vec<String> {
    let processors = manifest().processors.iter();
    processors.map(|known| known.name.clone()).collect()
}

fn property_key(name: &str) -> String {
    format!("kafka.properties.\"{name}\"")
}

#[cfg(test)]
mod tests;
