-- Views with the names that Fivetran's connector for Amazon Ads gives its
-- tables and columns, over imported foreign tables, so that queries and models
-- written for those tables find what they look for.
--
--   psql -v source=ads -v target=amazon_ads -f examples/fivetran_views.sql
--
-- source is the schema with the imported tables, target the one to create.
--
-- What is different from the tables of that connector:
--   - They show the current state only. The _history names are Fivetran's, whose tables have a row per change;
--     see history.sql for how to keep a history.
--   - Ids are text, as they are in the connector's models since 2023.
--   - serving_status is one value there: here it is the first reason why something is not delivered, else its delivery status.
--   - Values are in the words of the Exports API (ENABLED, not enabled).
--   - profile_id is in every view, because ids are unique within a profile only.
--   - Portfolios have no export, so that there is no portfolio_history.
--
-- A view reads with the user mapping of its owner. From PostgreSQL 15 on, ALTER VIEW ... SET (security_invoker = true) makes it the caller's.
\set ON_ERROR_STOP on
\if :{?source} \else \set source ads \endif
\if :{?target} \else \set target amazon_ads \endif

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS :"target";

CREATE OR REPLACE VIEW :"target".profile AS
SELECT profile_id AS id, account_id, account_marketplace_string_id, account_name, account_sub_type, account_type, account_valid_payment_method,
       country_code, currency_code, daily_budget, timezone, false AS _fivetran_deleted
FROM :"source".profiles;

-- Sponsored Products, which have names without a prefix

CREATE OR REPLACE VIEW :"target".campaign_history AS
SELECT campaign_id AS id, last_updated_date_time AS last_updated_date, profile_id, portfolio_id, name, state, start_date, end_date,
       creation_date_time AS creation_date, bid_strategy AS bidding_strategy, targeting_settings AS targeting_type, budget_amount AS budget,
       budget_recurrence_time_period AS budget_type, coalesce(budget_rule_amount, budget_amount) AS effective_budget,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".campaigns WHERE ad_product = 'SPONSORED_PRODUCTS';

CREATE OR REPLACE VIEW :"target".ad_group_history AS
SELECT ad_group_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, name, state, default_bid,
       creation_date_time AS creation_date, coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ad_groups WHERE ad_product = 'SPONSORED_PRODUCTS';

CREATE OR REPLACE VIEW :"target".product_ad_history AS
SELECT ad_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, asin, sku, state,
       creation_date_time AS creation_date, coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ads WHERE ad_product = 'SPONSORED_PRODUCTS';

CREATE OR REPLACE VIEW :"target".keyword_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, bid, keyword AS keyword_text, match_type,
       native_language_keyword, native_language_locale, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_PRODUCTS' AND target_type = 'KEYWORD' AND NOT negative;

CREATE OR REPLACE VIEW :"target".negative_keyword_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, keyword AS keyword_text, match_type,
       native_language_keyword, native_language_locale, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_PRODUCTS' AND target_type = 'KEYWORD' AND negative AND target_level = 'AD_GROUP';

CREATE OR REPLACE VIEW :"target".campaign_negative_keyword_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, keyword AS keyword_text, match_type,
       native_language_keyword, native_language_locale, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_PRODUCTS' AND target_type = 'KEYWORD' AND negative AND target_level = 'CAMPAIGN';

CREATE OR REPLACE VIEW :"target".targeting_clause_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, bid, target_type AS expression_type,
       target_details AS expression, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_PRODUCTS' AND target_type <> 'KEYWORD' AND NOT negative;

CREATE OR REPLACE VIEW :"target".negative_targeting_clause_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, target_type AS expression_type,
       target_details AS expression, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_PRODUCTS' AND target_type <> 'KEYWORD' AND negative;

-- Sponsored Brands

CREATE OR REPLACE VIEW :"target".sb_campaign_history AS
SELECT campaign_id AS id, last_updated_date_time AS last_updated_date, profile_id, portfolio_id, name, state, start_date, end_date,
       creation_date_time AS creation_date, bid_strategy AS bidding_strategy, brand_entity_id, cost_type, is_multi_ad_groups_enabled, budget_amount AS budget,
       budget_recurrence_time_period AS budget_type, coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".campaigns WHERE ad_product = 'SPONSORED_BRANDS';

CREATE OR REPLACE VIEW :"target".sb_ad_group_history AS
SELECT ad_group_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, name, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ad_groups WHERE ad_product = 'SPONSORED_BRANDS';

CREATE OR REPLACE VIEW :"target".sb_ad_history AS
SELECT ad_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, name, ad_type, headline, brand_name,
       landing_page_type, landing_page_url, products, creative, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ads WHERE ad_product = 'SPONSORED_BRANDS';

CREATE OR REPLACE VIEW :"target".sb_keyword AS
SELECT target_id AS id, profile_id, campaign_id, ad_group_id, bid, keyword AS keyword_text, match_type, native_language_keyword, native_language_locale, state,
       exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_BRANDS' AND target_type = 'KEYWORD' AND NOT negative;

CREATE OR REPLACE VIEW :"target".sb_negative_keyword AS
SELECT target_id AS id, profile_id, campaign_id, ad_group_id, keyword AS keyword_text, match_type, state, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_BRANDS' AND target_type = 'KEYWORD' AND negative;

-- Sponsored Display

CREATE OR REPLACE VIEW :"target".sd_campaign_history AS
SELECT campaign_id AS id, last_updated_date_time AS last_updated_date, profile_id, portfolio_id, name, state, start_date, end_date,
       creation_date_time AS creation_date, cost_type, targeting_settings AS tactic, budget_amount AS budget, budget_recurrence_time_period AS budget_type,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".campaigns WHERE ad_product = 'SPONSORED_DISPLAY';

CREATE OR REPLACE VIEW :"target".sd_ad_group_history AS
SELECT ad_group_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, name, state, default_bid, creative_type,
       creation_date_time AS creation_date, coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ad_groups WHERE ad_product = 'SPONSORED_DISPLAY';

CREATE OR REPLACE VIEW :"target".sd_product_ad_history AS
SELECT ad_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, name, asin, sku, state,
       creation_date_time AS creation_date, coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".ads WHERE ad_product = 'SPONSORED_DISPLAY';

CREATE OR REPLACE VIEW :"target".sd_targeting_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, bid, target_type AS expression_type,
       target_details AS expression, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_DISPLAY' AND NOT negative;

CREATE OR REPLACE VIEW :"target".sd_negative_targeting_history AS
SELECT target_id AS id, last_updated_date_time AS last_updated_date, profile_id, campaign_id, ad_group_id, target_type AS expression_type,
       target_details AS expression, state, creation_date_time AS creation_date,
       coalesce(delivery_reasons[1], delivery_status) AS serving_status, exported_at AS _fivetran_synced
FROM :"source".targets WHERE ad_product = 'SPONSORED_DISPLAY' AND negative;
COMMIT;
