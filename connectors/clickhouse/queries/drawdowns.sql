-- How deep was I under water, and when?
-- param portfolio String '' only this portfolio
-- param days UInt32 30 how many days back
SELECT toDate(minute) AS day, portfolio, max(drawdown) AS deepest, max(percent) AS deepest_percent,
    argMax(minute, drawdown) AS at, currency
FROM v_underwater
WHERE minute > now('UTC') - toIntervalDay({days:UInt32}) AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
GROUP BY day, portfolio, currency
ORDER BY day DESC, portfolio
