/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *		The policy table row by row, hours, control messages, URLs.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>

#include "check.h"
#include "gzip_build.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "net/address.h"
#include "net/url.h"
#include "remote/body_words.h"
#include "remote/hours.h"
#include "remote/message.h"
#include "remote/policy.h"
#include "remote/profile_reader.h"

/*-------------------------------------------------------------------------
 * Policy
 *-------------------------------------------------------------------------
 */

#define A ACTION_SUCCESS
#define E ACTION_EMPTY
#define R ACTION_RETRY
#define T ACTION_THROTTLED
#define U ACTION_REAUTHENTICATE
#define M ACTION_REMINT_URL
#define N ACTION_REQUEST_ANEW
#define S ACTION_SPLIT
#define C ACTION_FAIL_CREDENTIALS
#define P ACTION_FAIL_PERMISSION
#define F ACTION_FAIL_REQUEST

/* Every call (columns in the order of ApiCall) for every status of the pages in docs/vendors. */
static const struct
{
	int status;
	PolicyAction actions[6];
} expected_actions[] = {
	/*     token profiles request status download archive */
	{ 200, { A, A, A, A, A, A } }, { 202, { F, F, A, A, F, F } }, { 204, { F, F, F, F, F, F } },
	{ 206, { F, F, F, F, A, F } }, { 301, { F, F, F, F, F, F } }, { 307, { F, F, F, F, F, F } },
	{ 400, { C, F, F, F, M, S } }, { 401, { C, U, U, U, F, C } }, { 403, { C, P, P, P, M, C } },
	{ 404, { C, F, F, N, M, R } }, { 406, { C, F, F, F, F, F } }, { 408, { C, R, R, R, R, R } },
	{ 415, { C, F, F, F, F, F } }, { 416, { C, F, F, F, F, F } }, { 422, { C, F, F, F, F, F } },
	{ 425, { C, R, R, R, R, R } }, { 429, { T, T, T, T, T, T } }, { 500, { R, R, R, R, R, R } },
	{ 501, { R, R, R, R, R, R } }, { 502, { R, R, R, R, R, R } }, { 503, { R, R, R, R, R, R } },
	{ 504, { R, R, R, R, R, S } },
};

static void
test_answers(void)
{
	begin_test("policy: every call and status");
	for (size_t i = 0; i < sizeof(expected_actions) / sizeof(expected_actions[0]); i++)
	{
		for (int call = CALL_TOKEN; call <= CALL_ARCHIVE; call++)
		{
			int status = expected_actions[i].status;
			PolicyAction action =
				policy_decide((ApiCall) call, REQUEST_FAILURE_NONE, status, BODY_OTHER);

			CHECK_THAT(action == expected_actions[i].actions[call],
					   "call %d, status %d: action %d, expected %d", call, status, action,
					   expected_actions[i].actions[call]);
		}
	}

	begin_test("policy: no data is empty at Amplitude only");
	for (int call = CALL_TOKEN; call <= CALL_ARCHIVE; call++)
	{
		PolicyAction action =
			policy_decide((ApiCall) call, REQUEST_FAILURE_NONE, 404, BODY_NO_DATA);

		CHECK_THAT((action == ACTION_EMPTY) == (call == CALL_ARCHIVE), "call %d: action %d", call,
				   action);
	}
	CHECK_NUMBER(policy_body_kind("Raw data files were not found.", 30), BODY_NO_DATA);
	CHECK_NUMBER(policy_body_kind("{\"error\":\"Raw data files were not found\"}", 41),
				 BODY_NO_DATA);
	CHECK_NUMBER(policy_body_kind("404: Not Found", 14), BODY_OTHER);
	CHECK_NUMBER(policy_body_kind(NULL, 0), BODY_OTHER);
	CHECK_NUMBER(policy_body_kind("<html><title>404: Not Found</title>", 35), BODY_OTHER);

	begin_test("policy: a page is of another server");
	CHECK_NUMBER(policy_body_kind(" <html><title>Not here</title>", 30), BODY_PAGE);
	CHECK_NUMBER(policy_decide(CALL_ARCHIVE, REQUEST_FAILURE_NONE, 404, BODY_PAGE),
				 ACTION_RETRY_ONCE);
	CHECK_NUMBER(policy_decide(CALL_ARCHIVE, REQUEST_FAILURE_NONE, 413, BODY_PAGE), ACTION_SPLIT);

	begin_test("policy: words about size");
	CHECK(policy_mentions_size("The file size is too large.", 27));
	CHECK(policy_mentions_size("Shorten the time ranges", 23));
	CHECK(policy_mentions_size("", 0));
	CHECK(!policy_mentions_size("Invalid start: expected YYYYMMDDTHH", 35));
	CHECK(!policy_mentions_size("{\"error\": \"project is archived\"}", 33));

	begin_test("policy: no answer");
	for (int call = CALL_TOKEN; call <= CALL_ARCHIVE; call++)
	{
		static const RequestFailure passing[] = { REQUEST_FAILURE_RESOLVE, REQUEST_FAILURE_CONNECT,
												  REQUEST_FAILURE_TIMEOUT, REQUEST_FAILURE_BROKEN };

		for (int i = 0; i < 4; i++)
			CHECK_NUMBER(policy_decide((ApiCall) call, passing[i], 0, BODY_OTHER), ACTION_RETRY);
		/* A broken body after a good status is broken all the same. */
		CHECK_NUMBER(policy_decide((ApiCall) call, REQUEST_FAILURE_BROKEN, 200, BODY_OTHER),
					 ACTION_RETRY);
		CHECK_NUMBER(policy_decide((ApiCall) call, REQUEST_FAILURE_TLS, 0, BODY_OTHER),
					 ACTION_FAIL_NETWORK);
		CHECK_NUMBER(policy_decide((ApiCall) call, REQUEST_FAILURE_SETUP, 0, BODY_OTHER),
					 ACTION_FAIL_NETWORK);
		CHECK_NUMBER(policy_decide((ApiCall) call, REQUEST_FAILURE_TOO_LARGE, 200, BODY_OTHER),
					 ACTION_FAIL_REQUEST);
	}
}

