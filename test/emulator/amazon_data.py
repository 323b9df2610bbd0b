"""The records of the four Amazon Ads exports, made up from a seed.

Shapes follow the documented common models; with `drift` on, fixed positions of
each table deviate the way real answers have been seen to deviate.
"""

import datetime

from draw import Draw, salt
from exact_json import EscapedText, Literal, Number

ENTITIES = ("campaigns", "ad_groups", "targets", "ads")
AD_PRODUCTS = ("SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY")
SHORT_NAMES = {"SPONSORED_PRODUCTS": "SP", "SPONSORED_BRANDS": "SB", "SPONSORED_DISPLAY": "SD"}
STATES = ("ENABLED", "PAUSED", "ARCHIVED")
TARGET_LEVELS = ("AD_GROUP", "CAMPAIGN")
TARGET_TYPES = ("AUDIENCE", "AUTO", "KEYWORD", "PRODUCT", "PRODUCT_AUDIENCE", "PRODUCT_CATEGORY",
                "PRODUCT_CATEGORY_AUDIENCE", "THEME", "CONTENT_CATEGORY")

# rows: None = as many as the settings say. access: edit, view (listed only with
# accessLevel=view), or how a request is refused although the profile exists.
PROFILES = [
    {"profileId": 1111, "countryCode": "US", "currencyCode": "USD", "dailyBudget": Number("999999999.0"),
     "timezone": "America/Los_Angeles", "access": "edit", "rows": None,
     "accountInfo": {"marketplaceStringId": "ATVPDKIKX0DER", "id": "A1EMULATOR1111", "type": "seller",
                     "name": "Trail Shop", "validPaymentMethod": True}},
    {"profileId": 2222, "countryCode": "DE", "currencyCode": "EUR",
     "timezone": "Europe/Paris", "access": "edit", "rows": None,
     "accountInfo": {"marketplaceStringId": "A1PA6795UKMFR9", "id": "ENTITY2222", "type": "vendor",
                     "name": "Wanderschuhe Müller & Söhne", "subType": "KDP_AUTHOR", "validPaymentMethod": False}},
    {"profileId": 18014398509481985, "countryCode": "CA", "currencyCode": "CAD", "dailyBudget": 1000,
     "timezone": "America/Los_Angeles", "access": "edit",
     "rows": {"campaigns": 3, "ad_groups": 4, "targets": 7, "ads": 5},
     "accountInfo": {"marketplaceStringId": "A2EUQ1WTGCTBG2", "id": "A1EMULATORFEW", "type": "seller",
                     "name": "Few rows (id is 2^54 + 1)", "validPaymentMethod": True}},
    {"profileId": 9007199254740993, "countryCode": "MX", "currencyCode": "MXN", "dailyBudget": Number("0.01"),
     "timezone": "America/Los_Angeles", "access": "edit",
     "rows": {"campaigns": 0, "ad_groups": 0, "targets": 0, "ads": 0},
     "accountInfo": {"marketplaceStringId": "A1AM78C64UM0Y8", "id": "A1EMULATORZERO", "type": "seller",
                     "name": "No rows (id is 2^53 + 1)", "validPaymentMethod": True}},
    {"profileId": 3333, "countryCode": "US", "currencyCode": "USD",
     "timezone": "America/New_York", "access": "edit", "rows": None,
     "accountInfo": {"marketplaceStringId": "ATVPDKIKX0DER", "id": "ENTITY3333", "type": "agency",
                     "name": "Agency (has no exports)"}},
    {"profileId": 6666, "countryCode": "JP", "currencyCode": "JPY", "dailyBudget": None,
     "timezone": "Asia/Tokyo", "access": "view",
     "rows": {"campaigns": 2, "ad_groups": 2, "targets": 3, "ads": 2},
     "accountInfo": {"marketplaceStringId": "A1VC38T7YXB528", "id": "A1EMULATORVIEW", "type": "seller",
                     "name": "閲覧のみ", "validPaymentMethod": True}},
    {"profileId": 4444, "access": "refused with 401", "rows": None},
    {"profileId": 5555, "access": "refused with 403", "rows": None},
]

# With the setting names at "account": what a shop for outdoor shoes could have.
ACCOUNT_PROFILES = [
    {"profileId": number, "countryCode": country, "currencyCode": currency, "dailyBudget": None, "timezone": "America/Los_Angeles",
     "access": "edit", "rows": rows, "accountInfo": {"marketplaceStringId": marketplace, "id": account, "type": "seller", "name": "Trail Shop",
                                                     "validPaymentMethod": True}}
    for number, country, currency, marketplace, account, rows in (
        (1234567890, "US", "USD", "ATVPDKIKX0DER", "A3EXAMPLE1USA", None),
        (2345678901, "CA", "CAD", "A2EUQ1WTGCTBG2", "A3EXAMPLE2CAN", {"campaigns": 12, "ad_groups": 24, "targets": 90, "ads": 36}),
        (3456789012, "MX", "MXN", "A1AM78C64UM0Y8", "A3EXAMPLE3MEX", {"campaigns": 4, "ad_groups": 8, "targets": 30, "ads": 12}))]
