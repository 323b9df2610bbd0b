/*-------------------------------------------------------------------------
 *
 * test_gunzip.c
 *		Unit tests of stream/gunzip.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "gzip_build.h"
#include "pieces.h"
#include "stream/crc32.h"

/* Once more for machines with narrower instructions. */
#define CRC32_FORCE_NARROW
#define stream_crc32 narrow_crc32
#define stream_crc32_combine narrow_crc32_combine
#define stream_crc32_remove_end narrow_crc32_remove_end
#include "stream/crc32.c"
#undef stream_crc32
#undef stream_crc32_combine
#undef stream_crc32_remove_end
#include "stream/gunzip.h"

/* How the input and the output buffer are cut. */
typedef enum Feed
{
	FEED_WHOLE,
	FEED_SINGLE_BYTES,
	FEED_SINGLE_OUTPUT,
	FEED_BOTH_SINGLE,
	FEED_RANDOM,
	FEED_KINDS
} Feed;

typedef struct Outcome
{
	StreamStatus status;
	StreamErrorKind kind;
	char message[256];
	Bytes content;
	uint32_t crc;
} Outcome;

static Gunzip *gunzip;

static void
run(const unsigned char *data, size_t length, Feed feed, Outcome *outcome)
{
	unsigned char output[4096];
	Pieces pieces;
	int idle = 0;

	pieces_begin(&pieces, data, length);
	gunzip_reset(gunzip);
	outcome->content.length = 0;
	for (;;)
	{
		size_t output_size = feed == FEED_SINGLE_OUTPUT || feed == FEED_BOTH_SINGLE ? 1
							 : feed == FEED_RANDOM ? 1 + random_below(40)
												   : sizeof(output);
		size_t produced = 12345;
		size_t before = pieces.input.available;

		outcome->status = gunzip_read(gunzip, &pieces.input, output, output_size, &produced);
		if (!CHECK(produced <= output_size))
			break;
		append(&outcome->content, output, produced);
		CHECK(produced == 0 || outcome->status != STREAM_ERROR);
		if (outcome->status == STREAM_NEED_INPUT)
		{
			size_t size = feed == FEED_SINGLE_BYTES || feed == FEED_BOTH_SINGLE ? 1
						  : feed == FEED_RANDOM                                 ? random_below(20)
																				: length;

			if (!CHECK(pieces.input.available == 0 && !pieces.input.last))
				break;
			/* Sometimes the end is only known after the last byte. */
			pieces_lend(&pieces, size, feed != FEED_RANDOM);
			continue;
		}
		if (outcome->status != STREAM_DATA)
			break;
		if (produced > 0 || pieces.input.available < before)
			idle = 0;
		else if (!CHECK_THAT(++idle < 3, "no progress"))
			break;
	}
	if (outcome->status == STREAM_END)
	{
		CHECK_NUMBER(pieces.input.available, 0);
		CHECK_NUMBER(gunzip_bytes_in(gunzip), length);
		CHECK_NUMBER(gunzip_bytes_out(gunzip), outcome->content.length);
	}
	if (outcome->status == STREAM_ERROR)
	{
		size_t produced;

		CHECK(gunzip_read(gunzip, &pieces.input, output, sizeof(output), &produced) ==
			  STREAM_ERROR);
		CHECK_NUMBER(produced, 0);
	}
	pieces_end(&pieces);
	outcome->kind = gunzip_error(gunzip)->kind;
	CHECK((outcome->kind != STREAM_ERROR_NONE) == (outcome->status == STREAM_ERROR));
	strcpy(outcome->message, gunzip_error(gunzip)->message);
	outcome->crc = gunzip_content_crc(gunzip);
}

