-- Options: what the validator takes and what it says when it does not.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;
RESET client_min_messages;
\set SHOW_CONTEXT never

--
-- The wrapper itself has none.
--
ALTER FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (ADD api 'amazon_ads');
ALTER FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (ADD nothing 'x');

--
-- Servers: names
--
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw;
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (region 'na');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', regoin 'na');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', "API" 'x');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', password 'x');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', entity 'campaigns');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', json_path 'a');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', client_secret 'hush');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', secret_key 'hush');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', request_span '1d');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', poll_interval '5s');

--
-- Servers: words
--
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', region 'us');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', region 'fe');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', eager 'perhaps');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', incomplete_hours 'warn');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', ca_file 'ca.pem');

--
-- Every number and duration: what it takes, and its ends.
--
CREATE FUNCTION pg_temp.try_server(api text, option text, value text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE format('CREATE SERVER options_try FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api %L, %I %L)',
				   api, option, value);
	DROP SERVER options_try;
	RETURN 'ok';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ': ' || detail;
END $$;

SELECT option, value, pg_temp.try_server(api, option, value)
FROM (VALUES
	('amazon_ads', 'max_age', '0'),
	('amazon_ads', 'max_age', '0s'),
	('amazon_ads', 'max_age', '1500ms'),
	('amazon_ads', 'max_age', ' 5 min '),
	('amazon_ads', 'max_age', '1.5h'),
	('amazon_ads', 'max_age', '1d'),
	('amazon_ads', 'max_age', '25h'),
	('amazon_ads', 'max_age', '-1s'),
	('amazon_ads', 'max_age', '30'),
	('amazon_ads', 'max_age', '30 seconds'),
	('amazon_ads', 'max_age', ''),
	('amazon_ads', 'max_age', 'nan'),
	('amazon_ads', 'max_age', 'infinity'),
	('amazon_ads', 'max_jobs', '1'),
	('amazon_ads', 'max_jobs', '0'),
	('amplitude', 'max_jobs', '4'),
	('amazon_ads', 'max_jobs', '1.5'),
	('amazon_ads', 'max_jobs', 'five'),
	('amazon_ads', 'max_jobs', '99999999999'),
	('amazon_ads', 'eager', 'off'),
	('amazon_ads', 'poll_interval', '100ms'),
	('amazon_ads', 'poll_interval', '99ms'),
	('amazon_ads', 'poll_interval', '2h'),
	('amazon_ads', 'poll_interval', '30s'),
	('amazon_ads', 'poll_interval_max', '100ms'),
	('amazon_ads', 'poll_interval_max', '99ms'),
	('amazon_ads', 'export_timeout', '3d'),
	('amazon_ads', 'export_timeout', '8d'),
	('amazon_ads', 'connect_timeout', '0'),
	('amazon_ads', 'stall_timeout', '2d'),
	('amazon_ads', 'max_retries', '0'),
	('amazon_ads', 'max_retries', '-1'),
	('amazon_ads', 'fdw_startup_cost', '0.5'),
	('amazon_ads', 'fdw_tuple_cost', '-0.01'),
	('amazon_ads', 'fdw_tuple_cost', 'cheap'),
	('amplitude', 'request_span', '1h'),
	('amplitude', 'request_span', '365d'),
	('amplitude', 'request_span', '366d'),
	('amplitude', 'request_span', '0'),
	('amplitude', 'request_span', '90min'),
	('amplitude', 'concurrency', '5'),
	('amplitude', 'concurrency', '6'),
	('amplitude', 'concurrency', '0')
) AS v (api, option, value);

CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw
	OPTIONS (api 'amazon_ads', poll_interval '10s', poll_interval_max '5s');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', max_age '90');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', max_age '2d');

