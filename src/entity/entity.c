/*-------------------------------------------------------------------------
 *
 * entity.c
 *		The remote tables as data.
 *
 * Names are the mechanical snake case of the vendor's keys, in the order in
 * which a person would want to see them.  Where the vendor's documentation
 * and practice spell a thing in several ways, the path lists them all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "entity/entity.h"

#define SP AD_PRODUCT_SPONSORED_PRODUCTS
#define SB AD_PRODUCT_SPONSORED_BRANDS
#define SD AD_PRODUCT_SPONSORED_DISPLAY
#define ALL AD_PRODUCT_ALL
#define NONE 0

/* A column that is read from where its path says. */
#define COLUMN(name, type, path, products, description)                                            \
	{                                                                                              \
		name, COLUMN_##type, SOURCE_PATH, path, FILTER_NONE, products, NULL, description           \
	}

/* Likewise for one on which a WHERE clause can be sent to the vendor. */
#define FILTERED(name, type, path, filter, products, description)                                  \
	{                                                                                              \
		name, COLUMN_##type, SOURCE_PATH, path, FILTER_##filter, products, NULL, description       \
	}

/* Likewise for one that other products know by another name. */
#define ALIASED(name, type, path, aliases, description)                                            \
	{                                                                                              \
		name, COLUMN_##type, SOURCE_PATH, path, FILTER_NONE, NONE, aliases, description            \
	}

/* A column whose value is computed, or known from the request. */
#define DERIVED(name, type, source, path, filter, products, description)                           \
	{                                                                                              \
		name, COLUMN_##type, SOURCE_##source, path, FILTER_##filter, products, NULL, description   \
	}

/* The last columns of every export of Amazon Ads. */
#define AMAZON_TIMES(thing)                                                                        \
	COLUMN("creation_date_time", TIMESTAMPTZ, "creationDateTime", ALL,                             \
		   "When the " thing " was created."),                                                     \
		COLUMN("last_updated_date_time", TIMESTAMPTZ, "lastUpdatedDateTime", ALL,                  \
			   "When the " thing " was last changed.")

#define AMAZON_TAIL                                                                                \
	DERIVED("profile_id", ID, PROFILE_ID, NULL, PROFILE_ID, ALL,                                   \
			"Advertising profile that was asked; ids are unique within a profile only."),          \
		DERIVED("export_id", TEXT, EXPORT_ID, NULL, NONE, ALL,                                     \
				"Export that the row was read from."),                                             \
		DERIVED("exported_at", TIMESTAMPTZ, EXPORTED_AT, NULL, NONE, ALL,                          \
				"When Amazon generated the export: the moment that the row shows.")

#define AD_PRODUCT_COLUMN(thing)                                                                   \
	FILTERED("ad_product", TEXT, "adProduct", AD_PRODUCT, ALL,                                     \
			 "Advertising product of the " thing                                                   \
			 ": SPONSORED_PRODUCTS, SPONSORED_BRANDS or SPONSORED_DISPLAY.")

#define STATE_COLUMN(thing)                                                                        \
	FILTERED("state", TEXT, "state", STATE, ALL,                                                   \
			 "State that the advertiser gave the " thing ": ENABLED, PAUSED or ARCHIVED.")

#define DELIVERY_STATUS_COLUMN(thing)                                                              \
	COLUMN("delivery_status", TEXT, "deliveryStatus", ALL,                                         \
		   "Whether the " thing " is being served: DELIVERING, NOT_DELIVERING or UNAVAILABLE.")

#define DELIVERY_REASONS_COLUMN(thing)                                                             \
	COLUMN("delivery_reasons", TEXT_ARRAY, "deliveryReasons", ALL,                                 \
		   "Why the " thing " is not being served, for example CAMPAIGN_PAUSED or OUT_OF_STOCK.")

