-- Answers within a tenth of a second over fifty million quotes and a year of fills, and sums
-- that cost less when rows come.
--
-- The order of quotes is one number here, which is compared several times faster than a pair.
-- Small granules: of sums by symbol and minute, a question wants a few hundred rows, and what
-- lies before them in their granule must be read as well. Not smaller ones: between rows and
-- sums the server takes what has fewer granules.

ALTER TABLE quotes DROP PROJECTION IF EXISTS by_minute SETTINGS alter_sync = 0, mutations_sync = 0;
ALTER TABLE quotes DROP PROJECTION IF EXISTS latency SETTINGS alter_sync = 0, mutations_sync = 0;

ALTER TABLE quotes
    ADD PROJECTION IF NOT EXISTS of_minute
    (
        SELECT
            symbol,
            toStartOfMinute(event_time),
            argMin(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq),
            max(toDecimal64((bid_price + ask_price) / 2, 8)),
            min(toDecimal64((bid_price + ask_price) / 2, 8)),
            argMax(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq),
            max(toDecimal64(ask_price - bid_price, 8)),
            count()
        GROUP BY symbol, toStartOfMinute(event_time)
    ) WITH SETTINGS (index_granularity = 2048),
    ADD PROJECTION IF NOT EXISTS of_source
    (
        SELECT
            source,
            toStartOfMinute(event_time),
            quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', event_time, ingest_time)),
            quantilesDD(0.01, 0.5, 0.95, 0.99)(dateDiff('microsecond', ingest_time, _inserted)),
            max(event_time),
            max(_inserted),
            count()
        GROUP BY source, toStartOfMinute(event_time)
    );

-- A day with its symbols is few rows of the table itself. Over years, sums of less are needed.
-- Closed trades are counted by their quantity: the server asks for a missing side in words of
-- its own, and then does not find the sum.
ALTER TABLE positions DROP PROJECTION IF EXISTS by_day SETTINGS alter_sync = 0, mutations_sync = 0;

ALTER TABLE positions
    ADD PROJECTION IF NOT EXISTS of_day
    (
        SELECT
            toDate(event_time),
            portfolio,
            account,
            strategy,
            currency,
            sum(realised_change),
            sum(fees_change),
            sum(income_change),
            countIf(trade_quantity != 0),
            countIf(trade_result > 0),
            countIf(trade_result < 0)
        GROUP BY toDate(event_time), portfolio, account, strategy, currency
    ),
    ADD PROJECTION IF NOT EXISTS of_symbol
    (
        SELECT
            portfolio,
            account,
            symbol,
            strategy,
            currency,
            sum(realised_change),
            sum(fees_change),
            sum(income_change),
            countIf(trade_quantity != 0),
            countIf(trade_result > 0),
            countIf(trade_result < 0),
            countIf(trade_result = 0),
            sum(trade_result),
            sumIf(trade_result, trade_result > 0),
            sumIf(trade_result, trade_result < 0),
            max(trade_result),
            min(trade_result),
            max(dateDiff('millisecond', trade_opened_at, event_time)),
            quantilesDD(0.01, 0.5, 0.9)(dateDiff('millisecond', trade_opened_at, event_time)),
            sumIf(dateDiff('millisecond', trade_opened_at, event_time), trade_result > 0),
            sumIf(dateDiff('millisecond', trade_opened_at, event_time), trade_result < 0)
        GROUP BY portfolio, account, symbol, strategy, currency
    );

ALTER TABLE equity
    ADD PROJECTION IF NOT EXISTS of_day
    (
        SELECT
            toDate(event_time),
            portfolio,
            account,
            currency,
            max(drawdown),
            maxIf(toFloat64(drawdown) / toFloat64(high_water), high_water > 0),
            argMax(event_time, drawdown)
        GROUP BY toDate(event_time), portfolio, account, currency
    );

-- What all symbols did lately lies together only in a second copy; bars are few.
ALTER TABLE bars
    ADD PROJECTION IF NOT EXISTS of_minute
    (
        SELECT
            toStartOfMinute(event_time),
            max(event_time),
            max(_inserted),
            count()
        GROUP BY toStartOfMinute(event_time)
    ),
    ADD PROJECTION IF NOT EXISTS by_start
    (
        SELECT *
        ORDER BY interval, start
    );

-- Rows of before get their sums in the background, however many they are.
ALTER TABLE quotes MATERIALIZE PROJECTION of_minute SETTINGS mutations_sync = 0;
ALTER TABLE quotes MATERIALIZE PROJECTION of_source SETTINGS mutations_sync = 0;
ALTER TABLE positions MATERIALIZE PROJECTION of_day SETTINGS mutations_sync = 0;
ALTER TABLE positions MATERIALIZE PROJECTION of_symbol SETTINGS mutations_sync = 0;
ALTER TABLE equity MATERIALIZE PROJECTION of_day SETTINGS mutations_sync = 0;
ALTER TABLE bars MATERIALIZE PROJECTION of_minute SETTINGS mutations_sync = 0;
ALTER TABLE bars MATERIALIZE PROJECTION by_start SETTINGS mutations_sync = 0;

