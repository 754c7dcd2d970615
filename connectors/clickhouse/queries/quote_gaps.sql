-- When was the market data silent?
-- param symbol String '' only this symbol
SELECT symbol, last_minute, next_minute, silent_minutes
FROM v_quote_gaps
WHERE symbol = {symbol:String} OR {symbol:String} = ''
ORDER BY next_minute DESC
LIMIT 100
