-- What each report did to a position, sums kept with the rows, and views for people.
--
-- Sums are projections: they are written with the rows and merged with them, so a retried
-- insert, a late record or a crash leaves them as right as the rows are.

ALTER TABLE positions
    ADD COLUMN IF NOT EXISTS `strategy` LowCardinality(Nullable(String)) AFTER `foreign_fees`,
    ADD COLUMN IF NOT EXISTS `realised_change` Nullable(Decimal(38, 8)) AFTER `strategy`,
    ADD COLUMN IF NOT EXISTS `fees_change` Nullable(Decimal(38, 8)) AFTER `realised_change`,
    ADD COLUMN IF NOT EXISTS `income_change` Nullable(Decimal(38, 8)) AFTER `fees_change`,
    ADD COLUMN IF NOT EXISTS `fill_exec_id` Nullable(String) AFTER `income_change`,
    ADD COLUMN IF NOT EXISTS `fill_order_id` Nullable(String) AFTER `fill_exec_id`,
    ADD COLUMN IF NOT EXISTS `fill_side` Nullable(Enum8('BUY' = 1, 'SELL' = 2)) AFTER `fill_order_id`,
    ADD COLUMN IF NOT EXISTS `fill_price` Nullable(Decimal64(8)) AFTER `fill_side`,
    ADD COLUMN IF NOT EXISTS `fill_quantity` Nullable(Decimal64(8)) AFTER `fill_price`,
    ADD COLUMN IF NOT EXISTS `fill_market_price` Nullable(Decimal64(8)) AFTER `fill_quantity`,
    ADD COLUMN IF NOT EXISTS `fill_market_time` Nullable(DateTime64(6, 'UTC')) AFTER `fill_market_price`,
    ADD COLUMN IF NOT EXISTS `trade_side` Nullable(Enum8('BUY' = 1, 'SELL' = 2)) AFTER `fill_market_time`,
    ADD COLUMN IF NOT EXISTS `trade_quantity` Nullable(Decimal64(8)) AFTER `trade_side`,
    ADD COLUMN IF NOT EXISTS `trade_entry_price` Nullable(Decimal64(8)) AFTER `trade_quantity`,
    ADD COLUMN IF NOT EXISTS `trade_exit_price` Nullable(Decimal64(8)) AFTER `trade_entry_price`,
    ADD COLUMN IF NOT EXISTS `trade_opened_at` Nullable(DateTime64(6, 'UTC')) AFTER `trade_exit_price`,
    ADD COLUMN IF NOT EXISTS `trade_result` Nullable(Decimal(38, 8)) AFTER `trade_opened_at`;

-- The casts keep the server from moving the division out of the sums, where it would not
-- find them any more.
ALTER TABLE quotes
    ADD PROJECTION IF NOT EXISTS by_minute
    (
        SELECT
            symbol,
            toStartOfMinute(event_time),
            argMin(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)),
            max(toDecimal64((bid_price + ask_price) / 2, 8)),
            min(toDecimal64((bid_price + ask_price) / 2, 8)),
            argMax(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)),
            max(toDecimal64(ask_price - bid_price, 8)),
            count()
        GROUP BY symbol, toStartOfMinute(event_time)
    ),
    ADD PROJECTION IF NOT EXISTS latency
    (
        SELECT
            source,
            toStartOfMinute(event_time),
            quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)),
            quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)),
            count()
        GROUP BY source, toStartOfMinute(event_time)
    );

ALTER TABLE positions
    ADD PROJECTION IF NOT EXISTS newest
    (
        SELECT
            portfolio,
            account,
            symbol,
            argMax((quantity, average_price, currency, market_value, unrealised, realised, fees, income, mark_price, event_time), (ingest_time, _offset))
        GROUP BY portfolio, account, symbol
    ),
    ADD PROJECTION IF NOT EXISTS by_day
    (
        SELECT
            toDate(event_time),
            portfolio,
            account,
            symbol,
            strategy,
            currency,
            sum(realised_change),
            sum(fees_change),
            sum(income_change),
            countIf(trade_side IS NOT NULL),
            countIf(trade_result > 0),
            countIf(trade_result < 0)
        GROUP BY toDate(event_time), portfolio, account, symbol, strategy, currency
    );

