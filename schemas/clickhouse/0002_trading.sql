-- Fees of several kinds, what accounts hold, exposure, and how a verdict came about.

ALTER TABLE fills
    ADD COLUMN IF NOT EXISTS `fees` Array(Tuple(amount Decimal(38, 8), currency String)) DEFAULT [] AFTER `currency`,
    ADD COLUMN IF NOT EXISTS `itemised` Bool DEFAULT false AFTER `fees`,
    ADD COLUMN IF NOT EXISTS `voided_quantity` Nullable(Decimal64(8)) AFTER `itemised`,
    ADD COLUMN IF NOT EXISTS `strategy` LowCardinality(Nullable(String)) AFTER `voided_quantity`;

ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS `strategy` LowCardinality(Nullable(String)) AFTER `reason`;

ALTER TABLE account_events
    ADD COLUMN IF NOT EXISTS `matter` Enum8('CASH' = 1, 'INTEREST' = 2, 'OPENING' = 3, 'POSITION' = 4, 'SPLIT' = 5, 'DISTRIBUTION' = 6, 'BUYING_POWER' = 7) DEFAULT 'CASH' AFTER `currency`,
    ADD COLUMN IF NOT EXISTS `symbol` LowCardinality(Nullable(String)) AFTER `matter`,
    ADD COLUMN IF NOT EXISTS `quantity` Nullable(Decimal64(8)) AFTER `symbol`,
    ADD COLUMN IF NOT EXISTS `price` Nullable(Decimal64(8)) AFTER `quantity`,
    ADD COLUMN IF NOT EXISTS `ratio_new` Nullable(UInt32) AFTER `price`,
    ADD COLUMN IF NOT EXISTS `ratio_old` Nullable(UInt32) AFTER `ratio_new`;

ALTER TABLE marks
    ADD COLUMN IF NOT EXISTS `basis` Enum8('MID' = 1, 'BID' = 2, 'ASK' = 3, 'LAST' = 4) DEFAULT 'MID' AFTER `quotes`,
    ADD COLUMN IF NOT EXISTS `last_price` Nullable(Decimal64(8)) AFTER `basis`,
    ADD COLUMN IF NOT EXISTS `last_time` Nullable(DateTime64(6, 'UTC')) AFTER `last_price`;

ALTER TABLE positions
    ADD COLUMN IF NOT EXISTS `market_value` Nullable(Decimal(38, 8)) AFTER `cause_offset`,
    ADD COLUMN IF NOT EXISTS `price_kind` LowCardinality(Nullable(String)) AFTER `market_value`,
    ADD COLUMN IF NOT EXISTS `price_time` Nullable(DateTime64(6, 'UTC')) AFTER `price_kind`,
    ADD COLUMN IF NOT EXISTS `income` Nullable(Decimal(38, 8)) AFTER `price_time`,
    ADD COLUMN IF NOT EXISTS `unknown_costs` UInt32 DEFAULT 0 AFTER `income`,
    ADD COLUMN IF NOT EXISTS `foreign_fees` Array(Tuple(amount Decimal(38, 8), currency String)) DEFAULT [] AFTER `unknown_costs`;

ALTER TABLE equity
    ADD COLUMN IF NOT EXISTS `account` LowCardinality(Nullable(String)) AFTER `missing_prices`,
    ADD COLUMN IF NOT EXISTS `currency` LowCardinality(String) DEFAULT '' AFTER `account`,
    ADD COLUMN IF NOT EXISTS `cash` Nullable(Decimal(38, 8)) AFTER `currency`,
    ADD COLUMN IF NOT EXISTS `gross` Nullable(Decimal(38, 8)) AFTER `cash`,
    ADD COLUMN IF NOT EXISTS `net` Nullable(Decimal(38, 8)) AFTER `gross`,
    ADD COLUMN IF NOT EXISTS `leverage` Nullable(Decimal(38, 8)) AFTER `net`,
    ADD COLUMN IF NOT EXISTS `buying_power_used` Nullable(Decimal(38, 8)) AFTER `leverage`,
    ADD COLUMN IF NOT EXISTS `stale_prices` UInt32 DEFAULT 0 AFTER `buying_power_used`,
    ADD COLUMN IF NOT EXISTS `missing_rates` UInt32 DEFAULT 0 AFTER `stale_prices`,
    ADD COLUMN IF NOT EXISTS `unknown_costs` UInt32 DEFAULT 0 AFTER `missing_rates`,
    ADD COLUMN IF NOT EXISTS `unknown_fees` UInt32 DEFAULT 0 AFTER `unknown_costs`,
    ADD COLUMN IF NOT EXISTS `guard` Enum8('ACTIVE' = 1, 'REDUCING' = 2, 'HALTED' = 3) DEFAULT 'ACTIVE' AFTER `unknown_fees`;

