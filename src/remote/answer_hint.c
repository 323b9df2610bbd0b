/*-------------------------------------------------------------------------
 *
 * answer_hint.c
 *		The hints for requests that got no good answer, as a table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/answer_hint.h"
#include "utils/builtins.h"

#define CALL(call) (1u << (call))
#define ACTION(action) (1u << (action))
#define TROUBLE(failure) (1u << (failure))

#define ANY_CALL (~0u)
#define ANY_ACTION (~0u)
#define EXPORT_CALLS (CALL(CALL_REQUEST) | CALL(CALL_STATUS))
#define AMAZON_CALLS (EXPORT_CALLS | CALL(CALL_PROFILES))
/* The calls to an address that the server's options name. */
#define ENDPOINT_CALLS (AMAZON_CALLS | CALL(CALL_TOKEN) | CALL(CALL_ARCHIVE))

/*
 * Names in braces are filled in: {server}, {region}, {endpoint} (the option
 * that names the address of such a call), {token} (how to check it).
 */
typedef struct HintRow
{
	unsigned actions;
	unsigned calls;
	int first_status;
	int last_status;
	const char *hint;
} HintRow;

#define LEAVE_OUT_PROFILE                                                                          \
	"The option profile_ids, or WHERE profile_id <> '...', leaves a profile out"
#define LEAVE_OUT                                                                                  \
	LEAVE_OUT_PROFILE "; the option ad_products, or WHERE ad_product <> '...', an ad product."

/* For answers; the first row that fits decides. */
static const HintRow hints_of_answers[] = {
	{ ACTION(ACTION_FAIL_CREDENTIALS), CALL(CALL_ARCHIVE), 400, 499,
	  "Check api_key and secret_key of the user mapping, and that the project is in the region "
	  "of server {server} ({region})." },
	{ ACTION(ACTION_FAIL_CREDENTIALS), CALL(CALL_TOKEN), 401, 401,
	  "Check client_id and client_secret of the user mapping, and correct them with ALTER USER "
	  "MAPPING ... SERVER {server} OPTIONS (SET ...)." },
	{ ACTION(ACTION_FAIL_CREDENTIALS), CALL(CALL_TOKEN), 400, 400,
	  "Check refresh_token, which must be one of this client_id, and client_secret of the user "
	  "mapping, correct them with ALTER USER MAPPING ... SERVER {server} OPTIONS (SET ...), "
	  "and check that the client has been approved for the Amazon Ads API." },
	{ ACTION(ACTION_FAIL_CREDENTIALS), CALL(CALL_TOKEN), 402, 499,
	  "Check the option token_endpoint of server {server}, and client_id, client_secret and "
	  "refresh_token of the user mapping." },

	{ ACTION(ACTION_REAUTHENTICATE), CALL(CALL_PROFILES), 401, 401,
	  "{token}, and that the client has been approved for the Amazon Ads API." },
	{ ACTION(ACTION_REAUTHENTICATE), EXPORT_CALLS, 401, 401,
	  "{token}, that the client has been approved for the Amazon Ads API, and that the profile "
	  "belongs to this account and to the region of server {server} ({region}) and is not an "
	  "agency's, which has no exports. " LEAVE_OUT_PROFILE "." },
	{ ACTION(ACTION_FAIL_PERMISSION), CALL(CALL_PROFILES), 403, 403,
	  "Check that the client of client_id has access to the Amazon Ads API (it may not have been "
	  "approved yet), and the option endpoint of server {server}." },
	{ ACTION(ACTION_FAIL_PERMISSION), EXPORT_CALLS, 403, 403,
	  "Check that the user whose refresh token it is may view the campaigns of this profile, that "
	  "the client of client_id has been approved for the Amazon Ads API, and the option endpoint "
	  "of server {server}. " LEAVE_OUT },
	{ ACTION(ACTION_FAIL_REQUEST), CALL(CALL_REQUEST), 400, 400,
	  "Some profiles have no exports, such as agencies', and some not of every ad product, such as "
	  "authors'. " LEAVE_OUT },
	{ ACTION(ACTION_FAIL_REQUEST), CALL(CALL_REQUEST), 422, 422, LEAVE_OUT },

	{ ACTION(ACTION_THROTTLED), ANY_CALL, 0, 999,
	  "Other programs may be using up the vendor's limits. Try again later, or raise "
	  "export_timeout of server {server}." },
	{ ACTION(ACTION_SPLIT), CALL(CALL_ARCHIVE), 0, 999,
	  "Ask for fewer hours at a time with request_span of server {server}; an hour that is too "
	  "large for this API can be had through the vendor's Amazon S3 export." },
	{ ACTION(ACTION_RETRY), ANY_CALL, 500, 599,
	  "Try again later; max_retries and export_timeout of server {server} say how long to keep "
	  "trying." },
	{ ACTION(ACTION_REMINT_URL), CALL(CALL_DOWNLOAD), 0, 999, "Run the query again." },

	/* Something else is at that address. */
	{ ANY_ACTION, ENDPOINT_CALLS, 300, 399,
	  "Check the options {endpoint} and region of server {server}: the vendor's API does "
	  "not use redirects." },
	{ ANY_ACTION, ENDPOINT_CALLS & ~CALL(CALL_STATUS), 404, 404,
	  "Check the options {endpoint} and region of server {server}." },
};

