-- How did my equity move?
-- param portfolio String '' only this portfolio
-- param hours UInt32 24 how many hours back
SELECT minute, portfolio, equity, high, low, currency
FROM v_equity
WHERE account IS NULL AND minute > now('UTC') - toIntervalHour({hours:UInt32})
    AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
ORDER BY portfolio, minute
