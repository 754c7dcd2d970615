-- Which machine logged in, and whether a person is needed.

ALTER TABLE auth_events
    ADD COLUMN IF NOT EXISTS `host` LowCardinality(Nullable(String)) AFTER `latency_ms`,
    ADD COLUMN IF NOT EXISTS `stopped` Nullable(Bool) AFTER `host`;
