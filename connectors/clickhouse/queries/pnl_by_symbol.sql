-- Which symbols earn, and which cost me money?
-- param portfolio String '' only this portfolio
SELECT portfolio, symbol, currency, realised, fees, income, trades, won, lost
FROM v_pnl_by_symbol
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY realised DESC
