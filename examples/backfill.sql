-- Load a long past of events, day by day, so that it can be stopped at any time and goes on where it stopped.
--
--   psql -v source=ads -v target=product -f examples/backfill.sql
--   CALL product.backfill('2025-01-01', '2025-03-31');
--
-- source is the schema with the imported tables, target the one to create.  Each day is committed by itself; days that are loaded are left out.
-- The procedure must not be called inside of a transaction block.
\set ON_ERROR_STOP on
\if :{?source} \else \set source ads \endif
\if :{?target} \else \set target product \endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"target";
CREATE TABLE IF NOT EXISTS :"target".events AS SELECT * FROM :"source".amplitude_events WITH NO DATA;
CREATE UNIQUE INDEX IF NOT EXISTS events_uuid ON :"target".events (uuid);
CREATE INDEX IF NOT EXISTS events_server_upload_time ON :"target".events (server_upload_time);
CREATE TABLE IF NOT EXISTS :"target".loaded_days (day date PRIMARY KEY, events bigint NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now());

SELECT format($procedure$
CREATE OR REPLACE PROCEDURE %2$I.backfill(first date, last date) LANGUAGE plpgsql AS $$
DECLARE
  loading date;
  loaded bigint;
BEGIN
  -- Days that are not complete yet are for the next time.
  last := least(last, (adsexport_complete_until() AT TIME ZONE 'UTC')::date - 1);
  FOR loading IN
    SELECT first + day FROM generate_series(0, last - first) day
    WHERE first + day NOT IN (SELECT day FROM %2$I.loaded_days) ORDER BY 1
  LOOP
    INSERT INTO %2$I.events
      SELECT * FROM %1$I.amplitude_events
      WHERE server_upload_time >= loading::timestamp AT TIME ZONE 'UTC'
        AND server_upload_time < (loading + 1)::timestamp AT TIME ZONE 'UTC'
      ON CONFLICT (uuid) DO NOTHING;
    GET DIAGNOSTICS loaded = ROW_COUNT;
    INSERT INTO %2$I.loaded_days (day, events) VALUES (loading, loaded);
    RAISE NOTICE 'loaded %% events of %%', loaded, loading;
    COMMIT;
  END LOOP;
END $$
$procedure$, :'source', :'target') \gexec
COMMIT;
