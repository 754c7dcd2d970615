-- Which strategy earns?
-- param portfolio String '' only this portfolio
SELECT portfolio, strategy, currency, realised, fees, income, trades, won, lost
FROM v_pnl_by_strategy
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY realised DESC
