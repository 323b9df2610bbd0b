/*-------------------------------------------------------------------------
 *
 * inflater.c
 *		Inflating raw deflate data, by zlib or, if it was built in, by ISA-L.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/inflater.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifdef ADSEXPORT_WITH_ISAL

#include <isa-l/igzip_lib.h>

struct Inflater
{
	struct inflate_state state;
	int result;
};

Inflater *
inflater_create(void)
{
	Inflater *inflater = malloc(sizeof(Inflater));

	if (inflater != NULL)
		inflater_reset(inflater);
	return inflater;
}

void
inflater_free(Inflater *inflater)
{
	if (inflater != NULL)
		explicit_bzero(inflater, sizeof(*inflater));
	free(inflater);
}

void
inflater_reset(Inflater *inflater)
{
	isal_inflate_init(&inflater->state);
	inflater->state.crc_flag = ISAL_DEFLATE;
	inflater->result = ISAL_DECOMP_OK;
}

InflaterResult
inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	struct inflate_state *state = &inflater->state;
	size_t taken;

	state->next_in = (uint8_t *) input->next;
	state->avail_in = input->available > INT_MAX ? INT_MAX : (uint32_t) input->available;
	state->next_out = output;
	state->avail_out = output_size > INT_MAX ? INT_MAX : (uint32_t) output_size;
	inflater->result = isal_inflate(state);

	taken = (size_t) (state->next_in - input->next);
	*produced = (size_t) (state->next_out - output);
	input->next += taken;
	input->available -= taken;
	if (inflater->result < 0)
		return INFLATER_CORRUPT;
	return state->block_state == ISAL_BLOCK_FINISH ? INFLATER_END : INFLATER_MORE;
}

const char *
inflater_problem(const Inflater *inflater)
{
	switch (inflater->result)
	{
		case ISAL_INVALID_BLOCK:
			return "invalid block";
		case ISAL_INVALID_SYMBOL:
			return "invalid code";
		case ISAL_INVALID_LOOKBACK:
			return "invalid distance too far back";
		default:
			return "unknown reason";
	}
}

unsigned
inflater_leftover(Inflater *inflater, unsigned char *bytes)
{
	struct inflate_state *state = &inflater->state;
	unsigned count = (unsigned) state->read_in_length / 8;
	uint64_t value = state->read_in >> (state->read_in_length % 8);

	for (unsigned i = 0; i < count; i++)
		bytes[i] = (unsigned char) (value >> (8 * i));
	state->read_in_length = 0;
	return count;
}

#else

#include <zlib.h>

#include "stream/zlib_memory.h"

struct Inflater
{
	z_stream stream;
};

Inflater *
inflater_create(void)
{
	Inflater *inflater = calloc(1, sizeof(Inflater));

	if (inflater == NULL)
		return NULL;
	inflater->stream.zalloc = zlib_allocate;
	inflater->stream.zfree = zlib_wipe;
	if (inflateInit2(&inflater->stream, -MAX_WBITS) != Z_OK)
	{
		free(inflater);
		return NULL;
	}
	return inflater;
}

void
inflater_free(Inflater *inflater)
{
	if (inflater == NULL)
		return;
	inflateEnd(&inflater->stream);
	free(inflater);
}

void
inflater_reset(Inflater *inflater)
{
	inflateReset(&inflater->stream);
}

InflaterResult
inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	z_stream *stream = &inflater->stream;
	size_t taken;
	int result;

	stream->next_in = (Bytef *) input->next;
	stream->avail_in = input->available > UINT_MAX ? UINT_MAX : (uInt) input->available;
	stream->next_out = output;
	stream->avail_out = output_size > UINT_MAX ? UINT_MAX : (uInt) output_size;
	result = inflate(stream, Z_NO_FLUSH);

	taken = (size_t) (stream->next_in - input->next);
	*produced = (size_t) (stream->next_out - output);
	input->next += taken;
	input->available -= taken;
	switch (result)
	{
		case Z_STREAM_END:
			return INFLATER_END;
		case Z_OK:
		case Z_BUF_ERROR: /* no progress was possible, which is not an error */
			return INFLATER_MORE;
		case Z_MEM_ERROR:
			return INFLATER_OUT_OF_MEMORY;
		default:
			return INFLATER_CORRUPT;
	}
}

const char *
inflater_problem(const Inflater *inflater)
{
	return inflater->stream.msg != NULL ? inflater->stream.msg : "unknown reason";
}

unsigned
inflater_leftover(Inflater *inflater, unsigned char *bytes)
{
	(void) inflater;
	(void) bytes;
	return 0;
}

#endif