static const EntityColumn campaign_columns[] = {
	COLUMN("campaign_id", ID, "campaignId", ALL, "Identifier of the campaign."),
	AD_PRODUCT_COLUMN("campaign"),
	COLUMN("name", TEXT, "name", ALL, "Name that the advertiser gave the campaign."),
	STATE_COLUMN("campaign"),
	DELIVERY_STATUS_COLUMN("campaign"),
	DELIVERY_REASONS_COLUMN("campaign"),
	COLUMN("portfolio_id", ID, "portfolioId", ALL,
		   "Portfolio that the campaign belongs to; NULL if it is in none."),
	COLUMN("brand_entity_id", TEXT, "brandEntityId", SB, "Brand that the campaign advertises."),
	COLUMN("targeting_settings", TEXT, "targetingSettings", SP | SD,
		   "How the campaign targets: MANUAL or AUTO (Sponsored Products), T00020, T00030 or "
		   "CONTEXTUAL (Sponsored Display)."),
	COLUMN("cost_type", TEXT, "costType", SB | SD,
		   "What is paid for: CPC (clicks) or VCPM (thousand viewable impressions)."),
	COLUMN("start_date", DATE, "startDate", ALL, "First day of the campaign."),
	COLUMN("end_date", DATE, "endDate", ALL, "Last day of the campaign; NULL if it has no end."),
	COLUMN("budget_amount", NUMERIC, "budgetCaps.budgetValue.monetaryBudget.amount", ALL,
		   "Budget, in units of budget_currency_code, for one budget_recurrence_time_period."),
	COLUMN("budget_currency_code", TEXT, "budgetCaps.budgetValue.monetaryBudget.currencyCode", ALL,
		   "Currency of the budget (ISO 4217)."),
	COLUMN("budget_rule_amount", NUMERIC, "budgetCaps.budgetValue.monetaryBudget.ruleAmount", ALL,
		   "Budget in effect while a budget rule applies; NULL if none does."),
	COLUMN("budget_type", TEXT, "budgetCaps.budgetType", ALL,
		   "Kind of budget: MONETARY. Elsewhere this name means daily or lifetime, which here is "
		   "budget_recurrence_time_period."),
	COLUMN("budget_recurrence_time_period", TEXT, "budgetCaps.recurrenceTimePeriod", ALL,
		   "Period that the budget is for: DAILY, LIFETIME or OTHER."),
	COLUMN("bid_strategy", TEXT, "optimization.bidStrategy", SP | SB,
		   "How bids are adjusted, for example SALES_DOWN_ONLY or RULE_BASED."),
	COLUMN("placement_bid_adjustments", JSONB, "optimization.placementBidAdjustments", SP | SB,
		   "Bid adjustments by placement: an array of objects with placement and percentage."),
	COLUMN("shopper_segment_bid_adjustment", JSONB, "optimization.shopperSegmentBidAdjustment", SB,
		   "Bid adjustments by shopper segment: an array of objects with shopperSegment and "
		   "percentage."),
	COLUMN(
		"shopper_cohort_bid_adjustment", JSONB, "optimization.shopperCohortBidAdjustment", SP | SB,
		"Bid adjustments by audience: an array of objects with shopperCohortType, percentage and "
		"audienceSegments."),
	COLUMN("is_multi_ad_groups_enabled", BOOLEAN, "isMultiAdGroupsEnabled", SB,
		   "Whether the campaign may have several ad groups; false or NULL for one of the legacy "
		   "kind, which newer reports leave out."),
	COLUMN("tags", JSONB, "tags", ALL,
		   "Tags of the campaign: an array of objects with key and value."),
	AMAZON_TIMES("campaign"),
	AMAZON_TAIL,
};

static const EntityColumn ad_group_columns[] = {
	COLUMN("ad_group_id", ID, "adGroupId", ALL, "Identifier of the ad group."),
	COLUMN("campaign_id", ID, "campaignId", ALL, "Campaign that the ad group belongs to."),
	AD_PRODUCT_COLUMN("ad group"),
	COLUMN("name", TEXT, "name", ALL, "Name that the advertiser gave the ad group."),
	STATE_COLUMN("ad group"),
	DELIVERY_STATUS_COLUMN("ad group"),
	DELIVERY_REASONS_COLUMN("ad group"),
	COLUMN("creative_type", TEXT, "creativeType", SD,
		   "Kind of creatives in the ad group: IMAGE or VIDEO."),
	COLUMN("default_bid", NUMERIC, "bid.defaultBid", SP | SD,
		   "Bid, in units of bid_currency_code, of targets that have none of their own."),
	COLUMN("bid_currency_code", TEXT, "bid.currencyCode", SP | SD,
		   "Currency of the bid (ISO 4217)."),
	COLUMN("goal", TEXT,
		   "optimization.goalSetting.goal|optimization.goalSettings.goal|"
		   "optimization.goalSettings.goalType",
		   SD, "What delivery is optimized for: AWARENESS, CONSIDERATION or CONVERSIONS."),
	COLUMN("kpi", TEXT,
		   "optimization.goalSetting.kpi|optimization.goalSettings.kpi|"
		   "optimization.goalSettings.Kpi|optimization.goalSettings.goalKpi",
		   SD, "Measure by which the goal is judged, for example CLICKS."),
	COLUMN("optimization", JSONB, "optimization", SD,
		   "Optimization settings of the ad group, as sent."),
	AMAZON_TIMES("ad group"),
	AMAZON_TAIL,
};

