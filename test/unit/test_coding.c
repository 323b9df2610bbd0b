/*-------------------------------------------------------------------------
 *
 * test_coding.c
 *		Unit tests of stream/content_coding.
 *
 *-------------------------------------------------------------------------
 */
#include "check.h"
#include "gzip_build.h"
#include "stream/content_coding.h"

static void
test_names(void)
{
	begin_test("names of codings");
	CHECK(content_coding_by_name("") == CODING_NONE);
	CHECK(content_coding_by_name("identity") == CODING_NONE);
	CHECK(content_coding_by_name("aws-chunked") == CODING_NONE);
	CHECK(content_coding_by_name("none") == CODING_NONE);
	CHECK(content_coding_by_name("gzip") == CODING_GZIP);
	CHECK(content_coding_by_name(" X-GZip ,") == CODING_GZIP);
	CHECK(content_coding_by_name("aws-chunked,gzip") == CODING_GZIP);
	CHECK(content_coding_by_name("deflate") == CODING_DEFLATE);
	CHECK(content_coding_by_name("br") == CODING_UNKNOWN);
	CHECK(content_coding_by_name("gzi") == CODING_UNKNOWN);
	CHECK(content_coding_by_name("gzip, gzip") == CODING_UNKNOWN);
	CHECK(content_coding_by_name("gzip, br") == CODING_UNKNOWN);
}

/* Decode data in pieces of that size into pieces of that size; appends to content. */
static StreamStatus
decode(ContentCoding coding, const Bytes *data, size_t piece, size_t output_size, Bytes *content,
	   StreamErrorKind *kind)
{
	ContentDecoder *decoder = content_decoder_create(coding);
	unsigned char output[4096];
	size_t position = 0;
	StreamInput input = { data->data, 0, data->length == 0 };
	StreamStatus status;

	content->length = 0;
	for (;;)
	{
		size_t produced;

		status = content_decoder_read(decoder, &input, output, output_size, &produced);
		append(content, output, produced);
		if (status == STREAM_DATA)
			continue;
		if (status != STREAM_NEED_INPUT)
			break;
		if (!CHECK(input.available == 0 && !input.last))
			break;
		input.next = data->data + position;
		input.available = piece < data->length - position ? piece : data->length - position;
		position += input.available;
		input.last = position == data->length;
	}
	*kind = content_decoder_error(decoder)->kind;
	content_decoder_free(decoder);
	return status;
}

static void
expect(ContentCoding coding, const Bytes *data, const Bytes *expected,
	   StreamErrorKind expected_kind)
{
	static const size_t pieces[][2] = {
		{ 1000000, 4096 }, { 1, 4096 }, { 1000000, 1 }, { 1, 1 }, { 7, 3 }
	};
	Bytes content = { 0 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		StreamErrorKind kind;
		StreamStatus status = decode(coding, data, pieces[i][0], pieces[i][1], &content, &kind);

		CHECK_NUMBER(kind, expected_kind);
		CHECK(status == (expected_kind == STREAM_ERROR_NONE ? STREAM_END : STREAM_ERROR));
		if (expected != NULL)
			CHECK(content.length == expected->length &&
				  memcmp(content.data, expected->data, content.length) == 0);
	}
	free(content.data);
}

static void
append_zlib(Bytes *bytes, const Bytes *content)
{
	uLong adler = adler32(adler32(0, NULL, 0), content->data, (uInt) content->length);

	append(bytes, "\x78\x9c", 2);
	append_deflated(bytes, content->data, content->length, 6);
	for (int shift = 24; shift >= 0; shift -= 8)
		append_number(bytes, (adler >> shift) & 0xff, 1);
}

