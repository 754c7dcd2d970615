-- Are my sessions alive, and when do they end?
SELECT portfolio, account, venue, state, since, logged_in_at, expires_at, failures_24h, detail
FROM v_login_health
ORDER BY failures_24h DESC, account
