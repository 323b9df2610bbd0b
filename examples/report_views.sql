-- Views whose ids are bigint, to be joined with reports: Amazon's reports have
-- ids as numbers, its exports as strings.
--
--   psql -v source=ads -v target=report_ads -f examples/report_views.sql
--
-- source is the schema with the imported tables (their ids are text), target the one to create.
--
-- The vendor's ids may exceed bigint (they are unsigned); none of a report can, in a column of type bigint. Where one does here it is NULL, and
-- the column beside it has the text. If no id of yours does, IMPORT FOREIGN SCHEMA ... OPTIONS (id_type 'bigint') does without views.
\set ON_ERROR_STOP on
\if :{?source} \else \set source ads \endif
\if :{?target} \else \set target report_ads \endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"target";

CREATE OR REPLACE FUNCTION :"target".report_id(id text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN id::numeric <= 9223372036854775807 THEN id::bigint END $$;

CREATE OR REPLACE VIEW :"target".campaigns AS
SELECT profile_id, :"target".report_id(campaign_id) AS campaign_id, campaign_id AS campaign_id_text, ad_product, name AS campaign_name,
       state AS campaign_status, delivery_status, :"target".report_id(portfolio_id) AS portfolio_id, budget_amount AS campaign_budget_amount,
       budget_recurrence_time_period AS campaign_budget_type, budget_currency_code AS campaign_budget_currency_code, start_date, end_date, exported_at
FROM :"source".campaigns;

CREATE OR REPLACE VIEW :"target".ad_groups AS
SELECT profile_id, :"target".report_id(campaign_id) AS campaign_id, :"target".report_id(ad_group_id) AS ad_group_id, ad_group_id AS ad_group_id_text,
       ad_product, name AS ad_group_name, state AS ad_group_status, default_bid, exported_at
FROM :"source".ad_groups;

-- What reports call keyword_id is the target's id, of keywords and of other targets.
CREATE OR REPLACE VIEW :"target".targets AS
SELECT profile_id, :"target".report_id(campaign_id) AS campaign_id, :"target".report_id(ad_group_id) AS ad_group_id,
       :"target".report_id(target_id) AS keyword_id, target_id AS keyword_id_text, ad_product, target_type AS keyword_type, keyword, match_type, bid AS keyword_bid,
       state AS ad_keyword_status, negative, target_level, exported_at
FROM :"source".targets;

CREATE OR REPLACE VIEW :"target".ads AS
SELECT profile_id, :"target".report_id(campaign_id) AS campaign_id, :"target".report_id(ad_group_id) AS ad_group_id, :"target".report_id(ad_id) AS ad_id,
       ad_id AS ad_id_text, ad_product, ad_type, asin AS advertised_asin, sku AS advertised_sku, state AS ad_status, exported_at
FROM :"source".ads;
COMMIT;