static void
test_decoding(void)
{
	Bytes content = { 0 };
	Bytes data = { 0 };

	for (int i = 0; i < 3000; i++)
		append_number(&content, (uint32_t) (i * i) % 251, 1);

	begin_test("gzip, or what is no gzip any more");
	append_gzip_with_flags(&data, content.data, content.length, 0);
	expect(CODING_GZIP, &data, &content, STREAM_ERROR_NONE);
	expect(CODING_GZIP, &content, &content, STREAM_ERROR_NONE);
	data.length--;
	expect(CODING_GZIP, &data, NULL, STREAM_ERROR_TRUNCATED);

	begin_test("deflate in zlib's format");
	data.length = 0;
	append_zlib(&data, &content);
	expect(CODING_DEFLATE, &data, &content, STREAM_ERROR_NONE);
	data.data[data.length - 1] ^= 1;
	expect(CODING_DEFLATE, &data, NULL, STREAM_ERROR_CORRUPT);
	data.data[data.length - 1] ^= 1;
	data.length--;
	expect(CODING_DEFLATE, &data, NULL, STREAM_ERROR_TRUNCATED);
	data.length++;
	append_number(&data, 0, 1);
	expect(CODING_DEFLATE, &data, NULL, STREAM_ERROR_CORRUPT);

	begin_test("deflate as it is");
	for (int level = 0; level <= 9; level++)
	{
		data.length = 0;
		append_deflated(&data, content.data, content.length, level);
		expect(CODING_DEFLATE, &data, &content, STREAM_ERROR_NONE);
	}
	data.length--;
	expect(CODING_DEFLATE, &data, NULL, STREAM_ERROR_TRUNCATED);

	begin_test("nothing");
	data.length = 0;
	expect(CODING_DEFLATE, &data, NULL, STREAM_ERROR_TRUNCATED);
	free(content.data);
	free(data.data);
}

/* A block of nothing: stored, not the last, no bytes. */
static void
append_empty_blocks(Bytes *data, size_t bytes)
{
	for (size_t i = 0; i < bytes / 5; i++)
		append(data, "\x00\x00\x00\xff\xff", 5);
}

/* Blocks without content end, at a limit that content between them moves on. */
static void
test_nothing_for_long(void)
{
	static const struct
	{
		const char *name;
		const char *head;
		size_t head_length;
		ContentCoding coding;
	} forms[] = { { "deflate in zlib's format without content", "\x78\x9c", 2, CODING_DEFLATE },
				  { "deflate as it is without content", "", 0, CODING_DEFLATE },
				  { "gzip without content", "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10, CODING_GZIP } };
	Bytes content = { 0 };
	Bytes data = { 0 };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		StreamErrorKind kind;

		begin_test(forms[i].name);
		data.length = 0;
		append(&data, forms[i].head, forms[i].head_length);
		append_empty_blocks(&data, 1000000);
		append(&data, "\x00\x01\x00\xfe\xffx", 6);
		append_empty_blocks(&data, 1000000);
		CHECK(decode(forms[i].coding, &data, 32768, 4096, &content, &kind) == STREAM_ERROR);
		CHECK_NUMBER(kind, STREAM_ERROR_TRUNCATED);
		CHECK_NUMBER(content.length, 1);
		append_empty_blocks(&data, 100000);
		CHECK(decode(forms[i].coding, &data, 32768, 4096, &content, &kind) == STREAM_ERROR);
		CHECK_NUMBER(kind, STREAM_ERROR_TOO_LARGE);
		CHECK_NUMBER(content.length, 1);
	}
	free(content.data);
	free(data.data);
}

static void
test_at_once(void)
{
	unsigned char output[3000];
	Bytes content = { 0 };
	Bytes data = { 0 };
	size_t produced;
	StreamError error = { .kind = STREAM_ERROR_NONE };

	for (int i = 0; i < 3000; i++)
		append_number(&content, (uint32_t) (i * i) % 251, 1);
	append_zlib(&data, &content);

	begin_test("a short body at once");
	CHECK(content_decode(CODING_DEFLATE, (const char *) data.data, data.length, output,
						 sizeof(output), &produced, &error) == STREAM_DATA);
	CHECK_NUMBER(produced, 3000);
	CHECK(memcmp(output, content.data, 3000) == 0);
	CHECK(content_decode(CODING_DEFLATE, (const char *) data.data, data.length, output, 2999,
						 &produced, &error) == STREAM_DATA);
	CHECK_NUMBER(produced, 2999);
	content.length = 2999;
	data.length = 0;
	append_zlib(&data, &content);
	CHECK(content_decode(CODING_DEFLATE, (const char *) data.data, data.length, output,
						 sizeof(output), &produced, &error) == STREAM_END);
	CHECK_NUMBER(produced, 2999);

	begin_test("a short body that is cut");
	CHECK(content_decode(CODING_DEFLATE, (const char *) data.data, data.length - 10, output,
						 sizeof(output), &produced, &error) == STREAM_ERROR);
	CHECK_NUMBER(error.kind, STREAM_ERROR_TRUNCATED);
	CHECK(produced > 0 && memcmp(output, content.data, produced) == 0);
	free(content.data);
	free(data.data);
}

int
main(void)
{
	test_names();
	test_decoding();
	test_nothing_for_long();
	test_at_once();
	return finish_tests();
}
