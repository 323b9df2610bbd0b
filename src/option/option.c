/*-------------------------------------------------------------------------
 *
 * option.c
 *		How the values of options are read, and errors about wrong ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "entity/binding.h"
#include "entity/closed_lists.h"
#include "entity/closest_match.h"
#include "net/url.h"
#include "option/option.h"

/*-------------------------------------------------------------------------
 * Looking things up
 *-------------------------------------------------------------------------
 */

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

const char *
object_with_article(unsigned object)
{
	for (size_t i = 0; i < lengthof(object_kinds); i++)
	{
		if (object_kinds[i].object == object)
			return object_kinds[i].with_article;
	}
	return "this object";
}

unsigned
object_of_catalog(Oid catalog)
{
	for (size_t i = 0; i < lengthof(object_kinds); i++)
	{
		if (object_kinds[i].catalog == catalog)
			return object_kinds[i].object;
	}
	return 0;
}

unsigned
bit_of_entity(const Entity *entity)
{
	return 1u << entity->kind;
}

bool
option_fits_api(const Option *option, ApiKind api)
{
	for (int i = 0; i < entity_count; i++)
	{
		if (entities[i]->api == api && (option->entities & bit_of_entity(entities[i])) != 0)
			return true;
	}
	return false;
}

const char *
api_name_of_option(const Option *option)
{
	int api = 0;

	while (api < API_COUNT - 1 && !option_fits_api(option, api))
		api++;
	return api_names[api];
}

void
append_listed(StringInfo list, const char *item)
{
	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", item);
}

char *
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
 * Errors about values
 *
 * A credential's value is never shown, nor is a URL's, which may hold one.
 *-------------------------------------------------------------------------
 */

/* This much is shown of a longer value, such as a list. */
#define SHOWN_LENGTH 200

static const char *
shown_value(const char *value)
{
	int length = strlen(value);
	int kept = pg_mbcliplen(value, length, SHOWN_LENGTH);

	return kept < length ? psprintf("%.*s...", kept, value) : value;
}

void
report_value(const Option *option, const char *value, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 value != NULL ? errmsg("invalid value for option \"%s\": \"%s\"", option->name,
									shown_value(value))
						   : errmsg("invalid value for option \"%s\"", option->name),
			 detail != NULL ? errdetail("%s", detail) : 0, hint != NULL ? errhint("%s", hint) : 0));
}

/* Names that differ only in case are close, too. */
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
	/* "amazon" is far from "amazon_ads", but a part of it. */
	for (int i = 0; i < count; i++)
	{
		if (strlen(value) >= 3 &&
			(strstr(names[i], value) != NULL || strstr(value, names[i]) != NULL))
			return names[i];
	}
	return NULL;
}

/* Report a value that is not one of these names. */
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

char *
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
field_of(const Option *option, ForeignOptions *options)
{
	return (char *) options + option->offset;
}

static void
store_integer(const Option *option, ForeignOptions *options, int64 value)
{
	void *field = field_of(option, options);

	if (option->size == sizeof(int64))
		*(int64 *) field = value;
	else
		*(int *) field = (int) value;
}

static void
store_string(const Option *option, ForeignOptions *options, const char *value)
{
	*(char **) field_of(option, options) = pstrdup(value);
}

static void
parse_choice(const Option *option, const char *value, ForeignOptions *options)
{
	int count = 0;

	for (; option->choices[count] != NULL; count++)
	{
		if (strcmp(option->choices[count], value) == 0)
		{
			store_integer(option, options, count);
			return;
		}
	}
	report_choice(option, value, option->choices, count);
}

static void
parse_entity(const Option *option, const char *value, ForeignOptions *options)
{
	const Entity *entity = entity_by_name(value);
	const char **names;

	if (entity != NULL)
	{
		options->entity = entity;
		return;
	}
	names = palloc(sizeof(char *) * entity_count);
	for (int i = 0; i < entity_count; i++)
		names[i] = entities[i]->name;
	report_choice(option, value, names, entity_count);
}

static void
parse_boolean(const Option *option, const char *value, ForeignOptions *options)
{
	if (!parse_bool(value, (bool *) field_of(option, options)))
		report_value(option, value, "A boolean value is needed, such as true or false.", NULL);
}

static void
parse_number(const Option *option, const char *value, ForeignOptions *options)
{
	double number;

	if (!parse_real(value, &number, 0, NULL) || isinf(number))
		report_value(option, value, "A number is needed.", NULL);
	if (option->type == OPTION_INTEGER && number != floor(number))
		report_value(option, value, "A whole number is needed.", NULL);
	if (number < option->minimum || number > option->maximum)
		report_out_of_range(option, value);

	if (option->type == OPTION_INTEGER)
		store_integer(option, options, (int64) number);
	else
		*(double *) field_of(option, options) = number;
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
parse_duration(const Option *option, const char *value, ForeignOptions *options)
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
		store_integer(option, options, (int64) (milliseconds / HOURS));
	}
	else
		store_integer(option, options, (int64) rint(milliseconds));
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

