/*-------------------------------------------------------------------------
 *
 * content_coding.c
 *		What a Content-Encoding header says was done to a body on its way.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/content_coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

#include "stream/gunzip.h"
#include "stream/stream_error.h"
#include "stream/zlib_memory.h"

/* One of the two is there, depending on the coding. */
struct ContentDecoder
{
	Gunzip *gunzip;
	z_stream inflate;
	bool is_deflate;
	bool begun; /* which of the two forms of deflate it is, is known */
	bool ended;
	unsigned idle; /* compressed bytes since the last output */
	uint64_t bytes_in;
	uint64_t bytes_out;
	StreamError error;
};

/* Words between commas; those that change nothing are left out. */
ContentCoding
content_coding_by_name(const char *header)
{
	static const struct
	{
		const char *name;
		ContentCoding coding;
	} codings[] = { { "gzip", CODING_GZIP },       { "x-gzip", CODING_GZIP },
					{ "deflate", CODING_DEFLATE }, { "identity", CODING_NONE },
					{ "none", CODING_NONE },       { "aws-chunked", CODING_NONE } };
	ContentCoding found = CODING_NONE;

	for (;;)
	{
		ContentCoding coding = CODING_UNKNOWN;
		size_t length;

		header += strspn(header, " \t,");
		length = strcspn(header, " \t,");
		if (length == 0)
			return found;
		for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
		{
			if (strlen(codings[i].name) == length &&
				strncasecmp(header, codings[i].name, length) == 0)
				coding = codings[i].coding;
		}
		if (coding != CODING_NONE)
			found = found == CODING_NONE ? coding : CODING_UNKNOWN;
		header += length;
	}
}

ContentDecoder *
content_decoder_create(ContentCoding coding)
{
	ContentDecoder *decoder = calloc(1, sizeof(ContentDecoder));

	if (decoder == NULL)
		return NULL;
	decoder->is_deflate = coding == CODING_DEFLATE;
	decoder->inflate.zalloc = zlib_allocate;
	decoder->inflate.zfree = zlib_wipe;
	if (decoder->is_deflate ? inflateInit2(&decoder->inflate, MAX_WBITS) == Z_OK
							: (decoder->gunzip = gunzip_create()) != NULL)
		return decoder;
	free(decoder);
	return NULL;
}

void
content_decoder_free(ContentDecoder *decoder)
{
	if (decoder == NULL)
		return;
	if (decoder->is_deflate)
		inflateEnd(&decoder->inflate);
	else
		gunzip_free(decoder->gunzip);
	free(decoder);
}

static StreamStatus
fail(ContentDecoder *decoder, StreamErrorKind kind, const char *problem)
{
	stream_error_set(&decoder->error, kind, decoder->bytes_in, "deflated body: %s", problem);
	return STREAM_ERROR;
}

/*
 * HTTP means zlib's format, but some servers send the raw data inside it. The
 * first byte shows which: raw data never begins with 8 in the lower half and a
 * window size of at most 7 in the upper.
 */
static void
choose_form(ContentDecoder *decoder, unsigned char first)
{
	if ((first & 0x0f) != Z_DEFLATED || first >> 4 > 7)
		inflateReset2(&decoder->inflate, -MAX_WBITS);
	decoder->begun = true;
}

static StreamStatus
read_deflate(ContentDecoder *decoder, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	z_stream *stream = &decoder->inflate;
	size_t before = input->available;
	size_t taken;
	int code;

	*produced = 0;
	if (decoder->error.kind != STREAM_ERROR_NONE)
		return STREAM_ERROR;
	if (decoder->ended && input->available > 0)
		return fail(decoder, STREAM_ERROR_CORRUPT, "data follows its end");
	if (decoder->ended)
		return input->last ? STREAM_END : STREAM_NEED_INPUT;
	if (!decoder->begun && input->available > 0)
		choose_form(decoder, input->next[0]);
	stream->next_in = (unsigned char *) input->next;
	stream->avail_in = (uInt) (before < STREAM_MAX_TAKEN ? before : STREAM_MAX_TAKEN);
	stream->next_out = output;
	stream->avail_out = (uInt) (output_size < UINT32_MAX ? output_size : UINT32_MAX);
	code = inflate(stream, Z_NO_FLUSH);
	*produced = (size_t) (stream->next_out - output);
	taken = (size_t) (stream->next_in - input->next);
	decoder->bytes_out += *produced;
	decoder->bytes_in += taken;
	decoder->idle = *produced > 0 ? 0 : decoder->idle + (unsigned) taken;
	input->available -= taken;
	input->next = stream->next_in;
	decoder->ended = code == Z_STREAM_END;
	if (code == Z_MEM_ERROR)
		return fail(decoder, STREAM_ERROR_OUT_OF_MEMORY, "out of memory");
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
		return fail(decoder, STREAM_ERROR_CORRUPT, "compressed data is corrupt");
	if (decoder->idle > GUNZIP_MAX_IDLE)
		return fail(decoder, STREAM_ERROR_TOO_LARGE,
					"more than " STRING_OF(GUNZIP_MAX_IDLE) " compressed bytes without content");
	if (*produced > 0 || taken > 0)
		return STREAM_DATA;
	return input->last ? fail(decoder, STREAM_ERROR_TRUNCATED, "data ends too early")
					   : STREAM_NEED_INPUT;
}

StreamStatus
content_decoder_read(ContentDecoder *decoder, StreamInput *input, unsigned char *output,
					 size_t output_size, size_t *produced)
{
	if (decoder->is_deflate)
		return read_deflate(decoder, input, output, output_size, produced);
	return gunzip_read(decoder->gunzip, input, output, output_size, produced);
}

uint64_t
content_decoder_work(const ContentDecoder *decoder)
{
	if (decoder->is_deflate)
		return decoder->bytes_in * STREAM_WORK_TAKEN + decoder->bytes_out;
	return gunzip_work(decoder->gunzip);
}

const StreamError *
content_decoder_error(const ContentDecoder *decoder)
{
	return decoder->is_deflate ? &decoder->error : gunzip_error(decoder->gunzip);
}

StreamStatus
content_decode(ContentCoding coding, const char *body, size_t length, unsigned char *output,
			   size_t output_size, size_t *produced, StreamError *error)
{
	ContentDecoder *decoder = content_decoder_create(coding);
	StreamInput input = { (const unsigned char *) body, length, true };
	StreamStatus status = STREAM_DATA;

	*produced = 0;
	if (decoder == NULL)
	{
		stream_error_set(error, STREAM_ERROR_OUT_OF_MEMORY, 0, "out of memory");
		return STREAM_ERROR;
	}
	while (status == STREAM_DATA && *produced < output_size)
	{
		size_t more = 0;

		status = content_decoder_read(decoder, &input, output + *produced, output_size - *produced,
									  &more);
		*produced += more;
	}
	if (status == STREAM_ERROR)
		*error = *content_decoder_error(decoder);
	content_decoder_free(decoder);
	return status;
}
