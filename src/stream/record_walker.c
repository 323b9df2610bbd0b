/*-------------------------------------------------------------------------
 *
 * record_walker.c
 *		Cut the records of a block, and find their values.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/record_walker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "stream/crc32.h"
#include "stream/record_internal.h"

/* Walking no more than this once more costs next to nothing. */
#define SMALL_RECORD ((size_t) 64 * 1024)

/* A record is not begun again more often than this because the walk was to stop. */
#define MOST_STOPS 8

struct RecordWalker
{
	JsonReader *reader;
	int path_count;
	PackingKind kind;
	RecordBlock *block; /* being walked, or NULL */
	int next_event;     /* of the block */

	/*
	 * What the reader may look at: bytes [next, limit).  After the limit comes
	 * an event, or more bytes that are not in this piece. The bytes are in the
	 * block, in carried or in large.
	 */
	char *next;
	char *limit;
	bool at_content_end;  /* no more bytes belong to this content */
	bool between_entries; /* zip: none is open */
	bool unpacker_ended;
	size_t unfinished; /* this many bytes were not enough for a record */
	bool stopped;      /* the walk of a record was given up */
	int stops;         /* this many in a row were */

	/* Between two blocks: the unfinished record, if it fits into the headroom. */
	char carried[HEADROOM];

	/* A record that does not is put together here. */
	char *large;
	size_t large_capacity;
	bool in_large;
	bool large_is_used; /* a record of the block lies in it */
	char *block_rest;   /* of the block: what is not in large yet */
	bool failed;

	uint64_t entry_begin; /* offset of the entry's first byte that was produced */
	uint64_t entry_length;
	uint32_t entry_crc;
};

RecordWalker *
record_walker_create(const JsonPaths *paths)
{
	RecordWalker *walker = calloc(1, sizeof(RecordWalker));

	if (walker == NULL)
		return NULL;
	walker->path_count = json_paths_count(paths);
	walker->reader = json_reader_create(paths);
	if (walker->reader == NULL)
	{
		free(walker);
		return NULL;
	}
	return walker;
}

void
record_walker_free(RecordWalker *walker)
{
	if (walker == NULL)
		return;
	json_reader_free(walker->reader);
	free(walker->large);
	free(walker);
}

void
record_walker_reset(RecordWalker *walker, PackingKind kind)
{
	walker->kind = kind;
	walker->block = NULL;
	walker->next_event = 0;
	walker->next = walker->limit = walker->carried;
	walker->at_content_end = walker->unpacker_ended = false;
	walker->between_entries = kind == PACKED_ZIP;
	walker->unfinished = 0;
	walker->stopped = false;
	walker->stops = 0;
	walker->in_large = walker->large_is_used = false;
	walker->block_rest = NULL;
	walker->failed = false;
	json_reader_reset(walker->reader, kind == PACKED_ZIP ? JSON_FRAMING_LINES : JSON_FRAMING_ARRAY);
}

static BlockItem *
add_item(RecordWalker *walker, StreamStatus what)
{
	BlockItem *item = &walker->block->items[walker->block->item_count++];

	item->what = what;
	item->offset = 0;
	item->more = 0;
	return item;
}

static void
fail(RecordWalker *walker, const StreamError *error, bool is_json)
{
	walker->block->error = *error;
	walker->block->error_is_json = is_json;
	walker->failed = true;
	add_item(walker, STREAM_ERROR);
}

static void
fail_for_memory(RecordWalker *walker)
{
	StreamError error = { STREAM_ERROR_OUT_OF_MEMORY, 0, "out of memory" };

	fail(walker, &error, false);
}

/* End of the block's bytes up to its next event. */
static char *
piece_end(RecordWalker *walker)
{
	RecordBlock *block = walker->block;

	return block_data(block) + (walker->next_event < block->event_count
									? block->events[walker->next_event].offset
									: block->length);
}

/*
 * A piece that ends inside the block is followed by other bytes, not by the
 * zeros that the reader relies on.  It may read these bytes, if there are
 * JSON_PADDING of them, since it is told that the content ends there: the
 * piece ends at an event.  But they could look like a continuation, so they
 * are replaced by zeros for the time being.
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
worth_a_walk(const RecordWalker *walker)
{
	size_t used = (size_t) (walker->limit - walker->next);

	return walker->stops > 0 || walker->at_content_end || used < SMALL_RECORD ||
		   used >= walker->unfinished + walker->unfinished / 2;
}

/*
 * Put the unfinished record at the beginning of a large buffer with room for
 * this many bytes more; false when memory is short.
 */
static bool
move_to_large(RecordWalker *walker, size_t more)
{
	size_t used = (size_t) (walker->limit - walker->next);
	size_t needed = used + more + JSON_PADDING;

	if (needed > walker->large_capacity || walker->large_is_used)
	{
		size_t capacity = walker->large_capacity > 0 ? walker->large_capacity : 2 * BLOCK_SIZE;
		char *large;

		while (capacity < needed)
			capacity *= 2;
		large = malloc(capacity);
		if (large == NULL)
			return false;
		memcpy(large, walker->next, used);
		/* Records in it belong to the block, so the buffer does, too. */
		if (walker->large_is_used)
			walker->block->large = walker->large;
		else
			free(walker->large);
		walker->large_is_used = false;
		walker->large = large;
		walker->large_capacity = capacity;
	}
	else if (walker->next != walker->large)
		memmove(walker->large, walker->next, used);
	walker->next = walker->large;
	walker->limit = walker->large + used;
	walker->in_large = true;
	return true;
}

