"""What a row must be, worked out from a record by the vendors' pages alone (docs/vendors/amazon-ads-exports.md 4, docs/vendors/amplitude-export.md 4), independently of the C code.

    expected_row("campaigns", record, profile_id="1111", ...)  ->  {column: value}

Values are as psycopg2 returns them, after both sides went through normal(type, value).
"""

import datetime
import decimal
import json
import uuid

UTC = datetime.timezone.utc

# table: [(column, type, path)], in the order of import. A path of None is worked out in DERIVED or handed in.
AMAZON_TAIL = [("profile_id", "id", None), ("export_id", "text", None), ("exported_at", "timestamptz", None)]
MONEY = "budgetCaps.budgetValue.monetaryBudget."
TIMES = [("creation_date_time", "timestamptz", "creationDateTime"), ("last_updated_date_time", "timestamptz", "lastUpdatedDateTime")]

COLUMNS = {
    "campaigns": [
        ("campaign_id", "id", "campaignId"),
        ("ad_product", "text", "adProduct"),
        ("name", "text", "name"),
        ("state", "text", "state"),
        ("delivery_status", "text", "deliveryStatus"),
        ("delivery_reasons", "text[]", "deliveryReasons"),
        ("portfolio_id", "id", "portfolioId"),
        ("brand_entity_id", "text", "brandEntityId"),
        ("targeting_settings", "text", "targetingSettings"),
        ("cost_type", "text", "costType"),
        ("start_date", "date", "startDate"),
        ("end_date", "date", "endDate"),
        ("budget_amount", "numeric", MONEY + "amount"),
        ("budget_currency_code", "text", MONEY + "currencyCode"),
        ("budget_rule_amount", "numeric", MONEY + "ruleAmount"),
        ("budget_type", "text", "budgetCaps.budgetType"),
        ("budget_recurrence_time_period", "text", "budgetCaps.recurrenceTimePeriod"),
        ("bid_strategy", "text", "optimization.bidStrategy"),
        ("placement_bid_adjustments", "jsonb", "optimization.placementBidAdjustments"),
        ("shopper_segment_bid_adjustment", "jsonb", "optimization.shopperSegmentBidAdjustment"),
        ("shopper_cohort_bid_adjustment", "jsonb", "optimization.shopperCohortBidAdjustment"),
        ("is_multi_ad_groups_enabled", "boolean", "isMultiAdGroupsEnabled"),
        ("tags", "jsonb", "tags"),
    ] + TIMES + AMAZON_TAIL,
    "ad_groups": [
        ("ad_group_id", "id", "adGroupId"),
        ("campaign_id", "id", "campaignId"),
        ("ad_product", "text", "adProduct"),
        ("name", "text", "name"),
        ("state", "text", "state"),
        ("delivery_status", "text", "deliveryStatus"),
        ("delivery_reasons", "text[]", "deliveryReasons"),
        ("creative_type", "text", "creativeType"),
        ("default_bid", "numeric", "bid.defaultBid"),
        ("bid_currency_code", "text", "bid.currencyCode"),
        ("goal", "text", None),
        ("kpi", "text", None),
        ("optimization", "jsonb", "optimization"),
    ] + TIMES + AMAZON_TAIL,
    "targets": [
        ("target_id", "id", "targetId"),
        ("campaign_id", "id", "campaignId"),
        ("ad_group_id", "id", "adGroupId"),
        ("ad_product", "text", "adProduct"),
        ("target_type", "text", "targetType"),
        ("target_level", "text", None),
        ("state", "text", "state"),
        ("negative", "boolean", "negative"),
        ("delivery_status", "text", "deliveryStatus"),
        ("delivery_reasons", "text[]", "deliveryReasons"),
        ("bid", "numeric", None),
        ("bid_currency_code", "text", "bid.currencyCode"),
        ("match_type", "text", "targetDetails.matchType"),
        ("keyword", "text", "targetDetails.keyword"),
        ("native_language_keyword", "text", "targetDetails.nativeLanguageKeyword"),
        ("native_language_locale", "text", "targetDetails.nativeLanguageLocale"),
        ("asin", "text", "targetDetails.asin"),
        ("product_category_id", "text", "targetDetails.productCategoryId"),
        ("product_category_resolved", "text", "targetDetails.productCategoryResolved"),
        ("product_brand", "text", "targetDetails.productBrand"),
        ("product_brand_resolved", "text", "targetDetails.productBrandResolved"),
        ("product_genre", "text", "targetDetails.productGenre"),
        ("product_genre_resolved", "text", "targetDetails.productGenreResolved"),
        ("product_age_range", "text", "targetDetails.productAgeRange"),
        ("product_age_range_resolved", "text", "targetDetails.productAgeRangeResolved"),
        ("product_price_less_than", "numeric", "targetDetails.productPriceLessThan"),
        ("product_price_greater_than", "numeric", "targetDetails.productPriceGreaterThan"),
        ("product_rating_less_than", "numeric", "targetDetails.productRatingLessThan"),
        ("product_rating_greater_than", "numeric", "targetDetails.productRatingGreaterThan"),
        ("product_prime_shipping_eligible", "boolean", "targetDetails.productPrimeShippingEligible"),
        ("event", "text", "targetDetails.event"),
        ("lookback", "integer", "targetDetails.lookback"),
        ("audience_id", "text", "targetDetails.audienceId"),
        ("target_details", "jsonb", "targetDetails"),
    ] + TIMES + AMAZON_TAIL,
    "ads": [
        ("ad_id", "id", "adId"),
        ("ad_group_id", "id", "adGroupId"),
        ("campaign_id", "id", "campaignId"),
        ("ad_product", "text", "adProduct"),
        ("ad_type", "text", "adType"),
        ("name", "text", "name"),
        ("state", "text", "state"),
        ("delivery_status", "text", "deliveryStatus"),
        ("ad_version_id", "text", "adVersionId"),
        ("delivery_reasons", "text[]", "deliveryReasons"),
        ("asin", "text", None),
        ("sku", "text", None),
        ("products", "jsonb", "creative.products"),
        ("headline", "text", "creative.headline"),
        ("brand_name", "text", "creative.brandName"),
        ("landing_page_type", "text", "creative.landingPage.landingPageType"),
        ("landing_page_url", "text", "creative.landingPage.landingPageUrl"),
        ("brand_logo_asset_id", "text", "creative.brandLogo.assetId"),
        ("videos", "jsonb", "creative.videos"),
        ("custom_images", "jsonb", "creative.customImages"),
        ("cards", "jsonb", "creative.cards"),
        ("creative", "jsonb", "creative"),
    ] + TIMES + AMAZON_TAIL,
    "profiles": [
        ("profile_id", "id", "profileId"),
        ("country_code", "text", "countryCode"),
        ("currency_code", "text", "currencyCode"),
        ("timezone", "text", "timezone"),
        ("daily_budget", "numeric", "dailyBudget"),
        ("account_id", "text", "accountInfo.id"),
        ("account_marketplace_string_id", "text", "accountInfo.marketplaceStringId"),
        ("account_name", "text", "accountInfo.name"),
        ("account_type", "text", "accountInfo.type"),
        ("account_sub_type", "text", "accountInfo.subType"),
        ("account_valid_payment_method", "boolean", "accountInfo.validPaymentMethod"),
    ],
}