CREATE OR REPLACE VIEW v_pnl_by_day AS
SELECT toDate(event_time) AS day, portfolio, account, currency,
    sum(realised_change) AS realised, sum(fees_change) AS fees, sum(income_change) AS income,
    countIf(trade_quantity != 0) AS trades, countIf(trade_result > 0) AS won, countIf(trade_result < 0) AS lost
FROM positions
GROUP BY toDate(event_time), portfolio, account, currency
COMMENT 'What was made, after fees, by day (UTC) and account.';

CREATE OR REPLACE VIEW v_pnl_by_symbol AS
SELECT portfolio, symbol, currency,
    sum(realised_change) AS realised, sum(fees_change) AS fees, sum(income_change) AS income,
    countIf(trade_quantity != 0) AS trades, countIf(trade_result > 0) AS won, countIf(trade_result < 0) AS lost
FROM positions
GROUP BY portfolio, symbol, currency
COMMENT 'What each symbol brought since the start, after fees.';

CREATE OR REPLACE VIEW v_pnl_by_strategy AS
SELECT portfolio, strategy, currency,
    sum(realised_change) AS realised, sum(fees_change) AS fees, sum(income_change) AS income,
    countIf(trade_quantity != 0) AS trades, countIf(trade_result > 0) AS won, countIf(trade_result < 0) AS lost
FROM positions
GROUP BY portfolio, strategy, currency
COMMENT 'What each strategy brought since the start, after fees.';

CREATE OR REPLACE VIEW v_performance AS
SELECT
    portfolio,
    strategy,
    currency,
    countIf(trade_quantity != 0) AS trades,
    countIf(trade_result > 0) AS won,
    countIf(trade_result < 0) AS lost,
    trades - won - lost - countIf(trade_result = 0) AS unknown,
    if(won + lost > 0, won / (won + lost), NULL) AS win_rate,
    sum(trade_result) AS total,
    if(trades > unknown, toFloat64(total) / (trades - unknown), NULL) AS expectancy,
    if(won > 0, toFloat64(sumIf(trade_result, trade_result > 0)) / won, NULL) AS average_win,
    if(lost > 0, toFloat64(sumIf(trade_result, trade_result < 0)) / lost, NULL) AS average_loss,
    if(lost > 0, coalesce(toFloat64(sumIf(trade_result, trade_result > 0)), 0) / -toFloat64(sumIf(trade_result, trade_result < 0)), NULL) AS profit_factor,
    max(trade_result) AS best,
    min(trade_result) AS worst
FROM positions
GROUP BY portfolio, strategy, currency
HAVING trades > 0
COMMENT 'Win rate, expectancy and profit factor of closed trades.';

CREATE OR REPLACE VIEW v_hold_times AS
SELECT
    portfolio,
    strategy,
    symbol,
    countIf(trade_quantity != 0) AS trades,
    quantilesDD(0.01, 0.5, 0.9)(dateDiff('millisecond', trade_opened_at, event_time))[1] / 1000 AS median_seconds,
    quantilesDD(0.01, 0.5, 0.9)(dateDiff('millisecond', trade_opened_at, event_time))[2] / 1000 AS p90_seconds,
    max(dateDiff('millisecond', trade_opened_at, event_time)) / 1000 AS longest_seconds,
    if(countIf(trade_result > 0) > 0, sumIf(dateDiff('millisecond', trade_opened_at, event_time), trade_result > 0) / countIf(trade_result > 0) / 1000, NULL) AS winners_seconds,
    if(countIf(trade_result < 0) > 0, sumIf(dateDiff('millisecond', trade_opened_at, event_time), trade_result < 0) / countIf(trade_result < 0) / 1000, NULL) AS losers_seconds
FROM positions
GROUP BY portfolio, strategy, symbol
HAVING trades > 0
COMMENT 'How long trades were held, the median and the ninth tenth to within 1 %.';

CREATE OR REPLACE VIEW v_drawdowns AS
SELECT
    toDate(event_time) AS day,
    portfolio,
    max(drawdown) AS deepest,
    maxIf(toFloat64(drawdown) / toFloat64(high_water), high_water > 0) * 100 AS deepest_percent,
    argMax(event_time, drawdown) AS at,
    currency
FROM equity
WHERE account IS NULL
GROUP BY toDate(event_time), portfolio, currency
COMMENT 'How far below its high each portfolio was at worst, day by day (UTC).';

