-- What did I make today?
-- param portfolio String '' only this portfolio
SELECT portfolio, symbol, strategy, currency, realised, fees, income, trades, won, lost
FROM v_pnl_today
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY realised DESC
