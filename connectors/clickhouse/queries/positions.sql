-- What do I hold, and what is it worth now?
-- param portfolio String '' only this portfolio
SELECT portfolio, account, symbol, quantity, average_price, price, market_value, unrealised, currency, price_time
FROM v_positions
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY portfolio, account, symbol