/* Append the rest of the block's piece to the record in large. */
static bool
extend_large(RecordWalker *walker)
{
	char *end = piece_end(walker);
	size_t more = (size_t) (end - walker->block_rest);

	if (!move_to_large(walker, more))
		return false;
	memcpy(walker->limit, walker->block_rest, more);
	walker->block_rest = end;
	walker->limit += more;
	memset(walker->limit, 0, JSON_PADDING);
	return true;
}

/*
 * The record that was put together in large has been read: whatever follows it
 * in large came from the current block, and is read there.
 */
static void
leave_large(RecordWalker *walker)
{
	size_t unread = (size_t) (walker->limit - walker->next);

	if ((size_t) (walker->block_rest - block_data(walker->block)) < unread)
		return; /* it is older than the block */
	walker->next = walker->block_rest - unread;
	walker->limit = piece_end(walker);
	walker->in_large = false;
}

/* Begin another block after what was carried over; false when memory is short. */
static bool
begin_block(RecordWalker *walker)
{
	char *data = block_data(walker->block);
	size_t used = (size_t) (walker->limit - walker->next);

	walker->next_event = 0;
	if (walker->in_large)
	{
		walker->block_rest = data;
		return extend_large(walker);
	}
	if (used > 0)
		memcpy(data - used, walker->next, used);
	walker->next = data - used;
	walker->limit = piece_end(walker);
	return true;
}

/* Records of the block are in large, so it has to last as long as they do. */
static bool
give_away_large(RecordWalker *walker)
{
	if (!walker->large_is_used)
		return true;
	if (walker->in_large)
		return move_to_large(walker, 0);
	walker->block->large = walker->large;
	walker->large = NULL;
	walker->large_capacity = 0;
	walker->large_is_used = false;
	return true;
}

/* All of the block has been walked: keep what is left over. */
static bool
end_block(RecordWalker *walker)
{
	size_t used = (size_t) (walker->limit - walker->next);

	if (!give_away_large(walker))
		return false;
	if (walker->in_large || used > HEADROOM)
		return move_to_large(walker, 0);
	if (used > 0)
		memcpy(walker->carried, walker->next, used);
	walker->next = walker->carried;
	walker->limit = walker->carried + used;
	return true;
}

static bool
has_room_for_item(const RecordWalker *walker)
{
	const RecordBlock *block = walker->block;

	/* One place is left for an error after the last record. */
	return block->item_count < MAX_ITEMS - 2 &&
		   (size_t) (block->item_count + 1) * walker->path_count <= block->value_capacity;
}

/* Let the reader look at what there is. */
static StreamStatus
read_piece(RecordWalker *walker, JsonValue *values)
{
	size_t length = (size_t) (walker->limit - walker->next);
	size_t consumed = 0;
	bool closed =
		!walker->in_large && walker->limit < block_data(walker->block) + walker->block->length;
	SavedBytes saved;
	StreamStatus status;

	if (closed)
		close_piece(walker->limit, &saved);
	status = json_reader_next(walker->reader, walker->next, length, walker->at_content_end,
							  &consumed, values);
	if (closed)
		reopen_piece(&saved);
	walker->next += consumed;
	if (status == STREAM_RECORD)
		walker->unfinished = 0;
	else if (status == STREAM_PAUSED)
		walker->stopped = true;
	else
		walker->unfinished = (size_t) (walker->limit - walker->next);
	return status;
}

/*
 * All bytes before the block's next event have been consumed, or it comes
 * right after them: act on it.
 */
static void
handle_event(RecordWalker *walker)
{
	BlockEvent *event = &walker->block->events[walker->next_event];
	BlockItem *item;

	switch (event->what)
	{
		case STREAM_ENTRY_BEGIN:
			walker->next_event++;
			walker->between_entries = walker->at_content_end = false;
			json_reader_reset(walker->reader, JSON_FRAMING_LINES);
			walker->in_large = false;
			walker->next = block_data(walker->block) + event->offset;
			walker->limit = piece_end(walker);
			walker->unfinished = 0;
			walker->entry_begin = event->length;
			item = add_item(walker, STREAM_ENTRY_BEGIN);
			item->more = event->name;
			item->offset = event->length;
			break;
		case STREAM_ENTRY_END:
			walker->next_event++;
			walker->at_content_end = true;
			walker->entry_length = event->length;
			walker->entry_crc = event->crc;
			break;
		case STREAM_END:
			walker->next_event++;
			walker->unpacker_ended = true;
			if (walker->kind == PACKED_ZIP)
			{
				item = add_item(walker, STREAM_END);
				item->offset = event->length;
				item->more = event->name;
			}
			else
				walker->at_content_end = true;
			break;
		default:
			fail(walker, &walker->block->unpacker_error, false);
			break;
	}
}

