-- What alarms me most often?
-- param days UInt32 7 how many days back
SELECT rule, severity, sum(alerts) AS alerts, uniq(subject) AS subjects, max(newest) AS newest
FROM v_alerts_by_day
WHERE day > toDate(now('UTC')) - {days:UInt32}
GROUP BY rule, severity
ORDER BY alerts DESC
