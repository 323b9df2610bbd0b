-- Exports show what is, not what was.  A snapshot keeps each change, of all
-- four tables in one statement: their exports are made side by side.
SET adsexport_fdw.progress_interval = '1s';
CALL history.take_snapshot();
-- Again at once: nothing has changed, so nothing is added.
CALL history.take_snapshot();
SELECT campaigns, ad_groups, targets, ads FROM history.snapshots ORDER BY taken_at;
SELECT state, count(*) AS campaigns, sum(budget_amount) AS budget FROM history.campaigns GROUP BY state ORDER BY state;