ALTER TABLE equity
    ADD PROJECTION IF NOT EXISTS newest
    (
        SELECT
            portfolio,
            account,
            argMax((equity, high_water, drawdown, currency, guard, limits, held_by, missing_prices, missing_rates, stale_prices, event_time), (ingest_time, _offset))
        GROUP BY portfolio, account
    ),
    ADD PROJECTION IF NOT EXISTS by_minute
    (
        SELECT
            portfolio,
            account,
            toStartOfMinute(event_time),
            argMax((equity, high_water, drawdown, currency, realised, unrealised, gross, net, leverage, guard), (ingest_time, _offset)),
            max(equity),
            min(equity)
        GROUP BY portfolio, account, toStartOfMinute(event_time)
    );

ALTER TABLE marks
    ADD PROJECTION IF NOT EXISTS newest
    (
        SELECT symbol, argMax((price, event_time), (event_time, _offset))
        GROUP BY symbol
    );

-- Rows of before get their sums in the background.
ALTER TABLE quotes MATERIALIZE PROJECTION by_minute;
ALTER TABLE quotes MATERIALIZE PROJECTION latency;
ALTER TABLE positions MATERIALIZE PROJECTION newest;
ALTER TABLE positions MATERIALIZE PROJECTION by_day;
ALTER TABLE equity MATERIALIZE PROJECTION newest;
ALTER TABLE equity MATERIALIZE PROJECTION by_minute;
ALTER TABLE marks MATERIALIZE PROJECTION newest;

CREATE OR REPLACE VIEW v_positions AS
SELECT
    portfolio,
    account,
    symbol,
    known.1 AS quantity,
    known.2 AS average_price,
    known.3 AS currency,
    if(known.9 != 0, priced.1, NULL) AS price,
    CAST(known.4 * (price / known.9), 'Nullable(Decimal(38, 8))') AS market_value,
    known.5 + (market_value - known.4) AS unrealised,
    known.6 AS realised,
    known.7 AS fees,
    known.8 AS income,
    if(priced.2 > toDateTime64(0, 6, 'UTC'), priced.2, NULL) AS price_time,
    known.10 AS changed_at
FROM
(
    SELECT
        portfolio,
        account,
        symbol,
        argMax((quantity, average_price, currency, market_value, unrealised, realised, fees, income, mark_price, event_time), (ingest_time, _offset)) AS known
    FROM positions
    GROUP BY portfolio, account, symbol
) AS held
LEFT JOIN
(
    SELECT symbol, argMax((price, event_time), (event_time, _offset)) AS priced
    FROM marks
    GROUP BY symbol
) AS newest USING (symbol)
WHERE quantity != 0
COMMENT 'What is held now, at the newest prices.';

CREATE OR REPLACE VIEW v_pnl AS
SELECT
    toDate(event_time) AS day,
    portfolio,
    account,
    symbol,
    strategy,
    currency,
    sum(realised_change) AS realised,
    sum(fees_change) AS fees,
    sum(income_change) AS income,
    countIf(trade_side IS NOT NULL) AS trades,
    countIf(trade_result > 0) AS won,
    countIf(trade_result < 0) AS lost
FROM positions
GROUP BY toDate(event_time), portfolio, account, symbol, strategy, currency
COMMENT 'What was made, after fees, by day (UTC), account, symbol and strategy.';

CREATE OR REPLACE VIEW v_pnl_by_day AS
SELECT day, portfolio, account, currency,
    sum(v_pnl.realised) AS realised, sum(v_pnl.fees) AS fees, sum(v_pnl.income) AS income,
    sum(v_pnl.trades) AS trades, sum(v_pnl.won) AS won, sum(v_pnl.lost) AS lost
FROM v_pnl
GROUP BY day, portfolio, account, currency
COMMENT 'What was made, after fees, by day (UTC) and account.';

CREATE OR REPLACE VIEW v_pnl_today AS
SELECT portfolio, account, symbol, strategy, currency, realised, fees, income, trades, won, lost
FROM v_pnl
WHERE day = toDate(now('UTC'))
COMMENT 'What was made today (UTC), after fees, by account, symbol and strategy.';

CREATE OR REPLACE VIEW v_pnl_by_symbol AS
SELECT portfolio, symbol, currency,
    sum(v_pnl.realised) AS realised, sum(v_pnl.fees) AS fees, sum(v_pnl.income) AS income,
    sum(v_pnl.trades) AS trades, sum(v_pnl.won) AS won, sum(v_pnl.lost) AS lost
FROM v_pnl
GROUP BY portfolio, symbol, currency
COMMENT 'What each symbol brought since the start, after fees.';