static void
test_delays(void)
{
	int64_t previous = 0;

	begin_test("policy: backoff grows and is bounded");
	for (int attempt = 0; attempt < 40; attempt++)
	{
		int64_t delay = policy_backoff(CALL_STATUS, ACTION_RETRY, attempt, 0.5);

		CHECK_THAT(delay >= previous && delay <= 150000, "attempt %d: %lld ms", attempt,
				   (long long) delay);
		previous = delay;
	}
	CHECK_NUMBER(policy_backoff(CALL_STATUS, ACTION_RETRY, 0, 0.5), 1000);
	CHECK_NUMBER(policy_backoff(CALL_STATUS, ACTION_RETRY, 2, 0.5), 4000);
	CHECK_NUMBER(policy_backoff(CALL_STATUS, ACTION_RETRY, 0, 0), 750);
	CHECK_THAT(policy_backoff(CALL_STATUS, ACTION_RETRY, 0, 0.999999) < 1250, "jitter over 25 %%");
	CHECK_NUMBER(policy_backoff(CALL_ARCHIVE, ACTION_THROTTLED, 0, 0.5), 30000);
	CHECK_NUMBER(policy_backoff(CALL_ARCHIVE, ACTION_RETRY, 0, 0.5), 1000);
	CHECK_NUMBER(policy_backoff(CALL_REQUEST, ACTION_THROTTLED, 0, 0.5), 1000);

	begin_test("policy: Retry-After");
	CHECK_NUMBER(policy_retry_after("120", 0), 120000);
	CHECK_NUMBER(policy_retry_after("0", 0), 0);
	CHECK_NUMBER(policy_retry_after("", 0), -1);
	CHECK_NUMBER(policy_retry_after(NULL, 0), -1);
	CHECK_NUMBER(policy_retry_after("soon", 0), -1);
	CHECK_NUMBER(policy_retry_after("-5", 0), -1);
	CHECK_NUMBER(policy_retry_after("1.5", 0), -1);
	CHECK_NUMBER(policy_retry_after("Sun, 22 Nov 2026 00:00:10 GMT", 1795305600), 10000);
	CHECK_NUMBER(policy_retry_after("Sun, 22 Nov 2026 00:00:10 GMT", 1795305700), 0);
	CHECK_THAT(policy_retry_after("99999999999999999999999", 0) > 0, "overflow");
}

/*-------------------------------------------------------------------------
 * Hours
 *-------------------------------------------------------------------------
 */

static void
check_format(int64_t hour, const char *expected)
{
	char text[16] = "";

	CHECK_THAT(hours_format(hour, text, sizeof(text)) && strcmp(text, expected) == 0,
			   "hour %lld is %s, expected %s", (long long) hour, text, expected);
}

static void
test_halves(void)
{
	const int64_t first = HOURS_FIRST_HOURLY;

	begin_test("halves of a span that was too much");
	CHECK_NUMBER(hours_half(first, first), 0);
	CHECK_NUMBER(hours_half(first, first + 1), 1);
	CHECK_NUMBER(hours_half(first, first + 2), 2);
	CHECK_NUMBER(hours_half(first, first + 23), 12);
	CHECK_NUMBER(hours_half(first, first + 8759), 4380);
	/* Whole days before. */
	CHECK_NUMBER(hours_half(first - 24, first - 1), 0);
	CHECK_NUMBER(hours_half(first - 48, first - 1), 24);
	CHECK_NUMBER(hours_half(first - 72, first - 1), 48);
	CHECK_NUMBER(hours_half(first - 8760, first - 1), 183 * 24);
}

