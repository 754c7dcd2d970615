-- Which trades lost most?
-- param portfolio String '' only this portfolio
-- param limit UInt32 20 how many
SELECT closed_at, portfolio, symbol, strategy, side, quantity, entry_price, exit_price, result, currency, held_seconds
FROM v_trades
WHERE result IS NOT NULL AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
ORDER BY result, closed_at
LIMIT {limit:UInt32}
