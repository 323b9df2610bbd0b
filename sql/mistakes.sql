-- What a new user gets wrong, and whether the answer says what to do next.
-- The emulator's URL is in the environment.
\set endpoint `echo "$ADSEXPORT_EMULATOR"`
\set token_endpoint :endpoint '/auth/o2/token'
\set SHOW_CONTEXT never
SET adsexport_fdw.progress_interval = -1;
SET TimeZone = 'UTC';
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;
RESET client_min_messages;
-- what differs from run to run is left out of the outputs
CREATE FUNCTION pg_temp.mistake(statement text) RETURNS TABLE (what text, answer text)
LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	BEGIN
		EXECUTE statement;
		message := 'no error';
	EXCEPTION WHEN others THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
			detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;
	-- PostgreSQL's own advice is worded differently from version 19 on.
	IF state = '42883' THEN
		hint := NULL;
		detail := NULL;
	END IF;
	FOR what, answer IN VALUES ('SQLSTATE', state), ('message', message), ('detail', detail), ('hint', hint)
	LOOP
		answer := regexp_replace(answer, 'export [A-Za-z0-9_-]{40,}', 'export ...', 'g');
		answer := regexp_replace(answer, 'request id is [^ ]*\.', 'request id is ....', 'g');
		IF answer <> '' THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ': '

CREATE SERVER mistakes FOREIGN DATA WRAPPER adsexport_fdw
	OPTIONS (api 'amazon_ads', endpoint :'endpoint', token_endpoint :'token_endpoint', poll_interval '100ms',
			 profile_ids '1111', max_retries '0');
CREATE SERVER mistakes_amplitude FOREIGN DATA WRAPPER adsexport_fdw
	OPTIONS (api 'amplitude', endpoint :'endpoint', max_retries '0');
CREATE SCHEMA mistakes;

--  1. the server without an api
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (region 'na')$$);
--  2. the region of the other vendor
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', region 'us')$$);
--  3. a typing error in the api, and in an option
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon-ads')$$);
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', profile_id '1111')$$);
--  4. an http URL
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint 'http://advertising-api.amazon.com')$$);
--  5. max_age without a unit, and with a unit in words
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (ADD max_age '300')$$);
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (ADD max_age '5 minutes')$$);
--  6. an option that is there already, and one that is not
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (ADD profile_ids '2222')$$);
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (SET max_age '1h')$$);
--  7. a list in the wrong form
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (SET profile_ids '{1111,2222}')$$);
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (ADD ad_products 'sponsored_brands')$$);
--  8. credentials on the server
SELECT * FROM pg_temp.mistake($$ALTER SERVER mistakes OPTIONS (ADD client_id 'x', ADD refresh_token 'y')$$);
--  9. no user mapping
IMPORT FOREIGN SCHEMA exports FROM SERVER mistakes INTO mistakes;
IMPORT FOREIGN SCHEMA exports FROM SERVER mistakes_amplitude INTO mistakes;
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.amplitude_events');
-- 10. half of the credentials
CREATE USER MAPPING FOR CURRENT_USER SERVER mistakes OPTIONS (client_id 'amzn1.application-oa2-client.emulator');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
-- 11. a wrong secret
ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes
	OPTIONS (ADD client_secret 'not-the-secret', ADD refresh_token 'Atzr|emulator+refresh/token==');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
-- 12. a refresh token that is not one (here: of another client)
ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes
	OPTIONS (SET client_secret 'emulator-secret+/=&%41', SET refresh_token 'Atzr|second');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
-- 13. an access token that has expired, or was copied in part
ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes OPTIONS (DROP client_secret, DROP refresh_token, ADD access_token 'Atza|yesterday');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
-- 14. both kinds of token
SELECT * FROM pg_temp.mistake($$ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes OPTIONS (ADD refresh_token 'Atzr|x')$$);
-- 15. the credentials of the other vendor
SELECT * FROM pg_temp.mistake($$ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes OPTIONS (ADD api_key 'x')$$);
CREATE USER MAPPING FOR CURRENT_USER SERVER mistakes_amplitude OPTIONS (client_id 'x', access_token 'y');
SELECT * FROM pg_temp.mistake($$SELECT count(*) FROM mistakes.amplitude_events WHERE server_upload_time >= '2025-03-01'$$);
DROP USER MAPPING FOR CURRENT_USER SERVER mistakes_amplitude;
-- 16. key and secret in each other's place, or those of the other region
CREATE USER MAPPING FOR CURRENT_USER SERVER mistakes_amplitude OPTIONS (api_key 'emulator:secret/key+=', secret_key 'emulator-api-key');
SELECT * FROM pg_temp.mistake($$SELECT count(*) FROM mistakes.amplitude_events WHERE server_upload_time = '2025-03-01 05:00'$$);
ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes_amplitude OPTIONS (SET api_key 'emulator-api-key', SET secret_key 'emulator:secret/key+=');

ALTER USER MAPPING FOR CURRENT_USER SERVER mistakes
	OPTIONS (DROP access_token, ADD client_secret 'emulator-secret+/=&%41', ADD refresh_token 'Atzr|emulator+refresh/token==');
