/*-------------------------------------------------------------------------
 *
 * option.c
 *		Options: one table of them all, the validator, and Settings.
 *
 * The validator and the loading of settings go through the same code: both
 * parse every option into a Settings.  The validator throws its away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "entity/binding.h"
#include "entity/closed_lists.h"
#include "fdw/option.h"
#include "net/url.h"

bool allow_loopback = false;

/*-------------------------------------------------------------------------
 * The table
 *-------------------------------------------------------------------------
 */

/* Objects that an option may stand on. */
#define ON_WRAPPER 0x01
#define ON_SERVER 0x02
#define ON_TABLE 0x04
#define ON_COLUMN 0x08
#define ON_MAPPING 0x10

static const struct
{
	unsigned object;
	Oid catalog;
	const char *with_article;
} object_kinds[] = {
	{ ON_WRAPPER, ForeignDataWrapperRelationId, "a foreign-data wrapper" },
	{ ON_SERVER, ForeignServerRelationId, "a server" },
	{ ON_TABLE, ForeignTableRelationId, "a foreign table" },
	{ ON_COLUMN, AttributeRelationId, "a column of a foreign table" },
	{ ON_MAPPING, UserMappingRelationId, "a user mapping" },
};

/* Entities that an option is for; an api's options are those of its entities. */
#define FOR(entity) (1u << ENTITY_##entity)
#define FOR_EXPORTS (FOR(CAMPAIGNS) | FOR(AD_GROUPS) | FOR(TARGETS) | FOR(ADS))
#define FOR_AMAZON (FOR_EXPORTS | FOR(PROFILES))
#define FOR_AMPLITUDE FOR(AMPLITUDE_EVENTS)
#define FOR_BOTH (FOR_AMAZON | FOR_AMPLITUDE)

typedef enum OptionType
{
	OPTION_CHOICE,      /* one of the words in choices */
	OPTION_REGION,      /* one of the regions of the server's api */
	OPTION_ENTITY,      /* name of a remote table */
	OPTION_BOOLEAN,     /* as PostgreSQL reads booleans */
	OPTION_INTEGER,     /* between minimum and maximum */
	OPTION_NUMBER,      /* the same with a fraction */
	OPTION_DURATION,    /* the same in milliseconds, written with a unit */
	OPTION_HOURS,       /* the same in whole hours */
	OPTION_PROFILE_IDS, /* profiles, comma-separated */
	OPTION_AD_PRODUCTS, /* products, comma-separated */
	OPTION_URL,         /* base of a remote */
	OPTION_FILE,        /* absolute path on the server's machine */
	OPTION_PROXY,       /* host to go through; empty for none */
	OPTION_CREDENTIAL,  /* what goes into a header or form; never shown */
	OPTION_JSON_PATH
} OptionType;

typedef struct Option
{
	const char *name;
	OptionType type;
	unsigned objects;  /* ON_* */
	unsigned entities; /* FOR_* */
	size_t offset;     /* of the field of Settings */
	size_t size;       /* of that field; 0 where the option has none */
	double minimum;
	double maximum;
	const char *const *choices; /* by value of the field's enum, NULL at the end */
	bool superuser_only;
} Option;

#define FIELD(field) .offset = offsetof(Settings, field), .size = sizeof(((Settings *) NULL)->field)
#define NO_FIELD .offset = 0, .size = 0

#define MILLISECONDS 1.0
#define SECONDS (1000 * MILLISECONDS)
#define MINUTES (60 * SECONDS)
#define HOURS (60 * MINUTES)
#define DAYS (24 * HOURS)

static const char *const api_choices[] = { "amazon_ads", "amplitude", NULL };
static const char *const incomplete_hours_choices[] = { "error", "warning", "ignore", NULL };
static const char *const on_invalid_choices[] = { "error", "null", NULL };
static const char *const invalid_text_choices[] = { "error", "replace", NULL };

