/*-------------------------------------------------------------------------
 *
 * records.c
 *		From the bytes of one export to its records.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/crc32.h"
#include "stream/unzip.h"

/* Room in front of a block for what the one before it left over. */
#define HEADROOM ((size_t) 64 * 1024)
#define BLOCK_SIZE ((size_t) 256 * 1024)

/* Archives may have very small entries: so many begin or end in one block. */
#define MAX_EVENTS 256
#define NAMES_SIZE ((size_t) 16 * 1024)

/* Walking so little once more costs nothing. */
#define SMALL_RECORD ((size_t) 64 * 1024)

/* Something that happens behind the byte at offset. */
typedef struct BlockEvent
{
	StreamStatus what; /* STREAM_ENTRY_BEGIN, ENTRY_END, END or ERROR */
	uint32_t offset;   /* from the block's first byte */
	uint32_t name;     /* of the entry that begins, in names */
	uint32_t crc;      /* of the entry that ends */
	uint64_t length;   /* of the entry that ends, or left out at its beginning */
} BlockEvent;

struct RecordBlock
{
	size_t length; /* bytes in it, headroom left out */
	int event_count;
	size_t names_length;
	StreamError error; /* with STREAM_ERROR */
	bool state_known;  /* of the entry, behind the last byte: */
	uint32_t crc;
	uint64_t entry_length;
	BlockEvent events[MAX_EVENTS];
	char names[NAMES_SIZE];
	char room[HEADROOM + BLOCK_SIZE + JSON_PADDING];
};

struct RecordStream
{
	JsonReader *reader;
	ContainerKind kind;
	RecordBlock *block; /* in use, or NULL */
	int next_event;     /* of the block */

	/*
	 * What the reader may look at: bytes [next, limit) and, behind the limit,
	 * whatever follows it: an event, or more bytes that are not in this piece.
	 * The bytes are in the block or in large.
	 */
	char *next;
	char *limit;
	bool at_content_end;  /* no more bytes belong to this content */
	bool between_entries; /* zip: none is open */
	bool container_ended;
	size_t record_length; /* of the record handed out last */
	size_t walked;        /* so many bytes were not enough for a record */

	/* A record that does not fit into the headroom is put together here. */
	char *large;
	size_t large_capacity;
	bool in_large;
	char *block_rest; /* of the block: what is not in large yet */

	char entry[UNZIP_MAX_NAME + 1];
	uint64_t entry_begin; /* offset of the first byte that was handed over */
	uint64_t entry_length;
	uint32_t entry_crc;
	uint64_t bytes;
	uint64_t records; /* of the entries before this one */
	bool failed;
	bool error_is_json;
	StreamError error;
};

/*-------------------------------------------------------------------------
 * Filling blocks
 *-------------------------------------------------------------------------
 */

RecordBlock *
record_block_create(void)
{
	return malloc(sizeof(RecordBlock));
}

void
record_block_free(RecordBlock *block)
{
	free(block);
}

bool
record_block_is_empty(const RecordBlock *block)
{
	return block->length == 0 && block->event_count == 0;
}

static char *
block_data(RecordBlock *block)
{
	return block->room + HEADROOM;
}

static void
add_event(RecordBlock *block, StreamStatus what, const char *name)
{
	BlockEvent *event = &block->events[block->event_count++];

	event->what = what;
	event->offset = (uint32_t) block->length;
	event->name = (uint32_t) block->names_length;
	event->crc = 0;
	event->length = 0;
	if (name != NULL)
	{
		size_t size = strlen(name) + 1;

		memcpy(block->names + block->names_length, name, size);
		block->names_length += size;
	}
}

static bool
has_room(const RecordBlock *block)
{
	return block->length < BLOCK_SIZE && block->event_count < MAX_EVENTS - 1 &&
		   NAMES_SIZE - block->names_length > UNZIP_MAX_NAME;
}

StreamStatus
record_block_continue(RecordBlock *block, Container *container, StreamInput *input)
{
	StreamStatus status = STREAM_DATA;

	while (has_room(block))
	{
		size_t produced = 0;

		status =
			container_read(container, input, (unsigned char *) block_data(block) + block->length,
						   BLOCK_SIZE - block->length, &produced);
		block->length += produced;
		switch (status)
		{
			case STREAM_ENTRY_BEGIN:
				add_event(block, status, container_entry_name(container));
				block->events[block->event_count - 1].length = container_entry_skipped(container);
				break;
			case STREAM_ENTRY_END:
				add_event(block, status, NULL);
				(void) container_entry_state(container,
											 &block->events[block->event_count - 1].length,
											 &block->events[block->event_count - 1].crc);
				break;
			case STREAM_END:
				add_event(block, status, NULL);
				goto done;
			case STREAM_ERROR:
				block->error = *container_error(container);
				add_event(block, status, NULL);
				goto done;
			case STREAM_NEED_INPUT:
				goto done;
			default:
				break;
		}
		status = STREAM_DATA;
	}

done:
	block->state_known = container_entry_state(container, &block->entry_length, &block->crc);
	memset(block_data(block) + block->length, 0, JSON_PADDING);
	return status;
}

