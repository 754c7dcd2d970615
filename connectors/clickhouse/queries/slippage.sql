-- What does my execution cost against the market at that moment?
-- param portfolio String '' only this portfolio
-- param days UInt32 30 how many days back
SELECT portfolio, symbol, count() AS fills, avg(basis_points) AS average_bp, quantileExact(0.95)(basis_points) AS p95_bp,
    sum(cost) AS cost, currency
FROM v_slippage
WHERE event_time > now64(6, 'UTC') - toIntervalDay({days:UInt32}) AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
GROUP BY portfolio, symbol, currency
ORDER BY cost DESC
LIMIT 100
