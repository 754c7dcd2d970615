-- Which orders may still be filled?
-- param portfolio String '' only this portfolio
SELECT portfolio, account, order_id, symbol, side, status, quantity, filled_quantity, limit_price, strategy, changed_at
FROM v_open_orders
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY changed_at DESC
LIMIT 200