static const Option options[] = {
	/* what and where */
	{ "api", OPTION_CHOICE, ON_SERVER, FOR_BOTH, FIELD(api), .choices = api_choices },
	{ "region", OPTION_REGION, ON_SERVER, FOR_BOTH, FIELD(region) },
	{ "endpoint", OPTION_URL, ON_SERVER, FOR_BOTH, FIELD(endpoint) },
	{ "token_endpoint", OPTION_URL, ON_SERVER, FOR_AMAZON, FIELD(token_endpoint) },
	{ "ca_file", OPTION_FILE, ON_SERVER, FOR_BOTH, FIELD(ca_file), .superuser_only = true },
	{ "proxy", OPTION_PROXY, ON_SERVER, FOR_BOTH, FIELD(proxy), .superuser_only = true },
	{ "entity", OPTION_ENTITY, ON_TABLE, FOR_BOTH, FIELD(entity) },
	{ "json_path", OPTION_JSON_PATH, ON_COLUMN, FOR_BOTH, NO_FIELD },

	/* what to ask for */
	{ "profile_ids", OPTION_PROFILE_IDS, ON_SERVER | ON_TABLE | ON_MAPPING, FOR_EXPORTS,
	  FIELD(profile_ids) },
	{ "ad_products", OPTION_AD_PRODUCTS, ON_SERVER | ON_TABLE, FOR_EXPORTS, FIELD(ad_products) },
	{ "max_age", OPTION_DURATION, ON_SERVER | ON_TABLE, FOR_AMAZON, FIELD(max_age),
	  .maximum = 1 * DAYS },
	{ "request_span", OPTION_HOURS, ON_SERVER, FOR_AMPLITUDE, FIELD(request_span),
	  .minimum = 1 * HOURS, .maximum = 365 * DAYS },
	{ "incomplete_hours", OPTION_CHOICE, ON_SERVER | ON_TABLE, FOR_AMPLITUDE,
	  FIELD(incomplete_hours), .choices = incomplete_hours_choices },
	{ "default_start", OPTION_HOURS, ON_TABLE, FOR_AMPLITUDE, FIELD(default_start),
	  .minimum = 1 * HOURS, .maximum = 36500 * DAYS },
	{ "event_time_max_lag", OPTION_DURATION, ON_TABLE, FOR_AMPLITUDE, FIELD(event_time_max_lag),
	  .maximum = 36500 * DAYS },
	{ "event_time_max_lead", OPTION_DURATION, ON_TABLE, FOR_AMPLITUDE, FIELD(event_time_max_lead),
	  .maximum = 36500 * DAYS },

	/* how to ask */
	{ "max_jobs", OPTION_INTEGER, ON_SERVER, FOR_BOTH, FIELD(max_jobs), .minimum = 1,
	  .maximum = 1000 },
	{ "eager", OPTION_BOOLEAN, ON_SERVER, FOR_AMAZON, FIELD(eager) },
	{ "poll_interval", OPTION_DURATION, ON_SERVER, FOR_AMAZON, FIELD(poll_interval),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS },
	{ "poll_interval_max", OPTION_DURATION, ON_SERVER, FOR_AMAZON, FIELD(poll_interval_max),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS },
	{ "export_timeout", OPTION_DURATION, ON_SERVER, FOR_BOTH, FIELD(export_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 7 * DAYS },
	{ "concurrency", OPTION_INTEGER, ON_SERVER, FOR_AMPLITUDE, FIELD(concurrency), .minimum = 1,
	  .maximum = 5 },
	{ "connect_timeout", OPTION_DURATION, ON_SERVER, FOR_BOTH, FIELD(connect_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS },
	{ "stall_timeout", OPTION_DURATION, ON_SERVER, FOR_BOTH, FIELD(stall_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * DAYS },
	{ "max_retries", OPTION_INTEGER, ON_SERVER, FOR_BOTH, FIELD(max_retries), .minimum = 0,
	  .maximum = 1000 },

	/* what to do with values, and what the planner should think */
	{ "on_invalid", OPTION_CHOICE, ON_TABLE, FOR_BOTH, FIELD(on_invalid),
	  .choices = on_invalid_choices },
	{ "invalid_text", OPTION_CHOICE, ON_TABLE, FOR_BOTH, FIELD(invalid_text),
	  .choices = invalid_text_choices },
	{ "estimated_rows", OPTION_NUMBER, ON_TABLE, FOR_BOTH, FIELD(estimated_rows), .minimum = 0,
	  .maximum = 1e15 },
	{ "fdw_startup_cost", OPTION_NUMBER, ON_SERVER | ON_TABLE, FOR_BOTH, FIELD(fdw_startup_cost),
	  .minimum = 0, .maximum = 1e15 },
	{ "fdw_tuple_cost", OPTION_NUMBER, ON_SERVER | ON_TABLE, FOR_BOTH, FIELD(fdw_tuple_cost),
	  .minimum = 0, .maximum = 1e15 },

	/* who asks */
	{ "client_id", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(client_id) },
	{ "client_secret", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(client_secret) },
	{ "refresh_token", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(refresh_token) },
	{ "access_token", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(access_token) },
	{ "api_key", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMPLITUDE, FIELD(api_key) },
	{ "secret_key", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMPLITUDE, FIELD(secret_key) },
	{ "proxy_user", OPTION_CREDENTIAL, ON_MAPPING, FOR_BOTH, FIELD(proxy_user) },
	{ "proxy_password", OPTION_CREDENTIAL, ON_MAPPING, FOR_BOTH, FIELD(proxy_password) },
};

/* Where each api lives; an api's first region is its default. */
static const struct Region
{
	ApiKind api;
	const char *name;
	const char *endpoint;
	const char *token_endpoint;
} regions[] = {
	{ API_AMAZON_ADS, "na", "https://advertising-api.amazon.com",
	  "https://api.amazon.com/auth/o2/token" },
	{ API_AMAZON_ADS, "eu", "https://advertising-api-eu.amazon.com",
	  "https://api.amazon.co.uk/auth/o2/token" },
	{ API_AMAZON_ADS, "fe", "https://advertising-api-fe.amazon.com",
	  "https://api.amazon.co.jp/auth/o2/token" },
	{ API_AMPLITUDE, "us", "https://amplitude.com", NULL },
	{ API_AMPLITUDE, "eu", "https://analytics.eu.amplitude.com", NULL },
};

/* Amazon's exports in progress; Amplitude's requests, of which other programs may need one. */
#define DEFAULT_MAX_EXPORTS 5
#define DEFAULT_MAX_REQUESTS 4

#define DEFAULT_POLL_INTERVAL (1 * SECONDS)
#define DEFAULT_POLL_INTERVAL_MAX (15 * SECONDS)

/*
 * A request costs seconds, a row microseconds.  The start is below
 * jit_above_cost even when four tables are joined.
 */
#define DEFAULT_STARTUP_COST 10000.0
#define DEFAULT_TUPLE_COST 0.02

/*-------------------------------------------------------------------------
 * Looking things up
 *-------------------------------------------------------------------------
 */

/* The object, with its name as in "on a server". */
static const char *
object_with_article(unsigned object)
{
	for (size_t i = 0; i < lengthof(object_kinds); i++)
	{
		if (object_kinds[i].object == object)
			return object_kinds[i].with_article;
	}
	return "this object";
}

static const Option *
option_by_name(const char *name)
{
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

/* The entities of an api, as bits. */
static unsigned
entities_of_api(ApiKind api)
{
	return api == API_AMAZON_ADS ? FOR_AMAZON : FOR_AMPLITUDE;
}

static unsigned
bit_of_entity(const Entity *entity)
{
	return 1u << entity->kind;
}

/* Name of the api that an option which is for one api only belongs to. */
static const char *
api_name_of_option(const Option *option)
{
	return api_name((option->entities & FOR_AMAZON) ? API_AMAZON_ADS : API_AMPLITUDE);
}

static const struct Region *
region_by_name(ApiKind api, const char *name)
{
	for (size_t i = 0; i < lengthof(regions); i++)
	{
		if (regions[i].api == api && (name == NULL || strcmp(regions[i].name, name) == 0))
			return &regions[i];
	}
	return NULL;
}

static void
append_listed(StringInfo list, const char *item)
{
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", item);
}

/* The places where an option may stand, as in "a server or a foreign table". */
static char *
places_of_option(const Option *option)
{
	StringInfoData places;

	initStringInfo(&places);
	for (size_t i = 0; i < lengthof(object_kinds); i++)
	{
		if (option->objects & object_kinds[i].object)
			appendStringInfo(&places, "%s%s", places.len > 0 ? " or " : "",
							 object_kinds[i].with_article);
	}
	return places.data;
}

/*-------------------------------------------------------------------------
 * Errors about names
 *-------------------------------------------------------------------------
 */

static void
report_misplaced(const Option *option, unsigned object)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" cannot stand on %s", option->name, object_with_article(object)),
			 errhint("It belongs on %s.", places_of_option(option))));
}

