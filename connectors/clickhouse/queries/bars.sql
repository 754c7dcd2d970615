-- What did the market do?
-- param symbol String '' only this symbol; of all, the newest five of each
-- param interval String '1m' 1s, 1m, 5m, 1h or 1d
-- param limit UInt32 60 how many of the newest
SELECT start, symbol, interval, of, open, high, low, close, volume, count
FROM v_bars
WHERE interval = {interval:String} AND (symbol = {symbol:String} OR {symbol:String} = '')
    AND start >
    (
        SELECT max(start) - toIntervalSecond(if({symbol:String} != '', 1000000000,
            5 * transform({interval:String}, ['1s', '1m', '5m', '1h'], [1, 60, 300, 3600], 86400)))
        FROM bars WHERE interval = {interval:String}
    )
ORDER BY start DESC, symbol
LIMIT {limit:UInt32}
