/*-------------------------------------------------------------------------
 *
 * check.c
 *		adsexport_check(): the way to a vendor, one row for each step.
 *
 * For those for whom nothing works.  Everything is asked anew, over connections
 * of its own and only once: nothing that the session remembers is used or
 * changed, and what does not work is told at once instead of being repeated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "fdw/scan.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "option/load.h"
#include "remote/amazon_ads.h"
#include "remote/amplitude.h"
#include "remote/foreign_text.h"
#include "remote/hours.h"
#include "remote/profile_reader.h"
#include "session/credential.h"
#include "session/network.h"
#include "session/profile_listing.h"

SQL_FUNCTION(adsexport_check);

/* An account may have thousands of profiles, and a few show what is wrong. */
#define MAX_PROFILES_CHECKED 20

#define CHECK_COLUMNS 4

typedef enum Outcome
{
	OUTCOME_OK,
	OUTCOME_FAILED,
	OUTCOME_UNKNOWN
} Outcome;

typedef struct Check
{
	const ForeignOptions *options;
	Tuplestorestate *store;
	TupleDesc desc;
	MemoryContextCallback callback;
	Reactor *reactor;
	Request *request;      /* under way or judged, or NULL */
	ProfileReader *reader; /* of the list of profiles, or NULL */
	char *token;           /* NULL: none */
} Check;

/*-------------------------------------------------------------------------
 * Rows
 *-------------------------------------------------------------------------
 */

static char *
subject_of_server(const Check *check)
{
	return psprintf("Server %s", quote_identifier(check->options->server_name));
}

static void
add_row(Check *check, const char *step, Outcome outcome, const char *detail, const char *hint)
{
	Datum values[CHECK_COLUMNS] = { 0 };
	bool nulls[CHECK_COLUMNS] = { false };

	values[0] = CStringGetTextDatum(step);
	values[1] = BoolGetDatum(outcome == OUTCOME_OK);
	nulls[1] = outcome == OUTCOME_UNKNOWN;
	values[2] = CStringGetTextDatum(detail);
	nulls[3] = hint == NULL || hint[0] == '\0';
	if (!nulls[3])
		values[3] = CStringGetTextDatum(hint);
	tuplestore_putvalues(check->store, check->desc, values, nulls);
}

/* The user knows the server, and a profile or an hour is named by the step. */
static void
drop_subject(const Check *check, const char *step, Failure *failure)
{
	const char *subjects[] = { subject_of_server(check), step };

	for (int i = 0; i < (int) lengthof(subjects); i++)
	{
		size_t length = strlen(subjects[i]);

		if (pg_strncasecmp(failure->detail, subjects[i], length) == 0 &&
			strncmp(failure->detail + length, ": ", 2) == 0)
			memmove(failure->detail, failure->detail + length + 2,
					strlen(failure->detail + length + 2) + 1);
	}
}

static void
add_failure(Check *check, const char *step, Outcome outcome, const Failure *failure)
{
	Failure shown = *failure;

	drop_subject(check, step, &shown);
	add_row(check, step, outcome, failure_text(&shown), shown.hint);
}

/*-------------------------------------------------------------------------
 * Requests
 *-------------------------------------------------------------------------
 */

static void
drop_request(Check *check)
{
	request_free(check->request);
	check->request = NULL;
}

static void
release(void *argument)
{
	Check *check = argument;

	drop_request(check);
	if (check->reactor != NULL)
		reactor_free(check->reactor);
	check->reactor = NULL;
	profile_reader_free(check->reader);
	check->reader = NULL;
	if (check->token != NULL)
		explicit_bzero(check->token, strlen(check->token));
	network_settle();
}

static void
wait_for_event(Check *check)
{
	static uint32 wait_event = 0;
	int events;

	if (wait_event == 0)
		wait_event = compat_wait_event("AdsexportCheck");
	network_announce();
	reactor_wait_begins(check->reactor);
	events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
							   reactor_descriptor(check->reactor), -1L, wait_event);
	reactor_drive(check->reactor);
	reactor_wait_ends(check->reactor);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Until the request has ended, or until it is known to bring what was asked for. */