static void
report_unknown(const char *name, unsigned object)
{
	ClosestMatch match;
	const char *closest;
	StringInfoData valid;

	initStringInfo(&valid);
	closest_match_init(&match, name);
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if ((options[i].objects & object) == 0)
			continue;
		closest_match_offer(&match, options[i].name);
		append_listed(&valid, options[i].name);
	}
	closest = closest_match_get(&match);

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", name),
			 closest != NULL ? errhint("Perhaps you meant the option \"%s\".", closest)
			 : valid.len > 0
				 ? errhint("The options of %s are: %s.", object_with_article(object), valid.data)
				 : errhint("There are no options that stand on %s.", object_with_article(object))));
}

/* The option of this name, which must fit the object. */
static const Option *
option_on_object(const char *name, unsigned object)
{
	const Option *option = option_by_name(name);

	if (option == NULL)
		report_unknown(name, object);
	if ((option->objects & object) == 0)
		report_misplaced(option, object);
	return option;
}

/*-------------------------------------------------------------------------
 * Errors about values
 *
 * A credential's value is never shown, nor is a URL's, which may hold one.
 *-------------------------------------------------------------------------
 */

/* Of a longer value, such as a list, this is shown. */
#define SHOWN_LENGTH 200

static const char *
shown_value(const char *value)
{
	int length = strlen(value);
	int kept = pg_mbcliplen(value, length, SHOWN_LENGTH);

	return kept < length ? psprintf("%.*s...", kept, value) : value;
}

static void
report_value(const Option *option, const char *value, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 value != NULL ? errmsg("invalid value for option \"%s\": \"%s\"", option->name,
									shown_value(value))
						   : errmsg("invalid value for option \"%s\"", option->name),
			 detail != NULL ? errdetail("%s", detail) : 0, hint != NULL ? errhint("%s", hint) : 0));
}

/* Names in letters of the other case are close, too. */
static const char *
closest_name(const char *value, const char *const *names, int count)
{
	ClosestMatch match;

	for (int i = 0; i < count; i++)
	{
		if (pg_strcasecmp(names[i], value) == 0)
			return names[i];
	}
	closest_match_init(&match, value);
	for (int i = 0; i < count; i++)
		closest_match_offer(&match, names[i]);
	if (closest_match_get(&match) != NULL)
		return closest_match_get(&match);
	/* "amazon" is far from "amazon_ads", but part of it. */
	for (int i = 0; i < count; i++)
	{
		if (strlen(value) >= 3 &&
			(strstr(names[i], value) != NULL || strstr(value, names[i]) != NULL))
			return names[i];
	}
	return NULL;
}

/* A value that is none of these names. */
static void
report_choice(const Option *option, const char *value, const char *const *names, int count)
{
	const char *closest = closest_name(value, names, count);
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < count; i++)
		append_listed(&valid, names[i]);
	report_value(option, value, psprintf("Valid values are: %s.", valid.data),
				 closest != NULL ? psprintf("Perhaps you meant \"%s\".", closest) : NULL);
}

/* Durations as a person would write them: "90min", not "5400000ms". */
static char *
format_duration(double milliseconds)
{
	static const struct
	{
		double length;
		const char *unit;
	} units[] = {
		{ DAYS, "d" },
		{ HOURS, "h" },
		{ MINUTES, "min" },
		{ SECONDS, "s" },
	};

	if (milliseconds == 0)
		return pstrdup("0");
	for (size_t i = 0; i < lengthof(units); i++)
	{
		if (fmod(milliseconds, units[i].length) == 0)
			return psprintf("%.0f%s", milliseconds / units[i].length, units[i].unit);
	}
	return psprintf("%gms", milliseconds);
}

static char *
format_bound(const Option *option, double bound)
{
	if (option->type == OPTION_DURATION || option->type == OPTION_HOURS)
		return format_duration(bound);
	return psprintf("%g", bound);
}

static void
report_out_of_range(const Option *option, const char *value)
{
	char *minimum = format_bound(option, option->minimum);
	char *maximum = format_bound(option, option->maximum);

	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					errmsg("value \"%s\" is out of range for option \"%s\"", value, option->name),
					errdetail("The range is %s to %s.", minimum, maximum)));
}

/*-------------------------------------------------------------------------
 * Values
 *-------------------------------------------------------------------------
 */

static void *
field_of(const Option *option, Settings *settings)
{
	return (char *) settings + option->offset;
}

static void
store_integer(const Option *option, Settings *settings, int64 value)
{
	void *field = field_of(option, settings);

	if (option->size == sizeof(int64))
		*(int64 *) field = value;
	else
		*(int *) field = (int) value;
}

