-- A server for each API.  The endpoints lead to the emulator; without them
-- they are the vendor's, of the region.
CREATE EXTENSION adsexport_fdw;

CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amazon_ads', region 'na',
           endpoint '@EMULATOR@', token_endpoint '@EMULATOR@/auth/o2/token');
CREATE USER MAPPING FOR CURRENT_USER SERVER amazon
  OPTIONS (client_id 'amzn1.application-oa2-client.emulator', client_secret 'emulator-secret+/=&%41',
           refresh_token 'Atzr|emulator+refresh/token==');

CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amplitude', region 'us', endpoint '@EMULATOR@');
CREATE USER MAPPING FOR CURRENT_USER SERVER amplitude
  OPTIONS (api_key 'emulator-api-key', secret_key 'emulator:secret/key+=');

-- All their tables.  This asks nothing of the vendors.
CREATE SCHEMA ads;
IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads;
IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO ads;
SELECT relname AS foreign_table, relnatts AS columns
FROM pg_class WHERE relnamespace = 'ads'::regnamespace ORDER BY 1;

-- A report as Amazon Ads delivers it, with campaigns by their ids only.  A
-- week of it is loaded from demo/make-report.
CREATE TABLE report (profile_id text, campaign_id text, date date, clicks int, cost numeric);