--
-- Lists
--
SELECT option, value, pg_temp.try_server('amazon_ads', option, value)
FROM (VALUES
	('profile_ids', '1'),
	('profile_ids', ' 123 , 18446744073709551615,9 '),
	('profile_ids', '123456789012345678901'),
	('profile_ids', ''),
	('profile_ids', '1,'),
	('profile_ids', '1,,2'),
	('profile_ids', '1 2'),
	('profile_ids', '-1'),
	('profile_ids', '007'),
	('profile_ids', '1,2, 1'),
	('ad_products', 'SPONSORED_DISPLAY'),
	('ad_products', 'SPONSORED_BRANDS, SPONSORED_PRODUCTS'),
	('ad_products', 'SPONSORED_BRANDS,SPONSORED_BRANDS'),
	('ad_products', 'sponsored_brands'),
	('ad_products', '')
) AS v (option, value);

--
-- URLs: https anywhere, http on this machine only.
--
SELECT value, pg_temp.try_server('amplitude', 'endpoint', value)
FROM (VALUES
	('https://example.com'),
	('HTTPS://example.com:8443/base/'),
	('http://localhost:8080'),
	('http://LocalHost/'),
	('http://127.0.0.1:8080/'),
	('http://127.255.0.9'),
	('http://[::1]:8080'),
	('http://example.com'),
	('http://128.0.0.1'),
	('http://127.0.0.1.example.com'),
	('http://localhost.example.com'),
	('http://[::2]'),
	('http://[::ffff:127.0.0.1]'),
	('http://127.0.0.1@example.com'),
	('http://127.0.0.1:80@example.com/'),
	('http://localhost\@example.com'),
	('http://localhost#@example.com'),
	('http://localhost?@example.com'),
	('http://localhost%2eexample.com'),
	('http://[::1%25lo]'),
	('http://[::1]example.com'),
	('http://example.com/http://localhost'),
	('https://user:hush@example.com'),
	('https://@example.com'),
	('https://example.com?key=hush'),
	('https://example.com/#part'),
	('https://example .com'),
	('https://example.com:99999'),
	('https://example.com:port'),
	('ftp://localhost'),
	('file:///etc/passwd'),
	('//example.com'),
	('https:/example.com'),
	('https:///example.com'),
	('https://'),
	('example.com'),
	('')
) AS v (value);
SELECT pg_temp.try_server('amplitude', 'token_endpoint', 'https://example.com');
SELECT pg_temp.try_server('amazon_ads', 'token_endpoint', 'http://example.com');
-- the message does not show what may hold a password
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw
	OPTIONS (api 'amplitude', endpoint 'https://user:hush@example.com');

SELECT value, pg_temp.try_server('amazon_ads', 'proxy', value)
FROM (VALUES
	(''),
	('proxy.example.com'),
	('proxy.example.com:3128'),
	('http://proxy.example.com:3128'),
	('socks5h://[2001:db8::1]:1080'),
	('user:hush@proxy.example.com'),
	('ftp://proxy.example.com'),
	('http://'),
	('http://proxy.example.com/path')
) AS v (value);

--
-- Only superusers let a server read files and go through proxies.
--
CREATE ROLE regress_adsexport_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO regress_adsexport_owner;
SET ROLE regress_adsexport_owner;
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', ca_file '/ca.pem');
CREATE SERVER options_server FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads');
ALTER SERVER options_server OPTIONS (ADD proxy 'proxy.example.com');
-- nor let it talk to services of this machine
ALTER SERVER options_server OPTIONS (ADD endpoint 'http://127.0.0.1:8080');
ALTER SERVER options_server OPTIONS (ADD token_endpoint 'https://localhost');
SET adsexport_fdw.allow_loopback = on;
RESET ROLE;
SET adsexport_fdw.allow_loopback = on;
SET ROLE regress_adsexport_owner;
ALTER SERVER options_server OPTIONS (ADD endpoint 'http://127.0.0.1:8080');
ALTER SERVER options_server OPTIONS (DROP endpoint);
RESET ROLE;
RESET adsexport_fdw.allow_loopback;
ALTER SERVER options_server OPTIONS (ADD ca_file '/ca.pem');
SET ROLE regress_adsexport_owner;
ALTER SERVER options_server OPTIONS (SET ca_file '/etc/passwd');
ALTER SERVER options_server OPTIONS (ADD max_jobs '2');
ALTER SERVER options_server OPTIONS (DROP ca_file, ADD max_jobs '2', ADD eager 'on');
-- what is altered must still be whole
ALTER SERVER options_server OPTIONS (DROP api);
ALTER SERVER options_server OPTIONS (SET api 'amplitude');
ALTER SERVER options_server OPTIONS (SET max_jobs '0');