/*
 * A large record is not examined each time there is more of it, so it may have
 * ended before this block: then the bytes after it are not in the block, and
 * the checksum at that point has to be noted.
 */
static void
note_early_end(RecordWalker *walker, uint64_t end)
{
	RecordBlock *block = walker->block;
	size_t unread = (size_t) (walker->limit - walker->next);
	size_t rest = (size_t) (piece_end(walker) - walker->block_rest);
	const BlockEvent *event =
		walker->next_event < block->event_count ? &block->events[walker->next_event] : NULL;
	uint32_t crc = block->crc;
	uint32_t after;

	if ((size_t) (walker->block_rest - block_data(block)) >= unread)
		return;
	if (walker->at_content_end)
		crc = walker->entry_crc;
	else if (event != NULL && event->what == STREAM_ENTRY_END)
		crc = event->crc;
	if (walker->at_content_end)
		rest = 0;
	after = stream_crc32(0, (const unsigned char *) walker->next, unread);
	after = stream_crc32(after, (const unsigned char *) walker->block_rest, rest);
	block->early_end = end;
	block->early_crc = stream_crc32_remove_end(crc, after, unread + rest);
}

/* Walk one record or event; false when the block is used up or the records failed. */
static bool
walk_step(RecordWalker *walker)
{
	RecordBlock *block = walker->block;

	if (walker->failed)
		return false;
	if (walker->in_large && walker->unfinished == 0)
		leave_large(walker);
	if (!walker->between_entries && worth_a_walk(walker))
	{
		/* An item that is not a record leaves its values unused. */
		StreamStatus status =
			read_piece(walker, block->values + (size_t) block->item_count * block->path_count);

		if (status == STREAM_RECORD)
		{
			BlockItem *item = add_item(walker, STREAM_RECORD);

			item->offset = walker->entry_begin + json_reader_record_offset(walker->reader);
			item->more = (uint32_t) (json_reader_offset(walker->reader) -
									 json_reader_record_offset(walker->reader));
			walker->large_is_used |= walker->in_large;
			if (walker->in_large)
				note_early_end(walker, item->offset + item->more);
			return true;
		}
		if (status == STREAM_PAUSED)
			return true;
		if (status == STREAM_ERROR)
		{
			StreamError error = *json_reader_error(walker->reader);

			error.offset += walker->entry_begin;
			fail(walker, &error, true);
			return false;
		}
		if (status == STREAM_END)
		{
			if (walker->kind == PACKED_ZIP)
			{
				BlockItem *item = add_item(walker, STREAM_ENTRY_END);

				item->offset = walker->entry_length;
				item->more = walker->entry_crc;
				walker->between_entries = true;
				walker->at_content_end = false;
				return true;
			}
			else if (walker->unpacker_ended)
			{
				add_item(walker, STREAM_END);
				return false;
			}
		}
	}
	if (walker->in_large && walker->block_rest < piece_end(walker))
	{
		if (!extend_large(walker))
			fail_for_memory(walker);
		return !walker->failed;
	}
	if (walker->next_event >= block->event_count)
		return false;
	handle_event(walker);
	return !walker->failed;
}

/* The memory for what a walk finds; false when it is short. */
static bool
begin_items(RecordWalker *walker, RecordBlock *block)
{
	size_t capacity = MAX_VALUES;

	if (walker->path_count == 0)
		capacity = 1; /* there are none, but pointers to them */
	else if (walker->path_count > MAX_VALUES)
		capacity = (size_t) walker->path_count;
	block->item_count = 0;
	block->path_count = walker->path_count;
	block->was_prepared = false;
	atomic_store_explicit(&block->prepared_count, 0, memory_order_relaxed);
	atomic_store_explicit(&block->left, false, memory_order_relaxed);
	free(block->large);
	block->large = NULL;
	if (block->value_capacity >= capacity)
		return true;
	free(block->values);
	block->value_capacity = 0;
	block->values = malloc(capacity * sizeof(JsonValue));
	if (block->values == NULL)
		return false;
	block->value_capacity = capacity;
	return true;
}

void
record_walker_walk(RecordWalker *walker, RecordBlock *block, StreamStop *stop)
{
	bool ok = begin_items(walker, block);
	bool more;

	walker->block = block;
	walker->stopped = false;
	json_reader_stop_when(walker->reader, walker->stops < MOST_STOPS ? stop : NULL);
	if (ok && block->state == BLOCK_NOT_WALKED && !walker->failed)
		ok = begin_block(walker);
	/* It also ends when a large record was given away: a block can own only one. */
	do
		more = ok && walk_step(walker);
	while (more && !walker->stopped && has_room_for_item(walker) && block->large == NULL);
	walker->stops = walker->stopped ? walker->stops + 1 : 0;

	if (ok && !walker->failed)
		ok = more ? give_away_large(walker) : end_block(walker);
	if (!ok)
		fail_for_memory(walker);
	block->state = more && ok ? BLOCK_PARTLY_WALKED : BLOCK_WALKED;
	walker->block = NULL;
}