static void
test_hours(void)
{
	int64_t start;
	int64_t end;
	char text[16];

	begin_test("hours: format and rounding");
	check_format(0, "19700101T00");
	check_format(HOURS_FIRST_HOURLY, "20141112T00");
	check_format(HOURS_FIRST_HOURLY - 1, "20141111T23");
	check_format(INT64_C(482136), "20250101T00");
	check_format(-1, "19691231T23");
	CHECK(!hours_format(INT64_MAX / 3600, text, sizeof(text)));
	CHECK(!hours_format(INT64_MIN / 3600, text, sizeof(text)));
	CHECK(!hours_format(0, text, 11));
	CHECK_NUMBER(hours_of_microseconds(0), 0);
	CHECK_NUMBER(hours_of_microseconds(INT64_C(3599999999)), 0);
	CHECK_NUMBER(hours_of_microseconds(INT64_C(3600000000)), 1);
	CHECK_NUMBER(hours_of_microseconds(-1), -1);
	CHECK_NUMBER(hours_of_microseconds(INT64_C(-3600000000)), -1);
	CHECK_NUMBER(hours_of_microseconds(INT64_C(-3600000001)), -2);

	begin_test("hours: whole days before 2014-11-12");
	start = HOURS_FIRST_HOURLY - 5;
	end = HOURS_FIRST_HOURLY - 3;
	hours_widen(&start, &end);
	CHECK_NUMBER(start, HOURS_FIRST_HOURLY - 24);
	CHECK_NUMBER(end, HOURS_FIRST_HOURLY - 1);
	start = HOURS_FIRST_HOURLY - 30;
	end = HOURS_FIRST_HOURLY + 3;
	hours_widen(&start, &end);
	CHECK_NUMBER(start, HOURS_FIRST_HOURLY - 48);
	CHECK_NUMBER(end, HOURS_FIRST_HOURLY + 3);
	start = HOURS_FIRST_HOURLY;
	end = HOURS_FIRST_HOURLY;
	hours_widen(&start, &end);
	CHECK_NUMBER(start, HOURS_FIRST_HOURLY);
	CHECK_NUMBER(end, HOURS_FIRST_HOURLY);

	begin_test("hours: spans are disjoint, complete and within the limits");
	for (int round = 0; round < 2000; round++)
	{
		int64_t first = HOURS_FIRST_HOURLY - 24 * (int64_t) random_below(400);
		int64_t last = first + random_below(20000);
		int64_t span = 1 + random_below(round % 2 ? 48 : 20000);
		int64_t next = first;

		hours_widen(&first, &last);
		while (next <= last)
		{
			int64_t stop = hours_span_end(next, last, span);

			if (!CHECK_THAT(stop >= next && stop <= last && stop - next < HOURS_LONGEST_SPAN,
							"span %lld..%lld of %lld..%lld", (long long) next, (long long) stop,
							(long long) first, (long long) last))
				break;
			if (next < HOURS_FIRST_HOURLY)
				CHECK_THAT(stop < HOURS_FIRST_HOURLY && next % 24 == 0 && (stop + 1) % 24 == 0,
						   "daily files: %lld..%lld", (long long) next, (long long) stop);
			else
				CHECK_THAT(stop - next < span, "longer than asked for");
			next = stop + 1;
		}
		CHECK_NUMBER(next, last + 1);
	}
}

/*-------------------------------------------------------------------------
 * Messages
 *-------------------------------------------------------------------------
 */

static bool
parse_status(const char *body, StatusMessage *message)
{
	memset(message, 0x5a, sizeof(*message));
	return message_parse_status(body, strlen(body), message);
}

static void
check_link(const char *members, LinkState expected)
{
	char body[256];
	StatusMessage message;

	snprintf(body, sizeof(body), "{\"exportId\":\"a\",\"status\":\"COMPLETED\"%s}", members);
	CHECK(parse_status(body, &message));
	CHECK_NUMBER(message.link, expected);
	CHECK((message.url[0] != '\0') == (expected == LINK_PRESENT));
	CHECK_NUMBER(message.status, EXPORT_STATUS_COMPLETED);
}

static void
check_long_link(size_t length, LinkState expected)
{
	Bytes body = { 0 };
	StatusMessage message;

	append_text(&body, "{\"exportId\":\"a\",\"status\":\"COMPLETED\",\"url\":\"https://");
	for (size_t i = strlen("https://"); i < length; i++)
		append_text(&body, "x");
	append_text(&body, "\"}");
	append(&body, "", 1);
	CHECK(parse_status((char *) body.data, &message));
	CHECK_NUMBER(message.link, expected);
	free(body.data);
}

static void
check_failure(const char *members, const char *code, const char *text)
{
	char body[256];
	StatusMessage message;

	snprintf(body, sizeof(body), "{\"exportId\":\"a\",\"status\":\"FAILED\",%s}", members);
	CHECK(parse_status(body, &message));
	CHECK_THAT(strcmp(message.error_code, code) == 0, "%s: code \"%s\"", members,
			   message.error_code);
	CHECK_THAT(strcmp(message.error_text, text) == 0, "%s: text \"%s\"", members,
			   message.error_text);
}