EVENT_COLUMNS = """
    timestamptz: server_upload_time event_time client_event_time client_upload_time server_received_time processed_time
    uuid: uuid
    text: insert_id=$insert_id
    bigint: event_id
    text: event_type amplitude_event_type data_type
    bigint: app amplitude_id
    text: user_id device_id
    bigint: session_id
    jsonb: event_properties user_properties groups group_properties
    text: country region city dma language ip_address
    float8: location_lat location_lng
    text: platform os_name os_version device_type device_family device_brand device_manufacturer device_model device_carrier
    text: version_name start_version library
    boolean: paying is_attribution_event
    jsonb: amplitude_attribution_ids
    text: adid idfa partner_id source_id
    float8: sample_rate
    timestamptz: user_creation_time
    text: insert_key=$insert_key
    integer: schema=$schema
    jsonb: plan data global_user_properties
"""
COLUMNS["amplitude_events"] = [
    (name.partition("=")[0], kind.strip(), name.partition("=")[2] or name)
    for kind, names in (line.split(":") for line in EVENT_COLUMNS.strip().splitlines()) for name in names.split()
] + [("archive_entry", "text", None)]

SQL_TYPES = {"id": "text", "float8": "double precision", "timestamptz": "timestamp with time zone"}


def at(record, path):
    """The value at a path of keys; an array stands for its first element. None where there is nothing."""
    place = record
    for key in path.split("."):
        if isinstance(place, list):
            place = place[0] if place else None
        if not isinstance(place, dict):
            return None
        place = place.get(key)
    return place