SELECT count(*) FROM mistakes.campaigns;
SELECT count(*) FROM mistakes.amplitude_events WHERE server_upload_time >= '2025-03-01' AND server_upload_time < '2025-03-01 06:00';

-- 17. a profile of another account or region, one that does not exist, and an agency's
ALTER SERVER mistakes OPTIONS (SET profile_ids '4444');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
ALTER SERVER mistakes OPTIONS (SET profile_ids '99999');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
ALTER SERVER mistakes OPTIONS (SET profile_ids '3333');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
-- 18. a profile that may not be viewed
ALTER SERVER mistakes OPTIONS (SET profile_ids '5555');
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
ALTER SERVER mistakes OPTIONS (SET profile_ids '1111');
-- 19. ids without quotes
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns WHERE campaign_id = 123');
-- 20. no bound on the upload time, or one on another column
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.amplitude_events');
SELECT * FROM pg_temp.mistake($$SELECT count(*) FROM mistakes.amplitude_events WHERE event_time > now() - interval '1 day'$$);
-- 21. a table by hand: entity, column and type
SELECT * FROM pg_temp.mistake($$CREATE FOREIGN TABLE mistakes.t (campaign_id text) SERVER mistakes$$);
SELECT * FROM pg_temp.mistake($$CREATE FOREIGN TABLE mistakes.t (campaign_id text) SERVER mistakes OPTIONS (entity 'campaign')$$);
SELECT * FROM pg_temp.mistake($$CREATE FOREIGN TABLE mistakes.t (campaign_id text) SERVER mistakes OPTIONS (entity 'keywords')$$);
CREATE FOREIGN TABLE mistakes.events (uuid uuid) SERVER mistakes OPTIONS (entity 'amplitude_events');
SELECT * FROM pg_temp.mistake('SELECT * FROM mistakes.events');
CREATE FOREIGN TABLE mistakes.t (campaignid text, budget numeric, start_date boolean) SERVER mistakes OPTIONS (entity 'campaigns');
SELECT * FROM pg_temp.mistake('SELECT campaignid FROM mistakes.t');
SELECT * FROM pg_temp.mistake('SELECT budget FROM mistakes.t');
SELECT * FROM pg_temp.mistake('SELECT start_date FROM mistakes.t');
SELECT * FROM pg_temp.mistake($$ALTER FOREIGN TABLE mistakes.t ALTER budget OPTIONS (ADD json_path '$.budget.amount')$$);
-- 22. import: another schema, a table that is not there, a schema that is not there, twice, an unknown type
SELECT * FROM pg_temp.mistake('IMPORT FOREIGN SCHEMA public FROM SERVER mistakes INTO mistakes');
IMPORT FOREIGN SCHEMA exports LIMIT TO (campaign) FROM SERVER mistakes INTO mistakes;
SELECT * FROM pg_temp.mistake('IMPORT FOREIGN SCHEMA exports FROM SERVER mistakes INTO nowhere');
SELECT * FROM pg_temp.mistake('IMPORT FOREIGN SCHEMA exports FROM SERVER mistakes INTO mistakes');
SELECT * FROM pg_temp.mistake($$IMPORT FOREIGN SCHEMA exports FROM SERVER mistakes INTO mistakes OPTIONS (id_type 'int8')$$);
-- 23. writing
SELECT * FROM pg_temp.mistake($$INSERT INTO mistakes.campaigns (name) VALUES ('new')$$);
SELECT * FROM pg_temp.mistake($$UPDATE mistakes.campaigns SET state = 'PAUSED'$$);
SELECT * FROM pg_temp.mistake('DELETE FROM mistakes.campaigns');
-- 24. a role without privileges
CREATE ROLE regress_adsexport_new;
SET ROLE regress_adsexport_new;
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
SELECT * FROM pg_temp.mistake($$CREATE SERVER m FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads')$$);
SELECT * FROM pg_temp.mistake($$CREATE USER MAPPING FOR CURRENT_USER SERVER mistakes OPTIONS (client_id 'x')$$);
SELECT * FROM pg_temp.mistake('SET adsexport_fdw.log_exports = on');
RESET ROLE;
GRANT USAGE ON SCHEMA mistakes TO regress_adsexport_new;
GRANT SELECT ON ALL TABLES IN SCHEMA mistakes TO regress_adsexport_new;
SET ROLE regress_adsexport_new;
SELECT * FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns');
RESET ROLE;
-- 25. a server that is not there: nothing listens
ALTER SERVER mistakes OPTIONS (SET endpoint 'http://127.0.0.1:1', ADD connect_timeout '2s');
SELECT state, answer FROM (SELECT what AS state, answer FROM pg_temp.mistake('SELECT count(*) FROM mistakes.campaigns')) m WHERE state <> 'detail';

SET client_min_messages = warning;
DROP SCHEMA mistakes CASCADE;
DROP SERVER mistakes CASCADE;
DROP SERVER mistakes_amplitude CASCADE;
DROP ROLE regress_adsexport_new;