static void
finish_request(Check *check, bool status_is_enough)
{
	if (check->request == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	for (;;)
	{
		RequestResult result;

		request_result(check->request, &result);
		if (result.state >= REQUEST_DONE ||
			(status_is_enough && result.state == REQUEST_RECEIVING && result.status == 200))
			break;
		wait_for_event(check);
	}
}

static void
judge(const Check *check, Answer *answer, ApiCall call, const char *subject)
{
	RequestResult result;

	request_result(check->request, &result);
	answer_judge(answer, call, &result, subject, check->options, check->token);
}

/* Host and port, or what the URL has of them. */
static char *
host_of(const char *url)
{
	const char *begin = strstr(url, "://");
	const char *end;

	begin = begin != NULL ? begin + 3 : url;
	end = begin + strcspn(begin, "/?#");
	return pnstrdup(begin, end - begin);
}

/*
 * How far the request came before it could say anything: name, connection and
 * TLS of the URL that the option names.  False if it did not come through.
 */
static bool
check_network(Check *check, const char *option, const char *url, ApiCall call)
{
	const char *host = host_of(url);
	bool plain = strncasecmp(url, "http:", 5) == 0;
	RequestReach reach;
	char *peer;
	Answer answer;
	const char *steps[] = { "name", "connection", "TLS" };
	bool passed[3];
	char *details[3];

	request_reach(check->request, &reach);
	peer = reach.address[0] != '\0' ? psprintf("%s, port %ld", reach.address, reach.port)
									: pstrdup("an address that is not known");
	passed[0] = reach.resolved;
	details[0] = psprintf("%s has an address.", host);
	passed[1] = reach.connected;
	details[1] = psprintf("It leads to %s.", peer);
	passed[2] = reach.secured;
	details[2] = plain ? pstrdup("Not needed: plain http does not leave this machine.")
					   : pstrdup("The server's certificate is trusted.");

	judge(check, &answer, call, subject_of_server(check));
	for (int i = 0; i < 3; i++)
	{
		const char *step = psprintf("%s: %s", option, steps[i]);

		if (!passed[i])
		{
			add_failure(check, step, OUTCOME_FAILED, &answer.failure);
			return false;
		}
		add_row(check, step, OUTCOME_OK, details[i], NULL);
	}
	return true;
}

/*-------------------------------------------------------------------------
 * Amazon Ads
 *-------------------------------------------------------------------------
 */

static bool
check_token(Check *check)
{
	static const char *const step = "access token";
	const ForeignOptions *options = check->options;
	Failure failure = { 0 };
	Answer answer;
	TokenMessage *message = palloc0(sizeof(TokenMessage));

	if (options->access_token != NULL)
	{
		check->token = pstrdup(options->access_token);
		add_row(check, step, OUTCOME_OK, "The access_token of the user mapping is used as it is.",
				NULL);
		return true;
	}
	check->request = credential_start_refresh(check->reactor, options, &failure);
	if (check->request == NULL)
	{
		add_failure(check, step, OUTCOME_FAILED, &failure);
		return false;
	}
	finish_request(check, false);
	if (!check_network(check, "token_endpoint", options->token_endpoint, CALL_TOKEN))
		return false;
	credential_judge_refresh(check->request, options, NULL, &answer, message);
	if (answer.action == ACTION_SUCCESS)
	{
		check->token = pstrdup(message->access_token);
		add_row(check, step, OUTCOME_OK,
				"client_id, client_secret and refresh_token fit each other.", NULL);
	}
	else
		add_failure(check, step, OUTCOME_FAILED, &answer.failure);
	explicit_bzero(message, sizeof(*message));
	drop_request(check);
	return answer.action == ACTION_SUCCESS;
}

typedef struct Profiles
{
	bool known; /* there is a list */
	size_t listed;
	size_t count;                         /* that can have exports */
	char *ids[MAX_PROFILES_CHECKED];      /* the first of these */
	bool is_listed[MAX_PROFILES_CHECKED]; /* of those that an option names */
} Profiles;

static void
note_profile(Profiles *profiles, const ForeignOptions *options, const ListedProfile *profile)
{
	char id[24];

	if (profile->id == 0)
		return;
	profiles->listed++;
	snprintf(id, sizeof(id), UINT64_FORMAT, profile->id);
	for (int i = 0; i < Min(options->profile_count, MAX_PROFILES_CHECKED); i++)
	{
		if (strcmp(options->profile_ids[i], id) == 0)
			profiles->is_listed[i] = true;
	}
	if (profile->is_agency)
		return;
	if (options->profile_count < 0 && profiles->count < MAX_PROFILES_CHECKED)
		profiles->ids[profiles->count] = pstrdup(id);
	profiles->count++;
}

/* False if the answer is no list of profiles. */
static bool
read_profiles(Check *check, Profiles *profiles)
{
	size_t length;
	const char *body = request_body(check->request, &length);
	StreamStatus status;
	ListedProfile profile;

	check->reader = profile_reader_create();
	if (check->reader == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	memset(profiles, 0, sizeof(*profiles));
	do
	{
		size_t taken = profile_reader_feed(check->reader, body, length);

		body += taken;
		length -= taken;
		while ((status = profile_reader_next(check->reader, length == 0, &profile)) ==
			   STREAM_RECORD)
			note_profile(profiles, check->options, &profile);
		CHECK_FOR_INTERRUPTS();
	} while (status == STREAM_NEED_INPUT && length > 0);
	profile_reader_free(check->reader);
	check->reader = NULL;
	return status == STREAM_END;
}

/* The list of profiles, and what is to be checked of it. */
static bool
check_listing(Check *check, Profiles *profiles)
{
	static const char *const step = "profiles";
	const ForeignOptions *options = check->options;
	const char *subject = subject_of_server(check);
	Credential *credential = credential_get(options);
	bool first = true;
	Answer answer;

	do
	{
		drop_request(check);
		check->request = amazon_start_profiles(
			check->reactor, options, credential_lists_default(credential), check->token, false);
		finish_request(check, false);
		if (first && !check_network(check, "endpoint", options->endpoint, CALL_PROFILES))
			return false;
		first = false;
		judge(check, &answer, CALL_PROFILES, subject);
		if (answer.action == ACTION_SUCCESS && !read_profiles(check, profiles))
		{
			RequestResult result;

			request_result(check->request, &result);
			answer_unexpected(&answer, CALL_PROFILES, &result, subject, options, check->token,
							  "the answer is not a list of profiles");
		}
		if (answer.action != ACTION_SUCCESS)
		{
			add_failure(check, step, OUTCOME_FAILED, &answer.failure);
			drop_request(check);
			/* Where an option names them, a query does without the list. */
			return options->profile_count > 0;
		}
	} while (profiles->listed == 0 && credential_list_otherwise(credential));
	drop_request(check);
	profiles->known = true;
	if (profiles->count == 0 && options->profile_count < 0)
	{
		profile_listing_fail_empty(&answer.failure, options, profiles->listed);
		add_failure(check, step, OUTCOME_FAILED, &answer.failure);
		return false;
	}
	add_row(check, step, OUTCOME_OK,
			psprintf("Of the account's profiles %zu can have exports.", profiles->count), NULL);
	return true;
}

/* May the account ask for exports of the profile?  If it does not know the profile, hint (or NULL) is better than the usual one. */
static void
check_profile(Check *check, const char *profile_id, const char *hint)
{
	const char *step = psprintf("profile %s", profile_id);
	Answer answer;

	check->request = amazon_start_probe(check->reactor, check->options, profile_id, check->token);
	finish_request(check, false);
	judge(check, &answer, CALL_STATUS, psprintf("Profile %s", profile_id));
	if (answer.action == ACTION_REQUEST_ANEW || answer.action == ACTION_SUCCESS)
		add_row(check, step, OUTCOME_OK, "The account may ask for its exports.", NULL);
	else if (answer.action == ACTION_REAUTHENTICATE || answer.action == ACTION_FAIL_PERMISSION)
	{
		if (hint != NULL && answer.action == ACTION_REAUTHENTICATE)
			failure_set_hint(&answer.failure, "%s", hint);
		add_failure(check, step, OUTCOME_FAILED, &answer.failure);
	}
	else
		add_failure(check, step, OUTCOME_UNKNOWN, &answer.failure);
	drop_request(check);
}

static char *
not_listed_hint(const ForeignOptions *options)
{
	return psprintf("It is not in the list of the account's profiles in the region of server %s "
					"(%s). Correct the option profile_ids, the region, or the refresh_token if it "
					"is another account's.",
					quote_identifier(options->server_name), options->region);
}

static void
check_amazon_ads(Check *check)
{
	const ForeignOptions *options = check->options;
	Profiles profiles = { 0 };
	bool named = options->profile_count >= 0;
	size_t count;

	if (!check_token(check) || !check_listing(check, &profiles))
		return;
	count = named ? (size_t) options->profile_count : profiles.count;
	for (size_t i = 0; i < Min(count, MAX_PROFILES_CHECKED); i++)
	{
		if (named)
			check_profile(check, options->profile_ids[i],
						  profiles.known && !profiles.is_listed[i] ? not_listed_hint(options)
																   : NULL);
		else
			check_profile(check, profiles.ids[i], NULL);
	}
	if (count > MAX_PROFILES_CHECKED)
		add_row(check, "other profiles", OUTCOME_UNKNOWN,
				psprintf("%zu more were not tried.", count - MAX_PROFILES_CHECKED), NULL);
}

/*-------------------------------------------------------------------------
 * Amplitude
 *-------------------------------------------------------------------------
 */

/*
 * The newest hour that is complete.  It takes no place of max_jobs, which
 * leaves one of the vendor's to others, and is dropped as soon as it is sent.
 */
static void
check_amplitude(Check *check)
{
	const ForeignOptions *options = check->options;
	int64 hour = hours_of_timestamp(GetCurrentTimestamp()) - HOURS_INCOMPLETE - 1;
	char name[16] = "";
	const char *step;
	Answer answer;

	hours_format(hour, name, sizeof(name));
	step = psprintf("hour %s", name);
	check->request = amplitude_start_archive(check->reactor, options,
											 entity_by_name("amplitude_events"), hour, hour);
	finish_request(check, true);
	if (!check_network(check, "endpoint", options->endpoint, CALL_ARCHIVE))
		return;
	judge(check, &answer, CALL_ARCHIVE, psprintf("Hour %s", name));
	if (answer.action == ACTION_SUCCESS)
		add_row(check, step, OUTCOME_OK, "Its events are sent.", NULL);
	else if (answer.action == ACTION_EMPTY)
		add_row(check, step, OUTCOME_OK, "It may be asked for, and there are no events in it.",
				NULL);
	else
		add_failure(check, step, OUTCOME_FAILED, &answer.failure);
	drop_request(check);
}

/*-------------------------------------------------------------------------
 * The function
 *-------------------------------------------------------------------------
 */

/* A server that this library serves, by whatever wrapper, and that the user may use. */
static Oid
find_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	AclResult allowed = compat_server_aclcheck(server->serverid, GetUserId());

	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FOREIGN_SERVER, server->servername);
	if (!OidIsValid(wrapper->fdwhandler) ||
		GetFdwRoutine(wrapper->fdwhandler)->BeginForeignScan != adsexport_begin_foreign_scan)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("server \"%s\" is not one of adsexport_fdw", server->servername)));
	return server->serverid;
}

static void
begin_result(FunctionCallInfo fcinfo, Check *check)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;

	if (info == NULL || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	old_context = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &check->desc) != TYPEFUNC_COMPOSITE ||
		check->desc->natts != CHECK_COLUMNS)
		elog(ERROR, "adsexport_check is declared with other columns than it returns");
	check->store =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = check->store;
	info->setDesc = check->desc;
	MemoryContextSwitchTo(old_context);
}

Datum
adsexport_check(PG_FUNCTION_ARGS)
{
	Oid server_id = find_server(NameStr(*PG_GETARG_NAME(0)));
	ForeignOptions *options = foreign_options_load_server(server_id);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	Check *check;

	foreign_options_load_mapping(options, GetUserId());
	check = MemoryContextAllocZero(context, sizeof(Check));
	check->options = options;
	begin_result(fcinfo, check);
	check->callback.func = release;
	check->callback.arg = check;
	MemoryContextRegisterResetCallback(context, &check->callback);

	old_context = MemoryContextSwitchTo(context);
	check->reactor = network_create_reactor();
	if (options->api == API_AMAZON_ADS)
		check_amazon_ads(check);
	else
		check_amplitude(check);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (Datum) 0;
}