PRODUCT_LINES = ("Trail shoes", "Hiking boots", "Sandals", "Kids' shoes", "Rain jackets", "Backpacks", "Wool socks", "Headlamps")
THEMES = ("Generic", "Brand", "Competitors", "Category", "Outlet")
ACCOUNT_KEYWORDS = ("trail running shoes", "running shoes women", "hiking boots waterproof", "hiking shoes men", "rain jacket light",
                    "hiking sandals", "kids hiking boots", "wool socks", "running backpack", "headlamp rechargeable", "trail shoes wide",
                    "outdoor shoes")

FIRST_DAY = datetime.datetime(2018, 11, 8)
STRIDE = 9973
UINT64_MAX = 18446744073709551615
ID_BASES = {
    # 15 digits, just above 2^53, 18 digits; a fourth range goes down from 2^64 - 1.
    "campaigns": (135264288913079, 9007199254740993, 407242961697740599),
    "ad_groups": (183961953969922, 10007199254740993, 144346139432941903),
    "targets": (288368653576677, 11007199254740993, 507242961697740599),
    "ads": (125773733335504, 12007199254740993, 607242961697740599),
    "portfolios": (270076898441727, 13007199254740993, 707242961697740599),
}

WORDS = ("Trail", "Schuhe", "Sandals", "Kinder", "Outlet", "靴", "Обувь", "Été", "Summer sale", "Rain & mud",
         "50% off", "C++ mug", "naïve", "mañana", "ñandú", "عربى")
KEYWORDS = ("trail running shoes", "trail \"running\" schuhe", "running shoes women", "schuhe größe 42", "7",
            "跑鞋", "zapatillas niño", "обувь для бега", "hiking boots 🥾", "shoe", "nike", "00042", "1e5",
            "chaussures d'été", "true", "null")
REASONS = {
    "ENABLED": ("CAMPAIGN_OUT_OF_BUDGET", "OUT_OF_STOCK", "ADVERTISER_PAYMENT_FAILURE", "PORTFOLIO_OUT_OF_BUDGET",
                "AD_GROUP_LOW_BID", "NOT_IN_BUYBOX", "LANDING_PAGE_NOT_AVAILABLE", "OTHER"),
    "PAUSED": ("CAMPAIGN_PAUSED", "AD_GROUP_PAUSED", "PORTFOLIO_PAUSED", "ADVERTISER_PAUSED"),
    "ARCHIVED": ("CAMPAIGN_ARCHIVED", "AD_GROUP_ARCHIVED", "PORTFOLIO_ARCHIVED"),
}
CENTS = tuple("%02d" % cent for cent in range(100))
TYPES_OF_PRODUCT = {
    "SPONSORED_PRODUCTS": ("KEYWORD", "KEYWORD", "KEYWORD", "AUTO", "PRODUCT", "PRODUCT_CATEGORY"),
    "SPONSORED_BRANDS": ("KEYWORD", "KEYWORD", "PRODUCT", "PRODUCT_CATEGORY", "AUTO", "THEME"),
    "SPONSORED_DISPLAY": ("PRODUCT", "PRODUCT_CATEGORY", "PRODUCT_AUDIENCE", "PRODUCT_CATEGORY_AUDIENCE",
                          "AUDIENCE", "CONTENT_CATEGORY"),
}
AUTO_MATCHES = {
    "SPONSORED_PRODUCTS": ("SEARCH_LOOSE_MATCH", "SEARCH_CLOSE_MATCH", "PRODUCT_SUBSTITUTES", "PRODUCT_COMPLEMENTS"),
    "SPONSORED_BRANDS": ("SEARCH_RELATED_TO_YOUR_BRAND", "SEARCH_RELATED_TO_YOUR_LANDING_PAGES"),
    "SPONSORED_DISPLAY": ("PRODUCT_SIMILAR",),
}
THEME_MATCHES = ("KEYWORDS_RELATED_TO_YOUR_BRAND", "KEYWORDS_RELATED_TO_GIFTS",
                 "KEYWORDS_RELATED_TO_YOUR_PRODUCT_CATEGORY")

# Days are formatted once; two thirds of a record's cost would be strftime otherwise.
DAY_TEXTS = [(FIRST_DAY + datetime.timedelta(days=number)).strftime("%Y-%m-%d") for number in range(2900)]
ESCAPED_NAME = EscapedText('"Caf\\u00e9 \\ud83e\\udd7e 50\\/50 \\"quoted\\" \\\\ tab\\there"')


def money(draw, limit=100):
    """An amount with one of the spellings a decimal may have."""
    spelling = draw.below(8)
    whole = draw.below(limit)
    if spelling == 0:
        return whole + 1
    if spelling == 1:
        return Number("%d.0" % whole)
    if spelling == 2:
        return Number("%d.5" % whole)
    return Number(str(whole) + "." + CENTS[draw.below(100)])


