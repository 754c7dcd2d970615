-- One table a topic. `_partition` and `_offset` say which record a row holds, so
-- that `tapeline audit` can prove each is there once. The deduplication window lets
-- a retried insert, known by its token, change nothing.

CREATE TABLE IF NOT EXISTS quotes
(
    `symbol`      LowCardinality(String),
    `venue`       LowCardinality(String),
    `seq`         UInt64 CODEC(Delta, ZSTD(1)),
    `bid_price`   Decimal64(8) CODEC(Delta, ZSTD(1)),
    `ask_price`   Decimal64(8) CODEC(Delta, ZSTD(1)),
    `bid_size`    Decimal64(8) CODEC(Delta, ZSTD(1)),
    `ask_size`    Decimal64(8) CODEC(Delta, ZSTD(1)),
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (symbol, event_time, seq)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every quote as it arrived.';

CREATE TABLE IF NOT EXISTS marks
(
    `symbol`      LowCardinality(String),
    `price`       Decimal64(8) CODEC(Delta, ZSTD(1)),
    `bid_price`   Decimal64(8) CODEC(Delta, ZSTD(1)),
    `ask_price`   Decimal64(8) CODEC(Delta, ZSTD(1)),
    `quotes`      UInt64,
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(event_time)
ORDER BY (symbol, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The newest price of a symbol, one a commit.';

CREATE TABLE IF NOT EXISTS fills
(
    `kind`        Enum8('FILL' = 1, 'BUST' = 2, 'CORRECTION' = 3),
    `exec_id`     String,
    `ref_exec_id` Nullable(String),
    `order_id`    String,
    `portfolio`   LowCardinality(String),
    `account`     LowCardinality(String),
    `symbol`      LowCardinality(String),
    `side`        Enum8('BUY' = 1, 'SELL' = 2),
    `price`       Decimal64(8),
    `quantity`    Decimal64(8),
    `fee`         Nullable(Decimal64(8)),
    `currency`    LowCardinality(String),
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, account, symbol, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Fills, and the busts and corrections of earlier ones.';

CREATE TABLE IF NOT EXISTS orders
(
    `order_id`        String,
    `portfolio`       LowCardinality(String),
    `account`         LowCardinality(String),
    `symbol`          LowCardinality(String),
    `side`            Enum8('BUY' = 1, 'SELL' = 2),
    `status`          Enum8('NEW' = 1, 'PARTIALLY_FILLED' = 2, 'FILLED' = 3, 'CANCELED' = 4, 'REJECTED' = 5),
    `quantity`        Decimal64(8),
    `filled_quantity` Decimal64(8),
    `limit_price`     Nullable(Decimal64(8)),
    `reason`          Nullable(String),
    `event_time`      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time`     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`          LowCardinality(String),
    `_partition`      UInt32,
    `_offset`         UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, account, order_id, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'The state of each order after each change.';

CREATE TABLE IF NOT EXISTS account_events
(
    `event_id`    String,
    `portfolio`   LowCardinality(String),
    `account`     LowCardinality(String),
    `kind`        Enum8('BALANCE' = 1, 'DEPOSIT' = 2, 'WITHDRAWAL' = 3, 'DIVIDEND' = 4, 'FEE' = 5),
    `amount`      Decimal(38, 8),
    `currency`    LowCardinality(String),
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
COMMENT 'Balances, and money that moved for another reason than a trade.';

CREATE TABLE IF NOT EXISTS auth_events
(
    `event_id`    String,
    `portfolio`   LowCardinality(String),
    `account`     LowCardinality(String),
    `venue`       LowCardinality(String),
    `kind`        Enum8('CHALLENGE' = 1, 'CODE_SEEN' = 2, 'LOGIN_SUCCEEDED' = 3, 'LOGIN_FAILED' = 4, 'EXPIRES_SOON' = 5, 'EXPIRED' = 6, 'SESSION_LOST' = 7, 'REFUSED' = 8, 'HEALTHY' = 9),
    `method`      LowCardinality(Nullable(String)),
    `attempt`     UInt32,
    `category`    LowCardinality(Nullable(String)),
    `expires_at`  Nullable(DateTime64(6, 'UTC')),
    `detail`      String,
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
COMMENT 'Each step of each login, never a code or a token.';

CREATE TABLE IF NOT EXISTS positions
(
    `portfolio`       LowCardinality(String),
    `account`         LowCardinality(String),
    `symbol`          LowCardinality(String),
    `quantity`        Decimal64(8),
    `average_price`   Nullable(Decimal64(8)),
    `realised`        Decimal(38, 8),
    `fees`            Decimal(38, 8),
    `unknown_fees`    UInt32,
    `unrealised`      Nullable(Decimal(38, 8)),
    `mark_price`      Nullable(Decimal64(8)),
    `currency`        LowCardinality(String),
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
ORDER BY (portfolio, account, symbol, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'A position after each event that changed it.';

CREATE TABLE IF NOT EXISTS equity
(
    `portfolio`      LowCardinality(String),
    `cash_flow`      Decimal(38, 8),
    `realised`       Decimal(38, 8),
    `unrealised`     Nullable(Decimal(38, 8)),
    `equity`         Nullable(Decimal(38, 8)),
    `high_water`     Nullable(Decimal(38, 8)),
    `drawdown`       Nullable(Decimal(38, 8)),
    `missing_prices` UInt32,
    `event_time`     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time`    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`         LowCardinality(String),
    `_partition`     UInt32,
    `_offset`        UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`      DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What each portfolio was worth, null where a price was missing.';

CREATE TABLE IF NOT EXISTS verdicts
(
    `verdict_id`      UUID,
    `portfolio`       LowCardinality(String),
    `rule`            LowCardinality(String),
    `mode`            LowCardinality(String),
    `reason`          LowCardinality(String),
    `outcome`         Enum8('PASS' = 1, 'BREACH' = 2),
    `value`           Decimal(38, 8),
    `limit`           Decimal(38, 8),
    `distance`        Decimal(38, 8),
    `cause_topic`     LowCardinality(String),
    `cause_partition` UInt32,
    `cause_offset`    UInt64,
    `config_hash`     String,
    `event_time`      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time`     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`          LowCardinality(String),
    `_partition`      UInt32,
    `_offset`         UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (portfolio, rule, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Each decision of the risk processor.';

CREATE TABLE IF NOT EXISTS alerts
(
    `alert_id`        UUID,
    `key`             String,
    `subject`         LowCardinality(String),
    `rule`            LowCardinality(String),
    `severity`        Enum8('INFO' = 1, 'WARNING' = 2, 'CRITICAL' = 3),
    `message`         String,
    `value`           Nullable(Decimal(38, 8)),
    `limit`           Nullable(Decimal(38, 8)),
    `procedure`       LowCardinality(String),
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
ORDER BY (subject, rule, event_time)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What a person or a program should have known at the time.';

CREATE TABLE IF NOT EXISTS deadletters
(
    `letter_id`   UUID,
    `topic`       LowCardinality(String),
    `partition`   UInt32,
    `offset`      UInt64,
    `key`         Nullable(String),
    `value`       Nullable(String),
    `reason`      LowCardinality(String),
    `message`     String,
    `event_time`  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `ingest_time` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `source`      LowCardinality(String),
    `_partition`  UInt32,
    `_offset`     UInt64 CODEC(Delta, ZSTD(1)),
    `_inserted`   DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (topic, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Refused records, with their bytes and the reason.';
