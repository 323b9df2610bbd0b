/*-------------------------------------------------------------------------
 *
 * records.c
 *		From the bytes of one export to its records: inflate, buffer, cut.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/gunzip.h"
#include "stream/unzip.h"

#define FIRST_CAPACITY ((size_t) 512 * 1024)

/* Walking so little once more costs nothing. */
#define SMALL_RECORD ((size_t) 64 * 1024)

struct RecordStream
{
	RecordContainer container;
	Gunzip *gunzip;
	Unzip *unzip;
	JsonReader *reader;

	/* Inflated bytes that the reader has not consumed: buffer[start .. end). */
	char *buffer;
	size_t capacity;
	size_t start;
	size_t end;
	size_t record_length; /* of the record handed out last */

	bool content_ended; /* nothing more comes for the reader */
	bool container_ended;
	bool between_entries; /* zip: no entry is open */
	size_t walked;        /* so many bytes were not enough for a record */
	bool error_is_json;
	bool failed;
	uint64_t records; /* of the entries before this one */
	StreamError error;
};

/* No unread bytes: only the padding that the reader relies on. */
static void
empty_buffer(RecordStream *stream)
{
	stream->start = stream->end = stream->walked = stream->record_length = 0;
	memset(stream->buffer, 0, JSON_PADDING);
}

RecordStream *
record_stream_create(const JsonPaths *paths)
{
	RecordStream *stream = calloc(1, sizeof(RecordStream));

	if (stream == NULL)
		return NULL;
	stream->capacity = FIRST_CAPACITY;
	stream->buffer = malloc(stream->capacity);
	stream->reader = json_reader_create(paths);
	if (stream->buffer == NULL || stream->reader == NULL)
	{
		record_stream_free(stream);
		return NULL;
	}
	return stream;
}

void
record_stream_free(RecordStream *stream)
{
	if (stream == NULL)
		return;
	if (stream->gunzip != NULL)
		gunzip_free(stream->gunzip);
	if (stream->unzip != NULL)
		unzip_free(stream->unzip);
	if (stream->reader != NULL)
		json_reader_free(stream->reader);
	free(stream->buffer);
	free(stream);
}

static StreamStatus
fail(RecordStream *stream, const StreamError *error, bool is_json)
{
	stream->error = *error;
	stream->error_is_json = is_json;
	stream->failed = true;
	return STREAM_ERROR;
}

static StreamStatus
fail_out_of_memory(RecordStream *stream)
{
	StreamError error = { STREAM_ERROR_OUT_OF_MEMORY, 0, "out of memory" };

	return fail(stream, &error, false);
}

void
record_stream_reset(RecordStream *stream, RecordContainer container)
{
	stream->container = container;
	empty_buffer(stream);
	stream->content_ended = stream->container_ended = false;
	stream->between_entries = container == RECORDS_IN_ZIP;
	stream->error_is_json = stream->failed = false;
	stream->records = 0;
	memset(&stream->error, 0, sizeof(stream->error));

	/* The one that is not needed is not made; a failure shows at the first read. */
	if (container == RECORDS_IN_GZIP)
	{
		if (stream->gunzip == NULL)
			stream->gunzip = gunzip_create();
		else
			gunzip_reset(stream->gunzip);
		json_reader_reset(stream->reader, JSON_FRAMING_ARRAY);
	}
	else
	{
		if (stream->unzip == NULL)
			stream->unzip = unzip_create();
		else
			unzip_reset(stream->unzip);
		json_reader_reset(stream->reader, JSON_FRAMING_LINES);
	}
}

/* Make room behind the unread bytes. */
static bool
make_room(RecordStream *stream)
{
	size_t used = stream->end - stream->start;

	if (used > 0 && stream->start > 0)
		memmove(stream->buffer, stream->buffer + stream->start, used);
	stream->start = 0;
	stream->end = used;

	/* A record that fills half of the buffer: walking it again for each little
	 * piece that arrives would cost more than the memory does. */
	if (stream->capacity - JSON_PADDING - used < stream->capacity / 2)
	{
		size_t capacity = stream->capacity * 2;
		char *buffer;

		if (capacity > 2 * JSON_MAX_RECORD + FIRST_CAPACITY)
			capacity = 2 * JSON_MAX_RECORD + FIRST_CAPACITY;
		if (capacity == stream->capacity)
			return true;
		buffer = realloc(stream->buffer, capacity);
		if (buffer == NULL)
			return false;
		stream->buffer = buffer;
		stream->capacity = capacity;
	}
	return true;
}

