-- What needs a look right now?
SELECT severity, told_at, subject, message, told, procedure
FROM v_open_alerts
ORDER BY severity DESC, told_at DESC
LIMIT 100
