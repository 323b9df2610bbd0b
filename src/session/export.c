/*-------------------------------------------------------------------------
 *
 * export.c
 *		The life of one export of Amazon Ads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "net/url.h"
#include "remote/amazon_ads.h"
#include "remote/foreign_text.h"
#include "remote/jitter.h"
#include "remote/throttle.h"
#include "session/durations.h"
#include "session/export.h"
#include "session/freshness.h"
#include "session/poll_schedule.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * An export that failed with INTERNAL_ERROR, or that is gone, is requested
 * again this often.
 */
#define MAX_RENEWALS 2

/* A link older than this is not used: links are minted right before the
 * download (they are valid for an hour, but clients saw them go stale). */
#define URL_FRESH 30000

static void
subject_of(const Export *export, Subject *subject)
{
	subject_set(subject, "Profile %s%s%s", export->profile_id,
				export->record.shown_id[0] != '\0' ? ", export " : "", export->record.shown_id);
}

static void
fail(Export *export, const Failure *failure)
{
	export->record.failure = *failure;
	export->record.phase = EXPORT_FAILED;
	export->work.url_wanted = false;
}

/*
 * Fail, but not for something that the vendor said about the export: another
 * session may still get it.  It waits a while before it tries, or all that want
 * the export would do so in turn without a pause.
 */
static void
fail_alone(Export *export, const Failure *failure)
{
	ExportPhase phase = export->record.phase;

	if (phase == EXPORT_REQUESTING)
		phase = EXPORT_QUEUED;
	else if (phase == EXPORT_POLLING)
		phase = export->record.completed_at != 0 ? EXPORT_COMPLETED : EXPORT_IN_PROGRESS;
	export->work.left_in = phase;
	export->work.left_until =
		monotonic_milliseconds() + policy_backoff(CALL_STATUS, ACTION_RETRY, 0, random_fraction());
	fail(export, failure);
	export->work.failure_is_own = true;
}

/*
 * The vendor was not even asked (this session may be short of memory or
 * descriptors), or refused this session's token.
 */
static bool
is_own_trouble(const Answer *answer, RequestFailure failure)
{
	switch (failure)
	{
		case REQUEST_FAILURE_RESOLVE:
		case REQUEST_FAILURE_CONNECT:
		case REQUEST_FAILURE_TLS:
		case REQUEST_FAILURE_PROXY:
		case REQUEST_FAILURE_REFUSED:
		case REQUEST_FAILURE_SETUP:
			return true;
		case REQUEST_FAILURE_NONE:
		case REQUEST_FAILURE_TIMEOUT:
		case REQUEST_FAILURE_BROKEN:
		case REQUEST_FAILURE_TOO_LARGE:
			break;
	}
	return answer->action == ACTION_REAUTHENTICATE;
}

void
export_drop_request(Export *export)
{
	request_free(export->work.request);
	export->work.request = NULL;
	wipe_string(&export->work.token);
}

/* Start over with a new export; false if that was done too often already, or rows of the old one were read. */
static bool
renew(Export *export)
{
	/* A scan that has read rows of the lost export must not get others from a new one. */
	if (export->readers > 0 || (export->read_at != 0 && in_current_statement(export->read_at)))
		return false;
	if (export->record.renewals >= MAX_RENEWALS)
		return false;
	export->record.renewals++;
	export->record.retries++;
	export->record.id[0] = export->record.shown_id[0] = '\0';
	export->record.completed_at = 0;
	export->record.phase = EXPORT_QUEUED;
	export->record.due =
		monotonic_milliseconds() +
		policy_backoff(CALL_REQUEST, ACTION_RETRY, export->record.renewals - 1, random_fraction());
	return true;
}

/* The current request did not bring what it should have: repeat it, or fail. */
static void
handle_trouble(Export *export, ApiCall call, Answer *answer, RequestFailure trouble)
{
	const ForeignOptions *options = export->options;
	ExportPhase again =
		call == CALL_REQUEST
			? EXPORT_QUEUED
			: (export->record.completed_at != 0 ? EXPORT_COMPLETED : EXPORT_IN_PROGRESS);

	if (answer->action == ACTION_REAUTHENTICATE && !export->work.reauthenticated &&
		options->access_token == NULL)
	{
		credential_reject(export->work.credential, export->work.token);
		credential_want(export->work.credential);
		export->work.reauthenticated = true;
		export->record.retries++;
		export->record.phase = again;
		export->record.due = 0;
	}
	else if (answer->action == ACTION_REQUEST_ANEW && renew(export))
		return;
	else if (retry_allowed(&export->record.retry, answer, call, options, &export->record.due))
	{
		export->record.retries++;
		export->record.phase = again;
	}
	else
	{
		if (answer->action == ACTION_REQUEST_ANEW && export->read_at != 0)
			failure_set_hint(
				&answer->failure,
				"The export is no longer there, and rows of it were read already. Restart "
				"the transaction.");
		if (is_own_trouble(answer, trouble))
			fail_alone(export, &answer->failure);
		else
			fail(export, &answer->failure);
	}
}