static const EntityColumn target_columns[] = {
	COLUMN("target_id", ID, "targetId", ALL,
		   "Identifier of the target; what reports call keyword id."),
	COLUMN("campaign_id", ID, "campaignId", ALL, "Campaign that the target belongs to."),
	COLUMN("ad_group_id", ID, "adGroupId", ALL,
		   "Ad group that the target belongs to; NULL for one of a whole campaign."),
	AD_PRODUCT_COLUMN("target"),
	FILTERED("target_type", TEXT, "targetType", TARGET_TYPE, ALL,
			 "What is targeted: AUTO, KEYWORD, PRODUCT, PRODUCT_CATEGORY, PRODUCT_AUDIENCE, "
			 "PRODUCT_CATEGORY_AUDIENCE, AUDIENCE, THEME or CONTENT_CATEGORY."),
	DERIVED("target_level", TEXT, TARGET_LEVEL, "targetLevel", TARGET_LEVEL, ALL,
			"What the target belongs to, AD_GROUP or CAMPAIGN; told by ad_group_id where Amazon "
			"leaves it out."),
	STATE_COLUMN("target"),
	FILTERED("negative", BOOLEAN, "negative", NEGATIVE, ALL,
			 "Whether the target says where not to advertise."),
	DELIVERY_STATUS_COLUMN("target"),
	DELIVERY_REASONS_COLUMN("target"),
	COLUMN("bid", NUMERIC, "bid.bid|bid", ALL,
		   "Bid, in units of bid_currency_code; NULL for negatives and where the ad group's "
		   "default_bid applies."),
	COLUMN("bid_currency_code", TEXT, "bid.currencyCode", ALL, "Currency of the bid (ISO 4217)."),
	COLUMN("match_type", TEXT, "targetDetails.matchType", ALL,
		   "How close a match must be, for example BROAD, PHRASE or EXACT of a keyword; NULL for "
		   "categories and audiences."),
	COLUMN("keyword", TEXT, "targetDetails.keyword", ALL, "Text of the keyword."),
	COLUMN("native_language_keyword", TEXT, "targetDetails.nativeLanguageKeyword", SP,
		   "Keyword in the advertiser's own language."),
	COLUMN("native_language_locale", TEXT, "targetDetails.nativeLanguageLocale", SP,
		   "Locale of native_language_keyword."),
	COLUMN("asin", TEXT, "targetDetails.asin", ALL, "Product that is targeted."),
	COLUMN("product_category_id", TEXT, "targetDetails.productCategoryId", ALL,
		   "Product category that is targeted."),
	COLUMN("product_category_resolved", TEXT, "targetDetails.productCategoryResolved", ALL,
		   "Name of the product category."),
	COLUMN("product_brand", TEXT, "targetDetails.productBrand", ALL,
		   "Identifier of the brand that the category is narrowed to."),
	COLUMN("product_brand_resolved", TEXT, "targetDetails.productBrandResolved", ALL,
		   "Name of the brand."),
	COLUMN("product_genre", TEXT, "targetDetails.productGenre", ALL,
		   "Identifier of the genre that the category is narrowed to."),
	COLUMN("product_genre_resolved", TEXT, "targetDetails.productGenreResolved", ALL,
		   "Name of the genre."),
	COLUMN("product_age_range", TEXT, "targetDetails.productAgeRange", ALL,
		   "Identifier of the age range that the category is narrowed to."),
	COLUMN("product_age_range_resolved", TEXT, "targetDetails.productAgeRangeResolved", ALL,
		   "Name of the age range."),
	COLUMN("product_price_less_than", NUMERIC, "targetDetails.productPriceLessThan", ALL,
		   "Price that the category is narrowed by, as Amazon sends it under that key."),
	COLUMN("product_price_greater_than", NUMERIC, "targetDetails.productPriceGreaterThan", ALL,
		   "Price that the category is narrowed by, as Amazon sends it under that key."),
	COLUMN("product_rating_less_than", NUMERIC, "targetDetails.productRatingLessThan", ALL,
		   "Star rating that the category is narrowed by, as Amazon sends it under that key."),
	COLUMN("product_rating_greater_than", NUMERIC, "targetDetails.productRatingGreaterThan", ALL,
		   "Star rating that the category is narrowed by, as Amazon sends it under that key."),
	COLUMN("product_prime_shipping_eligible", BOOLEAN, "targetDetails.productPrimeShippingEligible",
		   ALL, "Whether the category is narrowed to products with Prime shipping."),
	COLUMN("event", TEXT, "targetDetails.event", SD,
		   "What shoppers of the audience did, for example PURCHASE or VIEW."),
	COLUMN("lookback", INTEGER, "targetDetails.lookback", SD,
		   "How many days back the event may lie."),
	COLUMN("audience_id", TEXT, "targetDetails.audienceId", SD, "Audience that is targeted."),
	COLUMN("target_details", JSONB, "targetDetails", ALL,
		   "All that Amazon sends about what is targeted."),
	AMAZON_TIMES("target"),
	AMAZON_TAIL,
};

