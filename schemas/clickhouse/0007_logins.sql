-- Which steps belong to one login, and how long the venue took.

ALTER TABLE auth_events
    ADD COLUMN IF NOT EXISTS `login_id` Nullable(String) AFTER `detail`,
    ADD COLUMN IF NOT EXISTS `latency_ms` Nullable(UInt32) AFTER `login_id`;
