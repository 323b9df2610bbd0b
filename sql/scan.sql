-- Scans of all tables.  The emulator's URL is in the environment.
\set VERBOSITY terse
\set endpoint `echo "$ADSEXPORT_EMULATOR"`
\set token_endpoint :endpoint '/auth/o2/token'
SET TimeZone = 'UTC';
SET adsexport_fdw.progress_interval = -1;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS adsexport_fdw;

CREATE SERVER scan_amazon FOREIGN DATA WRAPPER adsexport_fdw
    OPTIONS (api 'amazon_ads', endpoint :'endpoint', token_endpoint :'token_endpoint',
             profile_ids '1111,18014398509481985,9007199254740993', poll_interval '100ms',
             max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER scan_amazon
    OPTIONS (client_id 'amzn1.application-oa2-client.emulator',
             client_secret 'emulator-secret+/=&%41', refresh_token 'Atzr|emulator+refresh/token==');
CREATE SERVER scan_amplitude FOREIGN DATA WRAPPER adsexport_fdw
    OPTIONS (api 'amplitude', endpoint :'endpoint', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER scan_amplitude
    OPTIONS (api_key 'emulator-api-key', secret_key 'emulator:secret/key+=');
CREATE SCHEMA scan;
IMPORT FOREIGN SCHEMA exports FROM SERVER scan_amazon INTO scan OPTIONS (raw 'true');
IMPORT FOREIGN SCHEMA exports FROM SERVER scan_amplitude INTO scan;

-- Archived rows are there by default, and so are all profiles that are named.
SELECT profile_id, state, count(*) FROM scan.campaigns GROUP BY 1, 2 ORDER BY 1, 2;
SELECT profile_id, count(*) FROM scan.ad_groups GROUP BY 1 ORDER BY 1;
SELECT ad_product, negative, target_level, count(*) FROM scan.targets
 WHERE profile_id = '1111' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT ad_type, count(*), count(ad_id), count(asin), count(sku) FROM scan.ads GROUP BY 1 ORDER BY 1;
SELECT profile_id, country_code, currency_code, account_type FROM scan.profiles ORDER BY 1;

-- Values of a profile with few rows.
SELECT campaign_id, ad_product, name, state, delivery_reasons, start_date, end_date,
       budget_amount, budget_currency_code, budget_recurrence_time_period
  FROM scan.campaigns WHERE profile_id = '18014398509481985' ORDER BY 1;
SELECT ad_group_id, name, default_bid, bid_currency_code, goal, kpi, optimization
  FROM scan.ad_groups WHERE profile_id = '18014398509481985' ORDER BY 1;
-- (Unaligned, because psql measures some letters differently since version 14.)
\pset format unaligned
SELECT target_id, target_type, target_level, negative, bid, match_type, keyword, asin, lookback
  FROM scan.targets WHERE profile_id = '18014398509481985' ORDER BY 1;
\pset format aligned
SELECT ad_id, ad_type, asin, sku, landing_page_type, creation_date_time
  FROM scan.ads WHERE profile_id = '18014398509481985' ORDER BY 1;

-- The untouched record says the same as the columns.
SELECT count(*) FROM scan.campaigns
 WHERE raw ->> 'name' IS DISTINCT FROM name OR (raw ->> 'state') <> state;

-- A table written by hand: any columns, in any order, of any sensible type.
CREATE FOREIGN TABLE scan.mine (
    budget numeric OPTIONS (json_path 'budgetCaps.budgetValue.monetaryBudget.amount'),
    state varchar(20),
    "when" date OPTIONS (json_path '@creation_date_time'),
    strategy text OPTIONS (json_path 'optimization.bidStrategy|noSuchKey'),
    profile bigint OPTIONS (json_path '@profile_id'),
    whole json OPTIONS (json_path '$')
) SERVER scan_amazon OPTIONS (entity 'campaigns', profile_ids '18014398509481985');
SELECT budget, state, "when", strategy, profile, whole ->> 'campaignId' AS id
  FROM scan.mine ORDER BY id;
CREATE FOREIGN TABLE scan.typo (campain_id text, state text)
    SERVER scan_amazon OPTIONS (entity 'campaigns');
SELECT * FROM scan.typo;
SELECT count(*) > 0 FROM scan.typo WHERE state = 'ENABLED';

-- Joins, one export each; the same export for both sides of a self-join.
SELECT c.ad_product, count(*) FROM scan.campaigns c JOIN scan.ad_groups g USING (profile_id, campaign_id)
 WHERE c.profile_id = '1111' GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT a.export_id) = count(DISTINCT (a.export_id, b.export_id)) AS shared
  FROM scan.campaigns a JOIN scan.campaigns b USING (profile_id, campaign_id);

-- Amplitude.
SELECT count(*), count(DISTINCT uuid), min(server_upload_time), max(server_upload_time)
  FROM scan.amplitude_events
 WHERE server_upload_time >= '2025-03-01' AND server_upload_time < '2025-03-02';
SELECT event_type, user_id, paying, app, server_upload_time, archive_entry
  FROM scan.amplitude_events
 WHERE server_upload_time BETWEEN '2025-03-01 05:00' AND '2025-03-01 05:59:59' ORDER BY uuid LIMIT 5;
SELECT count(*) FROM scan.amplitude_events
 WHERE server_upload_time >= '2024-06-01' AND server_upload_time < '2024-06-02';
SELECT count(*) FROM scan.amplitude_events;
SELECT count(*) FROM scan.amplitude_events WHERE event_time >= '2025-03-01';

-- It is read-only.
DELETE FROM scan.campaigns;
INSERT INTO scan.campaigns (campaign_id) VALUES ('1');

DROP SCHEMA scan CASCADE;
DROP SERVER scan_amazon CASCADE;
DROP SERVER scan_amplitude CASCADE;
