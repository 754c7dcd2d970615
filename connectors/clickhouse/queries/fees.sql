-- What did trading cost me, month by month?
-- param portfolio String '' only this portfolio
SELECT toStartOfMonth(day) AS month, portfolio, currency, sum(v_pnl_by_day.fees) AS fees,
    sum(v_pnl_by_day.realised) AS realised,
    if(realised + fees != 0, toFloat64(fees) / toFloat64(realised + fees) * 100, NULL) AS percent_of_gross_profit
FROM v_pnl_by_day
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
GROUP BY month, portfolio, currency
ORDER BY month DESC, portfolio, currency
