-- Keeps a history of all four Amazon Ads exports: each version of each row is stored once, by a procedure that adds what changed.
--
--   psql -v source=ads -v target=ads_history -f examples/history.sql
--
-- source is the schema with the imported tables, target the one to create.  Then, as often as you like, by hand or by pg_cron:
--
--   CALL ads_history.take_snapshot();
--
-- The procedure is one statement, so that the four exports are made side by side, and all or nothing is added.  A second call at the same time
-- waits for the first.  Unchanged rows add nothing: last_updated_date_time is part of the keys.
-- Rows without it (some of Sponsored Brands have none) are kept once, as they were first seen.
--
-- A row that is gone from the export stays in the history.  The file can be run again: what is there stays.
\set ON_ERROR_STOP on
\if :{?source} \else \set source ads \endif
\if :{?target} \else \set target ads_history \endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"target";

CREATE TABLE IF NOT EXISTS :"target".campaigns AS SELECT * FROM :"source".campaigns WITH NO DATA;
CREATE TABLE IF NOT EXISTS :"target".ad_groups AS SELECT * FROM :"source".ad_groups WITH NO DATA;
CREATE TABLE IF NOT EXISTS :"target".targets AS SELECT * FROM :"source".targets WITH NO DATA;
CREATE TABLE IF NOT EXISTS :"target".ads AS SELECT * FROM :"source".ads WITH NO DATA;

-- A key cannot hold NULL, which an ad's id and the time of the last change may be.
CREATE UNIQUE INDEX IF NOT EXISTS campaigns_version ON :"target".campaigns (profile_id, campaign_id, (coalesce(last_updated_date_time, '-infinity')));
CREATE UNIQUE INDEX IF NOT EXISTS ad_groups_version ON :"target".ad_groups (profile_id, ad_group_id, (coalesce(last_updated_date_time, '-infinity')));
CREATE UNIQUE INDEX IF NOT EXISTS targets_version ON :"target".targets (profile_id, target_id, (coalesce(last_updated_date_time, '-infinity')));
CREATE UNIQUE INDEX IF NOT EXISTS ads_version ON :"target".ads (profile_id, ad_group_id, (coalesce(ad_id, '')), (coalesce(last_updated_date_time, '-infinity')));

-- One row for each snapshot: what it added.
CREATE TABLE IF NOT EXISTS :"target".snapshots (taken_at timestamptz PRIMARY KEY DEFAULT now(), campaigns bigint, ad_groups bigint, targets bigint, ads bigint);

-- The text of the procedure has its schemas put in here: it must not depend on the search_path of whoever calls it.
-- In LANGUAGE sql the insertion would lock its table before LOCK does, and two calls could wait for each other.
SELECT format($procedure$
CREATE OR REPLACE PROCEDURE %2$I.take_snapshot() LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE %2$I.snapshots IN SHARE ROW EXCLUSIVE MODE;
  WITH new_campaigns AS (INSERT INTO %2$I.campaigns SELECT * FROM %1$I.campaigns ON CONFLICT DO NOTHING RETURNING 1),
       new_ad_groups AS (INSERT INTO %2$I.ad_groups SELECT * FROM %1$I.ad_groups ON CONFLICT DO NOTHING RETURNING 1),
       new_targets AS (INSERT INTO %2$I.targets SELECT * FROM %1$I.targets ON CONFLICT DO NOTHING RETURNING 1),
       new_ads AS (INSERT INTO %2$I.ads SELECT * FROM %1$I.ads ON CONFLICT DO NOTHING RETURNING 1)
  INSERT INTO %2$I.snapshots
  SELECT clock_timestamp(), (SELECT count(*) FROM new_campaigns), (SELECT count(*) FROM new_ad_groups), (SELECT count(*) FROM new_targets),
         (SELECT count(*) FROM new_ads);
END
$$
$procedure$, :'source', :'target') \gexec

COMMENT ON TABLE :"target".snapshots IS 'Snapshots that were taken, and the versions that each added.';
COMMIT;