static void
store_string(const Option *option, Settings *settings, const char *value)
{
	*(char **) field_of(option, settings) = pstrdup(value);
}

static void
parse_choice(const Option *option, const char *value, Settings *settings)
{
	int count = 0;

	for (; option->choices[count] != NULL; count++)
	{
		if (strcmp(option->choices[count], value) == 0)
		{
			store_integer(option, settings, count);
			return;
		}
	}
	report_choice(option, value, option->choices, count);
}

static void
parse_entity(const Option *option, const char *value, Settings *settings)
{
	const Entity *entity = entity_by_name(value);
	const char **names;

	if (entity != NULL)
	{
		settings->entity = entity;
		return;
	}
	names = palloc(sizeof(char *) * entity_count);
	for (int i = 0; i < entity_count; i++)
		names[i] = entities[i]->name;
	report_choice(option, value, names, entity_count);
}

static void
parse_boolean(const Option *option, const char *value, Settings *settings)
{
	if (!parse_bool(value, (bool *) field_of(option, settings)))
		report_value(option, value, "A boolean value is needed, such as true or false.", NULL);
}

static void
parse_number(const Option *option, const char *value, Settings *settings)
{
	double number;

	if (!parse_real(value, &number, 0, NULL) || isinf(number))
		report_value(option, value, "A number is needed.", NULL);
	if (option->type == OPTION_INTEGER && number != floor(number))
		report_value(option, value, "A whole number is needed.", NULL);
	if (number < option->minimum || number > option->maximum)
		report_out_of_range(option, value);

	if (option->type == OPTION_INTEGER)
		store_integer(option, settings, (int64) number);
	else
		*(double *) field_of(option, settings) = number;
}

/* Does a duration end in a unit?  Zero needs none. */
static bool
has_unit(const char *value)
{
	size_t length = strlen(value);

	while (length > 0 && isspace((unsigned char) value[length - 1]))
		length--;
	return length > 0 && isalpha((unsigned char) value[length - 1]);
}

static void
parse_duration(const Option *option, const char *value, Settings *settings)
{
	const char *hint = "Write a number with one of the units ms, s, min, h or d, such as \"90s\".";
	double milliseconds;

	if (!parse_real(value, &milliseconds, GUC_UNIT_MS, NULL) || isinf(milliseconds))
		report_value(option, value, "A duration is needed.", hint);
	if (milliseconds != 0 && !has_unit(value))
		report_value(option, value, "The duration has no unit.", hint);
	if (milliseconds < option->minimum || milliseconds > option->maximum)
		report_out_of_range(option, value);

	if (option->type == OPTION_HOURS)
	{
		if (fmod(milliseconds, HOURS) != 0)
			report_value(option, value, "Whole hours are needed.", NULL);
		store_integer(option, settings, (int64) (milliseconds / HOURS));
	}
	else
		store_integer(option, settings, (int64) rint(milliseconds));
}

/*
 * Cut a comma-separated list into its items, without the spaces around them;
 * false at the end.  An item may be empty.
 */