static void
handle_failed_status(Export *export, const StatusMessage *message)
{
	Failure failure;
	Subject subject;
	ForeignText code;
	ForeignText word;
	ForeignText text;

	/* An export that was completed before was not too large. */
	export->record.timed_out =
		export->record.completed_at == 0 && strcmp(message->error_code, "TIMED_OUT") == 0;
	if (!export->record.timed_out && renew(export))
		return;
	subject_of(export, &subject);
	failure_set(&failure, ERRCODE_FDW_ERROR, "get an export", "the export failed at the vendor%s%s",
				message->error_code[0] != '\0' ? " with " : "",
				foreign_text(&code, message->error_code, export->options, export->work.token));
	foreign_text(&word, message->status_word, export->options, export->work.token);
	foreign_text(&text, message->error_text, export->options, export->work.token);
	if (text.text[0] != '\0')
		failure_add_detail(&failure, "%s: the status is %s, the message \"%s\".", subject.text,
						   word.text, text.text);
	else
		failure_add_detail(&failure, "%s: the status is %s, and no message says why.", subject.text,
						   word.text);
	if (export->record.timed_out)
		failure_set_hint(&failure, "Narrow the export with clauses on ad_product or state, or on "
								   "target_level and negative for targets.");
	else
		failure_set_hint(&failure, "Try again later, or contact the vendor's support and give the "
								   "export's id.");
	fail(export, &failure);
}

static PollSchedule
poll_schedule_of(const Export *export, int64 now)
{
	const ForeignOptions *options = export->options;
	PollSchedule schedule = { .elapsed = now - export->record.in_progress_since,
							  .gap = export->record.poll_gap,
							  .turn = export->record.turn,
							  .shortest = options->poll_interval,
							  .longest = options->poll_interval_max };

	schedule.expected = durations_expected(options->endpoint, export->entity, export->body,
										   export->profile_id, &schedule.own);
	return schedule;
}

static void
schedule_poll(Export *export)
{
	int64 now = monotonic_milliseconds();
	PollSchedule schedule = poll_schedule_of(export, now);

	export->record.phase = EXPORT_IN_PROGRESS;
	export->record.last_call = now;
	export->record.next_gap = Max(poll_next(&schedule), 1);
	export->record.due = now + export->record.next_gap;
	export->record.is_unexpected = schedule.expected < 0;
	if (export->record.is_unexpected)
		export->record.due += poll_jitter(export->record.next_gap, random_fraction());
}

bool
export_expect(Export *export, int64 now)
{
	PollSchedule schedule = poll_schedule_of(export, now);
	int64 due;

	if (export->record.phase != EXPORT_IN_PROGRESS || !export->record.is_unexpected ||
		export->record.retry.attempts > 0 || schedule.expected < 0)
		return false;
	export->record.is_unexpected = false;
	due = now + poll_next_learned(&schedule, now - export->record.last_call);
	if (due >= export->record.due)
		return false;
	export->record.due = due;
	export->record.next_gap = Max(due - export->record.last_call, 1);
	return true;
}

/* It is ready: the vendor says how long it took; if not, we know it to within one poll interval. */
static void
note_duration(Export *export, int64 took)
{
	int64 elapsed = monotonic_milliseconds() - export->record.in_progress_since;

	export->record.took = Min(took >= 0 ? took : elapsed - export->record.poll_gap / 2, elapsed);
	durations_note(export->options->endpoint, export->entity, export->body, export->profile_id,
				   export->record.took);
	durations_note(export->options->endpoint, export->entity, DURATIONS_ANY_BODY,
				   export->profile_id, export->record.took);
}

