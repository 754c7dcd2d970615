-- How long do I hold winners, and how long losers?
-- param portfolio String '' only this portfolio
SELECT portfolio, strategy, symbol, trades, median_seconds, p90_seconds, winners_seconds, losers_seconds
FROM v_hold_times
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY trades DESC
LIMIT 100
