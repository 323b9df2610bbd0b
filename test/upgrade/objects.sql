-- What the users of an older version have: see README.md.  In a database with
-- that version of the extension; :endpoint is the emulator's address.
CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amazon_ads', region 'na', endpoint :'endpoint', token_endpoint :'token_endpoint', poll_interval '100ms', profile_ids '1111');
CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amplitude', region 'us', endpoint :'endpoint', concurrency '1', incomplete_hours 'ignore');
CREATE USER MAPPING FOR CURRENT_USER SERVER amazon
  OPTIONS (client_id 'amzn1.application-oa2-client.emulator', client_secret 'emulator-secret+/=&%41',
           refresh_token 'Atzr|emulator+refresh/token==');
CREATE USER MAPPING FOR PUBLIC SERVER amplitude
  OPTIONS (api_key 'emulator-api-key', secret_key 'emulator:secret/key+=');
CREATE SCHEMA ads;
IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads OPTIONS (raw 'true');
IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO ads OPTIONS (default_start '1d');
CREATE FOREIGN TABLE ads.budgets (
	campaign_id text NOT NULL,
	daily_budget numeric OPTIONS (json_path 'budgetCaps.budgetValue.monetaryBudget.amount'),
	record jsonb OPTIONS (json_path '$')
) SERVER amazon OPTIONS (entity 'campaigns', on_invalid 'null');
SELECT adsexport_comment('ads') > 0 AS commented;

-- on tables
CREATE VIEW ads.states AS SELECT state, count(*) AS campaigns FROM ads.campaigns GROUP BY state;
CREATE MATERIALIZED VIEW ads.copy AS SELECT campaign_id, name FROM ads.campaigns WITH NO DATA;
-- on functions, in each way that a query can call them
CREATE VIEW ads.known_columns AS SELECT * FROM adsexport_columns();
CREATE VIEW ads.asked AS SELECT * FROM adsexport_exports();
CREATE VIEW ads.asked_by_name AS SELECT e.entity, e.status, e.records FROM adsexport_exports() AS e WHERE e.error IS NULL;
CREATE VIEW ads.asked_as_rows AS SELECT to_jsonb(e) AS export FROM adsexport_exports() AS e;
CREATE VIEW ads.now_complete AS SELECT adsexport_complete_until() <= now() AS past, adsexport_fdw_version() IS NOT NULL AS known;
CREATE FUNCTION ads.start_anew() RETURNS void LANGUAGE sql AS 'SELECT adsexport_forget()';
-- who may what
REVOKE EXECUTE ON FUNCTION adsexport_forget() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION adsexport_forget() TO upgrade_reader;
GRANT EXECUTE ON FUNCTION adsexport_exports() TO upgrade_reader WITH GRANT OPTION;
GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO upgrade_reader;
GRANT USAGE ON SCHEMA ads TO upgrade_reader;
GRANT SELECT ON ads.states, ads.asked TO upgrade_reader;