static void
expect_content(const Bytes *data, const char *content, size_t length)
{
	Outcome outcome = { 0 };

	for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
		for (int repeat = 0; repeat < (feed == FEED_RANDOM ? 20 : 1); repeat++)
		{
			run(data->data, data->length, feed, &outcome);
			CHECK_THAT(outcome.status == STREAM_END, "status %d in feed %d: %s", outcome.status,
					   feed, outcome.message);
			CHECK_NUMBER(outcome.content.length, length);
			CHECK(outcome.content.length == length &&
				  (length == 0 || memcmp(outcome.content.data, content, length) == 0));
			if (!gunzip_is_plain(gunzip))
				CHECK_NUMBER(outcome.crc, crc32(0, (const Bytef *) content, (uInt) length));
		}
	free(outcome.content.data);
}

static void
expect_error(const Bytes *data, StreamErrorKind kind, const char *message)
{
	Outcome outcome = { 0 };

	for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
	{
		run(data->data, data->length, feed, &outcome);
		CHECK_NUMBER(outcome.status, STREAM_ERROR);
		CHECK_NUMBER(outcome.kind, kind);
		CHECK_CONTAINS(outcome.message, message);
	}
	free(outcome.content.data);
}

static void
test_members(void)
{
	Bytes data = { 0 };
	Bytes big = { 0 };
	Bytes twice = { 0 };

	begin_test("one member");
	append_gzip(&data, "[{\"a\":1}]");
	expect_content(&data, "[{\"a\":1}]", 9);

	begin_test("each combination of header flags");
	for (unsigned flags = 0; flags < 0x20; flags++)
	{
		data.length = 0;
		append_gzip_with_flags(&data, "content", 7, flags);
		expect_content(&data, "content", 7);
	}

	begin_test("an empty array is 22 bytes");
	data.length = 0;
	append_gzip(&data, "[]");
	CHECK_NUMBER(data.length, 22);
	expect_content(&data, "[]", 2);

	begin_test("a member without content");
	data.length = 0;
	append_gzip(&data, "");
	expect_content(&data, "", 0);

	begin_test("several members, some empty");
	data.length = 0;
	append_gzip(&data, "");
	append_gzip(&data, "one ");
	append_gzip_with_flags(&data, "two ", 4, 0x1f);
	append_gzip(&data, "");
	append_gzip(&data, "three");
	append_gzip(&data, "");
	expect_content(&data, "one two three", 13);

	begin_test("zeros after the last member");
	for (int i = 0; i < 600; i++)
		append_number(&data, 0, 1);
	expect_content(&data, "one two three", 13);

	begin_test("large content in two members");
	for (int i = 0; i < 60000; i++)
		append_number(&big, 'a' + random_below(4), 1);
	data.length = 0;
	append_gzip_with_flags(&data, big.data, big.length, 0);
	append_gzip_with_flags(&data, big.data, big.length, 0);
	append_bytes(&twice, &big);
	append_bytes(&twice, &big);
	expect_content(&data, (char *) twice.data, twice.length);
	free(data.data);
	free(big.data);
	free(twice.data);
}

static void
test_plain(void)
{
	Bytes data = { 0 };

	begin_test("plain data is passed through");
	append_text(&data, "[{\"plain\":true}]");
	expect_content(&data, (char *) data.data, data.length);
	CHECK(gunzip_is_plain(gunzip));

	begin_test("a single plain byte");
	data.length = 1;
	expect_content(&data, "[", 1);

	begin_test("plain data that begins with 1f");
	data.length = 0;
	append_text(&data, "\x1f\x1f\x8b plain");
	expect_content(&data, (char *) data.data, data.length);
	free(data.data);
}