--
-- User mappings: no message shows a value.
--
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (clientsecret 'hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (region 'na');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (client_secret '');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (client_secret E'hush\n');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (client_id 'me', secret_key 'hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server
	OPTIONS (client_id 'me', access_token 'hush', refresh_token 'hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (client_id 'me', profile_ids 'mine');
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server
	OPTIONS (client_id 'me', client_secret 'hush', refresh_token 'Atzr|hush', profile_ids '1,2');
ALTER USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (ADD access_token 'hush');
ALTER USER MAPPING FOR CURRENT_USER SERVER options_server
	OPTIONS (ADD access_token 'Atza|hush', DROP refresh_token);
RESET ROLE;

--
-- Foreign tables and their columns
--
CREATE FOREIGN TABLE options_table (name text) SERVER options_server;
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaign');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', on_invalidd 'null');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', on_invalid 'skip');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', invalid_text 'null');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', default_start '1d');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'profiles', profile_ids '1');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', refresh_token 'hush');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'campaigns', estimated_rows 'many');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'amplitude_events', default_start '30min');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server OPTIONS (entity 'amplitude_events', event_time_max_lag '-1d');
CREATE FOREIGN TABLE options_table (name text) SERVER options_server
	OPTIONS (entity 'campaigns', profile_ids '1', ad_products 'SPONSORED_BRANDS', max_age '0', on_invalid 'null',
			 invalid_text 'replace', estimated_rows '1e6', fdw_startup_cost '1', fdw_tuple_cost '0');
CREATE FOREIGN TABLE options_events (uuid uuid) SERVER options_server
	OPTIONS (entity 'amplitude_events', default_start '7d', event_time_max_lag '7d', event_time_max_lead '0',
			 incomplete_hours 'ignore');
ALTER FOREIGN TABLE options_table OPTIONS (DROP entity);
ALTER FOREIGN TABLE options_table OPTIONS (SET entity 'amplitude_events');
ALTER FOREIGN TABLE options_table OPTIONS (ADD default_start '1d');

ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD jsonpath 'a');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD entity 'campaigns');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path '');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path 'a..b');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path 'a|');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path '$.name');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path 'names[0].text');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path '@');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path 'a|@name');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path '@name|a');
ALTER FOREIGN TABLE options_table ALTER COLUMN name
	OPTIONS (ADD json_path 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (ADD json_path '$insert_id|$|a.[x] y/z|b.$c');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path 'a."b|c".""');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path 'a."b""c"|"d.e"|"f[0]"');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path 'a."b');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path 'a."b"c');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path 'größe.x..y');
ALTER FOREIGN TABLE options_table ALTER COLUMN name OPTIONS (SET json_path '@name');

--
-- What shows only when a table is used: options of several objects.
--
EXPLAIN SELECT uuid FROM options_events;
GRANT SELECT ON options_table TO regress_adsexport_owner;
SET ROLE regress_adsexport_owner;
ALTER USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (DROP access_token, DROP client_id);
SELECT name FROM options_table;
DROP USER MAPPING FOR CURRENT_USER SERVER options_server;
SELECT name FROM options_table;
CREATE USER MAPPING FOR CURRENT_USER SERVER options_server OPTIONS (api_key 'me', secret_key 'hush');
SELECT name FROM options_table;
DROP USER MAPPING FOR CURRENT_USER SERVER options_server;
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER options_server OPTIONS (client_id 'me');
SET ROLE regress_adsexport_owner;
SELECT name FROM options_table;
RESET ROLE;

-- the validator by hand
SELECT adsexport_fdw_validator('{a=b}', 0);
SELECT adsexport_fdw_validator('{api=amazon_ads}', 'pg_foreign_server'::regclass);

SET client_min_messages = warning;
DROP SERVER options_server CASCADE;
RESET client_min_messages;
REVOKE USAGE ON FOREIGN DATA WRAPPER adsexport_fdw FROM regress_adsexport_owner;
DROP ROLE regress_adsexport_owner;
