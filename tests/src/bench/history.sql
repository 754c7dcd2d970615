-- A made-up history for the benchmark `views`, ending at {end}: twenty sessions of eight hours
-- of quotes of 500 symbols, of which some are quoted far more often than others, and a year of
-- fills of twenty accounts in ten portfolios. The same in every run but for its dates.

INSERT INTO quotes (symbol, venue, seq, bid_price, ask_price, bid_size, ask_size, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH
    intDiv(cityHash64(number, 1) % 1000000, 1) / 1000000 AS chance,
    toUInt32(floor(500 * chance * chance)) AS one,
    intDiv({quotes}, 20) + 1 AS a_day,
    19 - intDiv(number, a_day) AS days_ago,
    toInt64(28800000000 * (number % a_day) / a_day) + cityHash64(number, 2) % 5000 AS into_session,
    {end} - toIntervalDay(days_ago) - toIntervalHour(8) + toIntervalMicrosecond(into_session) AS at,
    toInt64(2000 + one * 37 + 200 * sin(into_session / 3600000000 + one) + cityHash64(number, 3) % 7) AS cents
SELECT
    concat('SYM', leftPad(toString(one), 3, '0')), 'XNAS', number,
    toDecimal64(cents, 8) / 100, toDecimal64(cents + 1 + cityHash64(number, 4) % 3, 8) / 100,
    toDecimal64(100 * (1 + cityHash64(number, 5) % 9), 8), toDecimal64(100 * (1 + cityHash64(number, 6) % 9), 8),
    at, at + toIntervalMicrosecond(800 + cityHash64(number, 7) % 3000), 'feed',
    one % 4, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300 + cityHash64(number, 8) % 500)
FROM numbers({quotes});

INSERT INTO marks (symbol, price, bid_price, ask_price, quotes, event_time, ingest_time, source, _partition, _offset, _inserted)
SELECT symbol, toDecimal64((bid_price + ask_price) / 2, 8), bid_price, ask_price, 5, event_time, ingest_time, 'market', _partition, _offset, _inserted
FROM quotes WHERE seq % 5 = 0;

INSERT INTO trades (kind, trade_id, symbol, venue, seq, price, size, event_time, ingest_time, source, _partition, _offset, _inserted)
SELECT 'TRADE', toString(seq), symbol, venue, seq, ask_price, ask_size, event_time, ingest_time, source, _partition, _offset, _inserted
FROM quotes WHERE seq % 10 = 0;

