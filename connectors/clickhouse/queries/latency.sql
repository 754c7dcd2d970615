-- How fast is it, from the event until it was known, and into the store?
-- param minutes UInt32 60 how many minutes back
SELECT what, source, minute, records, arrival_p50_ms, arrival_p99_ms, store_p50_ms, store_p99_ms
FROM v_latency
WHERE minute > now('UTC') - toIntervalMinute({minutes:UInt32})
ORDER BY minute DESC, what, source
LIMIT 200