static bool
next_item(const char **rest, char **item)
{
	const char *start = *rest;
	const char *end;

	if (start == NULL)
		return false;
	end = start + strcspn(start, ",");
	*rest = *end == '\0' ? NULL : end + 1;
	while (start < end && isspace((unsigned char) *start))
		start++;
	while (start < end && isspace((unsigned char) end[-1]))
		end--;
	*item = pnstrdup(start, end - start);
	return true;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* One that is listed twice, or NULL. */
static const char *
repeated_profile(const Settings *settings)
{
	size_t size = sizeof(char *) * settings->profile_count;
	char **sorted = memcpy(palloc(size), settings->profile_ids, size);

	qsort(sorted, settings->profile_count, sizeof(char *), compare_strings);
	for (int i = 1; i < settings->profile_count; i++)
	{
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			return sorted[i];
	}
	pfree(sorted);
	return NULL;
}

static void
parse_profile_ids(const Option *option, const char *value, Settings *settings)
{
	const char *rest = value;
	const char *repeated;
	char *item;

	/* A list has at most one item for each two bytes. */
	settings->profile_ids = palloc(sizeof(char *) * Min(strlen(value) / 2 + 1, MAX_PROFILES));
	settings->profile_count = 0;
	while (next_item(&rest, &item))
	{
		if (!entity_is_profile_id(item))
			report_value(
				option, value,
				"Profile ids are decimal numbers of up to 20 digits without zeros in "
				"front, separated by commas.",
				"Write them like \"1234567890,2345678901\", or leave the option out to read "
				"all.");
		if (settings->profile_count == MAX_PROFILES)
			report_value(option, value, psprintf("It lists more than %d profiles.", MAX_PROFILES),
						 "Leave the option out to read all, and name those wanted in WHERE clauses "
						 "on profile_id.");
		settings->profile_ids[settings->profile_count++] = item;
	}
	repeated = repeated_profile(settings);
	if (repeated != NULL)
		report_value(option, value, psprintf("Profile %s is listed twice.", repeated), NULL);
}

/* As in "A, B and C". */
static char *
join_names(const char *const *names, int count)
{
	StringInfoData joined;

	initStringInfo(&joined);
	for (int i = 0; i < count; i++)
		appendStringInfo(&joined, "%s%s", i == 0 ? "" : i == count - 1 ? " and " : ", ", names[i]);
	return joined.data;
}

static void
parse_ad_products(const Option *option, const char *value, Settings *settings)
{
	const ValueList *list = value_list(FILTER_AD_PRODUCT);
	const char *rest = value;
	unsigned products = 0;
	char *item;

	while (next_item(&rest, &item))
	{
		int index = value_index(FILTER_AD_PRODUCT, item);

		if (index < 0)
		{
			const char *closest = closest_name(item, list->names, list->count);

			report_value(option, value,
						 psprintf("Valid values are %s, separated by commas.",
								  join_names(list->names, list->count)),
						 closest != NULL ? psprintf("Perhaps you meant \"%s\".", closest) : NULL);
		}
		if (products & (1u << index))
			report_value(option, value, psprintf("%s is listed twice.", item), NULL);
		products |= 1u << index;
	}
	settings->ad_products = products;
}

/* Printable ASCII without spaces: fit for a header, a form and a URL. */
static bool
is_graphic(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

/*
 * What is wrong with a base URL.  url_check says where a URL leads; the rest
 * is what a base of other URLs must not have, and what parsers are known to
 * read in different ways.
 */
static const char *
url_problem(const char *url)
{
	const char *authority = strstr(url, "://");
	size_t authority_length;

	if (!is_graphic(url) || strpbrk(url, "\\\"<>^`{|}") != NULL)
		return "It holds characters that a URL cannot hold.";
	if (authority == NULL || authority[3] == '\0' || authority[3] == '/')
		return "It is no URL with a scheme and a host.";
	authority_length = strcspn(authority + 3, "/?#");
	if (memchr(authority + 3, '%', authority_length) != NULL)
		return "Its host must not hold an escape or a zone.";
	if (memchr(authority + 3, '@', authority_length) != NULL)
		return "It must not hold a user or password.";
	if (strpbrk(url, "?#") != NULL)
		return "It must not have a query or a fragment.";

	switch (url_check(url))
	{
		case URL_OK:
			return NULL;
		case URL_NO_MEMORY:
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
			break;
		case URL_MALFORMED:
			return "It is no URL with a scheme and a host.";
		case URL_WRONG_SCHEME:
			return "Only https is spoken, and http to this machine.";
		case URL_NOT_LOOPBACK:
			return "Plain http is for loopback addresses only (127.0.0.0/8, [::1], localhost); use "
				   "https.";
		case URL_HAS_CREDENTIALS:
			return "It must not hold a user or password.";
	}
	return NULL;
}

static void
parse_url(const Option *option, const char *value, Settings *settings)
{
	const char *problem = url_problem(value);
	char *url;

	if (problem != NULL)
		report_value(option, NULL, problem, NULL);

	url = pstrdup(value);
	for (size_t length = strlen(url); length > 0 && url[length - 1] == '/'; length--)
		url[length - 1] = '\0';
	*(char **) field_of(option, settings) = url;
}

static void
parse_file(const Option *option, const char *value, Settings *settings)
{
	if (!is_absolute_path(value))
		report_value(option, value, "An absolute path is needed.", NULL);
	store_string(option, settings, value);
}

/* What is wrong with a proxy: [scheme://]host[:port], or nothing at all. */
static const char *
proxy_problem(const char *proxy)
{
	static const char *const schemes[] = {
		"http", "https", "socks4", "socks4a", "socks5", "socks5h"
	};
	const char *colon = strstr(proxy, "://");
	const char *host = colon != NULL ? colon + 3 : proxy;
	bool known = colon == NULL;

	for (size_t i = 0; i < lengthof(schemes) && !known; i++)
		known = strlen(schemes[i]) == (size_t) (colon - proxy) &&
				pg_strncasecmp(schemes[i], proxy, colon - proxy) == 0;
	if (!known)
		return "Its scheme must be http, https, socks4, socks4a, socks5 or socks5h.";
	if (*proxy != '\0' && (*host == '\0' || !is_graphic(host) || strpbrk(host, "/?#\\\"") != NULL))
		return "It must be of the form [scheme://]host[:port].";
	return NULL;
}

static void
parse_proxy(const Option *option, const char *value, Settings *settings)
{
	const char *problem = proxy_problem(value);

	if (strchr(value, '@') != NULL)
		report_value(option, NULL, "It must not hold a user or password.",
					 "Give them as proxy_user and proxy_password of the user mapping.");
	if (problem != NULL)
		report_value(option, NULL, problem, NULL);
	store_string(option, settings, value);
}

static void
parse_credential(const Option *option, const char *value, Settings *settings)
{
	if (*value == '\0')
		report_value(option, NULL, "It must not be empty.", NULL);
	if (!is_graphic(value))
		report_value(option, NULL, "It holds white space or other characters that no key has.",
					 NULL);
	store_string(option, settings, value);
}

static void
parse_json_path(const Option *option, const char *value)
{
	char *problem = json_path_problem(value);

	if (problem != NULL)
		report_value(option, value, problem, NULL);
}

/* Check an option's value and put it where it belongs. */
static void
parse_value(const Option *option, const char *value, Settings *settings)
{
	switch (option->type)
	{
		case OPTION_CHOICE:
			parse_choice(option, value, settings);
			break;
		case OPTION_REGION:
			/* checked by resolve_region: the api must be known first */
			store_string(option, settings, value);
			break;
		case OPTION_ENTITY:
			parse_entity(option, value, settings);
			break;
		case OPTION_BOOLEAN:
			parse_boolean(option, value, settings);
			break;
		case OPTION_INTEGER:
		case OPTION_NUMBER:
			parse_number(option, value, settings);
			break;
		case OPTION_DURATION:
		case OPTION_HOURS:
			parse_duration(option, value, settings);
			break;
		case OPTION_PROFILE_IDS:
			parse_profile_ids(option, value, settings);
			break;
		case OPTION_AD_PRODUCTS:
			parse_ad_products(option, value, settings);
			break;
		case OPTION_URL:
			parse_url(option, value, settings);
			break;
		case OPTION_FILE:
			parse_file(option, value, settings);
			break;
		case OPTION_PROXY:
			parse_proxy(option, value, settings);
			break;
		case OPTION_CREDENTIAL:
			parse_credential(option, value, settings);
			break;
		case OPTION_JSON_PATH:
			parse_json_path(option, value);
			break;
	}
}

/*-------------------------------------------------------------------------
 * Lists of options
 *-------------------------------------------------------------------------
 */

/* The definition of an option in a list, or NULL. */
static const DefElem *
find_definition(List *definitions, const char *name)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		if (strcmp(definition->defname, name) == 0)
			return definition;
	}
	return NULL;
}