INSERT INTO bars (symbol, venue, interval, start, open, high, low, close, volume, count, of, revision, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH arrayJoin([('1m', 60), ('5m', 300), ('1h', 3600), ('1d', 86400)]) AS length
SELECT symbol, venue, length.1 AS interval, fromUnixTimestamp64Micro(toInt64(intDiv(toUnixTimestamp64Micro(event_time), length.2 * 1000000) * length.2 * 1000000), 'UTC') AS start,
    argMin(price, seq), max(price), min(price), argMax(price, seq), sum(size), count(), 'TRADES', 0,
    max(trades.event_time) AS at, at, 'bars', any(_partition), max(_offset), toDateTime64(at, 3, 'UTC')
FROM trades GROUP BY symbol, venue, interval, start;

INSERT INTO fills (kind, exec_id, order_id, portfolio, account, symbol, side, price, quantity, fee, currency, strategy, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH
    cityHash64(intDiv(number, 2), 11) % 20 AS who,
    (who * 23 + cityHash64(intDiv(number, 2), 12) % 50) % 500 AS one,
    {end} - toIntervalMicrosecond(toInt64(31536000000000 / {fills} * ({fills} - number))) AS at
SELECT 'FILL', concat('e', toString(number)), concat('o', toString(intDiv(number, 2))),
    concat('P', toString(who % 10)), concat('A', leftPad(toString(who), 2, '0')), concat('SYM', leftPad(toString(one), 3, '0')),
    if(number % 2, 'BUY', 'SELL'), toDecimal64(2000 + one * 37 + cityHash64(number, 13) % 400, 8) / 100, toDecimal64(1 + cityHash64(number, 14) % 100, 8),
    toDecimal64(35, 8) / 100, 'USD', concat('strategy', toString(cityHash64(who, one) % 5)),
    at, at + toIntervalMicrosecond(1500), 'broker', who % 4, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers({fills});

INSERT INTO positions (portfolio, account, symbol, quantity, average_price, realised, fees, unknown_fees, unrealised, mark_price, currency,
    cause_topic, cause_partition, cause_offset, market_value, price_kind, price_time, income, strategy, realised_change, fees_change, income_change,
    fill_exec_id, fill_order_id, fill_side, fill_price, fill_quantity, fill_market_price, fill_market_time,
    trade_side, trade_quantity, trade_entry_price, trade_exit_price, trade_opened_at, trade_result,
    event_time, ingest_time, source, _partition, _offset, _inserted)
WITH
    cityHash64(_offset, 21) % 4 = 0 AS closes,
    toDecimal128(cityHash64(_offset, 22) % 40000, 8) / 100 - 195 AS made
SELECT portfolio, account, symbol, if(closes, 0, quantity), price, made, fee, 0, if(closes, 0, made / 7), price, currency,
    'broker.fills', _partition, _offset, toDecimal128(if(closes, 0, quantity), 8) * price, 'MID', event_time, 0, strategy, if(closes, made, 0), fee, 0,
    exec_id, order_id, side, price, quantity, price + toDecimal64(toInt64(cityHash64(_offset, 23) % 5) - 2, 8) / 100, event_time,
    if(closes, side, NULL), if(closes, quantity, NULL), if(closes, price, NULL), if(closes, price + 1, NULL),
    if(closes, event_time - toIntervalSecond(60 + cityHash64(_offset, 24) % 20000), NULL), if(closes, made, NULL),
    event_time, ingest_time, 'risk', _partition, _offset, _inserted
FROM fills;

INSERT INTO orders (order_id, portfolio, account, symbol, side, status, quantity, filled_quantity, limit_price, strategy, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH arrayJoin(if(_offset % 2 = 0, ['NEW', 'PARTIALLY_FILLED'], if(_offset % 5000 = 1, [], ['FILLED']))) AS state
SELECT order_id, portfolio, account, symbol, side, state, quantity, quantity, price, strategy, event_time, ingest_time, source, _partition, _offset * 2 + (state = 'PARTIALLY_FILLED'), _inserted
FROM fills;

INSERT INTO equity (portfolio, account, cash_flow, realised, unrealised, equity, high_water, drawdown, missing_prices, currency, cash, gross, net, leverage, guard, limits,
    event_time, ingest_time, source, _partition, _offset, _inserted)
WITH
    number % 30 AS who,
    intDiv({quotes}, 200) + 1 AS a_day,
    19 - intDiv(number, a_day) AS days_ago,
    {end} - toIntervalDay(days_ago) - toIntervalHour(8) + toIntervalMicrosecond(toInt64(28800000000 * (number % a_day) / a_day)) AS at,
    toDecimal128(round(10000000 + 500000 * sin(number / 1000000 + who) + cityHash64(number, 31) % 1000), 8) / 100 AS worth
SELECT concat('P', toString(who % 10)), if(who < 10, NULL, concat('A', leftPad(toString(who - 10), 2, '0'))), 0, worth - 100000, worth / 50, worth, 105000, 105000 - worth, 0,
    'USD', worth / 2, worth / 2, worth / 2, 1, 'ACTIVE',
    [('daily loss', 'daily_loss', '', 'PASS', toDecimal128(105000, 8) - worth, toDecimal128(9000, 8), 'money'), ('exposure', 'gross', '', 'PASS', worth / 2, toDecimal128(90000, 8), 'money')],
    at, at + toIntervalMicrosecond(2000), 'risk', who % 4, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers(intDiv({quotes}, 10));

INSERT INTO verdicts (verdict_id, portfolio, rule, mode, reason, outcome, value, limit, distance, cause_topic, cause_partition, cause_offset, config_hash,
    grade, scope, action, guard, unit, request_id, message, limit_name, author, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH cityHash64(number, 41) % 100 AS kind,
    {end} - toIntervalMicrosecond(toInt64(31536000000000 / intDiv({fills}, 2) * (intDiv({fills}, 2) - number))) AS at
SELECT reinterpretAsUUID(sipHash128(number, 1)), concat('P', toString(cityHash64(number, 42) % 10)), concat('rule', toString(kind % 7)), 'LIVE', if(kind < 90, 'WITHIN', 'DAILY_LOSS'), if(kind < 90, 'PASS', 'BREACH'),
    kind, 90, toDecimal128(90, 8) - kind, 'orders.requests', 0, number, 'abc',
    multiIf(kind < 90, 'APPROVE', kind < 97, 'REFUSE', kind < 99, 'BREACH', 'RESET'), 'portfolio', 'NONE', 'ACTIVE', 'money', concat('o', toString(number)),
    concat('order ', toString(number), ' was looked at and it is ', toString(kind), ' of 90'), 'daily loss', '', at, at + toIntervalMicrosecond(1800), 'risk', number % 4, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers(intDiv({fills}, 2));

INSERT INTO alerts (alert_id, key, subject, rule, severity, message, procedure, cause_topic, cause_partition, cause_offset, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH {end} - toIntervalMicrosecond(toInt64(31536000000000 / intDiv({fills}, 10) * (intDiv({fills}, 10) - number))) AS at,
    cityHash64(number, 51) % 1000 AS matter
SELECT reinterpretAsUUID(sipHash128(number, 3)), concat('matter ', toString(matter)), concat('P', toString(matter % 10)), concat('rule', toString(matter % 7)),
    if(cityHash64(number, 52) % 2, 'INFO', if(matter % 3 = 0, 'CRITICAL', 'WARNING')), concat('matter ', toString(matter), ' is as it is'), 'daily-loss', 'market.marks', 0, number,
    at, at + toIntervalMicrosecond(4000), 'risk', number % 4, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers(intDiv({fills}, 10));

INSERT INTO auth_events (event_id, portfolio, account, venue, kind, method, attempt, category, expires_at, detail, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH {end} - toIntervalMicrosecond(toInt64(31536000000000 / intDiv({fills}, 20) * (intDiv({fills}, 20) - number))) AS at
SELECT toString(number), concat('P', toString(number % 10)), concat('A', leftPad(toString(number % 20), 2, '0')), 'broker',
    if(number % 50 = 0, 'LOGIN_FAILED', if(number % 10 = 0, 'LOGIN_SUCCEEDED', 'HEALTHY')), 'TOTP', 1, if(number % 50 = 0, 'WRONG_CODE', NULL), at + toIntervalHour(12), '',
    at, at + toIntervalMicrosecond(2000), 'logins', 0, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers(intDiv({fills}, 20));

INSERT INTO deadletters (letter_id, topic, partition, offset, key, value, reason, message, event_time, ingest_time, source, _partition, _offset, _inserted)
WITH {end} - toIntervalMicrosecond(toInt64(31536000000000 / intDiv({fills}, 100) * (intDiv({fills}, 100) - number))) AS at
SELECT reinterpretAsUUID(sipHash128(number, 5)), 'market.quotes', number % 4, number, 'SYM001', 'not a record', concat('REASON', toString(number % 6)), 'it was no record',
    at, at + toIntervalMicrosecond(2000), 'sink', 0, number, toDateTime64(at, 3, 'UTC') + toIntervalMillisecond(300)
FROM numbers(intDiv({fills}, 100));