def day_text(draw):
    return DAY_TEXTS[draw.below(2900)]


def time_text(draw, fraction=True):
    day = DAY_TEXTS[draw.below(2900)]
    second = draw.below(86400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    text = day + "T" + CENTS[hour] + ":" + CENTS[minute] + ":" + CENTS[second]
    if fraction:
        return text + ".%03dZ" % draw.below(1000)
    return text + "Z"


def asin(draw):
    number = draw.below(36 ** 6)
    text = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        text = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + text
    return "B0" + "0X"[draw.below(2)] + "7" + text


class AmazonData:
    """Records of every profile. Filters are those of the request body."""

    def __init__(self, settings):
        self.settings = settings
        self.like_an_account = settings.names == "account"
        built_in = ACCOUNT_PROFILES if self.like_an_account else PROFILES
        self.profile_list = settings.profiles if settings.profiles is not None else built_in
        self.by_id = {str(profile["profileId"]): profile for profile in self.profile_list}
        self.salts = {}

    # Profiles

    def profile(self, profile_id):
        return self.by_id.get(str(profile_id))

    def profile_records(self, access="edit", types=None):
        """What GET /v2/profiles lists."""
        records = []
        for profile in self.profile_list:
            allowed = profile.get("access", "edit")
            if allowed != "edit" and not (allowed == "view" and access == "view"):
                continue
            if types and profile.get("accountInfo", {}).get("type") not in types:
                continue
            records.append({key: value for key, value in profile.items() if key not in ("access", "rows")})
        return records

    def count(self, entity, profile_id):
        rows = self.by_id[str(profile_id)].get("rows")
        if rows is None:
            return getattr(self.settings, entity)
        return rows.get(entity, 0)

    # Identifiers

    def base(self, entity, profile_id):
        key = (entity, profile_id)
        if key not in self.salts:
            self.salts[key] = salt(self.settings.seed, entity, profile_id)
        return self.salts[key]

    def identifier(self, entity, profile_id, index):
        """Unique per entity and profile: each index has a window of its own.

        Every tenth id is the same in all profiles, which is allowed and must
        not confuse anybody.
        """
        if index == 0 and not self.like_an_account:
            return UINT64_MAX if entity != "portfolios" else ID_BASES[entity][0]
        base = 0 if index % 10 == 5 else self.base(entity, profile_id)
        range_number = (index + base) % 4 if self.settings.drift else 0
        offset = index * STRIDE + (base + index * index) % STRIDE
        if range_number == 3:
            return UINT64_MAX - offset
        return ID_BASES[entity][range_number] + offset

    # Records

    def records(self, entity, profile_id, filters=None):
        """Records one by one; filters None means everything, {} the documented defaults."""
        profile_id = str(profile_id)
        make = getattr(self, "make_" + entity)
        injections = self.injections(entity, profile_id)
        keep = self.filter_function(entity, filters)
        for index in range(self.count(entity, profile_id)):
            record = make(profile_id, index)
            if self.like_an_account:
                self.name_like_an_account(entity, record, index)
            if index in injections:
                for injection in injections[index]:
                    inject(record, injection)
            if keep is None or keep(record):
                yield record

    @staticmethod
    def name_like_an_account(entity, record, index):
        line = PRODUCT_LINES[index % len(PRODUCT_LINES)]
        if entity == "campaigns":
            record["name"] = "%s | %s | %s" % (SHORT_NAMES[record["adProduct"]], line, THEMES[index // len(PRODUCT_LINES) % len(THEMES)])
        elif entity == "ad_groups":
            record["name"] = "%s %d" % (line, index // len(PRODUCT_LINES) + 1)
        elif "keyword" in record.get("targetDetails", {}):
            record["targetDetails"]["keyword"] = ACCOUNT_KEYWORDS[index % len(ACCOUNT_KEYWORDS)]
        created, updated = record["creationDateTime"], record["lastUpdatedDateTime"]
        record["creationDateTime"], record["lastUpdatedDateTime"] = min(created, updated), max(created, updated)

    def injections(self, entity, profile_id):
        found = {}
        for injection in self.settings.inject:
            if injection.get("entity") == entity and str(injection.get("profile", profile_id)) == profile_id:
                found.setdefault(int(injection["index"]), []).append(injection)
        return found

    @staticmethod
    def filter_function(entity, filters):
        if filters is None:
            return None
        products = set(filters.get("adProductFilter") or AD_PRODUCTS)
        states = set(filters.get("stateFilter") or ("ENABLED", "PAUSED"))
        if entity != "targets":
            return lambda record: record["adProduct"] in products and record["state"] in states
        negatives = set(filters.get("negativeFilter") or (True, False, None))  # a record may lack the key
        levels = set(filters.get("targetLevelFilter") or TARGET_LEVELS)
        types = filters.get("targetTypeFilter")

        def keep(record):
            level = record.get("targetLevel") or ("AD_GROUP" if record.get("adGroupId") else "CAMPAIGN")
            return (record["adProduct"] in products and record["state"] in states
                    and record.get("negative") in negatives and level in levels
                    and (types is None or record["targetType"] in types))

        return keep

    def product_of_campaign(self, profile_id, index):
        number = (self.base("campaigns", profile_id) + index * 7) % 10
        return AD_PRODUCTS[0 if number < 6 else 1 if number < 8 else 2]

    def campaign_of_ad_group(self, profile_id, index):
        return index % max(1, self.count("campaigns", profile_id))

    def ad_group_of(self, profile_id, index):
        return index % max(1, self.count("ad_groups", profile_id))

    @staticmethod
    def delivery(draw, record, state):
        if state == "ENABLED" and draw.below(4):
            record["deliveryStatus"] = "DELIVERING"
            return
        if draw.one_in(12):
            record["deliveryStatus"] = "UNAVAILABLE"
            record["deliveryReasons"] = ["STATUS_UNAVAILABLE"]
            return
        record["deliveryStatus"] = "NOT_DELIVERING"
        reasons = REASONS[state]
        first = draw.pick(reasons)
        record["deliveryReasons"] = [first]
        if draw.one_in(3):
            second = draw.pick(reasons)
            if second != first:
                record["deliveryReasons"].append(second)

    @staticmethod
    def state(draw):
        number = draw.below(20)
        return "ENABLED" if number < 12 else "PAUSED" if number < 17 else "ARCHIVED"

    def make_campaigns(self, profile_id, index):
        draw = Draw(self.base("campaigns", profile_id), index)
        product = self.product_of_campaign(profile_id, index)
        state = self.state(draw)
        odd = index % 37 if self.settings.drift else -1
        currency = self.by_id[profile_id].get("currencyCode", "USD")
        record = {}
        if draw.below(2):
            portfolio = self.identifier("portfolios", profile_id, draw.below(7))
            record["portfolioId"] = str(portfolio)
        record["campaignId"] = str(self.identifier("campaigns", profile_id, index))
        record["adProduct"] = product
        record["name"] = "%s | %s %d" % (SHORT_NAMES[product], draw.pick(WORDS), index)
        record["startDate"] = day_text(draw)
        if draw.one_in(3):
            record["endDate"] = day_text(draw)
        record["state"] = state
        if draw.one_in(4):
            record["tags"] = [{"key": "PONumber", "value": str(draw.below(1000))}, {"key": "team", "value": draw.pick(WORDS)}]
        self.delivery(draw, record, state)
        if product == "SPONSORED_BRANDS":
            record["brandEntityId"] = "ENTITY%d" % draw.below(100000)
            record["isMultiAdGroupsEnabled"] = bool(draw.below(2))
        if product != "SPONSORED_PRODUCTS":
            record["costType"] = draw.pick(("CPC", "VCPM"))
        if product != "SPONSORED_BRANDS":
            record["targetingSettings"] = draw.pick(("MANUAL", "AUTO") if product == "SPONSORED_PRODUCTS" else ("T00020", "T00030"))
        if product != "SPONSORED_DISPLAY" and draw.below(5):
            optimization = {"bidStrategy": draw.pick(("SALES_DOWN_ONLY", "SALES", "NEW_TO_BRAND", "RULE_BASED"))}
            if draw.below(2):
                optimization["placementBidAdjustments"] = [
                    {"placement": draw.pick(("HOME_PAGE", "TOP_OF_SEARCH", "PRODUCT_PAGE", "REST_OF_SEARCH")), "percentage": draw.below(900)},
                    {"percentage": draw.below(900), "placement": "OTHER"}]
            if product == "SPONSORED_BRANDS" and draw.below(2):
                optimization["shopperSegmentBidAdjustment"] = [
                    {"percentage": draw.below(900), "shopperSegment": "NEW_TO_BRAND_PURCHASE"}]
            if draw.one_in(4):
                optimization["shopperCohortBidAdjustment"] = [{
                    "shopperCohortType": "AUDIENCE_SEGMENT", "percentage": draw.below(900),
                    "audienceSegments": [{"audienceId": "407242961697740599", "audienceSegmentType": "SPONSORED_ADS_AMC"}]}]
            record["optimization"] = optimization
        budget = {"currencyCode": currency, "amount": money(draw, 1000)}
        if draw.one_in(5):
            budget["ruleAmount"] = money(draw, 1000)
        record["budgetCaps"] = {"recurrenceTimePeriod": draw.pick(("DAILY", "DAILY", "DAILY", "LIFETIME")),
                                "budgetType": "MONETARY", "budgetValue": {"monetaryBudget": budget}}
        record["creationDateTime"] = time_text(draw)
        record["lastUpdatedDateTime"] = time_text(draw)
        if odd >= 0:
            self.drift_campaign(odd, record, budget)
        return record

    def drift_campaign(self, odd, record, budget):
        if odd == 1:
            record["optimization"] = [{"bidStrategy": "SALES_BID_DOWN_ONLY", "placementBidAdjustments": [
                {"placement": "PLACEMENT_TOP", "percentage": 50}]}]
        elif odd == 2:
            record["campaignId"] = int(record["campaignId"])
            record["portfolioId"] = 9007199254740993
        elif odd == 3:
            budget["amount"] = "25.50"
            budget["ruleAmount"] = "30.125"
        elif odd == 4:
            record["someFutureField"] = {"x": [1, None, {"campaignId": "not this one"}], "state": "NOR_THIS"}
        elif odd == 5:
            record["targetingSettings"] = "CONTEXTUAL"
            record["optimization"] = {"bidStrategy": "ACOS_LIFT", "placementBidAdjustments": []}
        elif odd == 6:
            record["creationDateTime"] = "2018-11-08T15:41:14Z"
        elif odd == 7:
            record["portfolioId"] = None
            record["endDate"] = None
            record["deliveryReasons"] = None
        elif odd == 8:
            record["name"] = ESCAPED_NAME
        elif odd == 9:
            record["endDate"] = ""
            record["portfolioId"] = ""
        elif odd == 10:
            budget["currencyCode"] = "PLN"
        elif odd == 11:
            record["deliveryStatus"] = "NOT_DELIVERING"
            record["deliveryReasons"] = ["CAMPAIGN_ENDED", "SOME_FUTURE_REASON"]
        elif odd == 12:
            for key in ("portfolioId", "endDate", "tags", "deliveryReasons", "optimization", "costType",
                        "brandEntityId", "isMultiAdGroupsEnabled"):
                record.pop(key, None)
        elif odd == 13:
            budget["amount"] = Number("123456789012345.678901234567890")
        elif odd == 14:
            record["tags"] = {"PONumber": "42", "Müller": "ja"}
        elif odd == 15:
            record["deliveryReasons"] = []
        elif odd == 16:
            record["optimization"] = None
        elif odd == 17:
            record["name"] = "line\nbreak\ttab \"quotes\" back\\slash \x7f {brace} [bracket], comma"
        elif odd == 18:
            record["name"] = ""
        elif odd == 19:
            record["name"] = ("靴🥾é" * 43)[:128]
        elif odd == 20:
            record.pop("startDate")
        elif odd == 21:
            record["deliveryStatus"] = "LIMITED_DELIVERY"
        elif odd == 22:
            record["optimization"] = []
        elif odd == 23:
            budget["ruleAmount"] = None
        elif odd == 24:
            budget["amount"] = Number("0.00")
            record["optimization"] = {"bidStrategy": None}
        elif odd == 25:
            budget["amount"] = Number("1.5E+2")
        elif odd == 26:
            record["budgetCaps"] = {"budgetValue": {"monetaryBudget": {"amount": 1, "currencyCode": "ZAR"}},
                                    "budgetType": "MONETARY", "recurrenceTimePeriod": "OTHER"}
        elif odd == 27:
            # Words of the unified model, as they may turn up.
            record["deliveryStatus"] = "LIMITED"
            record["deliveryReasons"] = ["SPEND_LIMIT_EXCEEDED", "ADVERTISER_OUT_OF_POSTPAY_BUDGET"]
            record["costType"] = "FIXED_PRICE"
            record["budgetCaps"]["recurrenceTimePeriod"] = "MONTHLY"
            record["budgetCaps"]["budgetType"] = "IMPRESSION"

    def make_ad_groups(self, profile_id, index):
        draw = Draw(self.base("ad_groups", profile_id), index)
        campaign = self.campaign_of_ad_group(profile_id, index)
        product = self.product_of_campaign(profile_id, campaign)
        state = self.state(draw)
        odd = index % 41 if self.settings.drift else -1
        record = {
            "adGroupId": str(self.identifier("ad_groups", profile_id, index)),
            "campaignId": str(self.identifier("campaigns", profile_id, campaign)),
            "adProduct": product,
            "name": "Ad group %s %d" % (draw.pick(WORDS), index),
            "state": state,
        }
        self.delivery(draw, record, state)
        if product == "SPONSORED_DISPLAY" and draw.below(2):
            record["creativeType"] = draw.pick(("IMAGE", "VIDEO"))
        record["creationDateTime"] = time_text(draw)
        record["lastUpdatedDateTime"] = time_text(draw)
        if product != "SPONSORED_BRANDS":
            record["bid"] = {"defaultBid": money(draw, 5), "currencyCode": self.by_id[profile_id].get("currencyCode", "USD")}
        if product == "SPONSORED_DISPLAY":
            record["optimization"] = {"goalSetting": {"goal": draw.pick(("AWARENESS", "CONSIDERATION", "CONVERSIONS")), "kpi": "CLICKS"}}
        if odd == 1:
            record["optimization"] = {"goalSettings": {"goalType": "ENGAGEMENT_WITH_MY_AD", "goalKpi": "CLICKS"}}
        elif odd == 2:
            record["optimization"] = {"goalSettings": {"goal": "CONSIDERATION", "kpi": "CLICKS"}}
        elif odd == 3:
            record["adGroupId"] = int(record["adGroupId"])
            record["campaignId"] = int(record["campaignId"])
        elif odd == 4:
            record["bid"] = {"defaultBid": "0.75", "currencyCode": "EGP"}
        elif odd == 5:
            record["bid"] = None
        elif odd == 6:
            record["name"] = ESCAPED_NAME
        elif odd == 7:
            record["creationDateTime"] = "2018-11-08T15:41:14Z"
            record["lastUpdatedDateTime"] = None
        elif odd == 8:
            record["optimization"] = {"goalSetting": None, "goalSettings": {"goal": "CONVERSIONS", "kpi": None}}
        elif odd == 9:
            record["someFutureField"] = [[[]], {"a": {"b": {}}}]
        elif odd == 10:
            record["optimization"] = [{"goalSetting": {"goal": "AWARENESS", "kpi": "REACH"}}]
        elif odd == 11:
            record["creativeType"] = ""
        elif odd == 12:
            record["name"] = "ä" * 255
        elif odd == 13:
            record["optimization"] = {"goalSettings": {"goal": "CONSIDERATION", "Kpi": "CLICKS"}}
        return record

    def make_targets(self, profile_id, index):
        draw = Draw(self.base("targets", profile_id), index)
        ad_group = self.ad_group_of(profile_id, index)
        campaign = self.campaign_of_ad_group(profile_id, ad_group)
        product = self.product_of_campaign(profile_id, campaign)
        state = self.state(draw)
        target_type = draw.pick(TYPES_OF_PRODUCT[product])
        odd = index % 53 if self.settings.drift else -1
        negative = target_type in ("KEYWORD", "PRODUCT", "PRODUCT_CATEGORY") and draw.one_in(4)
        campaign_level = negative and product == "SPONSORED_PRODUCTS" and draw.one_in(3)
        record = {}
        if not campaign_level:
            record["adGroupId"] = str(self.identifier("ad_groups", profile_id, ad_group))
        record["campaignId"] = str(self.identifier("campaigns", profile_id, campaign))
        record["targetId"] = str(self.identifier("targets", profile_id, index))
        record["adProduct"] = product
        record["state"] = state
        record["negative"] = negative
        record["targetLevel"] = "CAMPAIGN" if campaign_level else "AD_GROUP"
        self.delivery(draw, record, state)
        record["creationDateTime"] = time_text(draw)
        record["lastUpdatedDateTime"] = time_text(draw)
        record["targetType"] = target_type
        if not negative and draw.below(6):
            record["bid"] = {"currencyCode": self.by_id[profile_id].get("currencyCode", "USD"), "bid": money(draw, 3)}
        record["targetDetails"] = details = {}
        if target_type == "KEYWORD":
            details["matchType"] = draw.pick(("BROAD", "PHRASE", "EXACT"))
            details["keyword"] = draw.pick(KEYWORDS) + (" %d" % index if draw.below(2) else "")
            if draw.one_in(10):
                details["nativeLanguageKeyword"] = "跑鞋"
                details["nativeLanguageLocale"] = "zh_CN"
        elif target_type == "PRODUCT":
            details["matchType"] = draw.pick(("PRODUCT_EXACT", "PRODUCT_SIMILAR"))
            details["asin"] = asin(draw)
        elif target_type == "AUTO":
            details["matchType"] = draw.pick(AUTO_MATCHES[product])
        elif target_type == "THEME":
            details["matchType"] = draw.pick(THEME_MATCHES)
        elif target_type == "AUDIENCE":
            details["audienceId"] = str(407242961697740599 + draw.below(1000))
        elif target_type == "PRODUCT_AUDIENCE":
            details["event"] = draw.pick(("PURCHASE", "VIEW"))
            details["lookback"] = draw.pick((7, 14, 30, 60, 90))
            details["asin"] = asin(draw)
        else:
            if not negative:
                details["productCategoryId"] = str(12345678901 + draw.below(100))
                details["productCategoryResolved"] = draw.pick(("Women's Fashion", "Trail & Running", "Bücher", "家电"))
            details["productBrand"] = str(draw.below(1000))
            details["productBrandResolved"] = draw.pick(("Waldkauz", "Acme", "Ünited"))
            if draw.below(2):
                details["productPriceLessThan"] = money(draw, 50)
                details["productPriceGreaterThan"] = money(draw, 100)
            if draw.below(2):
                details["productRatingGreaterThan"] = draw.below(5)
                details["productRatingLessThan"] = 5
            if draw.one_in(3):
                details["productGenre"] = "g%d" % draw.below(20)
                details["productGenreResolved"] = "Genre %d" % draw.below(20)
                details["productAgeRange"] = str(draw.below(12))
                details["productAgeRangeResolved"] = "%d years" % draw.below(12)
            if draw.below(2):
                details["productPrimeShippingEligible"] = bool(draw.below(2))
            if target_type == "PRODUCT_CATEGORY_AUDIENCE":
                details["event"] = "VIEW"
                details["lookback"] = 30
        if self.settings.full_details:
            self.fill_details(draw, index, details)
        if odd >= 0:
            self.drift_target(odd, record, details)
        return record

    @staticmethod
    def fill_details(draw, index, details):
        """As in the vendor's example of a Sponsored Products target, which has a value for almost each key."""
        filled = [
            ("matchType", "EXACT"), ("asin", asin(draw)), ("keyword", draw.pick(KEYWORDS) + " %d" % index),
            ("productCategoryId", str(12345678901 + draw.below(100))), ("productCategoryResolved", "Trail & Running"),
            ("productBrand", str(draw.below(1000))), ("productBrandResolved", draw.pick(("Waldkauz", "Acme", "Ünited"))),
            ("productPriceLessThan", money(draw, 50)), ("productPriceGreaterThan", money(draw, 100)),
            ("productRatingLessThan", 5), ("productRatingGreaterThan", draw.below(5)),
            ("productPrimeShippingEligible", bool(draw.below(2)))]
        if draw.below(2):
            filled += [("productGenre", "g%d" % draw.below(20)), ("productGenreResolved", "Genre %d" % draw.below(20)),
                       ("productAgeRange", str(draw.below(12))), ("productAgeRangeResolved", "%d years" % draw.below(12))]
        for key, value in filled:
            details.setdefault(key, value)

    @staticmethod
    def drift_target(odd, record, details):
        if odd == 1:
            record["bid"] = Number("0.9")
        elif odd == 2:
            record.pop("targetLevel")
        elif odd == 3:
            record.pop("campaignId")
        elif odd == 4:
            record.pop("targetLevel")
            record.pop("campaignId")
        elif odd == 5:
            details["productPriceLessThan"] = "49.99"
            details["productPriceGreaterThan"] = "10"
            details["productRatingLessThan"] = "5"
            details["productRatingGreaterThan"] = "4.0"
        elif odd == 6:
            details["lookback"] = "30"
            details["event"] = "VIEWS"
        elif odd == 7:
            details["keyword"] = "7"
        elif odd == 8:
            details["keyword"] = EscapedText('"caf\\u00e9 \\ud83d\\ude00 1\\/2 \\u8dd1\\u978b"')
        elif odd == 9:
            record["targetId"] = int(record["targetId"])
        elif odd == 10:
            record["targetType"] = "SEASONAL_EVENT"
            details["someFutureDetail"] = "spring"
        elif odd == 11:
            record["bid"] = None
            record["deliveryReasons"] = None
        elif odd == 12:
            record["bid"] = {"currencyCode": "USD", "bid": "1.10"}
        elif odd == 13:
            record["creationDateTime"] = None
            record.pop("lastUpdatedDateTime")
        elif odd == 14:
            details["nativeLanguageKeyword"] = ""
            details["asin"] = ""
            details["lookback"] = ""
        elif odd == 15:
            details["productBrand"] = 678
        elif odd == 16:
            record["bid"] = 1
        elif odd == 17:
            record["targetDetails"] = None
        elif odd == 18:
            record["adGroupId"] = None if record["targetLevel"] == "CAMPAIGN" else record["adGroupId"]
            record["futureFlag"] = True
        elif odd == 19:
            record["creationDateTime"] = "2018-11-08T15:41:14Z"
        elif odd == 20:
            record["bid"] = {"currencyCode": "USD", "bid": Number("0.0")}
        elif odd == 21:
            record.pop("targetDetails")
        elif odd == 22:
            details["keyword"] = "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u200b\ufeff e\u0301"
        elif odd == 23:
            # A type and a match type of the unified model.
            record["targetType"] = "LOCATION"
            details["matchType"] = "KEYWORDS_CLOSE_MATCH"
            record["deliveryStatus"] = "LIMITED"
            record["deliveryReasons"] = ["AD_GROUP_ENDED"]

    def make_ads(self, profile_id, index):
        draw = Draw(self.base("ads", profile_id), index)
        ad_group = self.ad_group_of(profile_id, index)
        campaign = self.campaign_of_ad_group(profile_id, ad_group)
        product = self.product_of_campaign(profile_id, campaign)
        state = self.state(draw)
        odd = index % 43 if self.settings.drift else -1
        account = self.by_id[profile_id].get("accountInfo", {}).get("type")
        record = {
            "adId": str(self.identifier("ads", profile_id, index)),
            "adGroupId": str(self.identifier("ad_groups", profile_id, ad_group)),
            "campaignId": str(self.identifier("campaigns", profile_id, campaign)),
            "adProduct": product,
            "state": state,
        }
        products = [{"productIdType": "ASIN", "productId": asin(draw)}]
        if account != "vendor" and draw.below(2):
            products.append({"productIdType": "SKU", "productId": "SKU-%d" % draw.below(100000)})
        creative = {"products": products}
        if product == "SPONSORED_PRODUCTS":
            record["adType"] = "PRODUCT_AD"
        elif product == "SPONSORED_BRANDS":
            record["adType"] = draw.pick(("PRODUCT_COLLECTION", "VIDEO", "STORE_SPOTLIGHT"))
            record["name"] = products[0]["productId"]
            record["adVersionId"] = str(draw.below(9) + 1)
            creative["headline"] = "Shop %s now" % draw.pick(WORDS)
            creative["brandName"] = "Acme"
            creative["brandLogo"] = {"assetId": "amzn1.assetlibrary.asset1.%032x" % draw.below(1 << 60), "assetVersion": "version_v1",
                                     "formatProperties": {"top": 0, "left": draw.below(100), "width": 400, "height": 400}}
            creative["landingPage"] = {"landingPageType": draw.pick(("PRODUCT_LIST", "STORE", "CUSTOM_URL", "DETAIL_PAGE")),
                                       "landingPageUrl": "https://www.amazon.com/stores/page/%d?a=1&b=2" % draw.below(1000)}
            if record["adType"] == "VIDEO":
                creative["videos"] = [{"assetId": "amzn1.assetlibrary.asset1.%x" % draw.below(1 << 40), "assetVersion": "version_v1"}]
            elif record["adType"] == "STORE_SPOTLIGHT":
                creative["cards"] = [{"headline": "card %d" % number,
                                      "landingPage": {"landingPageType": "STORE", "landingPageUrl": "https://www.amazon.com/stores/%d" % number},
                                      "product": {"productIdType": "ASIN", "productId": asin(draw)}} for number in range(3)]
            else:
                products += [{"productIdType": "ASIN", "productId": asin(draw)} for _ in range(2)]
        else:
            record["adType"] = draw.pick(("IMAGE", "VIDEO"))
            creative["headline"] = "Look, %s" % draw.pick(WORDS)
            creative["customImages"] = [{"assetId": "amzn1.assetlibrary.asset1.%x" % draw.below(1 << 40), "assetVersion": "version_v1",
                                         "formatProperties": {"top": 1, "left": 2, "width": 3, "height": 4}}]
            creative["landingPage"] = {"landingPageType": "OFF_AMAZON_LINK", "landingPageUrl": "https://example.com/%C3%BC?q=ü"}
        record["creative"] = creative
        self.delivery(draw, record, state)
        record["creationDateTime"] = time_text(draw)
        record["lastUpdatedDateTime"] = time_text(draw, fraction=odd % 2 != 0)
        if odd == 1:
            record.pop("adId")
        elif odd == 2:
            record["adType"] = "BRAND_VIDEO"
        elif odd == 3:
            record.pop("campaignId")
        elif odd == 4:
            record["adId"] = int(record["adId"])
        elif odd == 5:
            creative["products"] = [{"productIdType": "SKU", "productId": "only-a-sku"}]
        elif odd == 6:
            record["creative"] = {}
        elif odd == 7:
            creative["landingPage"] = {"landingPageType": "STORE",
                                       "landingPageUrl": EscapedText('"https:\\/\\/www.amazon.com\\/caf\\u00e9?\\ud83d\\ude00"')}
        elif odd == 8:
            creative["products"] = [{"productIdType": "SKU", "productId": "sku first"}, {"productIdType": "ASIN", "productId": "B000BNT390"}]
        elif odd == 9:
            record["adId"] = None
            record["name"] = ""
        elif odd == 10:
            creative["products"] = []
            creative["brandLogo"] = None
        elif odd == 11:
            record["creative"] = None
        elif odd == 12:
            creative["asins"] = ["B07R7V6KS8"]
            creative.pop("products")
        elif odd == 13:
            record["someFutureField"] = {"creative": {"products": [{"productIdType": "ASIN", "productId": "WRONG"}]}}
        elif odd == 14:
            creative["products"] = [{"productId": "B07X2X4D5H", "productIdType": "ASIN", "extra": None}, None]
        return record


def inject(record, injection):
    """Put a value, given as raw JSON text, at a dotted path of a record."""
    keys = injection["path"].split(".")
    place = record
    for key in keys[:-1]:
        if isinstance(place, list):
            place = place[int(key)]
        else:
            if not isinstance(place.get(key), (dict, list)):
                place[key] = {}
            place = place[key]
    key = int(keys[-1]) if isinstance(place, list) else keys[-1]
    if injection.get("remove"):
        if isinstance(place, list) or key in place:
            del place[key]
        return
    literal = injection["literal"]
    try:
        place[key] = EscapedText(literal) if literal.startswith('"') else Literal(literal)
    except ValueError:
        place[key] = Literal(literal)