static void
test_status_messages(void)
{
	StatusMessage message;

	begin_test("messages: status");
	CHECK(parse_status("{\"exportId\":\"ZTc1,LFQ\",\"status\":\"IN_PROGRESS\"}", &message));
	CHECK(strcmp(message.export_id, "ZTc1,LFQ") == 0);
	CHECK_NUMBER(message.status, EXPORT_STATUS_RUNNING);
	CHECK(message.url[0] == '\0' && message.file_size == -1 && !message.has_generated_at);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"PROCESSING\"}", &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_RUNNING);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"SOMETHING_NEW\"}", &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_RUNNING);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"COMPLETED\",\"url\":\"https://x/y?z\","
					   "\"fileSize\":782,\"urlExpiresAt\":\"2023-09-26T16:38:44.604Z\","
					   "\"generatedAt\":\"2023-09-26T15:38:16.609Z\"}\n",
					   &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_COMPLETED);
	CHECK(strcmp(message.url, "https://x/y?z") == 0);
	CHECK_NUMBER(message.file_size, 782);
	CHECK(message.has_generated_at);
	CHECK_NUMBER(message.generated_at, INT64_C(1695742696609000));
	CHECK(message.link == LINK_PRESENT);

	begin_test("messages: an unknown word with a link is done, a known one is not");
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"SUCCEEDED\",\"url\":\"https://x/y\"}",
					   &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_COMPLETED);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"SUCCEEDED\",\"url\":null}", &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_RUNNING);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"IN_PROGRESS\",\"url\":\"https://x/y\"}",
					   &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_RUNNING);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"FAILED\",\"url\":\"https://x/y\"}",
					   &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_FAILED);

	begin_test("messages: links that can't be used");
	check_link("", LINK_ABSENT);
	check_link(",\"url\":null", LINK_ABSENT);
	check_link(",\"url\":\"\"", LINK_ABSENT);
	check_link(",\"url\":7", LINK_MALFORMED);
	check_link(",\"url\":\"https://x/\\n\"", LINK_MALFORMED);
	check_link(",\"url\":\"https://x/\\u0000y\"", LINK_MALFORMED);
	check_long_link(MESSAGE_MAX_URL - 1, LINK_PRESENT);
	check_long_link(MESSAGE_MAX_URL, LINK_TOO_LONG);

	begin_test("messages: why an export failed");
	check_failure("\"error\":\"as text\"", "", "as text");
	check_failure("\"failureReason\":\"the reason\"", "", "the reason");
	check_failure("\"statusDetails\":\"the details\"", "", "the details");
	check_failure("\"statusDetails\":{\"reason\":\"inside\"}", "", "inside");
	check_failure("\"details\":\"other details\"", "", "other details");
	check_failure("\"errors\":[{\"errorCode\":\"X\",\"message\":\"first\"},{}]", "", "first");
	check_failure("\"errors\":[\"as text\"]", "", "as text");
	check_failure("\"errorCode\":\"TIMED_OUT\",\"failureReason\":\"r\"", "TIMED_OUT", "r");
	check_failure("\"error\":{\"errorCode\":\"A\"},\"failureReason\":\"r\"", "A", "r");
	check_failure("\"error\":null,\"errors\":[]", "", "");
	check_failure("\"error\":{\"details\":{\"message\":{\"error\":{\"message\":\"deep\"}}}}", "",
				  "deep");

	begin_test("messages: status of an export that failed");
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"FAILED\",\"error\":{\"errorCode\":"
					   "\"TIMED_OUT\",\"message\":\"too many\\u0007\"}}",
					   &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_FAILED);
	CHECK(strcmp(message.error_code, "TIMED_OUT") == 0);
	CHECK(strcmp(message.error_text, "too many\\x07") == 0);
	CHECK(parse_status("{\"exportId\":\"a\",\"status\":\"CANCELLED\"}", &message));
	CHECK_NUMBER(message.status, EXPORT_STATUS_FAILED);
	CHECK(message.error_code[0] == '\0' && message.error_text[0] == '\0');

	begin_test("messages: what is no status");
	CHECK(!parse_status("", &message));
	CHECK(!parse_status("null", &message));
	CHECK(!parse_status("[]", &message));
	CHECK(!parse_status("{\"status\":\"COMPLETED\"}", &message));
	CHECK(!parse_status("{\"exportId\":\"\",\"status\":\"COMPLETED\"}", &message));
	CHECK(!parse_status("{\"exportId\":7,\"status\":\"COMPLETED\"}", &message));
	CHECK(!parse_status("{\"exportId\":\"a\\u0000b\\u0001\",\"status\":null}", &message));
	CHECK(!parse_status("{\"exportId\":\"a\\nb\",\"status\":\"COMPLETED\"}", &message));
	CHECK(!parse_status("{\"exportId\":\"a\",\"status\":\"COMPL", &message));
	CHECK(!parse_status("<html>", &message));
	CHECK(!parse_status("{\"exportId\":\"a\",\"status\":\"COMPLETED\"}garbage", &message));
	CHECK(!parse_status("{\"exportId\":\"a\",\"status\":\"COMPLETED\"}{}", &message));
	CHECK(parse_status(" {\"exportId\":\"a\",\"status\":\"COMPLETED\"}\r\n ", &message));
	CHECK(!message_parse_status(NULL, 0, &message));
}

