-- How far am I from my limits?
-- param portfolio String '' only this portfolio
SELECT portfolio, guard, limit, `group`, grade, value, level, left, used_percent, unit, as_of
FROM v_risk_headroom
WHERE portfolio = {portfolio:String} OR {portfolio:String} = ''
ORDER BY used_percent DESC