CREATE OR REPLACE VIEW v_pnl_by_strategy AS
SELECT portfolio, strategy, currency,
    sum(v_pnl.realised) AS realised, sum(v_pnl.fees) AS fees, sum(v_pnl.income) AS income,
    sum(v_pnl.trades) AS trades, sum(v_pnl.won) AS won, sum(v_pnl.lost) AS lost
FROM v_pnl
GROUP BY portfolio, strategy, currency
COMMENT 'What each strategy brought since the start, after fees.';

CREATE OR REPLACE VIEW v_equity AS
SELECT
    portfolio,
    account,
    minute,
    last.4 AS currency,
    last.1 AS equity,
    high,
    low,
    last.5 AS realised,
    last.6 AS unrealised,
    last.7 AS gross,
    last.8 AS net,
    last.9 AS leverage,
    last.10 AS guard
FROM
(
    SELECT
        portfolio,
        account,
        toStartOfMinute(event_time) AS minute,
        argMax((equity, high_water, drawdown, currency, realised, unrealised, gross, net, leverage, guard), (ingest_time, _offset)) AS last,
        max(equity) AS high,
        min(equity) AS low
    FROM equity
    GROUP BY portfolio, account, toStartOfMinute(event_time)
) AS of_each
COMMENT 'What each portfolio was worth minute by minute, with no account for the whole.';

CREATE OR REPLACE VIEW v_underwater AS
SELECT
    portfolio,
    minute,
    last.4 AS currency,
    last.1 AS equity,
    last.2 AS high_water,
    last.3 AS drawdown,
    if(high_water > 0, toFloat64(drawdown) / toFloat64(high_water) * 100, NULL) AS percent
FROM
(
    SELECT
        portfolio,
        account,
        toStartOfMinute(event_time) AS minute,
        argMax((equity, high_water, drawdown, currency, realised, unrealised, gross, net, leverage, guard), (ingest_time, _offset)) AS last
    FROM equity
    GROUP BY portfolio, account, toStartOfMinute(event_time)
)
WHERE account IS NULL
COMMENT 'How far below its high each portfolio was, minute by minute. Deposits and withdrawals move the high.';

CREATE OR REPLACE VIEW v_trades AS
SELECT
    portfolio,
    account,
    symbol,
    strategy,
    assumeNotNull(trade_side) AS side,
    assumeNotNull(trade_quantity) AS quantity,
    assumeNotNull(trade_entry_price) AS entry_price,
    assumeNotNull(trade_exit_price) AS exit_price,
    trade_result AS result,
    currency,
    assumeNotNull(trade_opened_at) AS opened_at,
    event_time AS closed_at,
    dateDiff('millisecond', opened_at, closed_at) / 1000 AS held_seconds
FROM positions
WHERE trade_side IS NOT NULL
COMMENT 'Closed trades, from flat to flat, as they were when they closed.';

CREATE OR REPLACE VIEW v_worst_trades AS
SELECT * FROM v_trades
WHERE result IS NOT NULL
ORDER BY result, closed_at
LIMIT 100
COMMENT 'The hundred trades that lost most.';

CREATE OR REPLACE VIEW v_hold_times AS
SELECT
    portfolio,
    strategy,
    symbol,
    count() AS trades,
    quantileExact(0.5)(held_seconds) AS median_seconds,
    quantileExact(0.9)(held_seconds) AS p90_seconds,
    max(held_seconds) AS longest_seconds,
    avgOrNullIf(held_seconds, result > 0) AS winners_seconds,
    avgOrNullIf(held_seconds, result < 0) AS losers_seconds
FROM v_trades
GROUP BY portfolio, strategy, symbol
COMMENT 'How long trades were held.';

CREATE OR REPLACE VIEW v_performance AS
SELECT
    portfolio,
    strategy,
    currency,
    count() AS trades,
    countIf(result > 0) AS won,
    countIf(result < 0) AS lost,
    countIf(result IS NULL) AS unknown,
    if(won + lost > 0, won / (won + lost), NULL) AS win_rate,
    sum(result) AS total,
    toFloat64(avgOrNull(result)) AS expectancy,
    toFloat64(avgOrNullIf(result, result > 0)) AS average_win,
    toFloat64(avgOrNullIf(result, result < 0)) AS average_loss,
    if(lost > 0, toFloat64(sumIf(result, result > 0)) / -toFloat64(sumIf(result, result < 0)), NULL) AS profit_factor,
    max(result) AS best,
    min(result) AS worst