/* Ids in the list, fed in pieces; "-" for an unusable entry, "(...)" for an agency's, "!" for an error. */
static void
check_profiles_encoded(const Bytes *body, ContentCoding coding, size_t piece, const char *expected)
{
	ProfileReader *reader = profile_reader_create(coding);
	Bytes found = { 0 };
	size_t length = body->length;
	size_t fed = 0;
	StreamStatus status = STREAM_NEED_INPUT;

	while (status == STREAM_NEED_INPUT)
	{
		ListedProfile profile;
		size_t next = length - fed < piece ? length - fed : piece;

		fed += profile_reader_feed(reader, (const char *) body->data + fed, next,
								   next == length - fed);
		while ((status = profile_reader_next(reader, &profile)) == STREAM_RECORD)
		{
			char text[32];

			snprintf(text, sizeof(text), profile.is_agency ? "(%" PRIu64 ")," : "%" PRIu64 ",",
					 profile.id);
			append_text(&found, profile.id == 0 ? "-," : text);
		}
	}
	append_text(&found, status == STREAM_END ? "" : "!");
	append(&found, "", 1);
	CHECK_THAT(strcmp((char *) found.data, expected) == 0,
			   "coding %d, in pieces of %zu: %s, expected %s", (int) coding, piece,
			   (char *) found.data, expected);
	if (status == STREAM_ERROR)
		CHECK(profile_reader_error(reader)[0] != '\0');
	free(found.data);
	profile_reader_free(reader);
}

static void
check_profiles(const char *text, size_t piece, const char *expected)
{
	size_t length = strlen(text);
	Bytes body = { 0 };

	append(&body, text, length);
	check_profiles_encoded(&body, CODING_NONE, piece, expected);
	body.length = 0;
	append_gzip_with_flags(&body, (const unsigned char *) text, length, 0);
	check_profiles_encoded(&body, CODING_GZIP, piece, expected);
	body.length = 0;
	append_deflated(&body, (const unsigned char *) text, length, 6);
	check_profiles_encoded(&body, CODING_DEFLATE, piece, expected);
	free(body.data);
}

/* What comes before the break is read, but it is no list. */
static void
check_profiles_cut(void)
{
	static const char text[] = "[{\"profileId\":1}]";
	Bytes body = { 0 };

	begin_test("messages: profiles, compressed and broken off");
	append_gzip_with_flags(&body, (const unsigned char *) text, strlen(text), 0);
	body.length--;
	check_profiles_encoded(&body, CODING_GZIP, 7, "1,!");
	free(body.data);
}

/*
 * A list in which deflate blocks without content come in such numbers that none
 * of its limits is reached: what a call takes is bounded all the same.
 */
static void
check_profiles_hollow(ContentCoding coding)
{
	static const char text[] = "[      {\"profileId\":7}]";
	Bytes body = { 0 };
	ProfileReader *reader = profile_reader_create(coding);
	ListedProfile profile = { 0 };
	size_t most = 0;
	size_t fed = 0;
	StreamStatus status = STREAM_NEED_INPUT;

	begin_test("messages: profiles, between blocks without content");
	if (coding == CODING_GZIP)
		append(&body, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
	for (size_t i = 0; i < 7; i++)
	{
		append(&body, "\0\1\0\xfe\xff", 5);
		append(&body, text + i, 1);
		for (int empty = 0; empty < 100000; empty++)
			append(&body, "\0\0\0\xff\xff", 5);
	}
	append_deflated(&body, text + 7, strlen(text) - 7, 6);
	if (coding == CODING_GZIP)
	{
		append_number(&body, crc32(0, (const unsigned char *) text, (uInt) strlen(text)), 4);
		append_number(&body, strlen(text), 4);
	}
	for (int calls = 0; status == STREAM_NEED_INPUT && calls < 1000; calls++)
	{
		size_t taken =
			profile_reader_feed(reader, (const char *) body.data + fed, body.length - fed, true);
		ListedProfile next;

		most = taken > most ? taken : most;
		fed += taken;
		while ((status = profile_reader_next(reader, &next)) == STREAM_RECORD)
			profile = next;
	}
	CHECK_NUMBER(status, STREAM_END);
	CHECK_NUMBER(profile.id, 7);
	CHECK_THAT(most <= 2 * STREAM_MAX_TAKEN, "a call takes %zu bytes", most);
	free(body.data);
	profile_reader_free(reader);
}

static void
test_profiles(void)
{
	static const size_t pieces[] = { 1, 7, 100000 };
	char *long_entry = malloc(300000);

	check_profiles_cut();
	check_profiles_hollow(CODING_GZIP);
	check_profiles_hollow(CODING_DEFLATE);
	begin_test("messages: profiles");
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		size_t piece = pieces[i];

		check_profiles(
			"[{\"profileId\":1111,\"accountInfo\":{\"type\":\"seller\"}},"
			"{\"profileId\":3333,\"accountInfo\":{\"type\":\"agency\"}},"
			"{\"profileId\":9007199254740993},{\"profileId\":\"18446744073709551615\"}]\n",
			piece, "1111,(3333),9007199254740993,18446744073709551615,");
		check_profiles("[]", piece, "");
		check_profiles(
			"[{\"profileId\":18446744073709551616},{},{\"profileId\":null},{\"profileId\":-1},"
			"{\"profileId\":1.5},{\"profileId\":1e3},{\"profileId\":0},{\"profileId\":\"\"},"
			"{\"profileId\":\"1; DROP\"},{\"profileId\":\"01\"},{\"profileId\":[1]},{\"profileId\":7}]",
			piece, "-,-,-,-,-,-,-,-,-,-,-,7,");
		check_profiles("{\"message\":\"no\"}", piece, "!");
		check_profiles("", piece, "!");
		check_profiles("[7]", piece, "!");
		check_profiles("[{\"profileId\":7}", piece, "7,!");
		check_profiles("[{\"profileId\":7}] x", piece, "7,!");
	}
	memset(long_entry, 'x', 299999);
	long_entry[299999] = '\0';
	memcpy(long_entry, "[{\"a\":\"", 7);
	check_profiles(long_entry, 65536, "!");
	free(long_entry);
}

