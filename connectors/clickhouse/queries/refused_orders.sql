-- Which orders were refused, and why?
-- param portfolio String '' only this portfolio
SELECT decided_at, portfolio, request_id, reason, message, limit_name
FROM v_verdicts
WHERE grade = 'REFUSE' AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
ORDER BY decided_at DESC
LIMIT 50
