/*-------------------------------------------------------------------------
 *
 * failure.c
 *		Why an export can't be had: noted where it happens, raised where it
 *		is needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "compat.h"
#include "export/failure.h"
#include "export/foreign_text.h"
#include "export/reached.h"
#include "export/throttle.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "net/reactor.h"
#include "utils/builtins.h"

static void format_words(char *output, size_t size, const char *format, va_list arguments)
	pg_attribute_printf(3, 0);

/* As vsnprintf, but what does not fit is not cut within a character. */
static void
format_words(char *output, size_t size, const char *format, va_list arguments)
{
	if (vsnprintf(output, size, format, arguments) >= (int) size)
		output[pg_mbcliplen(output, (int) size - 1, (int) size - 1)] = '\0';
}

void
failure_set(Failure *failure, int sqlstate, const char *task, const char *reason, ...)
{
	va_list arguments;

	memset(failure, 0, sizeof(*failure));
	failure->sqlstate = sqlstate;
	strlcpy(failure->task, task, sizeof(failure->task));
	va_start(arguments, reason);
	format_words(failure->reason, sizeof(failure->reason), reason, arguments);
	va_end(arguments);
}

void
failure_add_detail(Failure *failure, const char *format, ...)
{
	size_t used = strlen(failure->detail);
	va_list arguments;

	if (used > 0 && used + 2 < sizeof(failure->detail))
		failure->detail[used++] = ' ';
	va_start(arguments, format);
	format_words(failure->detail + used, sizeof(failure->detail) - used, format, arguments);
	va_end(arguments);
}

void
failure_set_hint(Failure *failure, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	format_words(failure->hint, sizeof(failure->hint), format, arguments);
	va_end(arguments);
}

void
failure_summary(const Failure *failure, char *text, size_t size)
{
	/* Of a network error the words are in the detail, after whom it is about. */
	const char *words =
		strncmp(failure->reason, "network error", 13) == 0 ? strstr(failure->detail, ": ") : NULL;

	snprintf(text, size, "could not %s: %s", failure->task,
			 words != NULL ? words + 2 : failure->reason);
	size = pg_mbcliplen(text, strlen(text), size - 1);
	while (size > 0 && text[size - 1] == '.')
		size--;
	text[size] = '\0';
}

char *
failure_text(const Failure *failure)
{
	return psprintf("%s%s%s", failure->reason, failure->detail[0] != '\0' ? ": " : "",
					failure->detail);
}

void
failure_raise(const Failure *failure, const char *table_name)
{
	/* Whoever cancelled should hear of that and not of its consequence. */
	CHECK_FOR_INTERRUPTS();
	ereport(ERROR, (errcode(failure->sqlstate),
					errmsg("could not %s for foreign table \"%s\": %s", failure->task, table_name,
						   failure->reason),
					failure->detail[0] != '\0' ? errdetail_internal("%s", failure->detail) : 0,
					failure->hint[0] != '\0' ? errhint("%s", failure->hint) : 0));
}

double
random_fraction(void)
{
	return compat_random_fraction();
}

static const char *
task_of(ApiCall call)
{
	switch (call)
	{
		case CALL_TOKEN:
			return "get an access token";
		case CALL_PROFILES:
			return "list the profiles";
		case CALL_REQUEST:
			return "request an export";
		case CALL_STATUS:
			return "ask for the status of an export";
		case CALL_DOWNLOAD:
		case CALL_ARCHIVE:
			return "download an export";
	}
	return "call the server";
}

static const char *
status_words(int status)
{
	switch (status)
	{
		case 400:
			return " (bad request)";
		case 401:
			return " (not authorized)";
		case 403:
			return " (forbidden)";
		case 404:
			return " (not found)";
		case 406:
			return " (not acceptable)";
		case 415:
			return " (unsupported media type)";
		case 422:
			return " (unprocessable)";
		case 429:
			return " (too many requests)";
		case 500:
			return " (internal server error)";
		case 502:
			return " (bad gateway)";
		case 503:
			return " (service unavailable)";
		case 504:
			return " (gateway timeout)";
		default:
			return "";
	}
}

static int
sqlstate_of(PolicyAction action, const Request *request)
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
			return request_status(request) < 400 || request_status(request) >= 500
					   ? ERRCODE_CONNECTION_FAILURE
					   : ERRCODE_FDW_ERROR;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/* A server that could not be reached, or that is not the right one. */