static void
keep_url(Export *export, const char *url)
{
	wipe_string(&export->work.url);
	export->work.url = MemoryContextStrdup(export->work.context, url);
	export->work.url_minted = monotonic_milliseconds();
	export->work.url_wanted = false;
}

/* Why a link cannot be followed; NULL if it can. */
static const char *
link_refusal(const StatusMessage *message)
{
	switch (message->link)
	{
		case LINK_ABSENT:
			return "there is none";
		case LINK_TOO_LONG:
			return "it is longer than any link of the vendor's";
		case LINK_MALFORMED:
			return "it is not the text of a link";
		case LINK_PRESENT:
			break;
	}
	switch (url_check(message->url))
	{
		case URL_OK:
		case URL_NO_MEMORY: /* following it will say so */
			return NULL;
		case URL_MALFORMED:
			return "it is not a complete URL";
		case URL_WRONG_SCHEME:
			return "it is neither https nor http";
		case URL_NOT_LOOPBACK:
			return "it is not encrypted (plain http)";
		case URL_HAS_CREDENTIALS:
			return "it has a user name or password in it";
	}
	return "it is not a complete URL";
}

/* The export is there, but cannot be downloaded; another link would be of the same kind. */
static void
fail_link(Export *export, const StatusMessage *message, const char *refusal)
{
	Failure failure;
	Subject subject;
	char url[MESSAGE_MAX_TEXT];
	ForeignText shown;

	subject_of(export, &subject);
	failure_set(&failure, ERRCODE_FDW_ERROR, "get an export",
				"it is completed, but its link cannot be used");
	failure_add_detail(&failure, "%s: %s.", subject.text, refusal);
	if (message->link == LINK_PRESENT)
	{
		export->work.failure_shows_link = true;
		url_for_message(message->url, url, sizeof(url));
		failure_add_detail(&failure, "Without its query the link reads \"%s\".",
						   foreign_text(&shown, url, export->options, export->work.token));
	}
	failure_set_hint(&failure,
					 "Check that the option endpoint of server %s is the vendor's API; if it is, "
					 "contact the vendor's support and give the export's id.",
					 quote_identifier(export->options->server_name));
	fail(export, &failure);
}

static void
handle_completed(Export *export, const StatusMessage *message)
{
	const char *refusal = link_refusal(message);

	/* It is seen to be completed shortly before it has a link. */
	if (message->link == LINK_ABSENT)
		schedule_poll(export);
	else if (refusal != NULL)
		fail_link(export, message, refusal);
	else
	{
		if (export->record.completed_at == 0)
		{
			export->record.completed_at = GetCurrentTimestamp();
			note_duration(export, message->took);
		}
		export->record.phase = EXPORT_COMPLETED;
		keep_url(export, message->url);
	}
}