StreamStatus
record_block_fill(RecordBlock *block, Container *container, StreamInput *input)
{
	block->length = 0;
	block->event_count = 0;
	block->names_length = 0;
	return record_block_continue(block, container, input);
}

/*-------------------------------------------------------------------------
 * Cutting records
 *-------------------------------------------------------------------------
 */

RecordStream *
record_stream_create(const JsonPaths *paths)
{
	RecordStream *stream = calloc(1, sizeof(RecordStream));

	if (stream == NULL)
		return NULL;
	stream->reader = json_reader_create(paths);
	if (stream->reader == NULL)
	{
		free(stream);
		return NULL;
	}
	return stream;
}

void
record_stream_free(RecordStream *stream)
{
	if (stream == NULL)
		return;
	json_reader_free(stream->reader);
	free(stream->large);
	free(stream);
}

void
record_stream_reset(RecordStream *stream, ContainerKind kind)
{
	stream->kind = kind;
	stream->block = NULL;
	stream->next_event = 0;
	stream->next = stream->limit = NULL;
	stream->at_content_end = stream->container_ended = false;
	stream->between_entries = kind == CONTAINER_ZIP;
	stream->record_length = stream->walked = 0;
	stream->in_large = false;
	stream->block_rest = NULL;
	stream->entry[0] = '\0';
	stream->entry_begin = stream->entry_length = stream->entry_crc = 0;
	stream->bytes = stream->records = 0;
	stream->failed = stream->error_is_json = false;
	memset(&stream->error, 0, sizeof(stream->error));
	json_reader_reset(stream->reader,
					  kind == CONTAINER_ZIP ? JSON_FRAMING_LINES : JSON_FRAMING_ARRAY);
}

static StreamStatus
fail(RecordStream *stream, const StreamError *error, bool is_json)
{
	stream->error = *error;
	if (is_json)
		stream->error.offset += stream->entry_begin;
	stream->error_is_json = is_json;
	stream->failed = true;
	return STREAM_ERROR;
}

/* End of the block's bytes up to its next event. */
static char *
piece_end(RecordStream *stream)
{
	RecordBlock *block = stream->block;

	return block_data(block) + (stream->next_event < block->event_count
									? block->events[stream->next_event].offset
									: block->length);
}

/*
 * A piece that ends inside of the block is followed by other bytes, not by
 * the zeros that the reader relies on.  That is fine with JSON_PADDING real
 * bytes behind it, as long as the reader is told that the content ends there,
 * which it is: it ends at an event.  But what it would see there could look
 * like a continuation, so the piece is closed with zeros for the time being.
 */
typedef struct SavedBytes
{
	char *at;
	char bytes[JSON_PADDING];
} SavedBytes;

static void
close_piece(char *limit, SavedBytes *saved)
{
	saved->at = limit;
	memcpy(saved->bytes, limit, JSON_PADDING);
	memset(limit, 0, JSON_PADDING);
}

static void
reopen_piece(const SavedBytes *saved)
{
	memcpy(saved->at, saved->bytes, JSON_PADDING);
}

/* Is there enough new to look at an unfinished record again? */
static bool
worth_a_walk(const RecordStream *stream)
{
	size_t used = (size_t) (stream->limit - stream->next);

	return stream->at_content_end || used < SMALL_RECORD ||
		   used >= stream->walked + stream->walked / 2;
}

/*
 * Append the rest of the block's piece to the record in large; false when
 * memory is short.
 */