static void
add_network_hint(Failure *failure, RequestFailure trouble, ApiCall call, const Settings *settings)
{
	const char *server = quote_identifier(settings->server_name);

	switch (trouble)
	{
		case REQUEST_FAILURE_RESOLVE:
		case REQUEST_FAILURE_CONNECT:
			if (call == CALL_DOWNLOAD)
				failure_set_hint(failure,
								 "Check that this machine can reach the address, or that "
								 "the proxy of server %s can.",
								 server);
			else
				failure_set_hint(failure,
								 "Check the option %s of server %s, and that this machine (or the "
								 "server's proxy) can reach it.",
								 call == CALL_TOKEN ? "token_endpoint" : "endpoint", server);
			break;
		case REQUEST_FAILURE_TLS:
			failure_set_hint(failure,
							 "Check the certificates of the authorities that this machine trusts "
							 "(package ca-certificates), or set the option ca_file of server %s; "
							 "check also its option %s.",
							 server, call == CALL_TOKEN ? "token_endpoint" : "endpoint");
			break;
		case REQUEST_FAILURE_TIMEOUT:
		case REQUEST_FAILURE_BROKEN:
			failure_set_hint(failure,
							 "Try again; if it lasts, raise max_retries, connect_timeout or "
							 "stall_timeout of server %s.",
							 server);
			break;
		default:
			break;
	}
}

static void
add_hint(Failure *failure, PolicyAction action, ApiCall call, int status, const Settings *settings)
{
	const char *server = quote_identifier(settings->server_name);

	switch (action)
	{
		case ACTION_FAIL_CREDENTIALS:
			if (call == CALL_ARCHIVE)
				failure_set_hint(failure,
								 "Check api_key and secret_key of the user mapping, and that the "
								 "project lives in the region of server %s (%s).",
								 server, settings->region);
			else if (status != 400 && status != 401)
				failure_set_hint(failure,
								 "Check the option token_endpoint of server %s, and client_id, "
								 "client_secret and refresh_token of the user mapping.",
								 server);
			else
				failure_set_hint(failure,
								 "Check %s of the user mapping, and correct what is wrong with "
								 "ALTER USER MAPPING ... SERVER %s OPTIONS (SET ...).",
								 status == 401 ? "client_id and client_secret"
											   : "refresh_token, which must be one of this "
												 "client_id, and client_secret",
								 server);
			break;
		case ACTION_REAUTHENTICATE:
			failure_set_hint(
				failure,
				"%s, and whether the profile belongs to this account and to the region of server "
				"%s (%s), and is not an agency's, which has no exports.",
				settings->access_token != NULL
					? "Check whether the access_token of the user mapping has expired (set a new "
					  "one with ALTER USER MAPPING)"
					: "Check client_id and refresh_token of the user mapping",
				server, settings->region);
			break;
		case ACTION_FAIL_PERMISSION:
			if (call == CALL_PROFILES)
				failure_set_hint(failure,
								 "Check that the client of client_id has access to the Amazon Ads "
								 "API, and the option endpoint of server %s.",
								 server);
			else
				failure_set_hint(failure,
								 "Check that the user whose refresh token it is may view the "
								 "campaigns of this profile, and the option endpoint of server "
								 "%s.",
								 server);
			break;
		case ACTION_THROTTLED:
			failure_set_hint(failure,
							 "Other programs may be using up the vendor's limits. Try again later, "
							 "or raise export_timeout of server %s.",
							 server);
			break;
		case ACTION_SPLIT:
			failure_set_hint(failure,
							 "Ask for fewer hours at a time with request_span of server "
							 "%s; an hour that is too large for this API can be had "
							 "through the vendor's Amazon S3 export.",
							 server);
			break;
		case ACTION_RETRY:
			if (status >= 500)
				failure_set_hint(failure,
								 "Try again later; max_retries and export_timeout of server %s say "
								 "how long to keep trying.",
								 server);
			break;
		case ACTION_REMINT_URL:
			failure_set_hint(failure, "Run the query again.");
			break;
		case ACTION_FAIL_REQUEST:
			if (status == 404 && (call == CALL_REQUEST || call == CALL_PROFILES ||
								  call == CALL_TOKEN || call == CALL_ARCHIVE))
				failure_set_hint(failure, "Check the option %s of server %s.",
								 call == CALL_TOKEN ? "token_endpoint" : "endpoint", server);
			break;
		default:
			break;
	}
}