static void
check_lifetime(const char *value, int64_t expected)
{
	static TokenMessage token;
	char body[128];

	snprintf(body, sizeof(body), "{\"access_token\":\"x\",\"expires_in\":%s}", value);
	CHECK(message_parse_token(body, strlen(body), &token));
	CHECK_THAT(token.expires_in == expected, "expires_in %s is %lld", value,
			   (long long) token.expires_in);
}

static void
test_other_messages(void)
{
	static TokenMessage token;
	const char *body;

	begin_test("messages: token");
	body = "{\"access_token\":\"Atza|x\",\"token_type\":\"bearer\",\"expires_in\":3600}";
	CHECK(message_parse_token(body, strlen(body), &token));
	CHECK(strcmp(token.access_token, "Atza|x") == 0);
	CHECK_NUMBER(token.expires_in, 3600);
	check_lifetime("0", 0);
	check_lifetime("\"0\"", 0);
	check_lifetime("-5", 0);
	check_lifetime("\"3600\"", 3600);
	check_lifetime("0.5", 0);
	check_lifetime("1e300", 366 * 24 * 3600);
	check_lifetime("null", -1);
	check_lifetime("\"soon\"", -1);
	check_lifetime("\"\"", -1);
	check_lifetime("{}", -1);
	body = "{\"error\":\"invalid_grant\",\"error_description\":\"it is not one\"}";
	CHECK(!message_parse_token(body, strlen(body), &token));
	CHECK(strcmp(token.error_text, "invalid_grant: it is not one") == 0 && token.refused);
	body = "{\"message\":\"come back later\"}";
	CHECK(!message_parse_token(body, strlen(body), &token));
	CHECK(strcmp(token.error_text, "come back later") == 0 && !token.refused);
	body = "{\"access_token\":7,\"message\":\"m\"}";
	CHECK(!message_parse_token(body, strlen(body), &token) && token.error_text[0] == '\0');
	body = "{\"access_token\":\"Atza|x\"}";
	CHECK(message_parse_token(body, strlen(body), &token));
	CHECK_NUMBER(token.expires_in, -1);
	body = "{\"access_token\":\"a\\r\\nX-Evil: 1\"}";
	CHECK(!message_parse_token(body, strlen(body), &token));
	body = "{\"access_token\":null}";
	CHECK(!message_parse_token(body, strlen(body), &token));
	body = "{}";
	CHECK(!message_parse_token(body, strlen(body), &token));
}

static void
check_error_text(const char *body, const char *expected)
{
	char text[MESSAGE_MAX_TEXT];

	message_error_text(body, strlen(body), text, sizeof(text));
	CHECK_THAT(strcmp(text, expected) == 0, "\"%s\" reads \"%s\", expected \"%s\"", body, text,
			   expected);
}

static void
test_error_texts(void)
{
	char text[MESSAGE_MAX_TEXT];
	char *body = malloc(100000);

	begin_test("messages: errors in every dialect");
	check_error_text("{\"code\":\"401\",\"details\":\"Not authorized to access scope 1\"}",
					 "Not authorized to access scope 1");
	check_error_text("{\"message\":\"Too Many Requests\"}", "Too Many Requests");
	check_error_text("{\"code\":\"X\",\"detail\":\"d\"}", "d");
	check_error_text("{\"error\":\"invalid_grant\",\"error_description\":\"bad token\"}",
					 "invalid_grant: bad token");
	check_error_text("{\"error\":\"invalid_grant\"}", "invalid_grant");
	check_error_text("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has "
					 "expired</Message></Error>",
					 "Request has expired");
	check_error_text("<html><head><title>503 Service\n Unavailable</title></head><body>x</body>",
					 "503 Service Unavailable");
	check_error_text("<html><h1>Oops</h1>", "Oops");
	check_error_text("<div>nothing</div>", "(an HTML or XML page)");
	check_error_text("Raw data files were not found.", "Raw data files were not found.");
	check_error_text("", "");
	check_error_text("[1,2]", "[1,2]");

	begin_test("messages: errors are cut and escaped");
	memset(body, 'x', 99999);
	body[99999] = '\0';
	message_error_text(body, 99999, text, sizeof(text));
	CHECK_NUMBER(strlen(text), 512);
	for (int i = 0; i < 256; i++)
		body[i] = (char) i;
	message_error_text(body + 1, 254, text, sizeof(text));
	for (const char *c = text; *c != '\0'; c++)
		CHECK_THAT((unsigned char) *c >= 0x20 && (unsigned char) *c < 0x7f, "byte %02x",
				   (unsigned char) *c);
	check_error_text("caf\xc3\xa9 \xe9 \x1b[31m", "caf\xc3\xa9 \\xe9 \\x1b[31m");
	message_error_text("a\0b", 3, text, sizeof(text));
	CHECK(strcmp(text, "a\\x00b") == 0);
	free(body);
}

