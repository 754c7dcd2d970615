-- What was refused as unusable, and why?
SELECT topic, reason, records, first_at, last_at, example, newest
FROM v_error_classes
ORDER BY last_at DESC
LIMIT 100
