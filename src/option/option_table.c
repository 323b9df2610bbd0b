/*-------------------------------------------------------------------------
 *
 * option_table.c
 *		All options: where they may be set, what values they may have, and what
 *		they mean.
 *
 * The tables of docs/options.md are generated from here (docs/generate-options),
 * so that meanings are written in Markdown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "option/option.h"

/* Entities that an option is for. */
#define FOR(entity) (1u << ENTITY_##entity)
#define FOR_EXPORTS (FOR(CAMPAIGNS) | FOR(AD_GROUPS) | FOR(TARGETS) | FOR(ADS))
#define FOR_AMAZON (FOR_EXPORTS | FOR(PROFILES))
#define FOR_AMPLITUDE FOR(AMPLITUDE_EVENTS)
#define FOR_ALL (FOR_AMAZON | FOR_AMPLITUDE)

#define FIELD(field)                                                                               \
	.offset = offsetof(ForeignOptions, field), .size = sizeof(((ForeignOptions *) NULL)->field)
#define NO_FIELD .offset = 0, .size = 0

static const char *const incomplete_hours_choices[] = { "error", "warning", "ignore", NULL };
static const char *const on_invalid_choices[] = { "error", "null", NULL };
static const char *const invalid_text_choices[] = { "error", "replace", NULL };

