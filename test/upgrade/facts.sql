-- What must be the same before and after an update.
\pset format unaligned
\pset fieldsep ' | '
\pset footer off
SET timezone = 'UTC';
-- the objects, their options (a dump sorts them) and rights
SELECT srvname, srvtype, (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(srvoptions) AS o) AS options, srvacl FROM pg_foreign_server ORDER BY srvname COLLATE "C";
SELECT srvname, usename, (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(umoptions) AS o) AS options FROM pg_user_mappings ORDER BY srvname COLLATE "C";
SELECT fdwname, fdwacl FROM pg_foreign_data_wrapper ORDER BY 1;
SELECT c.relname, a.attnum, a.attname, a.atttypid::regtype, a.attnotnull, a.attfdwoptions, col_description(a.attrelid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'ads'::regnamespace AND a.attnum > 0 ORDER BY c.relname COLLATE "C", a.attnum;
SELECT relname, relacl, (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(ftoptions) AS o) AS options FROM pg_class LEFT JOIN pg_foreign_table ON ftrelid = oid WHERE relnamespace = 'ads'::regnamespace
ORDER BY relname COLLATE "C";
-- A function that got more columns leaves its rights to the one of before, which views go on using; a restore gives them to the new one.
SELECT has_function_privilege('upgrade_reader', 'adsexport_exports()', 'EXECUTE WITH GRANT OPTION')
		OR coalesce(has_function_privilege('upgrade_reader', to_regprocedure('adsexport_exports_1_0()'), 'EXECUTE WITH GRANT OPTION'), false) AS may_grant_exports,
	has_function_privilege('upgrade_reader', 'adsexport_forget()', 'EXECUTE') AS may_forget,
	has_function_privilege('upgrade_other', 'adsexport_forget()', 'EXECUTE') AS others_may_forget;
-- what they answer
SELECT ads.start_anew();
SELECT * FROM ads.states ORDER BY state COLLATE "C";
SELECT count(*), sum(daily_budget), count(record) FROM ads.budgets;
SELECT count(*) FROM ads.targets WHERE state = 'ENABLED';
REFRESH MATERIALIZED VIEW ads.copy;
SELECT count(*), min(campaign_id), max(name COLLATE "C") FROM ads.copy;
SELECT count(*) > 0 AS has_events FROM ads.amplitude_events;
SELECT entity, profile_id, status, records, error IS NULL AS well FROM ads.asked ORDER BY entity COLLATE "C", profile_id COLLATE "C", records;
SELECT * FROM ads.asked_by_name ORDER BY entity COLLATE "C", records;
SELECT export ->> 'entity' AS entity, export ->> 'records' AS records FROM ads.asked_as_rows ORDER BY (export ->> 'entity') COLLATE "C", 2;
SELECT count(*) > 100 AS enough, count(DISTINCT table_name) FROM ads.known_columns;
SELECT * FROM ads.now_complete;
SET ROLE upgrade_reader;
SELECT count(*) >= 0 AS may_read FROM ads.asked;