static void
check_body_words(const char *body, size_t length, bool inflated, const char *expected)
{
	char words[MESSAGE_MAX_TEXT];

	body_words(body, length, inflated, words, sizeof(words));
	CHECK_THAT(strcmp(words, expected) == 0, "%s, expected %s", words, expected);
}

#define CHECK_BODY(body, expected) check_body_words(body, sizeof(body) - 1, false, expected)

static void
test_body_words(void)
{
	char *body = malloc(100000);
	char words[MESSAGE_MAX_TEXT];

	begin_test("messages: what a body is");
	CHECK_BODY("\x1f\x8b\x08", "gzip data");
	check_body_words("\x1f\x8b\x08", 3, true, "gzip data again: it is compressed twice");
	CHECK_BODY("PK\x03\x04xxxx", "a zip archive");
	CHECK_BODY("PK\x05\x06xxxx", "an empty zip archive");
	CHECK_BODY("<!DOCTYPE html><html><head><title lang=\"en\">Sign in</title>",
			   "an HTML page titled \"Sign in\"");
	CHECK_BODY("\xef\xbb\xbf \n<HTML><body>Service is down", "an HTML page without a title");
	CHECK_BODY("<html><title></title>", "an HTML page without a title");
	CHECK_BODY("<?xml version=\"1.0\"?>\n<!DOCTYPE html><h1 class=\"x\">Oops</h1>",
			   "an HTML page titled \"Oops\"");
	CHECK_BODY("<?xml version=\"1.0\"?><Error><Message>Request has expired</Message></Error>",
			   "an XML document that says \"Request has expired\"");
	CHECK_BODY("<?xml version=\"1.0\"?><Thing/>", "an XML document");
	CHECK_BODY("{\"message\": \"Too Many Requests\"}", "JSON that says \"Too Many Requests\"");
	CHECK_BODY("{\"a\": [1", "JSON that says \"{\"a\": [1\"");
	CHECK_BODY(" Rate limit\r\nexceeded ", "the text \"Rate limit exceeded\"");
	CHECK_BODY("caf\xc3\xa9 \x1b[31m\xe2\x80\xae",
			   "the text \"caf\xc3\xa9 \\x1b[31m\\xe2\\x80\\xae\"");
	CHECK_BODY("\x01\x00\x02", "binary data that begins \"\\x01\\x00\\x02\"");
	CHECK_BODY("", "nothing");
	CHECK_BODY(" \n", "nothing");
	memset(body, 'x', 100000);
	body_words(body, 100000, false, words, sizeof(words));
	CHECK_THAT(strlen(words) <= 512 && words[strlen(words) - 1] == '"', "%s", words);
	body[50] = '\0';
	body_words(body, 100000, false, words, 64);
	CHECK_THAT(strlen(words) < 64, "%s", words);
	free(body);
}