static bool
is_given(List *definitions, const char *name)
{
	return find_definition(definitions, name) != NULL;
}

static void
require_option(List *definitions, const char *name, unsigned object, const char *hint)
{
	if (!is_given(definitions, name))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"%s\" is required on %s", name, object_with_article(object)),
				 errhint("%s", hint)));
}

static void
require_server_options(List *definitions)
{
	require_option(definitions, "api", ON_SERVER,
				   "Add the option api with the value \"amazon_ads\" or \"amplitude\".");
}

static void
require_table_options(List *definitions)
{
	require_option(definitions, "entity", ON_TABLE,
				   "Add the option entity with the name of a remote table, such as \"campaigns\".");
}

/* Options must be for the api that the server speaks. */
static void
check_options_fit_api(List *definitions, ApiKind api)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if ((option->entities & entities_of_api(api)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" does not fit api \"%s\"", option->name, api_name(api)),
					 errdetail("It is for servers of api \"%s\".", api_name_of_option(option)),
					 errhint("Leave it out, or create a server of that api.")));
	}
}

/* Options must be for the remote table that the foreign table shows. */
static void
check_options_fit_entity(List *definitions, const Entity *entity)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);
		StringInfoData fitting;

		if (option->entities & bit_of_entity(entity))
			continue;
		initStringInfo(&fitting);
		for (int i = 0; i < entity_count; i++)
		{
			if (option->entities & bit_of_entity(entities[i]))
				append_listed(&fitting, entities[i]->name);
		}
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("option \"%s\" does not fit entity \"%s\"", option->name, entity->name),
				 errdetail("It is for: %s.", fitting.data)));
	}
}

/* A user mapping's options must all be for one api, whichever its server's is. */
static void
check_options_fit_each_other(List *definitions)
{
	const Option *first = NULL;
	ListCell *cell;

	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (first == NULL)
			first = option;
		else if ((first->entities & option->entities) == 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"%s\" and \"%s\" exclude each other", first->name, option->name),
				 errdetail("The first is for servers of api \"%s\", the second for \"%s\".",
						   api_name_of_option(first), api_name_of_option(option))));
	}
}

static void
check_mapping_options(List *definitions)
{
	check_options_fit_each_other(definitions);
	if (is_given(definitions, "proxy_password"))
		require_option(definitions, "proxy_user", ON_MAPPING,
					   "A password for the proxy goes with a user.");
	if (is_given(definitions, "access_token") && is_given(definitions, "refresh_token"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("options \"access_token\" and \"refresh_token\" exclude each other"),
				 errdetail("An access token is used as it is until it expires; a refresh token is "
						   "what access tokens are fetched with."),
				 errhint("Give one of them only: an ALTER USER MAPPING can DROP one and ADD the "
						 "other.")));
}

/*
 * Where only one end of the polling was set, the other one follows, so that
 * neither can be set to a value that the other's default forbids.
 */
static void
resolve_poll_intervals(Settings *settings, List *definitions)
{
	bool first = is_given(definitions, "poll_interval");
	bool last = is_given(definitions, "poll_interval_max");

	if (settings->poll_interval <= settings->poll_interval_max)
		return;
	if (first && last)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("option \"poll_interval\" exceeds \"poll_interval_max\""),
						errdetail("Polls begin %s apart and cannot end %s apart.",
								  format_duration(settings->poll_interval),
								  format_duration(settings->poll_interval_max))));
	if (first)
		settings->poll_interval_max = settings->poll_interval;
	else
		settings->poll_interval = settings->poll_interval_max;
}

/* Check the region and fill in what follows from it. */
static void
resolve_region(Settings *settings)
{
	const struct Region *region = region_by_name(settings->api, settings->region);

	if (region == NULL)
	{
		StringInfoData valid;

		initStringInfo(&valid);
		for (size_t i = 0; i < lengthof(regions); i++)
		{
			if (regions[i].api == settings->api)
				append_listed(&valid, regions[i].name);
		}
		report_value(option_by_name("region"), settings->region,
					 psprintf("The regions of api \"%s\" are: %s.", api_name(settings->api),
							  valid.data),
					 settings->api == API_AMAZON_ADS
						 ? "Region na is for accounts in America, eu for Europe, the Middle East, "
						   "Africa and India, fe for the Far East and Australia."
						 : "It is where the data of the Amplitude project is stored.");
	}
	if (settings->region == NULL)
		settings->region = pstrdup(region->name);
	if (settings->endpoint == NULL)
		settings->endpoint = pstrdup(region->endpoint);
	if (settings->token_endpoint == NULL && region->token_endpoint != NULL)
		settings->token_endpoint = pstrdup(region->token_endpoint);
}

static Settings *
default_settings(void)
{
	Settings *settings = palloc0(sizeof(Settings));

	settings->eager = true;
	settings->poll_interval = DEFAULT_POLL_INTERVAL;
	settings->poll_interval_max = DEFAULT_POLL_INTERVAL_MAX;
	settings->export_timeout = 30 * MINUTES;
	settings->request_span = 24;
	settings->concurrency = 2;
	settings->connect_timeout = 10 * SECONDS;
	settings->stall_timeout = 60 * SECONDS;
	settings->max_retries = 5;
	settings->profile_count = -1;
	settings->ad_products = AD_PRODUCT_ALL;
	settings->max_age = 5 * MINUTES;
	settings->incomplete_hours = INCOMPLETE_HOURS_WARNING;
	settings->fdw_startup_cost = DEFAULT_STARTUP_COST;
	settings->fdw_tuple_cost = DEFAULT_TUPLE_COST;
	settings->default_start = -1;
	settings->event_time_max_lag = -1;
	settings->event_time_max_lead = -1;
	settings->estimated_rows = -1;
	settings->on_invalid = ON_INVALID_ERROR;
	settings->invalid_text = JSON_TEXT_ERROR;
	return settings;
}

