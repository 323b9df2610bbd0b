/* sql/adsexport_fdw--1.0--1.1.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION adsexport_fdw UPDATE TO '1.1'" to load this file. \quit

--
-- A new extension is made by 1.0 and this script, too, so that an updated one is
-- the same.  Users' views depend on functions: one that returns other columns
-- than before cannot be dropped.  Rename it to NAME_1_0, which views and dumps
-- follow and where it keeps its C function, and create the new one with a C
-- function NAME_1_1.
--

-- A session keeps the library that it has loaded, and one of 1.0 lacks what
-- the statements below name.
DO $$
BEGIN
    IF adsexport_fdw_version() = '1.0' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'version 1.1 of extension "adsexport_fdw" needs version 1.1 of its library, but version 1.0 is loaded',
            HINT = 'Install the library, then try again in a new session.';
    END IF;
END
$$;

CREATE FUNCTION adsexport_check(
    server name,
    OUT step text,
    OUT ok boolean,
    OUT detail text,
    OUT hint text
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'adsexport_check';

COMMENT ON FUNCTION adsexport_check(name)
    IS 'tries the way to a server''s vendor step by step: names, connections, credentials, profiles';

CREATE FUNCTION adsexport_stats(
    OUT database name,
    OUT server name,
    OUT user_name name,
    OUT entity text,
    OUT exports_requested bigint,
    OUT exports_reused bigint,
    OUT exports_failed bigint,
    OUT retries bigint,
    OUT throttled bigint,
    OUT wait_time double precision,
    OUT bytes_downloaded bigint,
    OUT records bigint,
    OUT since timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 20
    AS 'MODULE_PATHNAME', 'adsexport_stats';

CREATE FUNCTION adsexport_stats_reset() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'adsexport_stats_reset';

REVOKE EXECUTE ON FUNCTION adsexport_stats_reset() FROM PUBLIC;

COMMENT ON FUNCTION adsexport_stats()
    IS 'what the sessions of the cluster exported, by server, user and entity, since the server was started';
COMMENT ON FUNCTION adsexport_stats_reset()
    IS 'begins to count anew what adsexport_stats() shows; for superusers';

-- Of all sessions, and with more columns at the end.
ALTER FUNCTION adsexport_exports() RENAME TO adsexport_exports_1_0;

COMMENT ON FUNCTION adsexport_exports_1_0()
    IS 'what adsexport_exports() was in version 1.0; for views that were made then';

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
    OUT error text,
    OUT file_size bigint,
    OUT sessions integer,
    OUT waiting integer[],
    OUT pid integer
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 20
    AS 'MODULE_PATHNAME', 'adsexport_exports_1_1';

COMMENT ON FUNCTION adsexport_exports()
    IS 'the exports that this session requested, reused or waits for, and those of other sessions';