static const EntityColumn ad_columns[] = {
	COLUMN("ad_id", ID, "adId", ALL,
		   "Identifier of the ad; NULL for those of legacy Sponsored Brands campaigns."),
	COLUMN("ad_group_id", ID, "adGroupId", ALL, "Ad group that the ad belongs to."),
	COLUMN("campaign_id", ID, "campaignId", ALL, "Campaign that the ad belongs to."),
	AD_PRODUCT_COLUMN("ad"),
	COLUMN("ad_type", TEXT, "adType", ALL,
		   "Kind of ad, for example PRODUCT_AD, IMAGE, VIDEO, PRODUCT_COLLECTION or "
		   "STORE_SPOTLIGHT."),
	COLUMN("name", TEXT, "name", SB | SD, "Name of the ad; often just the ASIN."),
	STATE_COLUMN("ad"),
	DELIVERY_STATUS_COLUMN("ad"),
	COLUMN("ad_version_id", TEXT, "adVersionId", SB | SD,
		   "Identifier of the version of the ad's creative."),
	DELIVERY_REASONS_COLUMN("ad"),
	DERIVED("asin", TEXT, FIRST_ASIN, "creative.products", NONE, ALL,
			"First ASIN among the advertised products."),
	DERIVED("sku", TEXT, FIRST_SKU, "creative.products", NONE, ALL,
			"First SKU among the advertised products; sellers have them, vendors do not."),
	COLUMN("products", JSONB, "creative.products", ALL,
		   "All advertised products: an array of objects with productIdType (ASIN or SKU) and "
		   "productId."),
	COLUMN("headline", TEXT, "creative.headline", ALL, "Headline of the ad."),
	COLUMN("brand_name", TEXT, "creative.brandName", SB, "Brand name that the ad shows."),
	COLUMN("landing_page_type", TEXT, "creative.landingPage.landingPageType", SB | SD,
		   "Kind of page that a click leads to, for example PRODUCT_LIST, STORE or DETAIL_PAGE."),
	COLUMN("landing_page_url", TEXT, "creative.landingPage.landingPageUrl", SB | SD,
		   "Page that a click leads to."),
	COLUMN("brand_logo_asset_id", TEXT, "creative.brandLogo.assetId", SB | SD,
		   "Asset that holds the brand logo."),
	COLUMN("videos", JSONB, "creative.videos", SB | SD,
		   "Videos of the ad: an array of objects with assetId and assetVersion."),
	COLUMN("custom_images", JSONB, "creative.customImages", SB | SD,
		   "Images of the ad: an array of objects with assetId, assetVersion and "
		   "formatProperties."),
	COLUMN("cards", JSONB, "creative.cards", SB,
		   "Cards of the ad: an array of objects with headline, landingPage and product."),
	COLUMN("creative", JSONB, "creative", ALL, "All that Amazon sends about the creative."),
	AMAZON_TIMES("ad"),
	AMAZON_TAIL,
};