void
answer_judge(Answer *answer, ApiCall call, const Request *request, const char *subject,
			 const Settings *settings, const char *token)
{
	size_t length;
	const char *body = request_body(request, &length);
	RequestFailure trouble = request_failure(request);
	const ResponseHeaders *headers = request_headers(request);
	ForeignText shown;

	answer->action =
		policy_decide(call, trouble, request_status(request),
					  policy_body_kind(body, request_status(request) < 300 ? 0 : length));
	answer->retry_after = policy_retry_after(headers->retry_after, (int64) time(NULL));
	answer->failure.sqlstate = 0;
	if (answer->action != ACTION_THROTTLED && trouble == REQUEST_FAILURE_NONE)
		throttle_end(call, settings, monotonic_milliseconds(), REACTOR_NEVER);
	if (trouble == REQUEST_FAILURE_NONE)
		reached_note(call, settings);
	if (answer->action == ACTION_SUCCESS || answer->action == ACTION_EMPTY)
		return;

	if (trouble != REQUEST_FAILURE_NONE)
	{
		failure_set(&answer->failure, sqlstate_of(answer->action, request), task_of(call),
					"network error %d", request_failure_code(request));
		failure_add_detail(&answer->failure, "%s: %s.", subject,
						   foreign_text(&shown, request_failure_message(request), settings, token));
		add_network_hint(&answer->failure, trouble, call, settings);
		answer->failure.unreachable =
			(trouble == REQUEST_FAILURE_RESOLVE || trouble == REQUEST_FAILURE_CONNECT) &&
			!reached_before(call, settings);
	}
	else
	{
		failure_set(&answer->failure, sqlstate_of(answer->action, request), task_of(call),
					"HTTP status %d%s", request_status(request),
					status_words(request_status(request)));
		failure_add_detail(&answer->failure, "%s: the server answered \"%s\".", subject,
						   foreign_body(&shown, body, length, settings, token));
		if (headers->request_id[0] != '\0')
			failure_add_detail(&answer->failure, "The vendor's request id is %s.",
							   foreign_text(&shown, headers->request_id, settings, token));
	}
	if (trouble == REQUEST_FAILURE_NONE)
		add_hint(&answer->failure, answer->action, call, request_status(request), settings);
}

void
answer_unexpected(Answer *answer, ApiCall call, const Request *request, const char *subject,
				  const Settings *settings, const char *token, const char *reason)
{
	size_t length;
	const char *body = request_body(request, &length);
	ForeignText shown;

	answer->action = ACTION_RETRY;
	answer->retry_after = -1;
	failure_set(&answer->failure, ERRCODE_FDW_ERROR, task_of(call), "%s", reason);
	failure_add_detail(&answer->failure, "%s: HTTP status %d with a body that says \"%s\".",
					   subject, request_status(request),
					   foreign_body(&shown, body, length, settings, token));
	failure_set_hint(&answer->failure,
					 "Check that the option endpoint of server %s is the vendor's API; if it is, "
					 "try again later.",
					 quote_identifier(settings->server_name));
}

/*
 * The time to the next try.  A server may ask for one that is shorter than our
 * own, but not again and again: with "Retry-After: 0" it would be hammered.
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
 * A server that was never reached is tried so often again: that takes a few
 * seconds, in which a network may come up, but not the half minute of one that
 * worked before.
 */
#define UNREACHABLE_RETRIES 2

bool
retry_allowed(Retry *retry, Answer *answer, ApiCall call, const Settings *settings, int64 *due)
{
	int64 now = monotonic_milliseconds();
	int most = settings->max_retries;
	int64 delay;

	if (answer->action != ACTION_RETRY && answer->action != ACTION_THROTTLED)
		return false;
	if (settings->max_retries == 0)
		return false;
	if (answer->failure.unreachable)
		most = Min(most, UNREACHABLE_RETRIES);

	/*
	 * Who is throttled waits his turn, which may take as long as other
	 * programs' exports do: that is a matter of time and not of attempts.
	 */
	if (answer->action == ACTION_RETRY && retry->attempts >= most)
	{
		failure_add_detail(&answer->failure, "It was tried %d times.", retry->attempts + 1);
		return false;
	}
	if (retry->patience_ends == 0)
		retry->patience_ends = now + settings->export_timeout;
	delay = delay_of(retry, answer, call);
	retry->attempts++;
	retry->most = answer->action == ACTION_RETRY ? most + 1 : 0;
	failure_summary(&answer->failure, retry->last, sizeof(retry->last));
	if (now + delay > retry->patience_ends)
	{
		failure_add_detail(&answer->failure, "It was tried %d times.", retry->attempts);
		throttle_give_up(call, settings);
		return false;
	}
	*due = now + delay;
	if (answer->action == ACTION_THROTTLED)
		throttle_end(call, settings, now, *due);
	return true;
}