FROM v_trades
GROUP BY portfolio, strategy, currency
COMMENT 'Win rate, expectancy and profit factor of closed trades.';

CREATE OR REPLACE VIEW v_slippage AS
SELECT
    event_time,
    portfolio,
    account,
    symbol,
    strategy,
    assumeNotNull(fill_side) AS side,
    assumeNotNull(fill_quantity) AS quantity,
    assumeNotNull(fill_price) AS price,
    assumeNotNull(fill_market_price) AS market,
    fill_market_time AS market_time,
    if(side = 'BUY', price - market, market - price) AS slippage,
    if(market != 0, toFloat64(slippage) / abs(toFloat64(market)) * 10000, NULL) AS basis_points,
    toDecimal128(slippage, 8) * quantity AS cost,
    currency
FROM positions
WHERE fill_price IS NOT NULL AND fill_market_price IS NOT NULL
COMMENT 'Each fill against the price that was known of the market when it came, positive where that was worse.';

CREATE OR REPLACE VIEW v_excursions AS
WITH newest AS (SELECT * FROM v_trades ORDER BY closed_at DESC LIMIT 100)
SELECT
    any(trade.portfolio) AS portfolio,
    any(trade.account) AS account,
    any(trade.symbol) AS symbol,
    any(trade.strategy) AS strategy,
    any(trade.side) AS side,
    any(trade.quantity) AS quantity,
    any(trade.entry_price) AS entry_price,
    any(trade.result) AS result,
    trade.opened_at AS opened_at,
    trade.closed_at AS closed_at,
    if(side = 'BUY', min(quote.low) - entry_price, entry_price - max(quote.high)) AS worst_move,
    if(side = 'BUY', max(quote.high) - entry_price, entry_price - min(quote.low)) AS best_move
FROM newest AS trade
INNER JOIN
(
    SELECT
        symbol,
        toStartOfMinute(event_time) AS minute,
        max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
        min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low
    FROM quotes
    WHERE symbol IN (SELECT symbol FROM newest)
        AND toStartOfMinute(event_time) >= (SELECT toStartOfMinute(min(opened_at)) FROM newest)
        AND toStartOfMinute(event_time) <= (SELECT max(closed_at) FROM newest)
    GROUP BY symbol, toStartOfMinute(event_time)
) AS quote ON quote.symbol = trade.symbol
WHERE quote.minute >= toStartOfMinute(trade.opened_at) AND quote.minute <= trade.closed_at
GROUP BY trade.portfolio, trade.account, trade.symbol, trade.opened_at, trade.closed_at
COMMENT 'How far prices went against and for the hundred newest trades, by whole minutes.';

CREATE OR REPLACE VIEW v_risk_headroom AS
SELECT
    portfolio,
    stands.limit AS limit,
    stands.rule AS rule,
    stands.group AS group,
    stands.grade AS grade,
    stands.value AS value,
    stands.level AS level,
    stands.level - stands.value AS left,
    if(stands.level > 0, toFloat64(stands.value) / toFloat64(stands.level) * 100, NULL) AS used_percent,
    stands.unit AS unit,
    known.5 AS guard,
    known.11 AS as_of
FROM
(
    SELECT
        portfolio,
        account,
        argMax((equity, high_water, drawdown, currency, guard, limits, held_by, missing_prices, missing_rates, stale_prices, event_time), (ingest_time, _offset)) AS known
    FROM equity
    GROUP BY portfolio, account
)
ARRAY JOIN known.6 AS stands
WHERE account IS NULL
COMMENT 'What every limit still allows, as of the newest figures.';

CREATE OR REPLACE VIEW v_verdicts AS
SELECT
    ingest_time AS decided_at,
    portfolio,
    grade,
    guard,
    message,
    reason,
    rule,
    limit_name,
    `group`,
    value,
    limit,
    distance,
    unit,
    request_id,
    author,
    concat(cause_topic, '/', toString(cause_partition), '/', toString(cause_offset)) AS cause,
    verdict_id
FROM verdicts
ORDER BY ingest_time DESC, _offset DESC
LIMIT 1000
COMMENT 'The thousand newest decisions, each with its reason in a sentence.';

