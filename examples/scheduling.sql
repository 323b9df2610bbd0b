-- Jobs of pg_cron that keep a history of Amazon Ads and a table of Amplitude's events.
--
--   psql -v history=ads_history -v events=product -f examples/scheduling.sql
--
-- Run examples/history.sql and examples/backfill.sql before, and this one in the database that pg_cron is in (cron.database_name), as the
-- role that the user mappings are of: a job runs as the role that scheduled it.  Jobs of one name replace each other, so this can be run again.
\set ON_ERROR_STOP on
\if :{?history} \else \set history ads_history \endif
\if :{?events} \else \set events product \endif

-- At half past four: many jobs run on the hour, and the vendor is slower then.
SELECT cron.schedule('ads history', '30 4 * * *', format('CALL %I.take_snapshot()', :'history'));

-- Every hour: the last three days, of which those that are loaded are left out.
SELECT cron.schedule('events', '17 * * * *',
                     format($$CALL %I.backfill((now() AT TIME ZONE 'UTC')::date - 3, (now() AT TIME ZONE 'UTC')::date)$$, :'events'));

-- pg_cron keeps the results of all runs until somebody deletes them.
SELECT cron.schedule('forget old runs', '0 3 * * 0', $$DELETE FROM cron.job_run_details WHERE end_time < now() - interval '30 days'$$);
