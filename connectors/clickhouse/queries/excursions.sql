-- How far did prices go against my newest trades, and how far for them?
-- param portfolio String '' only this portfolio
SELECT closed_at, portfolio, symbol, side, quantity, entry_price, worst_move, best_move, result
FROM v_excursions
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY closed_at DESC