CREATE OR REPLACE VIEW v_quote_bars_1s AS
SELECT
    symbol,
    toStartOfSecond(event_time) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, start
COMMENT 'Bars of mid-quotes by second. Ask for a symbol and a time.';

CREATE OR REPLACE VIEW v_quote_bars_1m AS
SELECT
    symbol,
    toStartOfMinute(event_time) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfMinute(event_time)
COMMENT 'Bars of mid-quotes by minute.';

CREATE OR REPLACE VIEW v_quote_bars_1h AS
SELECT
    symbol,
    toStartOfHour(toStartOfMinute(event_time)) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfHour(toStartOfMinute(event_time))
COMMENT 'Bars of mid-quotes by hour.';

CREATE OR REPLACE VIEW v_quote_bars_1d AS
SELECT
    symbol,
    toStartOfDay(toStartOfMinute(event_time)) AS start,
    argMin(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS open,
    max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
    min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low,
    argMax(toDecimal64((bid_price + ask_price) / 2, 8), bitShiftLeft(toUInt128(toUnixTimestamp64Micro(event_time)), 64) + seq) AS close,
    count() AS quotes
FROM quotes
GROUP BY symbol, toStartOfDay(toStartOfMinute(event_time))
COMMENT 'Bars of mid-quotes by day (UTC).';

CREATE OR REPLACE VIEW v_quote_gaps AS
SELECT symbol, gap.1 AS last_minute, gap.2 AS next_minute, dateDiff('minute', last_minute, next_minute) - 1 AS silent_minutes
FROM
(
    SELECT symbol, arraySort(groupArray(minute)) AS minutes
    FROM
    (
        SELECT symbol, toStartOfMinute(event_time) AS minute
        FROM quotes
        WHERE toStartOfMinute(event_time) > toStartOfMinute(now('UTC')) - INTERVAL 7 DAY
        GROUP BY symbol, toStartOfMinute(event_time)
    )
    GROUP BY symbol
) AS of_each
ARRAY JOIN arrayFilter(pair -> pair.2 - pair.1 > 60, arrayZip(arrayPopBack(minutes), arrayPopFront(minutes))) AS gap
COMMENT 'Whole minutes between two quotes in which a symbol had none, of the last 7 days.';

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
        argMax((symbol, side, status, quantity, filled_quantity, limit_price, strategy, event_time), (event_time, _offset)) AS last
    FROM orders
    WHERE event_time > now64(6, 'UTC') - INTERVAL 90 DAY
        AND sipHash128(account, order_id) NOT IN
        (
            SELECT sipHash128(account, order_id) FROM orders
            WHERE status IN ('FILLED', 'CANCELED', 'REJECTED') AND event_time > now64(6, 'UTC') - INTERVAL 90 DAY
        )
    GROUP BY portfolio, account, order_id
) AS of_each
COMMENT 'Orders that may still be filled, of those that changed within 90 days.';

CREATE OR REPLACE VIEW v_ingest_health AS
SELECT table, rows, newest_event, newest_insert,
    dateDiff('millisecond', newest_event, now64(3, 'UTC')) / 1000 AS event_age_seconds,
    dateDiff('millisecond', newest_insert, now64(3, 'UTC')) / 1000 AS insert_age_seconds
FROM
(
    SELECT 'quotes' AS table, count() AS rows, max(event_time) AS newest_event, max(_inserted) AS newest_insert FROM quotes WHERE toStartOfMinute(event_time) > now('UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'marks', count(), max(event_time), max(_inserted) FROM marks WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'trades', count(), max(event_time), max(_inserted) FROM trades WHERE event_time > now64(6, 'UTC') - INTERVAL 1 HOUR
    UNION ALL SELECT 'bars', count(), max(event_time), max(_inserted) FROM bars WHERE toStartOfMinute(event_time) > now('UTC') - INTERVAL 1 HOUR
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

CREATE OR REPLACE VIEW v_excursions AS
WITH
    newest AS (SELECT * FROM v_trades WHERE closed_at > now64(6, 'UTC') - INTERVAL 90 DAY ORDER BY closed_at DESC LIMIT 100),
    (SELECT (toStartOfMinute(min(opened_at)), max(closed_at)) FROM newest) AS span
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
        AND toStartOfMinute(event_time) >= span.1
        AND toStartOfMinute(event_time) <= span.2
    GROUP BY symbol, toStartOfMinute(event_time)
) AS quote ON quote.symbol = trade.symbol
WHERE quote.minute >= toStartOfMinute(trade.opened_at) AND quote.minute <= trade.closed_at
GROUP BY trade.portfolio, trade.account, trade.symbol, trade.opened_at, trade.closed_at
COMMENT 'How far prices went against and for the hundred newest trades of 90 days, by whole minutes.';
