/*-------------------------------------------------------------------------
 *
 * policy.c
 *		The table that says what to do about an answer, or a missing one.
 *
 *-------------------------------------------------------------------------
 */
#include "remote/policy.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define CALL(call) (1u << (call))
#define AMAZON_API (CALL(CALL_PROFILES) | CALL(CALL_REQUEST) | CALL(CALL_STATUS))
#define EVERY_CALL (AMAZON_API | CALL(CALL_TOKEN) | CALL(CALL_DOWNLOAD) | CALL(CALL_ARCHIVE))

/* A body kind that matches all. */
#define ANY_BODY (-1)

typedef struct PolicyRow
{
	unsigned calls;
	int first_status;
	int last_status;
	int body;
	PolicyAction action;
} PolicyRow;

/* The first row that fits decides; the last rows fit everything. */
static const PolicyRow answers[] = {
	{ CALL(CALL_REQUEST) | CALL(CALL_STATUS), 202, 202, ANY_BODY, ACTION_SUCCESS },
	{ CALL(CALL_DOWNLOAD), 206, 206, ANY_BODY, ACTION_SUCCESS },
	{ EVERY_CALL, 200, 200, ANY_BODY, ACTION_SUCCESS },

	/* The vendor's word for "no events in these hours"; another 404 is a hiccup. */
	{ CALL(CALL_ARCHIVE), 404, 404, BODY_NO_DATA, ACTION_EMPTY },
	{ CALL(CALL_ARCHIVE), 404, 404, BODY_PAGE, ACTION_RETRY_ONCE },
	{ CALL(CALL_ARCHIVE), 404, 404, ANY_BODY, ACTION_RETRY },
	{ CALL(CALL_ARCHIVE), 400, 400, ANY_BODY, ACTION_SPLIT },
	{ CALL(CALL_ARCHIVE), 413, 413, ANY_BODY, ACTION_SPLIT },
	{ CALL(CALL_ARCHIVE), 504, 504, ANY_BODY, ACTION_SPLIT },
	{ CALL(CALL_ARCHIVE), 401, 401, ANY_BODY, ACTION_FAIL_CREDENTIALS },
	{ CALL(CALL_ARCHIVE), 403, 403, ANY_BODY, ACTION_FAIL_CREDENTIALS },

	/* Bad client, secret or refresh token: waiting would not help. */
	{ CALL(CALL_TOKEN), 429, 429, ANY_BODY, ACTION_THROTTLED },
	{ CALL(CALL_TOKEN), 400, 499, ANY_BODY, ACTION_FAIL_CREDENTIALS },

	/* A stale link: 400 if the signature depends on a session token, else 403. */
	{ CALL(CALL_DOWNLOAD), 400, 400, ANY_BODY, ACTION_REMINT_URL },
	{ CALL(CALL_DOWNLOAD), 403, 404, ANY_BODY, ACTION_REMINT_URL },

	{ AMAZON_API, 401, 401, ANY_BODY, ACTION_REAUTHENTICATE },
	{ AMAZON_API, 403, 403, ANY_BODY, ACTION_FAIL_PERMISSION },
	{ CALL(CALL_STATUS), 404, 404, ANY_BODY, ACTION_REQUEST_ANEW },

	{ EVERY_CALL, 429, 429, ANY_BODY, ACTION_THROTTLED },
	{ EVERY_CALL, 408, 408, ANY_BODY, ACTION_RETRY },
	{ EVERY_CALL, 425, 425, ANY_BODY, ACTION_RETRY },
	{ EVERY_CALL, 500, 599, ANY_BODY, ACTION_RETRY },
	{ EVERY_CALL, 100, 999, ANY_BODY, ACTION_FAIL_REQUEST },
};

typedef struct FailureRow
{
	RequestFailure failure;
	PolicyAction action;
} FailureRow;

static const FailureRow failures[] = {
	{ REQUEST_FAILURE_RESOLVE, ACTION_RETRY },
	{ REQUEST_FAILURE_CONNECT, ACTION_RETRY },
	{ REQUEST_FAILURE_TIMEOUT, ACTION_RETRY },
	{ REQUEST_FAILURE_BROKEN, ACTION_RETRY },
	{ REQUEST_FAILURE_TLS, ACTION_FAIL_NETWORK },
	{ REQUEST_FAILURE_TOO_LARGE, ACTION_FAIL_REQUEST },
	{ REQUEST_FAILURE_PROXY, ACTION_FAIL_NETWORK },
	{ REQUEST_FAILURE_REFUSED, ACTION_FAIL_REQUEST },
	{ REQUEST_FAILURE_SETUP, ACTION_FAIL_NETWORK },
};

PolicyAction
policy_decide(ApiCall call, RequestFailure failure, int status, BodyKind body)
{
	if (failure != REQUEST_FAILURE_NONE)
	{
		for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
			if (failures[i].failure == failure)
				return failures[i].action;
		return ACTION_FAIL_NETWORK;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		const PolicyRow *row = &answers[i];

		if ((row->calls & CALL(call)) && status >= row->first_status &&
			status <= row->last_status && (row->body == ANY_BODY || row->body == (int) body))
			return row->action;
	}
	return ACTION_FAIL_REQUEST;
}

/* Does the body contain that text, ignoring case? */
static bool
mentions(const char *body, size_t length, const char *text)
{
	size_t text_length = strlen(text);

	for (size_t i = 0; body != NULL && i + text_length <= length; i++)
	{
		if (strncasecmp(body + i, text, text_length) == 0)
			return true;
	}
	return false;
}

BodyKind
policy_body_kind(const char *body, size_t length)
{
	size_t start = 0;

	if (mentions(body, length, "Raw data files were not found"))
		return BODY_NO_DATA;
	/* The vendor's own hiccup, which may come as a page, too. */
	if (mentions(body, length, "404: Not Found"))
		return BODY_OTHER;
	while (start < length && isspace((unsigned char) body[start]))
		start++;
	if (start < length && body[start] == '<')
		return BODY_PAGE;
	return BODY_OTHER;
}

bool
policy_mentions_size(const char *body, size_t length)
{
	static const char *const words[] = { "large", "size", "limit", "4gb",  "4 gb",    "range",
										 "big",   "much", "many",  "long", "shorten", "exceed" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (mentions(body, length, words[i]))
			return true;
	}
	return length == 0;
}

int64_t
policy_backoff(ApiCall call, PolicyAction action, int attempt, double random)
{
	int64_t delay = call == CALL_ARCHIVE && action == ACTION_THROTTLED ? 30000 : 1000;
	const int64_t longest = 120000;

	while (attempt-- > 0 && delay < longest)
		delay *= 2;
	if (delay > longest)
		delay = longest;
	return (int64_t) (delay * (0.75 + 0.5 * random));
}

int64_t
policy_retry_after(const char *header, int64_t now)
{
	const int64_t longest = 366L * 24 * 60 * 60;
	int64_t seconds = 0;
	const char *digit = header;
	time_t date;

	if (header == NULL || header[0] == '\0')
		return -1;
	for (; isdigit((unsigned char) *digit); digit++)
		if (seconds <= longest)
			seconds = seconds * 10 + (*digit - '0');
	if (*digit != '\0')
	{
		date = curl_getdate(header, NULL);
		if (date == -1)
			return -1;
		seconds = date > now ? date - now : 0;
	}
	return (seconds > longest ? longest : seconds) * 1000;
}