static void
test_errors(void)
{
	Bytes good = { 0 };
	Bytes data = { 0 };

	begin_test("empty input");
	append_text(&data, "");
	expect_error(&data, STREAM_ERROR_TRUNCATED, "data is empty");

	append_gzip_with_flags(&good, "some content", 12, 0x1f);

	begin_test("wrong checksum");
	append_bytes(&data, &good);
	data.data[data.length - 8] ^= 1;
	expect_error(&data, STREAM_ERROR_CORRUPT, "gzip member 1 (at byte 0): checksum is ");

	begin_test("wrong length");
	data.length = 0;
	append_bytes(&data, &good);
	data.data[data.length - 2] ^= 1;
	expect_error(&data, STREAM_ERROR_CORRUPT,
				 "length (modulo 2^32) is 12, but the trailer says 65548");

	begin_test("wrong header checksum");
	data.length = 0;
	append_bytes(&data, &good);
	data.data[5] ^= 1;
	expect_error(&data, STREAM_ERROR_CORRUPT, "header checksum is ");

	begin_test("another compression method");
	data.length = 0;
	append_bytes(&data, &good);
	data.data[2] = 7;
	expect_error(&data, STREAM_ERROR_UNSUPPORTED, "compression method 7 is not supported");

	begin_test("reserved flags");
	data.length = 0;
	append_bytes(&data, &good);
	data.data[3] |= 0x40;
	expect_error(&data, STREAM_ERROR_UNSUPPORTED, "header flags 0x5f are not supported");

	begin_test("corrupt deflate data");
	data.length = 0;
	append(&data, "\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20);
	expect_error(&data, STREAM_ERROR_CORRUPT, "compressed data is corrupt: ");

	begin_test("an error in the second member names it");
	data.length = 0;
	append_bytes(&data, &good);
	append_bytes(&data, &good);
	data.data[data.length - 8] ^= 1;
	{
		char expected[64];

		snprintf(expected, sizeof(expected), "gzip member 2 (at byte %zu): checksum", good.length);
		expect_error(&data, STREAM_ERROR_CORRUPT, expected);
	}

	begin_test("garbage after the last member");
	data.length = 0;
	append_bytes(&data, &good);
	append_text(&data, "x");
	expect_error(&data, STREAM_ERROR_CORRUPT, "neither gzip nor zeros");
	data.length = good.length;
	append_text(&data, "\x1fx");
	expect_error(&data, STREAM_ERROR_CORRUPT, "neither gzip nor zeros");

	begin_test("garbage after zeros");
	data.length = good.length;
	append_number(&data, 0, 3);
	append_text(&data, "x");
	expect_error(&data, STREAM_ERROR_CORRUPT, "followed by data");
	data.length = good.length;
	append_number(&data, 0, 3);
	append_bytes(&data, &good);
	expect_error(&data, STREAM_ERROR_CORRUPT, "followed by data");

	begin_test("what was inflated before an error is handed over");
	{
		Outcome outcome = { 0 };

		data.length = 0;
		append_bytes(&data, &good);
		data.data[data.length - 8] ^= 1;
		for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
		{
			run(data.data, data.length, feed, &outcome);
			CHECK_NUMBER(outcome.content.length, 12);
			CHECK(memcmp(outcome.content.data, "some content", 12) == 0);
		}
		free(outcome.content.data);
	}
	free(good.data);
	free(data.data);
}

static void
test_damage(void)
{
	Bytes data = { 0 };
	Bytes content = { 0 };
	Outcome outcome = { 0 };
	size_t first_length;
	const char *first = "{\"first\":\"member, member, member\"}";

	append_gzip_with_flags(&data, first, strlen(first), 0x1f);
	first_length = data.length;
	append_gzip(&data, "second");
	append_text(&content, first);
	append_text(&content, "second");

	begin_test("truncation at each byte");
	for (size_t length = 0; length < data.length; length++)
		for (Feed feed = FEED_WHOLE; feed < FEED_KINDS; feed++)
		{
			run(data.data, length, feed, &outcome);
			/* Nothing in the format tells that a member is missing. */
			if (length == first_length)
				CHECK_NUMBER(outcome.status, STREAM_END);
			else
			{
				CHECK_THAT(outcome.status == STREAM_ERROR, "cut at %zu of %zu", length,
						   data.length);
				CHECK_THAT(outcome.kind == STREAM_ERROR_TRUNCATED, "cut at %zu: %s", length,
						   outcome.message);
			}
		}

	begin_test("no flipped bit yields other content");
	for (size_t i = 0; i < data.length; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			data.data[i] ^= (unsigned char) (1 << bit);
			run(data.data, data.length, i % 2 ? FEED_WHOLE : FEED_RANDOM, &outcome);
			/* Without its magic it is plain data, by definition. */
			if (outcome.status == STREAM_END && i >= 2)
				CHECK_THAT(same_bytes(&outcome.content, &content), "bit %d of byte %zu", bit, i);
			data.data[i] ^= (unsigned char) (1 << bit);
		}

	begin_test("no replaced byte yields other content");
	for (int i = 0; i < 20000; i++)
	{
		size_t position = 2 + random_below((uint32_t) data.length - 2);
		unsigned char before = data.data[position];

		data.data[position] = (unsigned char) random_below(256);
		run(data.data, data.length, FEED_WHOLE, &outcome);
		if (outcome.status == STREAM_END)
			CHECK(same_bytes(&outcome.content, &content));
		data.data[position] = before;
	}
	free(data.data);
	free(content.data);
	free(outcome.content.data);
}

static void
test_single_member(void)
{
	Bytes data = { 0 };
	unsigned char output[64];
	StreamInput input;
	size_t produced;
	size_t first_length;

	append_gzip(&data, "one");
	first_length = data.length;
	append_gzip(&data, "two");
	append_text(&data, "PK");

	begin_test("member by member");
	input.next = data.data;
	input.available = data.length;
	input.last = false;
	gunzip_reset_to_member(gunzip);
	CHECK(gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_END);
	CHECK(produced == 3 && memcmp(output, "one", 3) == 0);
	CHECK_NUMBER(gunzip_bytes_in(gunzip), first_length);
	CHECK_NUMBER(input.available, data.length - first_length);
	CHECK(gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_END);
	CHECK_NUMBER(produced, 0);
	CHECK_NUMBER(gunzip_content_crc(gunzip), crc32(0, (const Bytef *) "one", 3));
	gunzip_next_member(gunzip);
	CHECK(gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_END);
	CHECK(produced == 3 && memcmp(output, "two", 3) == 0);
	CHECK_NUMBER(input.available, 2);
	CHECK_NUMBER(gunzip_content_crc(gunzip), crc32(0, (const Bytef *) "onetwo", 6));
	gunzip_next_member(gunzip);
	CHECK(gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_ERROR);
	CHECK_NUMBER(gunzip_error(gunzip)->kind, STREAM_ERROR_CORRUPT);

	begin_test("member mode takes no plain data");
	gunzip_reset_to_member(gunzip);
	CHECK(gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_ERROR);
	CHECK_CONTAINS(gunzip_error(gunzip)->message, "data is not gzip");
	free(data.data);
}

static void
test_crc32(void)
{
	unsigned char data[700];

	begin_test("CRC-32 of every length and alignment, as zlib's");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char) random_below(256);
	CHECK_NUMBER(stream_crc32(0, NULL, 0), 0);
	CHECK_NUMBER(stream_crc32(7, NULL, 0), 7);
	CHECK_NUMBER(stream_crc32(0, (const unsigned char *) "123456789", 9), 0xcbf43926);
	for (size_t start = 0; start < 33; start++)
		for (size_t length = 0; start + length <= sizeof(data); length++)
		{
			uint32_t before = length % 3 == 0 ? 0 : random_below(UINT32_MAX);
			uint32_t expected = (uint32_t) crc32_z(before, data + start, length);

			if (stream_crc32(before, data + start, length) != expected)
				CHECK_THAT(false, "%zu bytes from %zu", length, start);
			if (narrow_crc32(before, data + start, length) != expected)
				CHECK_THAT(false, "%zu bytes from %zu, narrow", length, start);
		}
}

int
main(void)
{
	test_crc32();
	gunzip = gunzip_create();
	test_members();
	test_plain();
	test_errors();
	test_damage();
	test_single_member();
	gunzip_free(gunzip);
	return finish_tests();
}
