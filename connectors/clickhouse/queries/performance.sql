-- How often do I win, and what does a trade bring on average?
-- param portfolio String '' only this portfolio
SELECT portfolio, strategy, trades, won, lost, win_rate, expectancy, average_win, average_loss, profit_factor, best, worst, currency
FROM v_performance
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY portfolio, strategy
