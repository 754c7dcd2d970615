-- Why was I stopped, and who let me go on?
-- param portfolio String '' only this portfolio
SELECT decided_at, portfolio, grade, guard, message, cause, author
FROM v_verdicts
WHERE grade IN ('BREACH', 'RESET') AND (portfolio = {portfolio:String} OR {portfolio:String} = '')
ORDER BY decided_at DESC
LIMIT 50