/* Parse an object's options into the settings, and check that they go together. */
static void
apply_options(Settings *settings, List *definitions, unsigned object)
{
	ListCell *cell;

	/* Names first: where one is wrong, its value does not matter. */
	foreach (cell, definitions)
		option_on_object(((DefElem *) lfirst(cell))->defname, object);
	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		parse_value(option_by_name(definition->defname), defGetString(definition), settings);
	}

	switch (object)
	{
		case ON_SERVER:
			require_server_options(definitions);
			check_options_fit_api(definitions, settings->api);
			if (settings->max_jobs == 0)
				settings->max_jobs =
					settings->api == API_AMPLITUDE ? DEFAULT_MAX_REQUESTS : DEFAULT_MAX_EXPORTS;
			resolve_region(settings);
			resolve_poll_intervals(settings, definitions);
			break;
		case ON_TABLE:
			require_table_options(definitions);
			check_options_fit_entity(definitions, settings->entity);
			break;
		case ON_MAPPING:
			check_mapping_options(definitions);
			break;
	}
}

/*-------------------------------------------------------------------------
 * The validator
 *-------------------------------------------------------------------------
 */

/*
 * The files and hosts that the server's machine can reach are not for every
 * owner of a foreign server.  As the validator sees the resulting list only,
 * a server that has such an option can be altered by superusers only.
 */
static void
check_superuser_options(List *definitions)
{
	ListCell *cell;

	if (superuser())
		return;
	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (option->superuser_only)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set option \"%s\"", option->name),
					 errdetail("Only superusers may set it, and alter a server that has it.")));
	}
}

/*
 * The services of the server's machine trust what comes from it, so they are
 * not for every owner of a foreign server either.
 */
static void
check_loopback(List *definitions)
{
	ListCell *cell;

	if (superuser() || allow_loopback)
		return;
	foreach (cell, definitions)
	{
		DefElem *definition = (DefElem *) lfirst(cell);

		if (option_by_name(definition->defname)->type == OPTION_URL &&
			url_is_loopback(defGetString(definition)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set option \"%s\" to a loopback address",
							definition->defname),
					 errdetail("Only superusers may set it so, and alter a server that has it."),
					 errhint("A superuser can let others do so with the setting "
							 "adsexport_fdw.allow_loopback.")));
	}
}

/* Which kind of object a catalog holds; the validator may be called by hand with any. */
static unsigned
object_of_catalog(Oid catalog)
{
	for (size_t i = 0; i < lengthof(object_kinds); i++)
	{
		if (object_kinds[i].catalog == catalog)
			return object_kinds[i].object;
	}
	ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
					errmsg("catalog with OID %u holds no objects that have options", catalog)));
}

SQL_FUNCTION(adsexport_fdw_validator);

Datum
adsexport_fdw_validator(PG_FUNCTION_ARGS)
{
	List *definitions = untransformRelOptions(PG_GETARG_DATUM(0));

	apply_options(default_settings(), definitions, object_of_catalog(PG_GETARG_OID(1)));
	check_superuser_options(definitions);
	check_loopback(definitions);
	PG_RETURN_VOID();
}

bool
option_for_table(const char *name, const char *value, const Entity *entity, bool *applies)
{
	const Option *option = option_by_name(name);

	*applies = false;
	if (option == NULL || (option->objects & ON_TABLE) == 0)
		return false;
	parse_value(option, value, default_settings());
	*applies = (option->entities & bit_of_entity(entity)) != 0;
	return true;
}

const char *
option_places(const char *name)
{
	const Option *option = option_by_name(name);

	return option != NULL ? places_of_option(option) : NULL;
}

void
options_offer_for_tables(ClosestMatch *match)
{
	for (size_t i = 0; i < lengthof(options); i++)
	{
		if (options[i].objects & ON_TABLE)
			closest_match_offer(match, options[i].name);
	}
}

/*-------------------------------------------------------------------------
 * Settings
 *-------------------------------------------------------------------------
 */

Settings *
settings_load_server(Oid server_id)
{
	ForeignServer *server = GetForeignServer(server_id);
	Settings *settings = default_settings();

	settings->server_id = server_id;
	settings->server_name = pstrdup(server->servername);
	apply_options(settings, server->options, ON_SERVER);
	return settings;
}

Settings *
settings_load(Oid relation_id)
{
	ForeignTable *table = GetForeignTable(relation_id);
	Settings *settings = settings_load_server(table->serverid);

	settings->relation_id = relation_id;
	settings->table_name = get_rel_name(relation_id);
	apply_options(settings, table->options, ON_TABLE);

	if (settings->entity->api != settings->api)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("foreign table \"%s\" does not fit its server \"%s\"",
							   settings->table_name, settings->server_name),
						errdetail("Entity \"%s\" is of api \"%s\", and the server speaks \"%s\".",
								  settings->entity->name, api_name(settings->entity->api),
								  api_name(settings->api)),
						errhint("Create the table on a server of api \"%s\".",
								api_name(settings->entity->api))));
	return settings;
}