/* Record what the vendor says about the export. */
static void
handle_status(Export *export, const StatusMessage *message)
{
	foreign_name(export->record.shown_status, sizeof(export->record.shown_status),
				 message->status_word, export->options, export->work.token);
	export->record.file_size = message->file_size;
	if (message->has_generated_at)
	{
		export->record.has_generated_at = true;
		export->record.generated_at =
			message->generated_at -
			(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC;
	}
	export->record.without_link =
		message->status == EXPORT_STATUS_COMPLETED && message->link == LINK_ABSENT;
	switch (message->status)
	{
		case EXPORT_STATUS_FAILED:
			handle_failed_status(export, message);
			break;
		case EXPORT_STATUS_COMPLETED:
			handle_completed(export, message);
			break;
		case EXPORT_STATUS_RUNNING:
			schedule_poll(export);
			break;
	}
}

/* The request under way is over. */
static void
end_exchange(Export *export)
{
	ApiCall call = export->record.phase == EXPORT_REQUESTING ? CALL_REQUEST : CALL_STATUS;
	StatusMessage *message = NULL;
	Subject subject;
	Answer answer;
	RequestResult result;

	request_result(export->work.request, &result);
	subject_of(export, &subject);
	answer_judge(&answer, call, &result, subject.text, export->options, export->work.token);
	if (answer.action == ACTION_SUCCESS)
	{
		message = MemoryContextAlloc(export->work.context, sizeof(StatusMessage));
		if (!message_parse_status(result.body, result.length, message))
			answer_unexpected(&answer, call, &result, subject.text, export->options,
							  export->work.token, "the answer is not the status of an export");
		else if (call == CALL_STATUS && strcmp(message->export_id, export->record.id) != 0)
			answer_unexpected(&answer, call, &result, subject.text, export->options,
							  export->work.token, "the answer is about another export");
	}
	if (answer.action == ACTION_SUCCESS)
	{
		memset(&export->record.retry, 0, sizeof(export->record.retry));
		export->work.reauthenticated = false;
		if (call == CALL_REQUEST)
		{
			strlcpy(export->record.id, message->export_id, sizeof(export->record.id));
			foreign_name(export->record.shown_id, sizeof(export->record.shown_id),
						 export->record.id, export->options, export->work.token);
			export->record.in_progress_since = monotonic_milliseconds();
			export->record.poll_gap = 0;
		}
		else
			export->record.polls++;
		handle_status(export, message);
	}
	else
		handle_trouble(export, call, &answer, result.failure);
	if (message != NULL)
	{
		/* It has the link, which is as good as a password. */
		explicit_bzero(message, sizeof(StatusMessage));
		pfree(message);
	}
	export_drop_request(export);
}

static ApiCall
next_call(const Export *export)
{
	return export->record.phase == EXPORT_QUEUED ? CALL_REQUEST : CALL_STATUS;
}

/* Begin a request if the credentials are there; otherwise request them. */
static void
begin_request(Export *export, Reactor *reactor)
{
	Failure failure;

	switch (credential_state(export->work.credential))
	{
		case CREDENTIAL_FAILED:
			failure = *credential_failure(export->work.credential);
			fail_alone(export, &failure);
			return;
		case CREDENTIAL_PENDING:
			credential_want(export->work.credential);
			/* A credential that cannot be refreshed fails immediately, in here. */
			if (credential_state(export->work.credential) == CREDENTIAL_FAILED)
				begin_request(export, reactor);
			return;
		case CREDENTIAL_READY:
			break;
	}

	export->work.token =
		MemoryContextStrdup(export->work.context, credential_token(export->work.credential));
	throttle_begin(next_call(export), export->options, monotonic_milliseconds());
	if (export->record.phase == EXPORT_QUEUED)
	{
		export->work.request =
			amazon_start_request(reactor, export->options, export->entity, export->profile_id,
								 export->body, export->work.token);
		export->record.requested_at = GetCurrentTimestamp();
		export->record.requested = moment_now();
		export->record.phase = EXPORT_REQUESTING;
	}
	else
	{
		export->record.poll_gap = export->record.next_gap;
		export->work.request =
			amazon_start_status(reactor, export->options, export->entity, export->profile_id,
								export->record.id, export->work.token);
		export->record.phase = EXPORT_POLLING;
	}
	export->record.requests++;
	if (export->work.request == NULL)
	{
		failure_set(&failure, ERRCODE_OUT_OF_MEMORY, "request an export", "out of memory");
		fail_alone(export, &failure);
		export_drop_request(export);
	}
}

bool
export_wants_status(const Export *export)
{
	return export->record.phase == EXPORT_IN_PROGRESS ||
		   (export->record.phase == EXPORT_COMPLETED && export->work.url_wanted);
}

static bool
wants_request(const Export *export, bool may_request)
{
	return export->record.phase == EXPORT_QUEUED ? may_request : export_wants_status(export);
}

int64
export_step(Export *export, Reactor *reactor, int64 now, bool may_request)
{
	if (export->work.credential == NULL)
	{
		export_drop_request(export);
		return REACTOR_NEVER;
	}
	if (export->work.request != NULL && request_state(export->work.request) >= REQUEST_DONE)
		end_exchange(export);
	if (export->work.request == NULL && wants_request(export, may_request))
	{
		int64 due = Max(export->record.due, throttle_due(next_call(export), export->options, now));

		if (due > now)
			return due;
		begin_request(export, reactor);
		/* A request that could not even be set up is over, and no event will report that. */
		if (export->work.request != NULL && request_state(export->work.request) >= REQUEST_DONE)
			return now;
	}
	return REACTOR_NEVER;
}

char *
export_take_url(Export *export)
{
	char *url = export->work.url;

	Assert(export->record.phase == EXPORT_COMPLETED || export->record.phase == EXPORT_POLLING);
	export->work.url = NULL;
	if (url != NULL && monotonic_milliseconds() - export->work.url_minted <= URL_FRESH)
		return url;
	wipe_string(&url);
	export->work.url_wanted = true;
	return NULL;
}
