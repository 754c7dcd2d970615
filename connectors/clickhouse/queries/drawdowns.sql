-- How deep was I under water, and when?
-- param portfolio String '' only this portfolio
-- param days UInt32 30 how many days back
SELECT day, portfolio, deepest, deepest_percent, at, currency
FROM v_drawdowns
WHERE day > toDate(now('UTC')) - {days:UInt32} AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
ORDER BY day DESC, portfolio