static const EntityColumn profile_columns[] = {
	COLUMN("profile_id", ID, "profileId", NONE, "Identifier of the advertising profile."),
	COLUMN("country_code", TEXT, "countryCode", NONE, "Country of the marketplace (ISO 3166-1)."),
	COLUMN("currency_code", TEXT, "currencyCode", NONE,
		   "Currency of all money of the profile (ISO 4217)."),
	COLUMN("timezone", TEXT, "timezone", NONE,
		   "Time zone of the profile, as in the IANA database."),
	COLUMN("daily_budget", NUMERIC, "dailyBudget", NONE,
		   "Daily budget of the whole profile; NULL if it has none."),
	COLUMN("account_id", TEXT, "accountInfo.id", NONE, "Identifier of the advertiser's account."),
	COLUMN("account_marketplace_string_id", TEXT, "accountInfo.marketplaceStringId", NONE,
		   "Identifier of the marketplace."),
	COLUMN("account_name", TEXT, "accountInfo.name", NONE, "Name of the advertiser's account."),
	COLUMN("account_type", TEXT, "accountInfo.type", NONE,
		   "Kind of account: seller, vendor or agency; agencies have no exports."),
	COLUMN("account_sub_type", TEXT, "accountInfo.subType", NONE,
		   "Finer kind of account, for example KDP_AUTHOR."),
	COLUMN("account_valid_payment_method", BOOLEAN, "accountInfo.validPaymentMethod", NONE,
		   "Whether the account has a valid payment method."),
};

