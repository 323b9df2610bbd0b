/*-------------------------------------------------------------------------
 *
 * record_stream.c
 *		Taking the records from blocks that have been walked.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/record_stream.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/crc32.h"
#include "stream/record_internal.h"

struct RecordStream
{
	PackingKind kind;
	RecordBlock *block; /* in use, or NULL */
	int next_item;
	const JsonValue *values;
	void *const *prepared;
	uint64_t number;
	uint64_t offset;
	uint64_t bytes;
	bool failed;
	bool error_is_json;
	StreamError error;
	char entry[UNZIP_MAX_NAME + 1];

	/*
	 * Its position in an archive's entry: after the last record, and after the
	 * one before that; and how many of these two places are in the block in
	 * use.
	 */
	bool inside;
	uint64_t end;
	uint64_t previous_end;
	int places_in_block;
	int entries_ended;        /* of the block in use */
	RecordPosition left_over; /* where it was when the previous block was used up */
	uint64_t entry_length;    /* of the entry that ended last */
	uint32_t entry_crc;

	/* At the end of an archive: */
	uint64_t passed_over;
	char first_passed_over[UNZIP_MAX_NAME + 1];
};

RecordStream *
record_stream_create(void)
{
	return calloc(1, sizeof(RecordStream));
}

void
record_stream_free(RecordStream *stream)
{
	free(stream);
}

void
record_stream_reset(RecordStream *stream, PackingKind kind)
{
	memset(stream, 0, sizeof(RecordStream));
	stream->kind = kind;
}

void
record_stream_give(RecordStream *stream, RecordBlock *block)
{
	if (block != stream->block)
	{
		stream->bytes += block->length;
		stream->places_in_block = stream->entries_ended = 0;
	}
	stream->block = block;
	stream->next_item = 0;
}

RecordBlock *
record_stream_block(const RecordStream *stream)
{
	return stream->block;
}

RecordBlock *
record_stream_return_block(RecordStream *stream)
{
	RecordBlock *block = stream->block;

	/* The state after the last record is known now, but not once the block is gone. */
	if (block != NULL && stream->inside)
		stream->left_over = record_stream_position(stream, false);
	stream->block = NULL;
	return block;
}

StreamStatus
record_stream_next(RecordStream *stream)
{
	RecordBlock *block = stream->block;
	const BlockItem *item;
	int index;

	if (stream->failed)
		return STREAM_ERROR;
	if (block == NULL || stream->next_item >= block->item_count)
		return STREAM_NEED_INPUT;
	index = stream->next_item++;
	item = &block->items[index];
	switch (item->what)
	{
		case STREAM_RECORD:
			stream->number++;
			stream->offset = item->offset;
			stream->previous_end = stream->end;
			stream->end = item->offset + item->more;
			stream->places_in_block++;
			stream->values = block->values + (size_t) index * block->path_count;
			stream->prepared = NULL;
			if (index < atomic_load_explicit(&block->prepared_count, memory_order_acquire))
				stream->prepared = block->prepared + (size_t) index * block->prepared_slots;
			break;
		case STREAM_ENTRY_BEGIN:
			snprintf(stream->entry, sizeof(stream->entry), "%s", block->names + item->more);
			stream->inside = true;
			stream->end = item->offset;
			stream->places_in_block = 1;
			break;
		case STREAM_ENTRY_END:
			stream->inside = false;
			stream->entries_ended++;
			stream->entry_length = item->offset;
			stream->entry_crc = item->more;
			break;
		case STREAM_END:
			if (stream->kind == PACKED_ZIP)
			{
				stream->passed_over = item->offset;
				snprintf(stream->first_passed_over, sizeof(stream->first_passed_over), "%s",
						 block->names + item->more);
			}
			break;
		case STREAM_ERROR:
			stream->error = block->error;
			stream->error_is_json = block->error_is_json;
			stream->failed = true;
			break;
		default:
			break;
	}
	return item->what;
}

const JsonValue *
record_stream_values(const RecordStream *stream)
{
	return stream->values;
}

void *const *
record_stream_prepared(const RecordStream *stream)
{
	return stream->prepared;
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
	return stream->kind == PACKED_ZIP ? stream->entry : NULL;
}

uint64_t
record_stream_number(const RecordStream *stream)
{
	return stream->number;
}

uint64_t
record_stream_offset(const RecordStream *stream)
{
	return stream->offset;
}

uint64_t
record_stream_passed_over(const RecordStream *stream, const char **first)
{
	*first = stream->first_passed_over;
	return stream->passed_over;
}

uint64_t
record_stream_bytes(const RecordStream *stream)
{
	return stream->bytes;
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

/* The event that ends the entry that the stream is in; NULL: the block does not have it. */
static const BlockEvent *
end_of_entry(const RecordStream *stream)
{
	const RecordBlock *block = stream->block;
	int ended = 0;

	for (int i = 0; i < block->event_count; i++)
	{
		if (block->events[i].what == STREAM_ENTRY_END && ended++ == stream->entries_ended)
			return &block->events[i];
	}
	return NULL;
}

RecordPosition
record_stream_position(const RecordStream *stream, bool before_last)
{
	RecordPosition position = { true, false, 0, 0 };
	RecordBlock *block = stream->block;
	uint64_t wanted = before_last ? stream->previous_end : stream->end;
	const BlockEvent *end;
	const char *limit;
	uint64_t left;

	if (stream->kind != PACKED_ZIP)
		position.known = false;
	if (!stream->inside || stream->kind != PACKED_ZIP)
		return position;
	/* It has not moved since the previous block. */
	if (block == NULL || stream->places_in_block < (before_last ? 2 : 1))
		return stream->left_over;

	/*
	 * The state after the entry's bytes in the block is known.  From there,
	 * work back to the record.
	 */
	position.inside = true;
	end = end_of_entry(stream);
	limit = block_data(block) + (end != NULL ? end->offset : block->length);
	position.known = end != NULL || block->state_known;
	position.offset = end != NULL ? end->length : block->entry_length;
	position.crc = end != NULL ? end->crc : block->crc;
	left = position.offset - wanted;
	if (position.offset < wanted || left > (uint64_t) (limit - block_data(block)))
	{
		position.known = block->early_end == wanted && wanted > 0;
		position.offset = wanted;
		position.crc = block->early_crc;
		return position;
	}
	position.offset = wanted;
	position.crc = stream_crc32_remove_end(
		position.crc, stream_crc32(0, (const unsigned char *) limit - left, (size_t) left), left);
	/* Of an empty beginning the state is always known. */
	if (position.offset == 0)
		position.known = true;
	return position;
}

StreamStatus
record_stream_verify(RecordStream *stream)
{
	const RecordBlock *block = stream->block;
	int ended = 0;

	if (block == NULL)
		return STREAM_NEED_INPUT;
	for (int i = 0; i < block->event_count; i++)
	{
		switch (block->events[i].what)
		{
			case STREAM_ENTRY_END:
				if (ended++ == stream->entries_ended)
					return STREAM_END;
				break;
			case STREAM_END:
				return STREAM_END;
			case STREAM_ERROR:
				stream->error = block->unpacker_error;
				stream->error_is_json = false;
				stream->failed = true;
				return STREAM_ERROR;
			default:
				break;
		}
	}
	return STREAM_NEED_INPUT;
}