ALTER TABLE verdicts
    ADD COLUMN IF NOT EXISTS `grade` Enum8('PASS' = 1, 'WARN' = 2, 'BREACH' = 3, 'APPROVE' = 4, 'REFUSE' = 5, 'RESET' = 6) DEFAULT 'PASS' AFTER `config_hash`,
    ADD COLUMN IF NOT EXISTS `scope` LowCardinality(String) DEFAULT '' AFTER `grade`,
    ADD COLUMN IF NOT EXISTS `action` Enum8('NONE' = 1, 'ALERT' = 2, 'REDUCING' = 3, 'HALTED' = 4) DEFAULT 'NONE' AFTER `scope`,
    ADD COLUMN IF NOT EXISTS `guard` Enum8('ACTIVE' = 1, 'REDUCING' = 2, 'HALTED' = 3) DEFAULT 'ACTIVE' AFTER `action`,
    ADD COLUMN IF NOT EXISTS `unit` LowCardinality(String) DEFAULT '' AFTER `guard`,
    ADD COLUMN IF NOT EXISTS `request_id` Nullable(String) AFTER `unit`,
    ADD COLUMN IF NOT EXISTS `message` String DEFAULT '' AFTER `request_id`,
    ADD COLUMN IF NOT EXISTS `marks` Array(Tuple(symbol String, price Nullable(Decimal64(8)), kind Nullable(String), time Nullable(DateTime64(6, 'UTC')))) DEFAULT [] AFTER `message`,
    ADD COLUMN IF NOT EXISTS `limit_version` UInt64 DEFAULT 0 AFTER `marks`,
    ADD COLUMN IF NOT EXISTS `limit_author` LowCardinality(String) DEFAULT '' AFTER `limit_version`;

CREATE TABLE IF NOT EXISTS trades
(
    `kind`         Enum8('TRADE' = 1, 'CORRECTION' = 2, 'CANCEL' = 3),
    `trade_id`     String,
    `ref_trade_id` Nullable(String),
    `symbol`       LowCardinality(String),
    `venue`        LowCardinality(String),
    `seq`          UInt64,
    `price`        Decimal64(8),
    `size`         Decimal64(8),
    `event_time`   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`       LowCardinality(String),
    `_partition`   UInt32,
    `_offset`      UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`    DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (symbol, event_time, seq)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Prints, and the corrections and cancellations of earlier ones.';

CREATE TABLE IF NOT EXISTS bars
(
    `symbol`      LowCardinality(String),
    `venue`       LowCardinality(String),
    `interval`    LowCardinality(String),
    `start`       DateTime64(6, 'UTC'),
    `open`        Decimal64(8),
    `high`        Decimal64(8),
    `low`         Decimal64(8),
    `close`       Decimal64(8),
    `volume`      Decimal(38, 8),
    `count`       UInt64,
    `of`          Enum8('TRADES' = 1, 'MIDS' = 2),
    `revision`    UInt32,
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (symbol, interval, start, revision)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Open, high, low and close. The highest revision of a bar counts.';

CREATE TABLE IF NOT EXISTS signals
(
    `signal_id`       UUID,
    `symbol`          LowCardinality(String),
    `rule`            LowCardinality(String),
    `kind`            LowCardinality(String),
    `direction`       Enum8('LONG' = 1, 'SHORT' = 2, 'FLAT' = 3, 'NEUTRAL' = 4),
    `interval`        LowCardinality(String),
    `price`           Decimal64(8),
    `inputs`          Map(String, Float64),
    `parameters`      Map(String, String),
    `config_hash`     String,
    `cause_topic`     LowCardinality(String),
    `cause_partition` UInt32,
    `cause_offset`    UInt64,
    `event_time`      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time`     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`          LowCardinality(String),
    `_partition`      UInt32,
    `_offset`         UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (symbol, rule, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What rules found in the market, and from what.';

CREATE TABLE IF NOT EXISTS order_requests
(
    `request_id`  String,
    `portfolio`   LowCardinality(String),
    `account`     LowCardinality(String),
    `symbol`      LowCardinality(String),
    `side`        Enum8('BUY' = 1, 'SELL' = 2),
    `quantity`    Decimal64(8),
    `limit_price` Nullable(Decimal64(8)),
    `reduce_only` Bool,
    `strategy`    LowCardinality(Nullable(String)),
    `author`      LowCardinality(String),
    `reason`      String,
    `signal_id`   Nullable(String),
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, account, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What strategies and people want.';

CREATE TABLE IF NOT EXISTS commands
(
    `command_id`  String,
    `portfolio`   LowCardinality(String),
    `kind`        Enum8('UNKNOWN' = 1, 'HALT' = 2, 'REDUCE' = 3, 'RESET' = 4, 'SET_LIMIT' = 5, 'REMOVE_LIMIT' = 6),
    `author`      LowCardinality(String),
    `reason`      String,
    `overrides`   Array(String),
    `limit`       LowCardinality(Nullable(String)),
    `definition`  Nullable(String),
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What people and programs told the processors.';
