-- When was the market data silent?
-- param symbol String '' only this symbol
-- param hours UInt32 12 how many hours back
SELECT symbol, gap.1 AS last_minute, gap.2 AS next_minute, dateDiff('minute', last_minute, next_minute) - 1 AS silent_minutes
FROM
(
    SELECT symbol, arraySort(groupArray(minute)) AS minutes
    FROM
    (
        SELECT symbol, toStartOfMinute(event_time) AS minute
        FROM quotes
        WHERE toStartOfMinute(event_time) > toStartOfMinute(now('UTC')) - toIntervalHour({hours:UInt32})
            AND (symbol = {symbol:String} OR {symbol:String} = '')
        GROUP BY symbol, toStartOfMinute(event_time)
    )
    GROUP BY symbol
)
ARRAY JOIN arrayFilter(pair -> pair.2 - pair.1 > 60, arrayZip(arrayPopBack(minutes), arrayPopFront(minutes))) AS gap
ORDER BY next_minute DESC
LIMIT 100
