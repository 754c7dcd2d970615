-- What did the market do?
-- param symbol String '' only this symbol
-- param interval String '1m' 1s, 1m, 5m, 1h or 1d
-- param limit UInt32 60 how many of the newest
SELECT start, symbol, interval, of, open, high, low, close, volume, count
FROM v_bars
WHERE interval = {interval:String} AND (symbol = {symbol:String} OR {symbol:String} = '')
ORDER BY start DESC, symbol
LIMIT {limit:UInt32}