/* A profile that is listed twice, or NULL. */
static const char *
repeated_profile(const ForeignOptions *options)
{
	size_t size = sizeof(char *) * options->profile_count;
	char **sorted = memcpy(palloc(size), options->profile_ids, size);

	qsort(sorted, options->profile_count, sizeof(char *), compare_strings);
	for (int i = 1; i < options->profile_count; i++)
	{
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			return sorted[i];
	}
	pfree(sorted);
	return NULL;
}

static void
parse_profile_ids(const Option *option, const char *value, ForeignOptions *options)
{
	const char *rest = value;
	const char *repeated;
	char *item;

	/* A list has at most one item for each two bytes. */
	options->profile_ids = palloc(sizeof(char *) * Min(strlen(value) / 2 + 1, MAX_PROFILES));
	options->profile_count = 0;
	while (next_item(&rest, &item))
	{
		if (!entity_is_profile_id(item))
			report_value(
				option, value,
				"Profile ids are decimal numbers of up to 20 digits without zeros in "
				"front, separated by commas.",
				"Write them like \"1234567890,2345678901\", or leave the option out to read "
				"all.");
		if (options->profile_count == MAX_PROFILES)
			report_value(option, value, psprintf("It lists more than %d profiles.", MAX_PROFILES),
						 "Leave the option out to read all, and name those wanted in WHERE clauses "
						 "on profile_id.");
		options->profile_ids[options->profile_count++] = item;
	}
	repeated = repeated_profile(options);
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
parse_ad_products(const Option *option, const char *value, ForeignOptions *options)
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
	options->ad_products = products;
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
		return "It is not a URL with a scheme and a host.";
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
			return "It is not a URL with a scheme and a host.";
		case URL_WRONG_SCHEME:
			return "Only https is supported, and http to this machine.";
		case URL_NOT_LOOPBACK:
			return "Plain http is for loopback addresses only (127.0.0.0/8, [::1], localhost); use "
				   "https.";
		case URL_HAS_CREDENTIALS:
			return "It must not hold a user or password.";
	}
	return NULL;
}

/* The path of a call, if this much of a URL ends in one, else NULL. */
static const char *
path_of_call(const char *url, size_t length)
{
	for (int i = 0; i < entity_count; i++)
	{
		const char *path = entities[i]->path;
		size_t path_length = strlen(path);

		if (length > path_length && strncmp(url + length - path_length, path, path_length) == 0)
			return path;
	}
	return NULL;
}

/* Its length without trailing slashes. */
static size_t
length_without_slashes(const char *url, size_t length)
{
	while (length > 0 && url[length - 1] == '/')
		length--;
	return length;
}

/*
 * A URL without what it must not have: user and password, query and, if it is
 * a base URL, the path of a call; NULL if that is not usable, either.
 */
static char *
better_url(const char *url, bool is_base)
{
	const char *host = strstr(url, "://");
	const char *at;
	size_t length;
	char *better;

	if (host == NULL)
		return NULL;
	host += strlen("://");
	at = memrchr(host, '@', strcspn(host, "/?#"));
	better = psprintf("%.*s%s", (int) (host - url), url, at != NULL ? at + 1 : host);
	length = length_without_slashes(better, strcspn(better, "?#"));
	if (is_base && path_of_call(better, length) != NULL)
		length -= strlen(path_of_call(better, length));
	better[length] = '\0';
	return url_problem(better) == NULL ? better : NULL;
}

static void
parse_url(const Option *option, const char *value, ForeignOptions *options)
{
	bool is_base = option->offset == offsetof(ForeignOptions, endpoint);
	size_t length = length_without_slashes(value, strlen(value));
	const char *problem = url_problem(value);

	if (problem == NULL && is_base && path_of_call(value, length) != NULL)
		problem = psprintf("It ends in \"%s\", which every request adds to it.",
						   path_of_call(value, length));
	if (problem != NULL)
	{
		const char *better = better_url(value, is_base);

		report_value(option, NULL, problem,
					 better != NULL ? psprintf("Perhaps you meant \"%s\".", better) : NULL);
	}
	*(char **) field_of(option, options) = pnstrdup(value, length);
}

static void
parse_file(const Option *option, const char *value, ForeignOptions *options)
{
	if (!is_absolute_path(value))
		report_value(option, value, "An absolute path is needed.", NULL);
	store_string(option, options, value);
}

/* What is wrong with a proxy, which is [scheme://]host[:port], or empty. */
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
parse_proxy(const Option *option, const char *value, ForeignOptions *options)
{
	const char *problem = proxy_problem(value);

	if (strchr(value, '@') != NULL)
		report_value(option, NULL, "It must not hold a user or password.",
					 "Give them as proxy_user and proxy_password of the user mapping.");
	if (problem != NULL)
		report_value(option, NULL, problem, NULL);
	store_string(option, options, value);
}

