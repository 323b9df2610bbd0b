-- IMPORT FOREIGN SCHEMA: needs no network and no user mapping.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;
\set SHOW_CONTEXT never

-- names that need quotes
CREATE SERVER "Import ""A""" FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads');
CREATE SERVER import_p FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude');
CREATE SCHEMA "Import";

CREATE VIEW pg_temp.imported AS
	SELECT c.relname, s.srvname, t.ftoptions
	FROM pg_foreign_table t
	JOIN pg_class c ON c.oid = t.ftrelid
	JOIN pg_namespace n ON n.oid = c.relnamespace
	JOIN pg_foreign_server s ON s.oid = t.ftserver
	WHERE n.nspname = 'Import'
	ORDER BY c.relname COLLATE "C";

-- one remote schema
IMPORT FOREIGN SCHEMA export FROM SERVER import_p INTO "Import";
IMPORT FOREIGN SCHEMA public FROM SERVER "Import ""A""" INTO "Import";

-- all of it
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import";
IMPORT FOREIGN SCHEMA exports FROM SERVER import_p INTO "Import";
SELECT * FROM pg_temp.imported;
-- with the columns of the catalogue, in its order
SELECT k.table_name, k.column_name
FROM (SELECT table_name, column_name, data_type,
			 row_number() OVER (PARTITION BY table_name ORDER BY ordinality) AS number
	  FROM ROWS FROM (adsexport_columns()) WITH ORDINALITY) k
FULL JOIN (SELECT c.relname, a.attname, a.attnum, a.atttypid
		   FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		   WHERE c.relnamespace = '"Import"'::regnamespace AND a.attnum > 0
				AND a.attfdwoptions IS NULL) a
	ON a.relname = k.table_name AND a.attname = k.column_name
WHERE k.number IS DISTINCT FROM a.attnum OR k.data_type::regtype IS DISTINCT FROM a.atttypid;
SELECT attname, format_type(atttypid, atttypmod), attfdwoptions
FROM pg_attribute WHERE attrelid = '"Import".campaigns'::regclass AND attnum > 0 ORDER BY attnum;
-- the same tables again
IMPORT FOREIGN SCHEMA exports FROM SERVER import_p INTO "Import";
DROP SCHEMA "Import" CASCADE;
CREATE SCHEMA "Import";

-- some of it
IMPORT FOREIGN SCHEMA exports LIMIT TO (ads, targets) FROM SERVER "Import ""A""" INTO "Import";
SELECT relname FROM pg_temp.imported;
DROP SCHEMA "Import" CASCADE;
CREATE SCHEMA "Import";
IMPORT FOREIGN SCHEMA exports EXCEPT (ads, targets) FROM SERVER "Import ""A""" INTO "Import";
SELECT relname FROM pg_temp.imported;
DROP SCHEMA "Import" CASCADE;
CREATE SCHEMA "Import";

-- names that do not exist
IMPORT FOREIGN SCHEMA exports LIMIT TO (campaign, amplitude_events) FROM SERVER "Import ""A""" INTO "Import";
IMPORT FOREIGN SCHEMA exports EXCEPT (nothing) FROM SERVER import_p INTO "Import";
SELECT relname FROM pg_temp.imported;
DROP SCHEMA "Import" CASCADE;
CREATE SCHEMA "Import";

-- options of the import
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (id_type 'integer');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (raw 'perhaps');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (id_typ 'bigint');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (something 'x');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (entity 'ads');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (client_secret 'hush');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (max_jobs '2');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (max_age 'long');
IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import" OPTIONS (default_start '1d');
IMPORT FOREIGN SCHEMA exports FROM SERVER import_p INTO "Import" OPTIONS (ad_products 'SPONSORED_BRANDS');
SELECT relname FROM pg_temp.imported;

IMPORT FOREIGN SCHEMA exports FROM SERVER "Import ""A""" INTO "Import"
	OPTIONS (id_type 'bigint', raw 'true', profile_ids '1, 2', max_age '0', on_invalid 'null');
SELECT * FROM pg_temp.imported;
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attfdwoptions
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = '"Import"'::regnamespace AND a.attnum > 0
	AND (a.atttypid = 'bigint'::regtype OR a.attfdwoptions IS NOT NULL)
ORDER BY c.relname COLLATE "C", a.attnum;
DROP SCHEMA "Import" CASCADE;
CREATE SCHEMA "Import";

IMPORT FOREIGN SCHEMA exports LIMIT TO (ads) FROM SERVER "Import ""A""" INTO "Import"
	OPTIONS (id_type 'numeric', raw 'off');
IMPORT FOREIGN SCHEMA exports FROM SERVER import_p INTO "Import"
	OPTIONS (raw 'on', default_start '7d', incomplete_hours 'ignore', estimated_rows '5');
SELECT * FROM pg_temp.imported;
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attfdwoptions
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = '"Import"'::regnamespace AND a.attnum > 0
	AND (a.atttypid = 'numeric'::regtype OR a.attfdwoptions IS NOT NULL)
ORDER BY c.relname COLLATE "C", a.attnum;

DROP SCHEMA "Import" CASCADE;
DROP SERVER "Import ""A""" CASCADE;
DROP SERVER import_p CASCADE;
