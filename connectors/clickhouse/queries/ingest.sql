-- Does everything still come in?
SELECT table, rows, newest_event, event_age_seconds, insert_age_seconds
FROM v_ingest_health
ORDER BY table