static const EntityColumn amplitude_event_columns[] = {
	DERIVED("server_upload_time", TIMESTAMPTZ, PATH, "server_upload_time", UPLOAD_TIME, NONE,
			"When the event was uploaded to Amplitude's servers; the column that decides which "
			"hours are asked for."),
	FILTERED("event_time", TIMESTAMPTZ, "event_time", EVENT_TIME, NONE,
			 "When the event happened, corrected by Amplitude for clocks that are off."),
	COLUMN("client_event_time", TIMESTAMPTZ, "client_event_time", NONE,
		   "When the event happened by the clock of the device."),
	COLUMN("client_upload_time", TIMESTAMPTZ, "client_upload_time", NONE,
		   "When the event was uploaded by the clock of the device."),
	COLUMN("server_received_time", TIMESTAMPTZ, "server_received_time", NONE,
		   "When Amplitude's servers received the event."),
	COLUMN("processed_time", TIMESTAMPTZ, "processed_time", NONE,
		   "When Amplitude processed the event."),
	COLUMN("uuid", UUID, "uuid", NONE, "Identifier that is unique per event."),
	COLUMN("insert_id", TEXT, "$insert_id", NONE,
		   "Key by which the client asks to drop repeated events; not unique in exports."),
	ALIASED("event_id", BIGINT, "event_id", "id",
			"Counter of events per device, or a random number; not unique."),
	COLUMN("event_type", TEXT, "event_type", NONE, "Name of the event."),
	COLUMN("amplitude_event_type", TEXT, "amplitude_event_type", NONE,
		   "Legacy name of an event that Amplitude generated itself."),
	COLUMN("data_type", TEXT, "data_type", NONE, "Kind of record: event."),
	COLUMN("app", BIGINT, "app", NONE, "Identifier of the project."),
	COLUMN("amplitude_id", BIGINT, "amplitude_id", NONE, "Amplitude's identifier of the user."),
	COLUMN("user_id", TEXT, "user_id", NONE, "The application's identifier of the user."),
	COLUMN("device_id", TEXT, "device_id", NONE, "Identifier of the device."),
	COLUMN("session_id", BIGINT, "session_id", NONE,
		   "Start of the session in milliseconds since 1970; -1 for an event outside of one."),
	COLUMN("event_properties", JSONB, "event_properties", NONE, "Properties of the event."),
	COLUMN("user_properties", JSONB, "user_properties", NONE,
		   "Properties of the user at the time of the event."),
	ALIASED("groups", JSONB, "groups", "group_types", "Groups that the user belongs to."),
	COLUMN("group_properties", JSONB, "group_properties", NONE, "Properties of the groups."),
	COLUMN("country", TEXT, "country", NONE, "Name of the country."),
	COLUMN("region", TEXT, "region", NONE, "Name of the region within the country."),
	COLUMN("city", TEXT, "city", NONE, "Name of the city."),
	COLUMN("dma", TEXT, "dma", NONE, "Designated market area (USA)."),
	COLUMN("language", TEXT, "language", NONE, "Language of the user."),
	COLUMN("ip_address", TEXT, "ip_address", NONE, "IP address; may be masked."),
	COLUMN("location_lat", DOUBLE, "location_lat", NONE, "Latitude of the user."),
	COLUMN("location_lng", DOUBLE, "location_lng", NONE, "Longitude of the user."),
	COLUMN("platform", TEXT, "platform", NONE, "Platform, for example Web, iOS or Android."),
	COLUMN("os_name", TEXT, "os_name", NONE, "Operating system; on the web, the browser."),
	COLUMN("os_version", TEXT, "os_version", NONE, "Version of os_name."),
	COLUMN("device_type", TEXT, "device_type", NONE, "Type of device."),
	COLUMN("device_family", TEXT, "device_family", NONE, "Family of devices."),
	COLUMN("device_brand", TEXT, "device_brand", NONE, "Brand of the device."),
	COLUMN("device_manufacturer", TEXT, "device_manufacturer", NONE, "Manufacturer of the device."),
	COLUMN("device_model", TEXT, "device_model", NONE, "Model of the device."),
	COLUMN("device_carrier", TEXT, "device_carrier", NONE, "Mobile network of the device."),
	COLUMN("version_name", TEXT, "version_name", NONE, "Version of the application."),
	COLUMN("start_version", TEXT, "start_version", NONE,
		   "Version of the application that the user began with."),
	COLUMN("library", TEXT, "library", NONE, "Library that sent the event, with its version."),
	COLUMN("paying", BOOLEAN, "paying", NONE,
		   "Whether the user has paid; sent as a boolean or as text."),
	COLUMN("is_attribution_event", BOOLEAN, "is_attribution_event", NONE,
		   "Whether the event is one of attribution; not sent since 2023."),
	COLUMN("amplitude_attribution_ids", JSONB, "amplitude_attribution_ids", NONE,
		   "Hashed attribution identifiers: an array of strings."),
	ALIASED("adid", TEXT, "adid", "ad_id",
			"Google advertising identifier; normally wiped after ingestion."),
	COLUMN("idfa", TEXT, "idfa", NONE,
		   "Apple advertising identifier; normally wiped after ingestion."),
	COLUMN("partner_id", TEXT, "partner_id", NONE, "Identifier of the partner."),
	COLUMN("source_id", TEXT, "source_id", NONE, "Identifier of the source."),
	COLUMN("sample_rate", DOUBLE, "sample_rate", NONE, "Rate at which events were sampled."),
	COLUMN("user_creation_time", TIMESTAMPTZ, "user_creation_time", NONE,
		   "When the user was first seen; not sent since 2023."),
	COLUMN("insert_key", TEXT, "$insert_key", NONE,
		   "Internal key of Amplitude; not sent since 2023."),
	COLUMN("schema", INTEGER, "$schema", NONE,
		   "Version of Amplitude's internal schema; not sent since 2023."),
	COLUMN("plan", JSONB, "plan", NONE, "Tracking plan that the event belongs to."),
	COLUMN("data", JSONB, "data", NONE, "Facts that Amplitude added while it took the event in."),
	COLUMN("global_user_properties", JSONB, "global_user_properties", NONE,
		   "Internal properties of the user; not sent since 2023."),
	DERIVED("archive_entry", TEXT, ARCHIVE_ENTRY, NULL, NONE, NONE,
			"File inside the archive that the row was read from."),
};

static const Entity campaigns = {
	.kind = ENTITY_CAMPAIGNS,
	.api = API_AMAZON_ADS,
	.name = "campaigns",
	.method = "POST",
	.path = "/campaigns/export",
	.media_type = "application/vnd.campaignsexport.v1+json",
	.is_by_profile = true,
	.estimated_rows = 1000,
	.columns = campaign_columns,
	.column_count = lengthof(campaign_columns),
	.description = "Campaigns of Amazon Ads with their budgets, as they are now.",
};