def is_scalar(value):
    return value is not None and not isinstance(value, (dict, list))


def first_scalar(record, *paths):
    for path in paths:
        if is_scalar(at(record, path)):
            return at(record, path)
    return None


def product_of_kind(record, kind):
    products = at(record, "creative.products")
    for product in products if isinstance(products, list) else ():
        if isinstance(product, dict) and product.get("productIdType") == kind:
            return product.get("productId")
    return None


DERIVED = {
    ("ad_groups", "goal"): lambda record: first_scalar(
        record, "optimization.goalSetting.goal", "optimization.goalSettings.goal", "optimization.goalSettings.goalType"),
    ("ad_groups", "kpi"): lambda record: first_scalar(
        record, "optimization.goalSetting.kpi", "optimization.goalSettings.kpi", "optimization.goalSettings.Kpi",
        "optimization.goalSettings.goalKpi"),
    ("targets", "target_level"): lambda record: record.get("targetLevel") or ("AD_GROUP" if record.get("adGroupId") else "CAMPAIGN"),
    ("targets", "bid"): lambda record: first_scalar(record, "bid.bid", "bid"),
    ("ads", "asin"): lambda record: product_of_kind(record, "ASIN"),
    ("ads", "sku"): lambda record: product_of_kind(record, "SKU"),
}


def expected_row(table, record, **known):
    row = {}
    for column, kind, path in COLUMNS[table]:
        if column in known:
            value = known[column]
        elif (table, column) in DERIVED:
            value = DERIVED[table, column](record)
        else:
            value = at(record, path)
        row[column] = convert(kind, value)
    return row


def convert(kind, value):
    """A JSON value as a column of that type holds it, in the form of normal()."""
    if kind == "jsonb":
        return normal(kind, value)
    if kind == "text[]":
        return None if value is None else [text_of(item) for item in value]
    if value is None:
        return None
    if kind in ("text", "id"):
        return text_of(value)
    if value == "" and isinstance(value, str):
        return None
    if kind == "boolean":
        words = {"true": True, "false": False, "(none)": None}
        return value if isinstance(value, bool) else words[value]
    if kind in ("integer", "bigint"):
        return int(value)
    if kind == "numeric":
        return normal(kind, decimal.Decimal(str(value)))
    if kind == "float8":
        return float(str(value))
    if kind == "uuid":
        return normal(kind, value)
    if kind == "date":
        return datetime.date(*map(int, value.split("-")))
    if kind == "timestamptz":
        return value if isinstance(value, datetime.datetime) else parse_time(value)
    raise ValueError(kind)


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_time(text):
    """ISO 8601 with T or a space, up to six decimals, Z or nothing, which is UTC, too."""
    day, clock = text.rstrip("Z").replace("T", " ").split(" ")
    whole, _, fraction = clock.partition(".")
    moment = datetime.datetime(*map(int, day.split("-") + whole.split(":")), tzinfo=UTC)
    return moment + datetime.timedelta(microseconds=int(fraction.ljust(6, "0") or 0))


def normal(kind, value):
    """One form for values that are equal: text for numbers (with all their decimals) and JSON, UTC for times."""
    if value is None:
        return None
    if kind == "numeric":
        return format(decimal.Decimal(value), "f")
    if kind == "jsonb":
        return json.dumps(normal_json(value), sort_keys=True, ensure_ascii=False)
    if kind == "timestamptz":
        return value.astimezone(UTC)
    if kind == "uuid":
        return str(uuid.UUID(str(value)))
    return value


def normal_json(value):
    if isinstance(value, dict):
        return {str(key): normal_json(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal_json(member) for member in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, decimal.Decimal)):
        # As jsonb prints them: decimals kept, no exponent. The braces tell it from a string.
        return {"number": format(decimal.Decimal(str(value)), "f")}
    return str(value)