/* The options of a user mapping that this api needs and does not find. */
static List *
missing_credentials(const Settings *settings)
{
	List *missing = NIL;

	if (settings->api == API_AMPLITUDE)
	{
		if (settings->api_key == NULL)
			missing = lappend(missing, "api_key");
		if (settings->secret_key == NULL)
			missing = lappend(missing, "secret_key");
		return missing;
	}

	if (settings->client_id == NULL)
		missing = lappend(missing, "client_id");
	if (settings->access_token == NULL)
	{
		if (settings->client_secret == NULL)
			missing = lappend(missing, "client_secret");
		if (settings->refresh_token == NULL)
			missing = lappend(missing, "refresh_token");
	}
	return missing;
}

/*
 * The command that adds options to a user mapping; verb is "CREATE" or
 * "ALTER", role the mapping's user, quoted.
 */
static char *
mapping_command(const char *verb, const char *role, const Settings *settings, List *names)
{
	StringInfoData command;
	ListCell *cell;

	initStringInfo(&command);
	appendStringInfo(&command, "%s USER MAPPING FOR %s SERVER %s OPTIONS (", verb, role,
					 quote_identifier(settings->server_name));
	foreach (cell, names)
	{
		appendStringInfo(&command, "%s%s%s '...'", cell == list_head(names) ? "" : ", ",
						 strcmp(verb, "ALTER") == 0 ? "ADD " : "", (char *) lfirst(cell));
	}
	appendStringInfoString(&command, ");");
	return command.data;
}

static void
report_no_mapping(const Settings *settings)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no user mapping for user \"%s\" on server \"%s\"", settings->user_name,
					settings->server_name),
			 errhint("Run: %s", mapping_command("CREATE", quote_identifier(settings->user_name),
												settings, missing_credentials(settings)))));
}

static void
report_missing_credentials(const Settings *settings, const char *role, List *missing)
{
	StringInfoData names;
	ListCell *cell;

	initStringInfo(&names);
	foreach (cell, missing)
		append_listed(&names, (char *) lfirst(cell));
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("user mapping of user \"%s\" on server \"%s\" lacks credentials: %s",
						   settings->user_name, settings->server_name, names.data),
					errhint("Run: %s", mapping_command("ALTER", role, settings, missing))));
}

/* The validator sees a user mapping without its server, and may have let the other api's pass. */
static void
check_mapping_fits_api(const Settings *settings, const char *role, List *definitions)
{
	StringInfoData changes;
	const char *first = NULL;
	ListCell *cell;

	initStringInfo(&changes);
	foreach (cell, definitions)
	{
		const Option *option = option_by_name(((DefElem *) lfirst(cell))->defname);

		if (option->entities & entities_of_api(settings->api))
			continue;
		if (first == NULL)
			first = option->name;
		append_listed(&changes, psprintf("DROP %s", option->name));
	}
	if (first == NULL)
		return;
	foreach (cell, missing_credentials(settings))
		append_listed(&changes, psprintf("ADD %s '...'", (char *) lfirst(cell)));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("option \"%s\" of the user mapping of user \"%s\" does not fit api \"%s\"",
					first, settings->user_name, api_name(settings->api)),
			 errhint("Run: ALTER USER MAPPING FOR %s SERVER %s OPTIONS (%s);", role,
					 quote_identifier(settings->server_name), changes.data)));
}

static bool
mapping_exists(Oid user_id, Oid server_id)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(user_id),
								 ObjectIdGetDatum(server_id));
}

Oid
settings_find_mapping(Oid user_id, Oid server_id)
{
	Oid own = GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid,
							  ObjectIdGetDatum(user_id), ObjectIdGetDatum(server_id));

	return OidIsValid(own) || !OidIsValid(user_id) ? own
												   : settings_find_mapping(InvalidOid, server_id);
}

/* Profiles that stand on the table win over the user mapping's. */
static bool
table_names_profiles(const Settings *settings)
{
	return OidIsValid(settings->relation_id) &&
		   is_given(GetForeignTable(settings->relation_id)->options, "profile_ids");
}

void
settings_load_mapping(Settings *settings, Oid user_id)
{
	bool own = mapping_exists(user_id, settings->server_id);
	char **profile_ids = settings->profile_ids;
	int profile_count = settings->profile_count;
	UserMapping *mapping;
	List *missing;

	settings->user_id = user_id;
	settings->user_name = GetUserNameFromId(user_id, false);
	if (!own && !mapping_exists(InvalidOid, settings->server_id))
		report_no_mapping(settings);

	mapping = GetUserMapping(user_id, settings->server_id);
	settings->mapping_id = mapping->umid;
	apply_options(settings, mapping->options, ON_MAPPING);
	check_mapping_fits_api(settings, own ? quote_identifier(settings->user_name) : "PUBLIC",
						   mapping->options);
	if (table_names_profiles(settings))
	{
		settings->profile_ids = profile_ids;
		settings->profile_count = profile_count;
	}

	missing = missing_credentials(settings);
	if (missing != NIL)
		report_missing_credentials(settings, own ? quote_identifier(settings->user_name) : "PUBLIC",
								   missing);
}

void
settings_load_mapping_profiles(Settings *settings, Oid user_id)
{
	const DefElem *definition;

	if (settings->api != API_AMAZON_ADS || table_names_profiles(settings))
		return;
	if (!mapping_exists(user_id, settings->server_id) &&
		!mapping_exists(InvalidOid, settings->server_id))
		return;
	definition =
		find_definition(GetUserMapping(user_id, settings->server_id)->options, "profile_ids");
	if (definition != NULL)
		parse_value(option_by_name("profile_ids"), defGetString((DefElem *) definition), settings);
}

const char **
column_json_paths(Oid relation_id, TupleDesc desc)
{
	const char **paths = palloc0(sizeof(char *) * Max(desc->natts, 1));

	for (int i = 0; i < desc->natts; i++)
	{
		const DefElem *definition;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		definition = find_definition(GetForeignColumnOptions(relation_id, i + 1), "json_path");
		if (definition != NULL)
			paths[i] = defGetString((DefElem *) definition);
	}
	return paths;
}
