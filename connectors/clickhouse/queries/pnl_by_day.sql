-- What did I make on each of the last days?
-- param portfolio String '' only this portfolio
-- param days UInt32 30 how many days back
SELECT day, portfolio, currency, sum(realised) AS realised, sum(fees) AS fees, sum(income) AS income, sum(trades) AS trades
FROM v_pnl_by_day
WHERE day > toDate(now('UTC')) - {days:UInt32} AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
GROUP BY day, portfolio, currency
ORDER BY day DESC, portfolio, currency
