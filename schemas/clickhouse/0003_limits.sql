-- Which limit decided about what and on whose behalf, and where limits stand.

ALTER TABLE verdicts
    ADD COLUMN IF NOT EXISTS `limit_name` LowCardinality(String) DEFAULT '' AFTER `limit_author`,
    ADD COLUMN IF NOT EXISTS `group` String DEFAULT '' AFTER `limit_name`,
    ADD COLUMN IF NOT EXISTS `author` LowCardinality(String) DEFAULT '' AFTER `group`,
    ADD COLUMN IF NOT EXISTS `overrides` Array(String) DEFAULT [] AFTER `author`;

ALTER TABLE equity
    ADD COLUMN IF NOT EXISTS `limits` Array(Tuple(limit String, rule String, group String, grade String, value Nullable(Decimal(38, 8)), level Decimal(38, 8), unit String)) DEFAULT [] AFTER `guard`,
    ADD COLUMN IF NOT EXISTS `held_by` Array(String) DEFAULT [] AFTER `limits`;
