-- Which rows a view shows must not depend on the order in which they were inserted: ties at the
-- edge of the newest hundred are broken. And the two slowest views ask for less.

CREATE OR REPLACE VIEW v_worst_trades AS
SELECT * FROM v_trades
WHERE result IS NOT NULL
ORDER BY result, closed_at, opened_at, portfolio, account, symbol
LIMIT 100
COMMENT 'The hundred trades that lost most.';

-- The trades are looked for once, and kept as an array: a named subquery would be run three times.
CREATE OR REPLACE VIEW v_excursions AS
WITH
    (
        SELECT groupArray(trade)
        FROM
        (
            SELECT (portfolio, account, symbol, strategy, side, quantity, entry_price, result, opened_at, closed_at) AS trade
            FROM v_trades
            WHERE closed_at > now64(6, 'UTC') - INTERVAL 90 DAY
            ORDER BY closed_at DESC, opened_at DESC, portfolio, account, symbol
            LIMIT 100
        )
    ) AS newest
SELECT
    trade.1 AS portfolio,
    trade.2 AS account,
    trade.3 AS symbol,
    trade.4 AS strategy,
    trade.5 AS side,
    trade.6 AS quantity,
    trade.7 AS entry_price,
    trade.8 AS result,
    trade.9 AS opened_at,
    trade.10 AS closed_at,
    if(side = 'BUY', min(quote.low) - entry_price, entry_price - max(quote.high)) AS worst_move,
    if(side = 'BUY', max(quote.high) - entry_price, entry_price - min(quote.low)) AS best_move
FROM (SELECT arrayJoin(newest) AS trade, trade.3 AS symbol) AS of_each
INNER JOIN
(
    SELECT
        symbol,
        toStartOfMinute(event_time) AS minute,
        max(toDecimal64((bid_price + ask_price) / 2, 8)) AS high,
        min(toDecimal64((bid_price + ask_price) / 2, 8)) AS low
    FROM quotes
    WHERE symbol IN (SELECT arrayJoin(newest).3)
        AND toStartOfMinute(event_time) >= toStartOfMinute(arrayMin(trade -> trade.9, newest))
        AND toStartOfMinute(event_time) <= arrayMax(trade -> trade.10, newest)
    GROUP BY symbol, toStartOfMinute(event_time)
) AS quote ON quote.symbol = of_each.symbol
WHERE quote.minute >= toStartOfMinute(trade.9) AND quote.minute <= trade.10
GROUP BY trade
COMMENT 'How far prices went against and for the hundred newest trades of 90 days, by whole minutes.';

-- A hash of 64 bits tells half a million orders apart but for one chance in 10^11, in half the
-- time of one of 128.
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
        AND cityHash64(account, order_id) NOT IN
        (
            SELECT cityHash64(account, order_id) FROM orders
            WHERE status IN ('FILLED', 'CANCELED', 'REJECTED') AND event_time > now64(6, 'UTC') - INTERVAL 90 DAY
        )
    GROUP BY portfolio, account, order_id
) AS of_each
COMMENT 'Orders that may still be filled, of those that changed within 90 days.';
