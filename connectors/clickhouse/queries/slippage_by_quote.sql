-- How far was each fill from the very last quote before it?
-- param symbol String '' only this symbol
-- param minutes UInt32 60 how many minutes back
WITH newest AS
(
    SELECT * FROM fills
    WHERE kind = 'FILL' AND event_time > now64(6, 'UTC') - toIntervalMinute({minutes:UInt32})
        AND (symbol = {symbol:String} OR {symbol:String} = '')
)
SELECT fill.event_time AS event_time, fill.symbol AS symbol, fill.side AS side, fill.quantity AS quantity, fill.price AS price,
    quote.bid_price AS bid, quote.ask_price AS ask,
    if(side = 'BUY', price - ask, bid - price) AS beyond_the_quote,
    dateDiff('millisecond', quote.event_time, fill.event_time) AS quote_age_ms
FROM newest AS fill
ASOF INNER JOIN
(
    SELECT symbol, event_time, bid_price, ask_price FROM quotes
    WHERE symbol IN (SELECT symbol FROM newest) AND event_time > now64(6, 'UTC') - toIntervalMinute({minutes:UInt32} + 5)
) AS quote
ON fill.symbol = quote.symbol AND fill.event_time >= quote.event_time
ORDER BY event_time DESC
LIMIT 200
