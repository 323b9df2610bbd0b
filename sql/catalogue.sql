-- The catalogue of tables, and the functions that need no remote.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;
\set SHOW_CONTEXT never

SELECT adsexport_fdw_version() = extversion AS same_version FROM pg_extension WHERE extname = 'adsexport_fdw';

\pset format unaligned
SELECT table_name, column_name, data_type, json_path, ad_products FROM adsexport_columns();
\pset format aligned

-- every column is described, and no name or path occurs twice in a table
SELECT count(*) FROM adsexport_columns() WHERE description !~ '^[A-Z].*\.$';
SELECT table_name, column_name FROM adsexport_columns() GROUP BY 1, 2 HAVING count(*) > 1;
SELECT table_name, json_path FROM adsexport_columns() GROUP BY 1, 2 HAVING count(*) > 1;
SELECT table_name, count(*) FROM adsexport_columns() GROUP BY 1 ORDER BY table_name COLLATE "C";
SELECT DISTINCT data_type::regtype FROM adsexport_columns() ORDER BY 1;
-- a scan that stops early
SELECT column_name FROM (SELECT adsexport_columns() AS r LIMIT 3) s, LATERAL (SELECT (s.r).column_name) c;

--
-- Comments
--
CREATE SERVER catalogue_a FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads');
CREATE SERVER catalogue_p FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude');
CREATE SCHEMA "Catalogue";
IMPORT FOREIGN SCHEMA exports LIMIT TO (profiles) FROM SERVER catalogue_a INTO "Catalogue";
IMPORT FOREIGN SCHEMA exports FROM SERVER catalogue_p INTO "Catalogue";
-- by hand: renamed, of the table's own path, unknown, dropped, of an alias
CREATE FOREIGN TABLE "Catalogue"."My Ads" (
	"Ad's ASIN" text OPTIONS (json_path '@asin'),
	brand text OPTIONS (json_path 'creative.brandName'),
	other text OPTIONS (json_path 'creative.other'),
	unknown text,
	gone text,
	raw jsonb
) SERVER catalogue_a OPTIONS (entity 'ads');
ALTER FOREIGN TABLE "Catalogue"."My Ads" DROP COLUMN gone;
CREATE FOREIGN TABLE "Catalogue".events ("$insert_id" text, ad_id text, _schema integer)
	SERVER catalogue_p OPTIONS (entity 'amplitude_events');
-- not ours
CREATE TABLE "Catalogue".local (campaign_id text);
CREATE FOREIGN DATA WRAPPER catalogue_other;
CREATE SERVER catalogue_other FOREIGN DATA WRAPPER catalogue_other;
CREATE FOREIGN TABLE "Catalogue".other (campaign_id text) SERVER catalogue_other OPTIONS (entity 'ads');

SELECT adsexport_comment('"Catalogue"');
SELECT c.relname, a.attname, col_description(c.oid, COALESCE(a.attnum, 0))
FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = '"Catalogue"'::regnamespace AND c.relname NOT IN ('amplitude_events', 'profiles')
	AND NOT COALESCE(a.attisdropped, false)
ORDER BY c.relname COLLATE "C", a.attnum;
SELECT c.relname, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace = '"Catalogue"'::regnamespace AND c.relkind IN ('r', 'f')
ORDER BY c.relname COLLATE "C";
SELECT c.relname, count(col_description(c.oid, a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = '"Catalogue"'::regnamespace
GROUP BY 1 ORDER BY c.relname COLLATE "C";

-- needs to own the tables
CREATE ROLE regress_adsexport_other;
GRANT USAGE ON SCHEMA "Catalogue" TO regress_adsexport_other;
SET ROLE regress_adsexport_other;
SELECT adsexport_comment('"Catalogue"');
RESET ROLE;
SELECT adsexport_comment('pg_catalog');
SELECT adsexport_comment(0);

DROP SCHEMA "Catalogue" CASCADE;
DROP SERVER catalogue_a, catalogue_p;
DROP FOREIGN DATA WRAPPER catalogue_other CASCADE;
DROP ROLE regress_adsexport_other;

--
-- The end of Amplitude's complete hours
--
SELECT adsexport_complete_until() = date_trunc('hour', now(), 'UTC') - interval '2 hours';
SET TimeZone = 'Asia/Kolkata';
SELECT adsexport_complete_until() = date_trunc('hour', now(), 'UTC') - interval '2 hours';
RESET TimeZone;

-- what the objects are
SELECT p.oid::regprocedure, pg_get_function_result(p.oid) <> 'record' AS typed, provolatile, proparallel, proisstrict
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'adsexport_fdw'
ORDER BY p.proname COLLATE "C";