static void
parse_credential(const Option *option, const char *value, ForeignOptions *options)
{
	if (*value == '\0')
		report_value(option, NULL, "It must not be empty.", NULL);
	if (!is_graphic(value))
		report_value(option, NULL, "It holds white space or other characters that no key has.",
					 NULL);
	store_string(option, options, value);
}

static void
parse_json_path(const Option *option, const char *value)
{
	char *problem = json_path_problem(value);

	if (problem != NULL)
		report_value(option, value, problem, NULL);
}

void
option_parse(const Option *option, const char *value, ForeignOptions *options)
{
	switch (option->type)
	{
		case OPTION_CHOICE:
			parse_choice(option, value, options);
			break;
		case OPTION_REGION:
			/* checked by resolve_region: the api must be known first */
			store_string(option, options, value);
			break;
		case OPTION_ENTITY:
			parse_entity(option, value, options);
			break;
		case OPTION_BOOLEAN:
			parse_boolean(option, value, options);
			break;
		case OPTION_INTEGER:
		case OPTION_NUMBER:
			parse_number(option, value, options);
			break;
		case OPTION_DURATION:
		case OPTION_HOURS:
			parse_duration(option, value, options);
			break;
		case OPTION_PROFILE_IDS:
			parse_profile_ids(option, value, options);
			break;
		case OPTION_AD_PRODUCTS:
			parse_ad_products(option, value, options);
			break;
		case OPTION_URL:
			parse_url(option, value, options);
			break;
		case OPTION_FILE:
			parse_file(option, value, options);
			break;
		case OPTION_PROXY:
			parse_proxy(option, value, options);
			break;
		case OPTION_CREDENTIAL:
			parse_credential(option, value, options);
			break;
		case OPTION_JSON_PATH:
			parse_json_path(option, value);
			break;
	}
}

/*
 * The value of a number that is left out and has no fallback, or of the
 * profile count for all profiles.
 */
#define LEFT_OUT (-1)

static void
store_left_out(const Option *option, ForeignOptions *options)
{
	switch (option->type)
	{
		case OPTION_DURATION:
		case OPTION_HOURS:
			store_integer(option, options, LEFT_OUT);
			break;
		case OPTION_NUMBER:
			*(double *) field_of(option, options) = LEFT_OUT;
			break;
		case OPTION_PROFILE_IDS:
			options->profile_count = LEFT_OUT;
			break;
		default:
			break;
	}
}

ForeignOptions *
option_defaults(void)
{
	static ForeignOptions defaults;
	static bool known = false;
	const Option *option;

	/* None of the defaults is a string, so that they can be copied. */
	if (!known)
	{
		for (int i = 0; (option = option_at(i)) != NULL; i++)
		{
			if (option->fallback != NULL)
				option_parse(option, option->fallback, &defaults);
			else
				store_left_out(option, &defaults);
		}
		known = true;
	}
	return memcpy(palloc(sizeof(ForeignOptions)), &defaults, sizeof(ForeignOptions));
}

void
option_default_of_api(const Option *option, ForeignOptions *options)
{
	if (option->fallback_of_api[options->api] != NULL)
		option_parse(option, option->fallback_of_api[options->api], options);
}

void
option_resolve_region(ForeignOptions *options)
{
	const Region *region = region_by_name(options->api, options->region);

	if (region == NULL)
	{
		const Region *other;
		StringInfoData valid;

		initStringInfo(&valid);
		for (int i = 0; (other = region_at(i)) != NULL; i++)
		{
			if (other->api == options->api)
				append_listed(&valid, other->name);
		}
		report_value(option_by_name("region"), options->region,
					 psprintf("The regions of api \"%s\" are: %s.", api_names[options->api],
							  valid.data),
					 region_hint(options->api));
	}
	if (options->region == NULL)
		options->region = pstrdup(region->name);
	if (options->endpoint == NULL)
		options->endpoint = pstrdup(region->endpoint);
	if (options->token_endpoint == NULL && region->token_endpoint != NULL)
		options->token_endpoint = pstrdup(region->token_endpoint);
}

const char *
option_string(const Option *option, const ForeignOptions *options)
{
	switch (option->type)
	{
		case OPTION_REGION:
		case OPTION_URL:
		case OPTION_FILE:
		case OPTION_PROXY:
		case OPTION_CREDENTIAL:
			return *(char *const *) ((const char *) options + option->offset);
		default:
			return NULL;
	}
}

bool
option_same_account(const ForeignOptions *a, const ForeignOptions *b)
{
	const Option *option;

	for (int i = 0; (option = option_at(i)) != NULL; i++)
	{
		const char *a_string = option_string(option, a);
		const char *b_string = option_string(option, b);

		if (a_string == NULL || b_string == NULL ? a_string != b_string
												 : strcmp(a_string, b_string) != 0)
			return false;
	}
	return a->user_id == b->user_id && a->server_id == b->server_id;
}