CREATE OR REPLACE VIEW v_open_alerts AS
SELECT
    key,
    last.1 AS severity,
    last.2 AS subject,
    last.3 AS rule,
    last.4 AS message,
    last.5 AS procedure,
    last.6 AS told_at,
    told
FROM
(
    SELECT
        key,
        argMax((severity, subject, rule, message, procedure, ingest_time), (ingest_time, _offset)) AS last,
        count() AS told
    FROM alerts
    WHERE event_time > now64(6, 'UTC') - INTERVAL 30 DAY
    GROUP BY key
)
WHERE severity != 'INFO'
COMMENT 'Of the last 30 days: what was told last about each matter, unless that was the all-clear.';

CREATE OR REPLACE VIEW v_alerts_by_day AS
SELECT toDate(event_time) AS day, severity, rule, subject, count() AS alerts, max(event_time) AS newest
FROM alerts
GROUP BY day, severity, rule, subject
COMMENT 'How many alerts there were.';

CREATE OR REPLACE VIEW v_auth_outcomes AS
SELECT toDate(event_time) AS day, venue, account, kind, method, category, count() AS events, max(event_time) AS newest
FROM auth_events
GROUP BY day, venue, account, kind, method, category
COMMENT 'What became of logins, by day.';

CREATE OR REPLACE VIEW v_login_health AS
SELECT
    portfolio,
    account,
    venue,
    last.1 AS state,
    last.2 AS since,
    last.3 AS detail,
    logged_in_at,
    expires_at,
    failures_24h
FROM
(
    SELECT
        portfolio,
        account,
        venue,
        argMax((kind, event_time, detail), (event_time, _offset)) AS last,
        maxOrNullIf(event_time, kind = 'LOGIN_SUCCEEDED') AS logged_in_at,
        argMaxIf(expires_at, event_time, expires_at IS NOT NULL) AS expires_at,
        countIf(kind IN ('LOGIN_FAILED', 'REFUSED', 'SESSION_LOST') AND event_time > now64(6, 'UTC') - INTERVAL 1 DAY) AS failures_24h
    FROM auth_events
    GROUP BY portfolio, account, venue
) AS of_each
COMMENT 'Where each session stands.';

CREATE OR REPLACE VIEW v_error_classes AS
SELECT
    topic,
    reason,
    count() AS records,
    min(ingest_time) AS first_at,
    max(ingest_time) AS last_at,
    argMax(message, (ingest_time, _offset)) AS example,
    argMax(concat(topic, '/', toString(partition), '/', toString(offset)), (ingest_time, _offset)) AS newest
FROM deadletters
GROUP BY topic, reason
COMMENT 'What was refused, and why.';

CREATE OR REPLACE VIEW v_open_orders AS
SELECT
    portfolio,
    account,
    order_id,
    last.1 AS symbol,
    last.2 AS side,
    last.3 AS status,
    last.4 AS quantity,
    last.5 AS filled_quantity,
    last.6 AS limit_price,
    last.7 AS strategy,
    last.8 AS changed_at
FROM
(
    SELECT
        portfolio,
        account,
        order_id,
        argMax((symbol, side, status, quantity, filled_quantity, limit_price, strategy, event_time), (event_time, _offset)) AS last,
        countIf(status IN ('FILLED', 'CANCELED', 'REJECTED')) AS ended
    FROM orders
    GROUP BY portfolio, account, order_id
)
WHERE ended = 0
COMMENT 'Orders that may still be filled.';

CREATE OR REPLACE VIEW v_bars AS
SELECT
    symbol,
    venue,
    interval,
    of,
    start,
    last.1 AS open,
    last.2 AS high,
    last.3 AS low,
    last.4 AS close,
    last.5 AS volume,
    last.6 AS count
FROM
(
    SELECT symbol, venue, interval, of, start,
        argMax((open, high, low, close, volume, count), (revision, _offset)) AS last
    FROM bars
    GROUP BY symbol, venue, interval, of, start
) AS of_each
COMMENT 'Bars of trades or mid-quotes, after late and corrected prints.';

CREATE OR REPLACE VIEW v_quote_bars_1s AS
SELECT
    symbol,
    toStartOfSecond(event_time) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, start
COMMENT 'Bars of mid-quotes by second. Ask for a symbol and a time.';

CREATE OR REPLACE VIEW v_quote_bars_1m AS
SELECT
    symbol,
    toStartOfMinute(event_time) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfMinute(event_time)
COMMENT 'Bars of mid-quotes by minute.';

