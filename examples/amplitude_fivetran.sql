-- Tables with the names and columns that Fivetran's connector gives Amplitude's events, loaded from the imported foreign table, so that
-- queries and models written for them find what they look for.
--
--   psql -v source=ads -v target=amplitude -f examples/amplitude_fivetran.sql
--   CALL amplitude.load('7 days');
--
-- source is the schema with the imported table, target the one to create.  The procedure loads what is new since its last call (at first as much
-- as its argument says); run it every hour.
--
-- What is different from that connector's tables: event_type.id is the event's name (the vendor's export has no number for it), counts of
-- event_type are of what was loaded, and there is no project_name.
\set ON_ERROR_STOP on
\if :{?source} \else \set source ads \endif
\if :{?target} \else \set target amplitude \endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"target";

CREATE TABLE IF NOT EXISTS :"target".event (
    id bigint,
    device_id text,
    server_upload_time timestamp NOT NULL,
    uuid uuid PRIMARY KEY,
    _insert_id text,
    ad_id text,
    amplitude_event_type text,
    amplitude_id text,
    app bigint,
    city text,
    client_event_time timestamp,
    client_upload_time timestamp,
    country text,
    data jsonb,
    device_brand text,
    device_carrier text,
    device_family text,
    device_manufacturer text,
    device_model text,
    device_type text,
    dma text,
    event_properties jsonb,
    event_time timestamp,
    event_type_id text,
    group_properties jsonb,
    group_types jsonb,
    idfa text,
    ip_address text,
    is_attribution_event boolean,
    language text,
    library text,
    location_lat double precision,
    location_lng double precision,
    os_name text,
    os_version text,
    paying boolean,
    platform text,
    processed_time timestamp,
    region text,
    server_received_time timestamp,
    session_id bigint,
    start_version text,
    user_creation_time timestamp,
    user_id text,
    user_properties jsonb,
    version_name text,
    _fivetran_synced timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS event_server_upload_time ON :"target".event (server_upload_time);

CREATE TABLE IF NOT EXISTS :"target".event_type (
    id text PRIMARY KEY,
    name text NOT NULL,
    display text NOT NULL,
    totals bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    _fivetran_synced timestamptz NOT NULL DEFAULT now()
);

SELECT format($procedure$
CREATE OR REPLACE PROCEDURE %2$I.load(first_load interval DEFAULT '7 days') LANGUAGE sql AS $$
  -- Times are kept without a zone, in UTC, as the connector does.
  INSERT INTO %2$I.event
  SELECT event_id, device_id, server_upload_time AT TIME ZONE 'UTC', uuid, insert_id, adid, amplitude_event_type, amplitude_id::text, app, city,
         client_event_time AT TIME ZONE 'UTC', client_upload_time AT TIME ZONE 'UTC', country, data, device_brand, device_carrier, device_family,
         device_manufacturer, device_model, device_type, dma, event_properties, event_time AT TIME ZONE 'UTC', event_type, group_properties,
         groups, idfa, ip_address, is_attribution_event, language, library, location_lat, location_lng, os_name, os_version, paying, platform,
         processed_time AT TIME ZONE 'UTC', region, server_received_time AT TIME ZONE 'UTC', session_id, start_version,
         user_creation_time AT TIME ZONE 'UTC', user_id, user_properties, version_name
  FROM %1$I.amplitude_events
  -- Six hours again, for what the vendor had ready late.
  WHERE server_upload_time >= (SELECT coalesce(max(server_upload_time) AT TIME ZONE 'UTC' - interval '6 hours', now() - first_load) FROM %2$I.event)
    AND server_upload_time < adsexport_complete_until()
  ON CONFLICT (uuid) DO NOTHING;

  INSERT INTO %2$I.event_type (id, name, display, totals)
  SELECT event_type_id, event_type_id, event_type_id, count(*) FROM %2$I.event WHERE event_type_id IS NOT NULL GROUP BY 1
  ON CONFLICT (id) DO UPDATE SET totals = EXCLUDED.totals, _fivetran_synced = now();
$$
$procedure$, :'source', :'target') \gexec
COMMIT;
