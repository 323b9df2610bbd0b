/*-------------------------------------------------------------------------
 *
 * fuzz_messages.c
 *		Fuzz what reads the small texts of a server and of a user: tokens,
 *		status, lists of profiles, error bodies, times, Retry-After, URLs, paths.
 *
 * The first byte chooses.  Whatever is read must keep what the headers
 * promise: texts that end, are printable, and fit.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "net/url.h"
#include "remote/body_words.h"
#include "remote/message.h"
#include "remote/policy.h"
#include "remote/profile_reader.h"
#include "stream/iso_time.h"
#include "stream/json_path.h"
#include "stream/printable.h"

/* No text that is meant for people holds what could not be shown. */
static void
expect_printable(const char *text, size_t limit)
{
	size_t length = strlen(text);

	EXPECT(length < limit, "a text of %zu bytes in %zu", length, limit);
	for (size_t i = 0; i < length; i++)
		EXPECT((unsigned char) text[i] >= 0x20 && text[i] != 0x7f, "byte 0x%02x in a text",
			   (unsigned char) text[i]);
}

static void
try_token(const char *body, size_t length)
{
	static TokenMessage message;

	if (message_parse_token(body, length, &message))
	{
		expect_printable(message.access_token, sizeof(message.access_token));
		EXPECT(message.access_token[0] != '\0', "an empty token");
		EXPECT(message.expires_in >= -1, "a lifetime of %lld", (long long) message.expires_in);
	}
	expect_printable(message.error_text, sizeof(message.error_text));
}

static void
try_status(const char *body, size_t length)
{
	static StatusMessage message;

	if (message_parse_status(body, length, &message))
	{
		expect_printable(message.export_id, sizeof(message.export_id));
		expect_printable(message.status_word, sizeof(message.status_word));
		expect_printable(message.url, sizeof(message.url));
		EXPECT((message.link == LINK_PRESENT) == (message.url[0] != '\0'), "a link without a URL");
		EXPECT(message.file_size >= -1 && message.took >= -1, "a negative size or time");
	}
	expect_printable(message.error_code, sizeof(message.error_code));
	expect_printable(message.error_text, sizeof(message.error_text));
}

static void
try_profiles(const char *body, size_t length, ContentCoding coding)
{
	ProfileReader *reader = profile_reader_create(coding);
	ListedProfile profile;
	StreamStatus status = STREAM_NEED_INPUT;
	size_t entries = 0;
	size_t rounds = 0;

	while (status == STREAM_NEED_INPUT)
	{
		size_t next = length > 100 ? 100 : length;
		size_t taken = profile_reader_feed(reader, body, next, next == length);

		body += taken;
		length -= taken;
		while ((status = profile_reader_next(reader, &profile)) == STREAM_RECORD)
			entries++;
		rounds++;
		EXPECT(rounds < 100000, "more is wanted after the end");
	}
	EXPECT(entries < 10000000, "%zu entries", entries);
	profile_reader_free(reader);
}

static void
try_words(const char *body, size_t length)
{
	char text[MESSAGE_MAX_TEXT];

	message_error_text(body, length, text, sizeof(text));
	expect_printable(text, sizeof(text));
	message_printable(body, length, text, sizeof(text));
	expect_printable(text, sizeof(text));
	(void) policy_body_kind(body, length);
}

static void
try_texts(const char *text)
{
	char output[256];
	int64_t microseconds;
	int64_t delay = policy_retry_after(text, 1700000000);

	EXPECT(delay >= -1, "a delay of %lld", (long long) delay);
	(void) message_parse_time(text, &microseconds);
	(void) iso_time_read(text, strlen(text), &microseconds);
	(void) url_check(text);
	(void) url_is_loopback(text);
	url_for_message(text, output, sizeof(output));
	EXPECT(strlen(output) < sizeof(output), "a URL of %zu bytes", strlen(output));
	(void) url_encode(text, output, sizeof(output));
}

static void
try_path(const char *text)
{
	JsonPaths *paths = json_paths_create();

	(void) json_paths_add(paths, text);
	json_paths_free(paths);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 6)
	{
		case 0:
			try_token(text, size - 1);
			break;
		case 1:
			try_status(text, size - 1);
			break;
		case 2:
			try_profiles(text, size - 1, (ContentCoding) (data[0] / 6 % 3));
			break;
		case 3:
			try_words(text, size - 1);
			break;
		case 4:
			try_texts(text);
			break;
		default:
			try_path(text);
			break;
	}
	free(text);
	return 0;
}