static bool
extend_large(RecordStream *stream)
{
	size_t used = (size_t) (stream->limit - stream->next);
	char *end = piece_end(stream);
	size_t more = (size_t) (end - stream->block_rest);
	size_t needed = used + more + JSON_PADDING;

	if (needed > stream->large_capacity)
	{
		size_t capacity = stream->large_capacity > 0 ? stream->large_capacity : 2 * BLOCK_SIZE;
		char *large;

		while (capacity < needed)
			capacity *= 2;
		large = malloc(capacity);
		if (large == NULL)
			return false;
		memcpy(large, stream->next, used);
		free(stream->large);
		stream->large = large;
		stream->large_capacity = capacity;
	}
	else if (stream->next != stream->large)
		memmove(stream->large, stream->next, used);
	memcpy(stream->large + used, stream->block_rest, more);
	stream->block_rest = end;
	stream->next = stream->large;
	stream->limit = stream->large + used + more;
	memset(stream->limit, 0, JSON_PADDING);
	return true;
}

/*
 * The record that was put together in large was read: whatever large holds
 * behind it came from the current block, and is read there.
 */
static void
leave_large(RecordStream *stream)
{
	size_t unread = (size_t) (stream->limit - stream->next);

	if ((size_t) (stream->block_rest - block_data(stream->block)) < unread)
		return; /* it is older than the block */
	stream->next = stream->block_rest - unread;
	stream->limit = piece_end(stream);
	stream->in_large = false;
}

RecordBlock *
record_stream_give(RecordStream *stream, RecordBlock *block)
{
	RecordBlock *done = stream->block;
	size_t used = (size_t) (stream->limit - stream->next);

	stream->block = block;
	stream->next_event = 0;
	stream->bytes += block->length;
	if (!stream->in_large && used <= HEADROOM)
	{
		char *start = block_data(block) - used;

		if (used > 0)
			memcpy(start, stream->next, used);
		stream->next = start;
		stream->limit = piece_end(stream);
		return done;
	}
	stream->in_large = true;
	stream->block_rest = block_data(block);
	if (!extend_large(stream))
	{
		StreamError error = { STREAM_ERROR_OUT_OF_MEMORY, 0, "out of memory" };

		fail(stream, &error, false);
	}
	return done;
}

RecordBlock *
record_stream_take_back(RecordStream *stream)
{
	RecordBlock *block = stream->block;

	stream->block = NULL;
	stream->next = stream->limit = NULL;
	stream->in_large = false;
	return block;
}

/* Let the reader look at what there is. */
static StreamStatus
read_piece(RecordStream *stream, JsonValue *values)
{
	size_t length = (size_t) (stream->limit - stream->next);
	size_t consumed = 0;
	bool closed = !stream->in_large && stream->block != NULL &&
				  stream->limit < block_data(stream->block) + stream->block->length;
	SavedBytes saved;
	StreamStatus status;

	if (closed)
		close_piece(stream->limit, &saved);
	status = json_reader_next(stream->reader, stream->next, length, stream->at_content_end,
							  &consumed, values);
	if (closed)
		reopen_piece(&saved);
	if (status == STREAM_RECORD)
	{
		stream->record_length = consumed;
		stream->walked = 0;
		return status;
	}
	stream->next += consumed;
	stream->walked = (size_t) (stream->limit - stream->next);
	if (status == STREAM_ERROR)
		return fail(stream, json_reader_error(stream->reader), true);
	return status;
}

/*
 * All bytes before the block's next event are consumed, or it lies right
 * behind them: act on it.  STREAM_DATA means: go on.
 */
static StreamStatus
handle_event(RecordStream *stream)
{
	BlockEvent *event = &stream->block->events[stream->next_event];

	switch (event->what)
	{
		case STREAM_ENTRY_BEGIN:
			stream->next_event++;
			stream->between_entries = stream->at_content_end = false;
			stream->records += json_reader_records(stream->reader);
			json_reader_reset(stream->reader, JSON_FRAMING_LINES);
			stream->in_large = false;
			stream->next = block_data(stream->block) + event->offset;
			stream->limit = piece_end(stream);
			stream->walked = 0;
			stream->entry_begin = event->length;
			snprintf(stream->entry, sizeof(stream->entry), "%s",
					 stream->block->names + event->name);
			return STREAM_ENTRY_BEGIN;
		case STREAM_ENTRY_END:
			stream->next_event++;
			stream->at_content_end = true;
			stream->entry_length = event->length;
			stream->entry_crc = event->crc;
			return STREAM_DATA;
		case STREAM_END:
			stream->next_event++;
			stream->container_ended = true;
			if (stream->kind == CONTAINER_ZIP)
				return STREAM_END;
			stream->at_content_end = true;
			return STREAM_DATA;
		default:
			return fail(stream, &stream->block->error, false);
	}
}

