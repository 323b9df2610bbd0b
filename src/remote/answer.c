/*-------------------------------------------------------------------------
 *
 * answer.c
 *		How a request ended: what to do about it, and the error if it failed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "compat.h"
#include "net/reactor.h"
#include "net/url.h"
#include "remote/answer.h"
#include "remote/answer_hint.h"
#include "remote/foreign_text.h"
#include "remote/jitter.h"
#include "remote/reached.h"
#include "remote/throttle.h"
#include "utils/builtins.h"

/*-------------------------------------------------------------------------
 * Words
 *-------------------------------------------------------------------------
 */

/* Reads as: could not <task> for foreign table "t" */
static const char *const tasks[] = {
	[CALL_TOKEN] = "get an access token",   [CALL_PROFILES] = "list the profiles",
	[CALL_REQUEST] = "request an export",   [CALL_STATUS] = "ask for the status of an export",
	[CALL_DOWNLOAD] = "download an export", [CALL_ARCHIVE] = "download an export",
};

/* Why an exchange failed that got no answer. */
static const char *const troubles[] = {
	[REQUEST_FAILURE_NONE] = "network error",
	[REQUEST_FAILURE_RESOLVE] = "network error: the name of the server cannot be resolved",
	[REQUEST_FAILURE_CONNECT] = "network error: no connection",
	[REQUEST_FAILURE_TLS] = "network error: no secure connection",
	[REQUEST_FAILURE_TIMEOUT] = "network error: timeout",
	[REQUEST_FAILURE_BROKEN] = "network error: the connection broke",
	[REQUEST_FAILURE_TOO_LARGE] = "the answer is too large",
	[REQUEST_FAILURE_PROXY] = "network error: the proxy does not let the connection through",
	[REQUEST_FAILURE_REFUSED] = "the link is refused",
	[REQUEST_FAILURE_SETUP] = "network error: the request could not be made",
};

static const struct
{
	int status;
	const char *words;
} statuses[] = {
	{ 301, "moved permanently" },
	{ 302, "found elsewhere" },
	{ 303, "see other" },
	{ 307, "temporary redirect" },
	{ 308, "permanent redirect" },
	{ 400, "bad request" },
	{ 401, "not authorized" },
	{ 403, "forbidden" },
	{ 404, "not found" },
	{ 405, "method not allowed" },
	{ 406, "not acceptable" },
	{ 407, "proxy authentication required" },
	{ 408, "request timeout" },
	{ 410, "gone" },
	{ 413, "content too large" },
	{ 415, "unsupported media type" },
	{ 422, "unprocessable" },
	{ 429, "too many requests" },
	{ 500, "internal server error" },
	{ 502, "bad gateway" },
	{ 503, "service unavailable" },
	{ 504, "gateway timeout" },
};

/* " (bad request)", or nothing */
static const char *
status_words(int status, char *words, size_t size)
{
	words[0] = '\0';
	for (int i = 0; i < (int) lengthof(statuses); i++)
	{
		if (statuses[i].status == status)
			snprintf(words, size, " (%s)", statuses[i].words);
	}
	return words;
}

