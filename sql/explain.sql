-- What is asked for, as EXPLAIN shows it.  Nothing here touches the network:
-- the endpoints lead nowhere.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;
RESET client_min_messages;
SET TimeZone = 'UTC';
CREATE SERVER explain_amazon FOREIGN DATA WRAPPER adsexport_fdw
    OPTIONS (api 'amazon_ads', endpoint 'http://127.0.0.1:9', profile_ids '1111,2222');
CREATE SERVER explain_amplitude FOREIGN DATA WRAPPER adsexport_fdw
    OPTIONS (api 'amplitude', endpoint 'http://127.0.0.1:9');
CREATE SCHEMA explained;
IMPORT FOREIGN SCHEMA exports FROM SERVER explain_amazon INTO explained;
IMPORT FOREIGN SCHEMA exports FROM SERVER explain_amplitude INTO explained;
SET search_path = explained, public;

-- The two lines of interest of a plan with one scan.
CREATE FUNCTION asked(query text, OUT export text, OUT filter text) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (COSTS off, FORMAT json) ' || query INTO plan;
    export := plan -> 0 -> 'Plan' ->> 'Export';
    filter := plan -> 0 -> 'Plan' ->> 'Export Filter';
END $$;

-- What the other formats say; the rest of a plan differs between server versions.
CREATE FUNCTION explained_as(format text, query text, OUT line text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan text;
BEGIN
    EXECUTE format('EXPLAIN (COSTS off, FORMAT %s) %s', format, query) INTO plan;
    RETURN QUERY SELECT btrim(l) FROM regexp_split_to_table(plan, '\n') l WHERE l LIKE '%Export%';
END $$;

EXPLAIN (COSTS off) SELECT name FROM campaigns;
EXPLAIN (COSTS off, VERBOSE) SELECT name FROM campaigns WHERE ad_product = 'SPONSORED_PRODUCTS' AND state = 'ENABLED' AND name LIKE 'A%';
SELECT line FROM (VALUES ('yaml'), ('xml'), ('json')) f(format),
       explained_as(format, 'SELECT 1 FROM ads WHERE state IN (''PAUSED'', ''ARCHIVED'')');
EXPLAIN (COSTS off) SELECT 1 FROM amplitude_events WHERE server_upload_time >= '2025-01-01' AND server_upload_time < '2025-01-02';

-- ad_product and state
\pset format unaligned
\pset tuples_only on
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ''PAUSED''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE ''PAUSED'' = state')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state <> ''PAUSED''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state IN (''PAUSED'', ''ENABLED'')')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state NOT IN (''PAUSED'', ''ENABLED'')')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ANY (ARRAY[''PAUSED'', NULL])')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE NOT (state = ''PAUSED'')')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ''PAUSED'' OR state = ''ARCHIVED''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ''PAUSED'' OR name = ''x''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE (state = ''PAUSED'' AND ad_product = ''SPONSORED_BRANDS'') OR (state = ''ENABLED'' AND ad_product = ''SPONSORED_DISPLAY'')')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE ad_product = ''SPONSORED_PRODUCTS''::varchar')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = upper(''paused'')')).filter;
-- not for the vendor
SELECT (asked('SELECT 1 FROM campaigns WHERE state LIKE ''P%''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE lower(state) = ''paused''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state IS NULL')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state IS DISTINCT FROM ''PAUSED''')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE (state = ''PAUSED'') IS NOT TRUE')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = CASE WHEN random() < 2 THEN ''PAUSED'' END')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = name')).filter;
SELECT (asked('SELECT 1 FROM campaigns WHERE state < ''F''')).filter;
-- contradictions
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ''PAUSED'' AND state = ''ENABLED''')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = ''OTHER''')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE ad_product = ''SPONSORED_TV''')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE state = (SELECT NULL::text)')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE profile_id = ''3333''')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE profile_id = ''2222''')).export;
SELECT (asked('SELECT 1 FROM campaigns WHERE profile_id <> ''2222''')).export;

-- targets
SELECT (asked('SELECT 1 FROM targets WHERE negative')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE NOT negative')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE negative IS FALSE')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE negative IS NOT TRUE')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE negative AND NOT negative')).export;
SELECT (asked('SELECT 1 FROM targets WHERE target_level = ''CAMPAIGN''')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_level <> ''CAMPAIGN''')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_type IN (''KEYWORD'', ''THEME'')')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_type = ''KEYWORD'' OR target_type = ''BRAND_NEW''')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_type <> ''KEYWORD''')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE NOT (target_type = ''KEYWORD'')')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_type = ''KEYWORD'' OR negative')).filter;
SELECT (asked('SELECT 1 FROM targets WHERE target_type = ''keyword''')).filter;

-- parameters: known ones are shown, others are not asked for
PREPARE by_state(text) AS SELECT 1 FROM campaigns WHERE state = $1;
SET plan_cache_mode = force_generic_plan;
SELECT (asked('EXECUTE by_state(''ARCHIVED'')')).filter;
RESET plan_cache_mode;

-- hours
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''2025-01-01 05:00+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time > ''2025-01-01 05:00+00'' AND server_upload_time < ''2025-01-01 07:00+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''2025-01-01 05:59:59.999999+00'' AND server_upload_time <= ''2025-01-01 07:00+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time = ''2025-01-01 05:30+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time BETWEEN ''2025-01-01 05:00+05:30'' AND ''2025-01-01 06:00+05:30''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time IN (''2025-01-01 05:00+00'', ''2025-01-03 05:00+00'')')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time = ''2025-01-01 05:00+00'' OR server_upload_time BETWEEN ''2025-01-05'' AND ''2025-01-06''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE NOT (server_upload_time < ''2025-01-01'' OR server_upload_time >= ''2025-01-02'')')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= date ''2025-01-01'' AND server_upload_time < timestamp ''2025-01-02 12:00''')).export;
SET TimeZone = 'Asia/Kolkata';
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= date ''2025-01-01'' AND server_upload_time < timestamp ''2025-01-02 12:00''')).export;
SET TimeZone = 'UTC';
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''2014-11-11 05:00+00'' AND server_upload_time < ''2014-11-11 07:00+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''2014-11-11 05:00+00'' AND server_upload_time < ''2014-11-12 07:00+00''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time < ''2025-01-01''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE event_time >= ''2025-01-01''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''infinity''')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= NULL')).export;
SELECT (asked('SELECT 1 FROM amplitude_events WHERE server_upload_time >= ''2025-01-02'' AND server_upload_time < ''2025-01-01''')).export;

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA explained CASCADE;
DROP SERVER explain_amazon CASCADE;
DROP SERVER explain_amplitude CASCADE;