StreamStatus
record_stream_next(RecordStream *stream, JsonValue *values)
{
	stream->next += stream->record_length;
	stream->record_length = 0;

	for (;;)
	{
		StreamStatus status;

		if (stream->failed)
			return STREAM_ERROR;
		if (stream->block == NULL)
			return STREAM_NEED_INPUT;
		if (stream->in_large && stream->walked == 0)
			leave_large(stream);
		if (!stream->between_entries && worth_a_walk(stream))
		{
			status = read_piece(stream, values);
			if (status == STREAM_RECORD || status == STREAM_ERROR)
				return status;
			if (status == STREAM_END)
			{
				if (stream->kind == CONTAINER_ZIP)
				{
					stream->between_entries = true;
					stream->at_content_end = false;
					return STREAM_ENTRY_END;
				}
				else if (stream->container_ended)
					return STREAM_END;
			}
		}
		if (stream->in_large && stream->block_rest < piece_end(stream))
		{
			if (!extend_large(stream))
			{
				StreamError error = { STREAM_ERROR_OUT_OF_MEMORY, 0, "out of memory" };

				return fail(stream, &error, false);
			}
			continue;
		}
		if (stream->next_event >= stream->block->event_count)
			return STREAM_NEED_INPUT;
		status = handle_event(stream);
		if (status != STREAM_DATA)
			return status;
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
	return stream->kind == CONTAINER_ZIP ? stream->entry : NULL;
}

uint64_t
record_stream_number(const RecordStream *stream)
{
	return stream->records + json_reader_records(stream->reader);
}

uint64_t
record_stream_offset(const RecordStream *stream)
{
	return stream->entry_begin + json_reader_record_offset(stream->reader);
}

uint64_t
record_stream_entry_length(const RecordStream *stream)
{
	return stream->entry_length;
}

uint32_t
record_stream_entry_crc(const RecordStream *stream)
{
	return stream->entry_crc;
}

/*-------------------------------------------------------------------------
 * When something is wrong
 *-------------------------------------------------------------------------
 */

RecordPosition
record_stream_position(const RecordStream *stream, bool before_last)
{
	const RecordBlock *block = stream->block;
	const BlockEvent *event;
	RecordPosition position = { true, false, 0, 0 };
	const char *next = stream->next + (before_last ? 0 : stream->record_length);
	size_t left = (size_t) (stream->limit - next);
	uint32_t crc = 0;

	if (stream->kind != CONTAINER_ZIP)
		position.known = false;
	if (stream->between_entries || stream->kind != CONTAINER_ZIP)
		return position;

	/*
	 * What is known is the state behind the bytes that the stream has.  From
	 * there it goes back to the record.
	 */
	position.inside = true;
	event = stream->next_event < block->event_count ? &block->events[stream->next_event] : NULL;
	if (stream->at_content_end)
	{
		position.offset = stream->entry_length;
		position.crc = stream->entry_crc;
	}
	else if (event != NULL && event->what == STREAM_ENTRY_END)
	{
		position.offset = event->length;
		position.crc = event->crc;
	}
	else
	{
		position.known = block->state_known;
		position.offset = block->entry_length;
		position.crc = block->crc;
	}
	crc = stream_crc32(0, (const unsigned char *) next, left);
	if (stream->in_large)
	{
		size_t more = (size_t) (piece_end((RecordStream *) stream) - stream->block_rest);

		crc = stream_crc32(crc, (const unsigned char *) stream->block_rest, more);
		left += more;
	}
	position.offset -= left;
	position.crc = stream_crc32_remove_end(position.crc, crc, left);
	/* Of nothing there is nothing to be known. */
	if (position.offset == 0)
		position.known = true;
	return position;
}

StreamStatus
record_stream_verify(RecordStream *stream)
{
	stream->record_length = 0;
	for (;;)
	{
		const BlockEvent *event;

		if (stream->failed && !stream->error_is_json)
			return STREAM_ERROR;
		if (stream->block == NULL)
			return STREAM_NEED_INPUT;
		if (stream->at_content_end || stream->between_entries)
			return STREAM_END;
		stream->in_large = false;
		stream->next = stream->limit = piece_end(stream);
		if (stream->next_event >= stream->block->event_count)
			return STREAM_NEED_INPUT;
		event = &stream->block->events[stream->next_event++];
		if (event->what == STREAM_ENTRY_END || event->what == STREAM_END)
			stream->at_content_end = true;
		else if (event->what == STREAM_ERROR)
			return fail(stream, &stream->block->error, false);
	}
}

uint64_t
record_stream_bytes(const RecordStream *stream)
{
	return stream->bytes;
}