static const Option option_table[] = {
	/* what and where */
	{ "api", OPTION_CHOICE, ON_SERVER, FOR_ALL, FIELD(api), .choices = api_names,
	  .left_out = "required", .meaning = "which API the server speaks" },
	{ "region", OPTION_REGION, ON_SERVER, FOR_ALL, FIELD(region),
	  .meaning = "where the account or project is" },
	{ "endpoint", OPTION_URL, ON_SERVER, FOR_ALL, FIELD(endpoint), .left_out = "of the region",
	  .meaning = "base URL of the API: `https`, or `http` on a loopback address (127.0.0.0/8, "
				 "[::1], localhost). Loopback addresses are for superusers, and for other users "
				 "if `adsexport_fdw.allow_loopback` is on" },
	{ "token_endpoint", OPTION_URL, ON_SERVER, FOR_AMAZON, FIELD(token_endpoint),
	  .left_out = "of the region",
	  .meaning = "Login with Amazon's token URL; same rule as `endpoint`" },
	{ "ca_file", OPTION_FILE, ON_SERVER, FOR_ALL, FIELD(ca_file), .superuser_only = true,
	  .left_out = "the system's",
	  .meaning =
		  "file with the certificates of the authorities to trust, instead of the system's" },
	{ "proxy", OPTION_PROXY, ON_SERVER, FOR_ALL, FIELD(proxy), .superuser_only = true,
	  .left_out = "the environment's",
	  .meaning = "proxy to go through; empty for none. Schemes: http, https, socks4, socks4a, "
				 "socks5, socks5h. Its user and password stand on the user mapping" },
	{ "entity", OPTION_ENTITY, ON_TABLE, FOR_ALL, FIELD(entity), .left_out = "required",
	  .meaning = "the remote table" },
	{ "json_path", OPTION_JSON_PATH, ON_COLUMN, FOR_ALL, NO_FIELD,
	  .meaning = "where the column's value is in the record; without it the column's name "
				 "decides, see [tables.md](tables.md)" },

	/* what to ask for */
	{ "profile_ids", OPTION_PROFILE_IDS, ON_SERVER | ON_TABLE | ON_MAPPING, FOR_EXPORTS,
	  FIELD(profile_ids), .left_out = "all",
	  .meaning = "profiles to read. Left out everywhere: each that the account may view and that "
				 "is not an agency's, by the same call as the table `profiles`; if there is none, "
				 "it is an error" },
	{ "ad_products", OPTION_AD_PRODUCTS, ON_SERVER | ON_TABLE, FOR_EXPORTS, FIELD(ad_products),
	  .fallback = "SPONSORED_PRODUCTS,SPONSORED_BRANDS,SPONSORED_DISPLAY", .left_out = "all three",
	  .meaning = "products to read" },
	{ "max_age", OPTION_DURATION, ON_SERVER | ON_TABLE, FOR_AMAZON, FIELD(max_age),
	  .maximum = 1 * DAYS, .fallback = "5min",
	  .on_table = "no effect on `profiles`, which is asked for by each scan",
	  .meaning =
		  "an export that this session or another requested at most this long before the statement "
		  "began is used again, whether finished or in progress; `0`: never by a later "
		  "statement" },
	{ "request_span", OPTION_HOURS, ON_SERVER, FOR_AMPLITUDE, FIELD(request_span),
	  .minimum = 1 * HOURS, .maximum = 365 * DAYS, .fallback = "1d",
	  .meaning = "hours asked for in one request; fewer where that proves to be too much. Before "
				 "2014-11-12, where Amplitude's files are by the day, whole days" },
	{ "incomplete_hours", OPTION_CHOICE, ON_SERVER | ON_TABLE, FOR_AMPLITUDE,
	  FIELD(incomplete_hours), .choices = incomplete_hours_choices, .fallback = "warning",
	  .meaning = "what to do when a query reaches into hours that Amplitude may not have "
				 "finished: those that ended less than two hours ago" },
	{ "default_start", OPTION_HOURS, ON_TABLE, FOR_AMPLITUDE, FIELD(default_start),
	  .minimum = 1 * HOURS, .maximum = 36500 * DAYS,
	  .meaning = "how long before now to start when a query gives no lower bound; without it such "
				 "a query is an error, and so is `ANALYZE`" },
	{ "event_time_max_lag", OPTION_DURATION, ON_TABLE, FOR_AMPLITUDE, FIELD(event_time_max_lag),
	  .maximum = 36500 * DAYS, .left_out = "off",
	  .meaning = "upper bounds on `event_time` also bound the hours that are asked for: events "
				 "that were uploaded later than this after they happened are not seen. See "
				 "[amplitude.md](amplitude.md)" },
	{ "event_time_max_lead", OPTION_DURATION, ON_TABLE, FOR_AMPLITUDE, FIELD(event_time_max_lead),
	  .maximum = 36500 * DAYS, .left_out = "off",
	  .meaning = "the same for lower bounds: events that happened more than this after they were "
				 "uploaded are not seen" },

	/* how to ask */
	{ "max_jobs", OPTION_INTEGER, ON_SERVER, FOR_ALL, FIELD(max_jobs), .minimum = 1,
	  .maximum = 1000, .fallback_of_api = { [API_AMAZON_ADS] = "5", [API_AMPLITUDE] = "4" },
	  .meaning = "Amazon: exports in progress at once for each of the four endpoints. Amplitude: "
				 "requests in flight at once for a project, over all scans; it allows 5 over all "
				 "of its REST calls, of which other programs may need one" },
	{ "eager", OPTION_BOOLEAN, ON_SERVER, FOR_AMAZON, FIELD(eager), .fallback = "true",
	  .meaning = "request the exports of all scans of a query when it starts, so that it waits "
				 "for the slowest of them and not for their sum" },
	{ "poll_interval", OPTION_DURATION, ON_SERVER, FOR_AMAZON, FIELD(poll_interval),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS, .fallback = "1s",
	  .meaning = "the shortest time between two status calls for an export; they come when it is "
				 "likely to be ready, judging by how long earlier ones took (the first may come "
				 "sooner than this), else at intervals of a quarter of the time that has passed" },
	{ "poll_interval_max", OPTION_DURATION, ON_SERVER, FOR_AMAZON, FIELD(poll_interval_max),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS, .fallback = "15s",
	  .meaning = "the longest time between two such calls" },
	{ "export_timeout", OPTION_DURATION, ON_SERVER, FOR_ALL, FIELD(export_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 7 * DAYS, .fallback = "30min",
	  .meaning = "how long one export may stay in progress, or Amplitude's answer take to begin; "
				 "also the patience for one part's repeated requests" },
	{ "concurrency", OPTION_INTEGER, ON_SERVER, FOR_AMPLITUDE, FIELD(concurrency), .minimum = 1,
	  .maximum = 5, .fallback = "2",
	  .meaning = "requests in flight at once for one scan, within `max_jobs`" },
	{ "connect_timeout", OPTION_DURATION, ON_SERVER, FOR_ALL, FIELD(connect_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * HOURS, .fallback = "10s",
	  .meaning = "how long a connection may take to be made" },
	{ "stall_timeout", OPTION_DURATION, ON_SERVER, FOR_ALL, FIELD(stall_timeout),
	  .minimum = 100 * MILLISECONDS, .maximum = 1 * DAYS, .fallback = "60s",
	  .meaning = "how long a transfer may receive no data; there is no limit for a whole download. "
				 "All other answers (token, profiles, request, status) and every error must have "
				 "ended this long after their head: such an answer fails, an error is judged by "
				 "what has come, 64 kB at most" },
	{ "max_retries", OPTION_INTEGER, ON_SERVER, FOR_ALL, FIELD(max_retries), .minimum = 0,
	  .maximum = 1000, .fallback = "5",
	  .meaning = "how often a request is repeated that failed in a way that may pass" },

	/* what to do with values, and what the planner should think */
	{ "on_invalid", OPTION_CHOICE, ON_TABLE, FOR_ALL, FIELD(on_invalid),
	  .choices = on_invalid_choices, .fallback = "error",
	  .meaning = "a value that does not fit its column: an error, or NULL, and one warning at the "
				 "end of the scan that counts them and shows the first" },
	{ "invalid_text", OPTION_CHOICE, ON_TABLE, FOR_ALL, FIELD(invalid_text),
	  .choices = invalid_text_choices, .fallback = "error",
	  .meaning = "`\\u0000`, lone surrogates and bytes that are not valid text: an error, or the "
				 "replacement character U+FFFD; control characters that JSON should have escaped: "
				 "an error, or taken as they are" },
	{ "estimated_rows", OPTION_NUMBER, ON_TABLE, FOR_ALL, FIELD(estimated_rows), .minimum = 0,
	  .maximum = 1e15, .left_out = "below", .meaning = "how many rows the planner should expect" },
	/*
	 * A request costs seconds, a row microseconds.  The start is below
	 * jit_above_cost even when four tables are joined.
	 */
	{ "fdw_startup_cost", OPTION_NUMBER, ON_SERVER | ON_TABLE, FOR_ALL, FIELD(fdw_startup_cost),
	  .minimum = 0, .maximum = 1e15, .fallback = "10000",
	  .meaning = "the planner's cost of starting a scan" },
	{ "fdw_tuple_cost", OPTION_NUMBER, ON_SERVER | ON_TABLE, FOR_ALL, FIELD(fdw_tuple_cost),
	  .minimum = 0, .maximum = 1e15, .fallback = "0.02",
	  .meaning = "the planner's cost of a row, beyond that of a local one" },

	/* who asks */
	{ "client_id", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(client_id), .needed = true,
	  .meaning = "client id of the Login with Amazon security profile" },
	{ "client_secret", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(client_secret),
	  .secret = true, .needed = true, .instead = "access_token",
	  .meaning = "used with `refresh_token` to fetch access tokens" },
	{ "refresh_token", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(refresh_token),
	  .secret = true, .needed = true, .instead = "access_token",
	  .meaning = "used to fetch access tokens" },
	{ "access_token", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMAZON, FIELD(access_token),
	  .secret = true, .meaning = "used as it is until it expires; excludes `refresh_token`" },
	{ "api_key", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMPLITUDE, FIELD(api_key), .secret = true,
	  .needed = true, .meaning = "of the project" },
	{ "secret_key", OPTION_CREDENTIAL, ON_MAPPING, FOR_AMPLITUDE, FIELD(secret_key), .secret = true,
	  .needed = true, .meaning = "of the project" },
	{ "proxy_user", OPTION_CREDENTIAL, ON_MAPPING, FOR_ALL, FIELD(proxy_user), .secret = true,
	  .meaning = "for a proxy that wants one (Basic authentication)" },
	{ "proxy_password", OPTION_CREDENTIAL, ON_MAPPING, FOR_ALL, FIELD(proxy_password),
	  .secret = true, .meaning = "the same; it needs `proxy_user`" },
};

/* Where each API lives; an API's first region is its default. */
static const Region regions[] = {
	{ API_AMAZON_ADS, "na", "https://advertising-api.amazon.com",
	  "https://api.amazon.com/auth/o2/token" },
	{ API_AMAZON_ADS, "eu", "https://advertising-api-eu.amazon.com",
	  "https://api.amazon.co.uk/auth/o2/token" },
	{ API_AMAZON_ADS, "fe", "https://advertising-api-fe.amazon.com",
	  "https://api.amazon.co.jp/auth/o2/token" },
	{ API_AMPLITUDE, "us", "https://amplitude.com", NULL },
	{ API_AMPLITUDE, "eu", "https://analytics.eu.amplitude.com", NULL },
};

static const char *const region_hints[API_COUNT] = {
	[API_AMAZON_ADS] = "Region na is for accounts in America, eu for Europe, the Middle East, "
					   "Africa and India, fe for the Far East and Australia.",
	[API_AMPLITUDE] = "It is where the data of the Amplitude project is stored.",
};

const Option *
option_at(int index)
{
	return index < (int) lengthof(option_table) ? &option_table[index] : NULL;
}

const Option *
option_by_name(const char *name)
{
	for (size_t i = 0; i < lengthof(option_table); i++)
	{
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	}
	return NULL;
}

const Region *
region_at(int index)
{
	return index < (int) lengthof(regions) ? &regions[index] : NULL;
}

const Region *
region_by_name(ApiKind api, const char *name)
{
	for (size_t i = 0; i < lengthof(regions); i++)
	{
		if (regions[i].api == api && (name == NULL || strcmp(regions[i].name, name) == 0))
			return &regions[i];
	}
	return NULL;
}

const char *
region_hint(ApiKind api)
{
	return region_hints[api];
}