typedef struct TroubleHintRow
{
	unsigned troubles;
	unsigned calls;
	bool by_proxy; /* the proxy is to blame */
	const char *hint;
} TroubleHintRow;

/* For requests that got no answer. */
static const TroubleHintRow hints_of_troubles[] = {
	{ ~0u, ANY_CALL, true,
	  "Check the option proxy of server {server} (without it, the one that the environment of the "
	  "database server names), proxy_user and proxy_password of the user mapping, and that the "
	  "proxy lets this connection through." },
	{ TROUBLE(REQUEST_FAILURE_RESOLVE) | TROUBLE(REQUEST_FAILURE_CONNECT), CALL(CALL_DOWNLOAD),
	  false,
	  "Check that this machine can reach the address, or that the proxy of server {server} can." },
	{ TROUBLE(REQUEST_FAILURE_RESOLVE) | TROUBLE(REQUEST_FAILURE_CONNECT), ANY_CALL, false,
	  "Check the option {endpoint} of server {server}, and that this machine (or the server's "
	  "proxy) can reach it." },
	{ TROUBLE(REQUEST_FAILURE_TLS), ANY_CALL, false,
	  "Check the certificates of the authorities that this machine trusts (package "
	  "ca-certificates), or set the option ca_file of server {server}; check also its option "
	  "{endpoint}." },
	{ TROUBLE(REQUEST_FAILURE_TIMEOUT) | TROUBLE(REQUEST_FAILURE_BROKEN), ANY_CALL, false,
	  "Try again; if it lasts, raise max_retries, connect_timeout or stall_timeout of server "
	  "{server}." },
	{ TROUBLE(REQUEST_FAILURE_REFUSED), CALL(CALL_DOWNLOAD), false,
	  "Check that the option endpoint of server {server} is the vendor's API, whose links lead to "
	  "https addresses." },
};

static const char *
endpoint_option(ApiCall call)
{
	return call == CALL_TOKEN ? "token_endpoint" : "endpoint";
}

static const char *
token_check(const ForeignOptions *options)
{
	return options->access_token != NULL
			   ? "Check that the access_token of the user mapping has not expired (set a new one "
				 "with ALTER USER MAPPING)"
			   : "Check client_id and refresh_token of the user mapping";
}

/* Copy a hint and fill in its names in braces. */
static void
fill(const char *hint, ApiCall call, const ForeignOptions *options, char *output, size_t size)
{
	const struct
	{
		const char *name;
		const char *value;
	} holes[] = { { "{server}", quote_identifier(options->server_name) },
				  { "{region}", options->region },
				  { "{endpoint}", endpoint_option(call) },
				  { "{token}", token_check(options) } };
	size_t used = 0;

	while (*hint != '\0' && used + 1 < size)
	{
		size_t taken = 1;
		size_t length = 1;
		const char *piece = hint;

		for (int i = 0; i < (int) lengthof(holes); i++)
		{
			if (strncmp(hint, holes[i].name, strlen(holes[i].name)) == 0)
			{
				taken = strlen(holes[i].name);
				piece = holes[i].value;
				length = strlen(piece);
			}
		}
		length = Min(length, size - 1 - used);
		memcpy(output + used, piece, length);
		used += length;
		hint += taken;
	}
	output[used] = '\0';
}

static const char *
hint_of_answer(PolicyAction action, ApiCall call, int status)
{
	for (int i = 0; i < (int) lengthof(hints_of_answers); i++)
	{
		const HintRow *row = &hints_of_answers[i];

		if ((row->actions & ACTION(action)) && (row->calls & CALL(call)) &&
			status >= row->first_status && status <= row->last_status)
			return row->hint;
	}
	return NULL;
}

static const char *
hint_of_trouble(ApiCall call, RequestFailure trouble, bool by_proxy)
{
	for (int i = 0; i < (int) lengthof(hints_of_troubles); i++)
	{
		const TroubleHintRow *row = &hints_of_troubles[i];

		if ((row->troubles & TROUBLE(trouble)) && (row->calls & CALL(call)) &&
			row->by_proxy == by_proxy)
			return row->hint;
	}
	return NULL;
}

void
answer_add_hint(Failure *failure, PolicyAction action, ApiCall call, const RequestResult *result,
				const ForeignOptions *options)
{
	const char *hint = result->failure == REQUEST_FAILURE_NONE
						   ? hint_of_answer(action, call, result->status)
						   : hint_of_trouble(call, result->failure, result->by_proxy);

	if (hint != NULL)
		fill(hint, call, options, failure->hint, sizeof(failure->hint));
}