static void
test_times(void)
{
	int64_t time;

	begin_test("messages: times");
	CHECK(message_parse_time("1970-01-01T00:00:00Z", &time) && time == 0);
	CHECK(message_parse_time("1970-01-01 00:00:01", &time) && time == 1000000);
	CHECK(message_parse_time("1970-01-01T00:00:00.5Z", &time) && time == 500000);
	CHECK(message_parse_time("1970-01-01T01:00:00+01:00", &time) && time == 0);
	CHECK(message_parse_time("1970-01-01T00:00:00.123456789Z", &time) && time == 123456);
	CHECK(message_parse_time("1970-01-01T05:30:00+0530", &time) && time == 0);
	CHECK(message_parse_time("1970-01-01T05:30:00.123456789+0530", &time) && time == 123456);
	CHECK(message_parse_time("1970-01-01T00:30:00-00:30", &time) && time == INT64_C(3600000000));
	CHECK(message_parse_time("1970-01-01T01:00:00+01", &time) && time == 0);
	CHECK(message_parse_time("1969-12-31T23:59:59Z", &time) && time == -1000000);
	CHECK(!message_parse_time("1970-01-01T00:00:00+0530x", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00+05:3", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00+05300", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00+99:00", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00 IST", &time));
	CHECK(!message_parse_time("1970-02-30T00:00:00Z", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00.Z", &time));
	CHECK(!message_parse_time("1970-01-01", &time));
	CHECK(!message_parse_time("1970-13-01T00:00:00Z", &time));
	CHECK(!message_parse_time("1970-01-01T00:00:00Zebra", &time));
	CHECK(!message_parse_time("", &time));
}

/*-------------------------------------------------------------------------
 * URLs
 *-------------------------------------------------------------------------
 */

static void
test_urls(void)
{
	static const struct
	{
		const char *url;
		UrlCheck result;
	} urls[] = {
		{ "https://advertising-api.amazon.com", URL_OK },
		{ "https://x.s3.amazonaws.com/a?X-Amz-Signature=1", URL_OK },
		{ "http://127.0.0.1:8080/x", URL_OK },
		{ "http://127.9.9.9", URL_OK },
		{ "http://[::1]:80/x", URL_OK },
		{ "http://localhost/x", URL_OK },
		{ "http://LOCALHOST/x", URL_OK },
		{ "http://example.com/", URL_NOT_LOOPBACK },
		{ "http://10.0.0.1/", URL_NOT_LOOPBACK },
		{ "http://128.0.0.1/", URL_NOT_LOOPBACK },
		{ "http://[::2]/", URL_NOT_LOOPBACK },
		{ "http://localhost.example.com/", URL_NOT_LOOPBACK },
		{ "http://127.0.0.1.example.com/", URL_NOT_LOOPBACK },
		{ "http://127.0.0.1@example.com/", URL_HAS_CREDENTIALS },
		{ "https://user:secret@example.com/", URL_HAS_CREDENTIALS },
		{ "ftp://localhost/", URL_WRONG_SCHEME },
		{ "file:///etc/passwd", URL_MALFORMED },
		{ "", URL_MALFORMED },
		{ "https://", URL_MALFORMED },
	};
	char text[200];

	begin_test("urls: what may be connected to");
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		UrlCheck result = url_check(urls[i].url);

		/* A URL without a host is refused one way or the other. */
		if (urls[i].result == URL_MALFORMED)
			CHECK_THAT(result != URL_OK, "%s is accepted", urls[i].url);
		else
			CHECK_THAT(result == urls[i].result, "%s: %d, expected %d", urls[i].url, result,
					   urls[i].result);
	}

	begin_test("urls: messages show no query, forms are encoded");
	url_for_message("https://h.example/a/b?X-Amz-Signature=secret#f", text, sizeof(text));
	CHECK(strcmp(text, "https://h.example/a/b") == 0);
	CHECK(url_encode("Atzr|a+b/c=d~e", text, sizeof(text)));
	CHECK(strcmp(text, "Atzr%7Ca%2Bb%2Fc%3Dd~e") == 0);
	CHECK(!url_encode("abcdef", text, 6));
	CHECK(url_encode("abcde", text, 6));
}

static void
test_addresses(void)
{
	static const struct
	{
		const char *text;
		AddressKind kind;
	} addresses[] = {
		{ "127.0.0.1", ADDRESS_LOOPBACK },
		{ "127.255.255.255", ADDRESS_LOOPBACK },
		{ "128.0.0.0", ADDRESS_ORDINARY },
		{ "126.255.255.255", ADDRESS_ORDINARY },
		{ "169.254.169.254", ADDRESS_LINK_LOCAL },
		{ "169.253.1.1", ADDRESS_ORDINARY },
		{ "169.255.1.1", ADDRESS_ORDINARY },
		{ "0.0.0.0", ADDRESS_UNSPECIFIED },
		{ "0.1.2.3", ADDRESS_UNSPECIFIED },
		{ "1.0.0.0", ADDRESS_ORDINARY },
		{ "10.0.0.1", ADDRESS_ORDINARY },
		{ "192.168.1.1", ADDRESS_ORDINARY },
		{ "::1", ADDRESS_LOOPBACK },
		{ "::", ADDRESS_UNSPECIFIED },
		{ "::2", ADDRESS_UNSPECIFIED },
		{ "fe80::1", ADDRESS_LINK_LOCAL },
		{ "febf::1", ADDRESS_LINK_LOCAL },
		{ "fec0::1", ADDRESS_ORDINARY },
		{ "fd00::1", ADDRESS_ORDINARY },
		{ "2001:db8::1", ADDRESS_ORDINARY },
		{ "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
		{ "::ffff:169.254.1.1", ADDRESS_LINK_LOCAL },
		{ "::ffff:0.0.0.0", ADDRESS_UNSPECIFIED },
		{ "::ffff:8.8.8.8", ADDRESS_ORDINARY },
		{ "::127.0.0.1", ADDRESS_LOOPBACK },
	};

	begin_test("addresses: their kinds, IPv4 inside of IPv6 too");
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
	{
		struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
		struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(443) };
		const struct sockaddr *address = (const struct sockaddr *) &ipv6;
		char text[64];

		if (inet_pton(AF_INET, addresses[i].text, &ipv4.sin_addr) == 1)
			address = (const struct sockaddr *) &ipv4;
		else
			CHECK(inet_pton(AF_INET6, addresses[i].text, &ipv6.sin6_addr) == 1);
		CHECK_THAT(address_kind(address) == addresses[i].kind, "%s is taken for %s",
				   addresses[i].text, address_kind_name(address_kind(address)));
		CHECK_NUMBER(address_port(address), 443);
		address_format(address, text, sizeof(text));
		CHECK_THAT(strchr(addresses[i].text, '.') != NULL || strcmp(text, addresses[i].text) == 0,
				   "%s is written as %s", addresses[i].text, text);
	}
}

int
main(void)
{
	test_halves();
	test_answers();
	test_delays();
	test_hours();
	test_status_messages();
	test_other_messages();
	test_profiles();
	test_error_texts();
	test_body_words();
	test_times();
	test_urls();
	test_addresses();
	return finish_tests();
}
