/* sql/adsexport_fdw--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION adsexport_fdw" to load this file. \quit

CREATE FUNCTION adsexport_fdw_handler() RETURNS fdw_handler
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME', 'adsexport_fdw_handler';

CREATE FUNCTION adsexport_fdw_validator(options text[], catalog oid) RETURNS void
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME', 'adsexport_fdw_validator';

CREATE FOREIGN DATA WRAPPER adsexport_fdw
    HANDLER adsexport_fdw_handler
    VALIDATOR adsexport_fdw_validator;

CREATE FUNCTION adsexport_fdw_version() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'adsexport_fdw_version';

CREATE FUNCTION adsexport_columns(
    OUT table_name text,
    OUT column_name text,
    OUT data_type text,
    OUT json_path text,
    OUT ad_products text[],
    OUT description text
) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 200
    AS 'MODULE_PATHNAME', 'adsexport_columns';

CREATE FUNCTION adsexport_comment(schema regnamespace) RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'adsexport_comment';

CREATE FUNCTION adsexport_complete_until() RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'adsexport_complete_until';

CREATE FUNCTION adsexport_exports(
    OUT server name,
    OUT user_name name,
    OUT entity text,
    OUT profile_id text,
    OUT part text,
    OUT request jsonb,
    OUT export_id text,
    OUT status text,
    OUT requested_at timestamptz,
    OUT completed_at timestamptz,
    OUT generated_at timestamptz,
    OUT polls bigint,
    OUT requests bigint,
    OUT retries bigint,
    OUT bytes_downloaded bigint,
    OUT bytes_inflated bigint,
    OUT records bigint,
    OUT error text
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 20
    AS 'MODULE_PATHNAME', 'adsexport_exports';

CREATE FUNCTION adsexport_forget() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'adsexport_forget';

COMMENT ON FOREIGN DATA WRAPPER adsexport_fdw
    IS 'bulk exports of Amazon Ads and Amplitude as foreign tables';
COMMENT ON FUNCTION adsexport_fdw_handler()
    IS 'handler of the foreign-data wrapper adsexport_fdw';
COMMENT ON FUNCTION adsexport_fdw_validator(text[], oid)
    IS 'checks the options of servers, user mappings, foreign tables and columns';
COMMENT ON FUNCTION adsexport_fdw_version()
    IS 'version of the loaded library';
COMMENT ON FUNCTION adsexport_columns()
    IS 'all tables and columns that can be imported; json_path is what the column option of that name takes';
COMMENT ON FUNCTION adsexport_comment(regnamespace)
    IS 'comments the foreign tables of a schema and their columns, returns the number of comments';
COMMENT ON FUNCTION adsexport_complete_until()
    IS 'the time up to which Amplitude''s hours are complete: two hours ago, floored to the hour';
COMMENT ON FUNCTION adsexport_exports()
    IS 'the exports that this session requested, reused or waits for';
COMMENT ON FUNCTION adsexport_forget()
    IS 'drops the remembered exports, tokens and connections of this session';