CREATE OR REPLACE VIEW v_quote_bars_1h AS
SELECT
    symbol,
    toStartOfHour(toStartOfMinute(event_time)) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfHour(toStartOfMinute(event_time))
COMMENT 'Bars of mid-quotes by hour.';

CREATE OR REPLACE VIEW v_quote_bars_1d AS
SELECT
    symbol,
    toStartOfDay(toStartOfMinute(event_time)) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), (event_time, seq)) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfDay(toStartOfMinute(event_time))
COMMENT 'Bars of mid-quotes by day (UTC).';

CREATE OR REPLACE VIEW v_quote_rates AS
SELECT
    symbol,
    toStartOfMinute(event_time) AS minute,
    count() AS quotes,
    max(toDecimal64(ask_price - bid_price, 8)) AS widest_spread
FROM quotes
GROUP BY symbol, toStartOfMinute(event_time)
COMMENT 'How many quotes a minute brought, and its widest spread.';

CREATE OR REPLACE VIEW v_quote_gaps AS
SELECT symbol, before AS last_minute, minute AS next_minute, dateDiff('minute', before, minute) - 1 AS silent_minutes
FROM
(
    SELECT symbol, minute, lagInFrame(minute, 1, minute) OVER (PARTITION BY symbol ORDER BY minute) AS before
    FROM v_quote_rates
)
WHERE silent_minutes > 0
COMMENT 'Whole minutes between two quotes in which a symbol had none.';

CREATE OR REPLACE VIEW v_latency AS
SELECT what, source, minute, records,
    come[1] / 1000 AS arrival_p50_ms, come[2] / 1000 AS arrival_p95_ms, come[3] / 1000 AS arrival_p99_ms,
    kept[1] / 1000 AS store_p50_ms, kept[2] / 1000 AS store_p95_ms, kept[3] / 1000 AS store_p99_ms
FROM
(
    SELECT 'quotes' AS what, source, toStartOfMinute(event_time) AS minute, count() AS records,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)) AS come,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)) AS kept
    FROM quotes GROUP BY source, toStartOfMinute(event_time)
    UNION ALL
    SELECT 'fills' AS what, source, toStartOfMinute(event_time) AS minute, count() AS records,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)) AS come,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)) AS kept
    FROM fills WHERE event_time > now64(6, 'UTC') - INTERVAL 7 DAY GROUP BY source, minute
    UNION ALL
    SELECT 'verdicts' AS what, source, toStartOfMinute(event_time) AS minute, count() AS records,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)) AS come,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)) AS kept
    FROM verdicts WHERE event_time > now64(6, 'UTC') - INTERVAL 7 DAY GROUP BY source, minute
    UNION ALL
    SELECT 'alerts' AS what, source, toStartOfMinute(event_time) AS minute, count() AS records,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)) AS come,
        quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)) AS kept
    FROM alerts WHERE event_time > now64(6, 'UTC') - INTERVAL 7 DAY GROUP BY source, minute
) AS of_each
COMMENT 'How long records took: from what happened until it was known here, and from there into the store.';

CREATE OR REPLACE VIEW v_ingest_health AS
SELECT table, rows, newest_event, newest_insert,
    dateDiff('millisecond', newest_event, now64(3, 'UTC')) / 1000 AS event_age_seconds,
    dateDiff('millisecond', newest_insert, now64(3, 'UTC')) / 1000 AS insert_age_seconds
FROM
(
    SELECT 'quotes' AS table, count() AS rows, max(event_time) AS newest_event, max(_inserted) AS newest_insert FROM quotes WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'marks', count(), max(event_time), max(_inserted) FROM marks WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'trades', count(), max(event_time), max(_inserted) FROM trades WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'bars', count(), max(event_time), max(_inserted) FROM bars WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'fills', count(), max(event_time), max(_inserted) FROM fills WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'orders', count(), max(event_time), max(_inserted) FROM orders WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'auth_events', count(), max(event_time), max(_inserted) FROM auth_events WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'positions', count(), max(event_time), max(_inserted) FROM positions WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'equity', count(), max(event_time), max(_inserted) FROM equity WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'verdicts', count(), max(event_time), max(_inserted) FROM verdicts WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'alerts', count(), max(event_time), max(_inserted) FROM alerts WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'deadletters', count(), max(event_time), max(_inserted) FROM deadletters WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
) AS of_each
COMMENT 'What came into each table in the last hour, and how old the newest of it is.';