/* Inflate until the buffer is full, the input is used up, or an event. */
static StreamStatus
fill(RecordStream *stream, StreamInput *input)
{
	StreamStatus status = STREAM_DATA;

	if ((stream->container == RECORDS_IN_GZIP ? (void *) stream->gunzip : (void *) stream->unzip) ==
		NULL)
		return fail_out_of_memory(stream);
	if (!make_room(stream))
		return fail_out_of_memory(stream);
	while (status == STREAM_DATA && stream->capacity - JSON_PADDING > stream->end)
	{
		unsigned char *output = (unsigned char *) stream->buffer + stream->end;
		size_t room = stream->capacity - JSON_PADDING - stream->end;
		size_t produced = 0;

		if (stream->container == RECORDS_IN_GZIP)
			status = gunzip_read(stream->gunzip, input, output, room, &produced);
		else
			status = unzip_read(stream->unzip, input, output, room, &produced);
		stream->end += produced;
	}
	memset(stream->buffer + stream->end, 0, JSON_PADDING);
	return status;
}

/* Act on what fill found; STREAM_DATA means: ask the reader again. */
static StreamStatus
advance(RecordStream *stream, StreamInput *input)
{
	StreamStatus status = fill(stream, input);

	switch (status)
	{
		case STREAM_ENTRY_BEGIN:
			stream->between_entries = false;
			stream->records += json_reader_records(stream->reader);
			json_reader_reset(stream->reader, JSON_FRAMING_LINES);
			empty_buffer(stream);
			return STREAM_ENTRY_BEGIN;
		case STREAM_ENTRY_END:
			stream->content_ended = true;
			return STREAM_DATA;
		case STREAM_END:
			stream->container_ended = true;
			if (stream->container == RECORDS_IN_ZIP)
				return STREAM_END;
			stream->content_ended = true;
			return STREAM_DATA;
		case STREAM_ERROR:
			if (stream->failed)
				return STREAM_ERROR;
			return fail(stream,
						stream->container == RECORDS_IN_GZIP ? gunzip_error(stream->gunzip)
															 : unzip_error(stream->unzip),
						false);
		default:
			return status;
	}
}

/*
 * Is there enough new to look at an unfinished record again?  A large one that
 * arrives in little pieces would otherwise be walked once for each of them.
 */
static bool
worth_a_walk(const RecordStream *stream)
{
	size_t used = stream->end - stream->start;

	return stream->content_ended || used < SMALL_RECORD ||
		   used >= stream->walked + stream->walked / 2;
}

StreamStatus
record_stream_next(RecordStream *stream, StreamInput *input, JsonValue *values)
{
	if (stream->failed)
		return STREAM_ERROR;
	stream->start += stream->record_length;
	stream->record_length = 0;

	for (;;)
	{
		StreamStatus status;
		size_t before;

		if (!stream->between_entries && worth_a_walk(stream))
		{
			size_t consumed = 0;

			status = json_reader_next(stream->reader, stream->buffer + stream->start,
									  stream->end - stream->start, stream->content_ended, &consumed,
									  values);
			switch (status)
			{
				case STREAM_RECORD:
					stream->record_length = consumed;
					stream->walked = 0;
					return STREAM_RECORD;
				case STREAM_ERROR:
					return fail(stream, json_reader_error(stream->reader), true);
				case STREAM_END:
					stream->start += consumed;
					if (stream->container == RECORDS_IN_ZIP)
					{
						stream->content_ended = false;
						stream->between_entries = true;
						break;
					}
					if (stream->container_ended)
						return STREAM_END;
					break;
				default:
					stream->start += consumed;
					stream->walked = stream->end - stream->start;
					break;
			}
		}

		before = stream->end - stream->start;
		status = advance(stream, input);
		if (status == STREAM_ENTRY_BEGIN || status == STREAM_END || status == STREAM_ERROR)
			return status;
		if (status == STREAM_NEED_INPUT &&
			(stream->end - stream->start == before || !worth_a_walk(stream)))
			return STREAM_NEED_INPUT;
	}
}

const StreamError *
record_stream_error(const RecordStream *stream)
{
	return &stream->error;
}

bool
record_stream_error_is_json(const RecordStream *stream)
{
	return stream->error_is_json;
}

const char *
record_stream_entry(const RecordStream *stream)
{
	return stream->container == RECORDS_IN_ZIP && stream->unzip != NULL
			   ? unzip_entry_name(stream->unzip)
			   : NULL;
}

uint64_t
record_stream_number(const RecordStream *stream)
{
	return stream->records + json_reader_records(stream->reader);
}

uint64_t
record_stream_offset(const RecordStream *stream)
{
	return json_reader_record_offset(stream->reader);
}

uint64_t
record_stream_bytes_inflated(const RecordStream *stream)
{
	if (stream->container == RECORDS_IN_GZIP)
		return stream->gunzip != NULL ? gunzip_bytes_out(stream->gunzip) : 0;
	return stream->unzip != NULL ? unzip_bytes_out(stream->unzip) : 0;
}