static int
sqlstate_of(PolicyAction action, int status)
{
	switch (action)
	{
		case ACTION_FAIL_CREDENTIALS:
		case ACTION_REAUTHENTICATE:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case ACTION_FAIL_PERMISSION:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case ACTION_THROTTLED:
			return ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
		case ACTION_FAIL_NETWORK:
			return ERRCODE_CONNECTION_FAILURE;
		case ACTION_RETRY:
			return status < 400 || status >= 500 ? ERRCODE_CONNECTION_FAILURE : ERRCODE_FDW_ERROR;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/*-------------------------------------------------------------------------
 * Judging
 *-------------------------------------------------------------------------
 */

/* There was no answer: say what libcurl and the system reported. */
static void
describe_trouble(Failure *failure, const RequestResult *result, const char *subject,
				 const ForeignOptions *options, const char *token)
{
	ForeignText message;

	foreign_text(&message, result->message, options, token);
	if (result->os_error != 0)
		failure_add_detail(failure, "%s: %s (%s).", subject, message.text,
						   strerror(result->os_error));
	else
		failure_add_detail(failure, "%s: %s.", subject, message.text);
}

/* There was an answer, but not a good one. */
static void
describe_answer(Failure *failure, const RequestResult *result, const char *subject,
				const ForeignOptions *options, const char *token)
{
	const ResponseHeaders *headers = result->headers;
	ForeignText shown;

	failure_add_detail(failure, "%s: the server answered \"%s\".", subject,
					   foreign_body(&shown, result->body, result->length, options, token));
	if (headers->location[0] != '\0')
	{
		char target[sizeof(headers->location)];

		url_for_message(headers->location, target, sizeof(target));
		failure_add_detail(failure, "It redirects to %s.",
						   foreign_text(&shown, target, options, token));
	}
	if (headers->request_id[0] != '\0')
		failure_add_detail(failure, "The vendor's request id is %s.",
						   foreign_text(&shown, headers->request_id, options, token));
}

void
answer_judge(Answer *answer, ApiCall call, const RequestResult *result, const char *subject,
			 const ForeignOptions *options, const char *token)
{
	Failure *failure = &answer->failure;
	bool is_answer = result->failure == REQUEST_FAILURE_NONE;
	char words[64];

	answer->action =
		policy_decide(call, result->failure, result->status,
					  policy_body_kind(result->body, result->status < 300 ? 0 : result->length));
	answer->retry_after = policy_retry_after(result->headers->retry_after, (int64) time(NULL));
	failure->sqlstate = 0;
	if (answer->action != ACTION_THROTTLED && is_answer)
		throttle_end(call, options, monotonic_milliseconds(), REACTOR_NEVER);
	if (is_answer)
		reached_note(call, options);
	if (answer->action == ACTION_SUCCESS || answer->action == ACTION_EMPTY)
		return;

	if (is_answer)
	{
		failure_set(failure, sqlstate_of(answer->action, result->status), tasks[call],
					"HTTP status %d%s", result->status,
					status_words(result->status, words, sizeof(words)));
		describe_answer(failure, result, subject, options, token);
	}
	else
	{
		failure_set(failure, sqlstate_of(answer->action, 0), tasks[call], "%s",
					troubles[result->failure]);
		describe_trouble(failure, result, subject, options, token);
		failure->unreachable = (result->failure == REQUEST_FAILURE_RESOLVE ||
								result->failure == REQUEST_FAILURE_CONNECT) &&
							   !reached_before(call, options);
	}
	answer_add_hint(failure, answer->action, call, result, options);
}

void
answer_unexpected(Answer *answer, ApiCall call, const RequestResult *result, const char *subject,
				  const ForeignOptions *options, const char *token, const char *reason)
{
	ForeignText shown;

	answer->action = ACTION_RETRY;
	answer->retry_after = -1;
	failure_set(&answer->failure, ERRCODE_FDW_ERROR, tasks[call], "%s", reason);
	failure_add_detail(&answer->failure, "%s: HTTP status %d with a body that says \"%s\".",
					   subject, result->status,
					   foreign_body(&shown, result->body, result->length, options, token));
	failure_set_hint(&answer->failure,
					 "Check that the option endpoint of server %s is the vendor's API; if it is, "
					 "try again later.",
					 quote_identifier(options->server_name));
}

/*-------------------------------------------------------------------------
 * Retries
 *-------------------------------------------------------------------------
 */

/*
 * The time to the next attempt.  A server may ask for one that is shorter than
 * our own, but not over and over: with "Retry-After: 0" it would be hammered.
 */
static int64
delay_of(const Retry *retry, const Answer *answer, ApiCall call)
{
	int64 backoff = policy_backoff(call, answer->action, retry->attempts, random_fraction());

	if (answer->action == ACTION_THROTTLED && retry->attempts == 0 && answer->retry_after >= 0)
		return Max(answer->retry_after, 100);
	return Max(answer->retry_after, backoff);
}

/*
 * A server that was never reached is tried again this often: that takes a few
 * seconds, in which a network may come up, but not the half minute for one
 * that worked before.
 */
#define UNREACHABLE_RETRIES 2

bool
retry_allowed(Retry *retry, Answer *answer, ApiCall call, const ForeignOptions *options, int64 *due)
{
	int64 now = monotonic_milliseconds();
	int most = answer->action == ACTION_RETRY_ONCE ? 1 : options->max_retries;
	int64 delay;

	if (answer->action == ACTION_THROTTLED && throttle_observer != NULL)
		throttle_observer(options);
	if (answer->action != ACTION_RETRY && answer->action != ACTION_RETRY_ONCE &&
		answer->action != ACTION_THROTTLED)
		return false;
	if (options->max_retries == 0)
		return false;
	if (answer->failure.unreachable)
		most = Min(most, UNREACHABLE_RETRIES);

	/*
	 * A throttled request waits for its turn, which may take as long as other
	 * programs' exports do: that is a matter of time and not of attempts.
	 */
	if (answer->action != ACTION_THROTTLED && retry->attempts >= most)
	{
		failure_add_detail(&answer->failure, "It was tried %d times.", retry->attempts + 1);
		return false;
	}
	if (retry->patience_ends == 0)
		retry->patience_ends = now + options->export_timeout;
	delay = delay_of(retry, answer, call);
	retry->attempts++;
	retry->most = answer->action == ACTION_THROTTLED ? 0 : most + 1;
	failure_summary(&answer->failure, retry->last, sizeof(retry->last));
	if (now + delay > retry->patience_ends)
	{
		failure_add_detail(&answer->failure, "It was tried %d times.", retry->attempts);
		throttle_give_up(call, options);
		return false;
	}
	*due = now + delay;
	if (answer->action == ACTION_THROTTLED)
		throttle_end(call, options, now, *due);
	return true;
}