static const Entity ad_groups = {
	.kind = ENTITY_AD_GROUPS,
	.api = API_AMAZON_ADS,
	.name = "ad_groups",
	.method = "POST",
	.path = "/adGroups/export",
	.media_type = "application/vnd.adgroupsexport.v1+json",
	.is_by_profile = true,
	.estimated_rows = 5000,
	.columns = ad_group_columns,
	.column_count = lengthof(ad_group_columns),
	.description = "Ad groups of Amazon Ads, as they are now.",
};

static const Entity targets = {
	.kind = ENTITY_TARGETS,
	.api = API_AMAZON_ADS,
	.name = "targets",
	.method = "POST",
	.path = "/targets/export",
	.media_type = "application/vnd.targetsexport.v1+json",
	.is_by_profile = true,
	.estimated_rows = 100000,
	.columns = target_columns,
	.column_count = lengthof(target_columns),
	.description = "Targets of Amazon Ads, as they are now: keywords, products, categories, "
				   "audiences and themes, negative ones included.",
};

static const Entity ads = {
	.kind = ENTITY_ADS,
	.api = API_AMAZON_ADS,
	.name = "ads",
	.method = "POST",
	.path = "/ads/export",
	.media_type = "application/vnd.adsexport.v1+json",
	.is_by_profile = true,
	.estimated_rows = 20000,
	.columns = ad_columns,
	.column_count = lengthof(ad_columns),
	.description = "Ads of Amazon Ads with their creatives, as they are now.",
};

static const Entity profiles = {
	.kind = ENTITY_PROFILES,
	.api = API_AMAZON_ADS,
	.name = "profiles",
	.method = "GET",
	.path = "/v2/profiles",
	.media_type = NULL,
	.estimated_rows = 10,
	.columns = profile_columns,
	.column_count = lengthof(profile_columns),
	.description = "Advertising profiles that the credentials can see in the server's region.",
};

static const Entity amplitude_events = {
	.kind = ENTITY_AMPLITUDE_EVENTS,
	.api = API_AMPLITUDE,
	.name = "amplitude_events",
	.method = "GET",
	.path = "/api/2/export",
	.media_type = NULL,
	.is_by_hours = true,
	.allows_prefix = true,
	.estimated_rows = 100000,
	.columns = amplitude_event_columns,
	.column_count = lengthof(amplitude_event_columns),
	.description = "Events of an Amplitude project, by the hour in which they were uploaded.",
};

const Entity *const entities[] = {
	&campaigns, &ad_groups, &targets, &ads, &profiles, &amplitude_events,
};

const int entity_count = lengthof(entities);

const char *const api_names[API_COUNT + 1] = {
	[API_AMAZON_ADS] = "amazon_ads",
	[API_AMPLITUDE] = "amplitude",
};

const char *const api_titles[API_COUNT] = {
	[API_AMAZON_ADS] = "Amazon",
	[API_AMPLITUDE] = "Amplitude",
};

const Entity *
entity_by_name(const char *name)
{
	for (int i = 0; i < entity_count; i++)
	{
		if (strcmp(entities[i]->name, name) == 0)
			return entities[i];
	}
	return NULL;
}

bool
entity_is_profile_id(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= 20 && text[0] != '0' && strspn(text, "0123456789") == length;
}

const char *
column_type_name(ColumnType type, const char *id_type)
{
	switch (type)
	{
		case COLUMN_TEXT:
			return "text";
		case COLUMN_ID:
			return id_type;
		case COLUMN_TEXT_ARRAY:
			return "text[]";
		case COLUMN_BOOLEAN:
			return "boolean";
		case COLUMN_INTEGER:
			return "integer";
		case COLUMN_BIGINT:
			return "bigint";
		case COLUMN_DOUBLE:
			return "double precision";
		case COLUMN_NUMERIC:
			return "numeric";
		case COLUMN_DATE:
			return "date";
		case COLUMN_TIMESTAMPTZ:
			return "timestamptz";
		case COLUMN_UUID:
			return "uuid";
		case COLUMN_JSONB:
			return "jsonb";
	}
	return "text"; /* keeps the compiler quiet */
}
