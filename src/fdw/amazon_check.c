/*-------------------------------------------------------------------------
 *
 * amazon_check.c
 *		The steps of adsexport_check() for Amazon Ads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "fdw/check_steps.h"
#include "remote/amazon_ads.h"
#include "remote/profile_reader.h"
#include "session/credential.h"
#include "session/profile_listing.h"

/* An account may have thousands of profiles, and a few show what is wrong. */
#define MAX_PROFILES_CHECKED 20

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
		check_add_row(check, step, CHECK_OK,
					  "The access_token of the user mapping is used as it is.", NULL);
		return true;
	}
	check->request = credential_start_refresh(check->reactor, options, &failure);
	if (check->request == NULL)
	{
		check_add_failure(check, step, CHECK_FAILED, &failure);
		return false;
	}
	check_finish_request(check, false);
	if (!check_network(check, "token_endpoint", options->token_endpoint, CALL_TOKEN))
		return false;
	credential_judge_refresh(check->request, options, NULL, &answer, message);
	if (answer.action == ACTION_SUCCESS)
	{
		check->token = pstrdup(message->access_token);
		check_add_row(check, step, CHECK_OK,
					  "client_id, client_secret and refresh_token fit each other.", NULL);
	}
	else
		check_add_failure(check, step, CHECK_FAILED, &answer.failure);
	explicit_bzero(message, sizeof(*message));
	check_drop_request(check);
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

typedef struct Reading
{
	MemoryContextCallback callback;
	ProfileReader *reader;
} Reading;

static void
end_reading(void *argument)
{
	Reading *reading = argument;

	profile_reader_free(reading->reader);
	reading->reader = NULL;
}

static Reading *
begin_reading(const Check *check)
{
	Reading *reading = palloc0(sizeof(Reading));
	RequestResult result;

	reading->callback.func = end_reading;
	reading->callback.arg = reading;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &reading->callback);
	request_result(check->request, &result);
	reading->reader =
		profile_reader_create(content_coding_by_name(result.headers->content_encoding));
	if (reading->reader == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return reading;
}

/* Read what has arrived of the list, as much as the reader has room for. */
static StreamStatus
read_portion(Check *check, Reading *reading, Profiles *profiles)
{
	bool last = request_state(check->request) == REQUEST_DONE;
	size_t length;
	const char *body = request_body(check->request, &length);
	size_t taken = profile_reader_feed(reading->reader, body, length, last);
	StreamStatus status;
	ListedProfile profile;

	while ((status = profile_reader_next(reading->reader, &profile)) == STREAM_RECORD)
		note_profile(profiles, check->options, &profile);
	/* What is no list is shown, so it stays. */
	if (status != STREAM_ERROR)
		request_consume(check->request, taken);
	return status;
}

/* The list as it arrives. False if the answer is no list of profiles, or breaks off. */
static bool
read_profiles(Check *check, Profiles *profiles)
{
	Reading *reading = begin_reading(check);
	StreamStatus status;

	memset(profiles, 0, sizeof(*profiles));
	while ((status = read_portion(check, reading, profiles)) == STREAM_NEED_INPUT)
	{
		size_t length;

		(void) request_body(check->request, &length);
		if (request_state(check->request) == REQUEST_FAILED)
			break;
		if (length == 0 && request_state(check->request) == REQUEST_RECEIVING)
			check_wait(check);
		CHECK_FOR_INTERRUPTS();
	}
	end_reading(reading);
	return status == STREAM_END;
}

/* Judge the answer; of a list, all is read. */
static void
judge_listing(Check *check, Profiles *profiles, Answer *answer, const char *subject)
{
	RequestResult result;

	check_judge(check, answer, CALL_PROFILES, subject);
	if (answer->action != ACTION_SUCCESS || read_profiles(check, profiles))
		return;
	request_result(check->request, &result);
	if (result.state == REQUEST_FAILED)
		check_judge(check, answer, CALL_PROFILES, subject);
	else
		answer_unexpected(answer, CALL_PROFILES, &result, subject, check->options, check->token,
						  "the answer is not a list of profiles");
}

/* The list of profiles; false if there is no point in checking any. */
static bool
check_listing(Check *check, Profiles *profiles)
{
	static const char *const step = "profiles";
	const ForeignOptions *options = check->options;
	const char *subject = check_subject_of_server(check);
	Credential *credential = credential_get(options);
	bool first = true;
	Answer answer;

	do
	{
		check_drop_request(check);
		check->request = amazon_start_profiles(check->reactor, options,
											   credential_lists_default(credential), check->token);
		check_finish_request(check, true);
		if (first && !check_network(check, "endpoint", options->endpoint, CALL_PROFILES))
			return false;
		first = false;
		judge_listing(check, profiles, &answer, subject);
		if (answer.action != ACTION_SUCCESS)
		{
			check_add_failure(check, step, CHECK_FAILED, &answer.failure);
			check_drop_request(check);
			/* Where an option names them, a query does not need the list. */
			return options->profile_count > 0;
		}
	} while (profiles->listed == 0 && credential_list_otherwise(credential));
	check_drop_request(check);
	profiles->known = true;
	if (profiles->count == 0 && options->profile_count < 0)
	{
		profile_listing_fail_empty(&answer.failure, options, profiles->listed);
		check_add_failure(check, step, CHECK_FAILED, &answer.failure);
		return false;
	}
	check_add_row(check, step, CHECK_OK,
				  psprintf("%zu of the account's profiles can have exports.", profiles->count),
				  NULL);
	return true;
}

/*
 * May the account request exports of the profile?  hint (or NULL) replaces the
 * usual one if the profile is unknown.
 */
static void
check_profile(Check *check, const char *profile_id, const char *hint)
{
	const char *step = psprintf("profile %s", profile_id);
	Answer answer;

	check->request = amazon_start_probe(check->reactor, check->options, profile_id, check->token);
	check_finish_request(check, false);
	check_judge(check, &answer, CALL_STATUS, psprintf("Profile %s", profile_id));
	if (answer.action == ACTION_REQUEST_ANEW || answer.action == ACTION_SUCCESS)
		check_add_row(check, step, CHECK_OK, "The account may request its exports.", NULL);
	else if (answer.action == ACTION_REAUTHENTICATE || answer.action == ACTION_FAIL_PERMISSION)
	{
		if (hint != NULL && answer.action == ACTION_REAUTHENTICATE)
			failure_set_hint(&answer.failure, "%s", hint);
		check_add_failure(check, step, CHECK_FAILED, &answer.failure);
	}
	else
		check_add_failure(check, step, CHECK_UNKNOWN, &answer.failure);
	check_drop_request(check);
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
run(Check *check)
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
		check_add_row(check, "other profiles", CHECK_UNKNOWN,
					  psprintf("%zu more were not tried.", count - MAX_PROFILES_CHECKED), NULL);
}

const VendorCheck amazon_check = { API_AMAZON_ADS, run };
