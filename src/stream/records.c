/*-------------------------------------------------------------------------
 *
 * records.c
 *		From the bytes of one export to its records.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/records.h"

#include <stdatomic.h>
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

/* What a walk finds at a time: so many records and events, values, and prepared values. */
#define MAX_ITEMS 4096
#define MAX_VALUES 32768
#define MAX_PREPARED 4096
#define ARENA_SIZE ((size_t) 512 * 1024)

/* Walking so little once more costs nothing. */
#define SMALL_RECORD ((size_t) 64 * 1024)

/* Something that happens behind the byte at offset. */
typedef struct BlockEvent
{
	StreamStatus what; /* STREAM_ENTRY_BEGIN, ENTRY_END, END or ERROR */
	uint32_t offset;   /* from the block's first byte */
	uint32_t name;     /* of the entry that begins, in names; at the end: of one passed over */
	uint32_t crc;      /* of the entry that ends */
	uint64_t
		length; /* of the entry that ends, or left out at its beginning; at the end: passed over */
} BlockEvent;

/* What a walk found. */
typedef struct BlockItem
{
	uint64_t offset; /* in the content: of a record's first byte, or of an entry's end */
	StreamStatus what;
	uint32_t more; /* of the entry that begins: its name, in names; of a record: its
					* length; of the entry that ends: its CRC-32; at the end as in BlockEvent */
} BlockItem;

struct RecordBlock
{
	size_t length; /* bytes in it, headroom left out */
	int event_count;
	size_t names_length;
	StreamError error; /* with STREAM_ERROR */
	bool error_is_json;
	StreamError unpacker_error; /* the same, of the event */
	bool state_known;           /* of the entry, behind the last byte: */
	uint32_t crc;
	uint64_t entry_length;
	uint64_t early_end; /* of a record that lies before the block; 0: there is none */
	uint32_t early_crc; /* of the entry up to there */
	BlockState state;
	int item_count;
	int path_count;     /* values of an item */
	int prepared_slots; /* pointers of an item */
	bool was_prepared;
	JsonValue *values; /* malloc'd */
	size_t value_capacity;
	char *large; /* malloc'd: some of the records lie in it; or NULL */
	char *arena; /* malloc'd when it is needed first */
	BlockEvent events[MAX_EVENTS];
	BlockItem items[MAX_ITEMS];
	void *prepared[MAX_PREPARED];
	char names[NAMES_SIZE];

	/* These change while a reader is at the block: not near anything else that he needs for a record. */
	_Atomic int prepared_count; /* so many items, the first ones, are prepared */
	atomic_bool left;           /* no more of them are wanted */

	char room[HEADROOM + BLOCK_SIZE + JSON_PADDING];
};

struct RecordWalker
{
	JsonReader *reader;
	int path_count;
	PackingKind kind;
	RecordBlock *block; /* being walked, or NULL */
	int next_event;     /* of the block */

	/*
	 * What the reader may look at: bytes [next, limit) and, behind the limit,
	 * whatever follows it: an event, or more bytes that are not in this piece.
	 * The bytes are in the block, in carried or in large.
	 */
	char *next;
	char *limit;
	bool at_content_end;  /* no more bytes belong to this content */
	bool between_entries; /* zip: none is open */
	bool unpacker_ended;
	size_t unfinished; /* so many bytes were not enough for a record */

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
	 * Where it stands in an archive's entry: behind the last record, and
	 * behind the one before that; and how many of these two places are in
	 * the block in use.
	 */
	bool inside;
	uint64_t end;
	uint64_t previous_end;
	int places_in_block;
	int entries_ended;        /* of the block in use */
	RecordPosition left_over; /* where it stood when the block before was used up */
	uint64_t entry_length;    /* of the entry that ended last */
	uint32_t entry_crc;

	/* At the end of an archive: */
	uint64_t passed_over;
	char first_passed_over[UNZIP_MAX_NAME + 1];
};

/*-------------------------------------------------------------------------
 * Filling blocks
 *-------------------------------------------------------------------------
 */

RecordBlock *
record_block_create(void)
{
	RecordBlock *block = malloc(sizeof(RecordBlock));

	if (block != NULL)
	{
		block->large = block->arena = NULL;
		block->values = NULL;
		block->value_capacity = 0;
		block->state = BLOCK_NOT_WALKED;
		block->item_count = 0;
		block->was_prepared = false;
		atomic_init(&block->prepared_count, 0);
		atomic_init(&block->left, false);
	}
	return block;
}

void
record_block_free(RecordBlock *block)
{
	if (block == NULL)
		return;
	free(block->large);
	free(block->arena);
	free(block->values);
	free(block);
}

BlockState
record_block_state(const RecordBlock *block)
{
	return block->state;
}

bool
record_block_has_large(const RecordBlock *block)
{
	return block->large != NULL;
}

bool
record_block_was_prepared(const RecordBlock *block)
{
	return block->was_prepared;
}

void
record_block_leave(RecordBlock *block)
{
	atomic_store_explicit(&block->left, true, memory_order_relaxed);
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
record_block_continue(RecordBlock *block, Unpacker *unpacker, StreamInput *input)
{
	uint64_t began = unpacker_work(unpacker);
	StreamStatus status = STREAM_DATA;

	while (has_room(block))
	{
		size_t produced = 0;

		if (unpacker_work(unpacker) - began >= STREAM_WORK)
		{
			status = STREAM_PAUSED;
			break;
		}

		status = unpacker_read(unpacker, input, (unsigned char *) block_data(block) + block->length,
							   BLOCK_SIZE - block->length, &produced);
		block->length += produced;
		switch (status)
		{
			case STREAM_ENTRY_BEGIN:
				add_event(block, status, unpacker_entry_name(unpacker));
				block->events[block->event_count - 1].length = unpacker_entry_skipped(unpacker);
				break;
			case STREAM_ENTRY_END:
				add_event(block, status, NULL);
				(void) unpacker_entry_state(unpacker, &block->events[block->event_count - 1].length,
											&block->events[block->event_count - 1].crc);
				break;
			case STREAM_END:
			{
				const char *first = NULL;
				uint64_t passed_over = unpacker_passed_over(unpacker, &first);

				add_event(block, status, first);
				block->events[block->event_count - 1].length = passed_over;
				goto done;
			}
			case STREAM_ERROR:
				block->unpacker_error = *unpacker_error(unpacker);
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
	block->state_known = unpacker_entry_state(unpacker, &block->entry_length, &block->crc);
	memset(block_data(block) + block->length, 0, JSON_PADDING);
	return status;
}

StreamStatus
record_block_fill(RecordBlock *block, Unpacker *unpacker, StreamInput *input)
{
	block->length = 0;
	block->event_count = 0;
	block->names_length = 0;
	block->state = BLOCK_NOT_WALKED;
	block->early_end = 0;
	free(block->large);
	block->large = NULL;
	return record_block_continue(block, unpacker, input);
}

/*-------------------------------------------------------------------------
 * Walking
 *-------------------------------------------------------------------------
 */

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
worth_a_walk(const RecordWalker *walker)
{
	size_t used = (size_t) (walker->limit - walker->next);

	return walker->at_content_end || used < SMALL_RECORD ||
		   used >= walker->unfinished + walker->unfinished / 2;
}

/*
 * Put the unfinished record at the beginning of a large buffer with room for
 * so many bytes more; false when memory is short.
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
		/* Records that lie in it belong to the block, and it with them. */
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
 * The record that was put together in large was read: whatever large holds
 * behind it came from the current block, and is read there.
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

/* Begin another block behind what was carried over; false when memory is short. */
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

/* Records of the block lie in large: it has to last as long as they do. */
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

/* All of the block was walked: keep what it leaves over. */
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

	/* One is left for an error behind the last record. */
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
	else
		walker->unfinished = (size_t) (walker->limit - walker->next);
	return status;
}

/* All bytes before the block's next event are consumed, or it lies right behind them: act on it. */
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
 * A large record is not looked at each time that there is more of it, so it
 * may have ended before this block: then the bytes behind it are not in the
 * block, and what the checksum was there has to be noted.
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
	uint32_t behind;

	if ((size_t) (walker->block_rest - block_data(block)) >= unread)
		return;
	if (walker->at_content_end)
		crc = walker->entry_crc;
	else if (event != NULL && event->what == STREAM_ENTRY_END)
		crc = event->crc;
	if (walker->at_content_end)
		rest = 0;
	behind = stream_crc32(0, (const unsigned char *) walker->next, unread);
	behind = stream_crc32(behind, (const unsigned char *) walker->block_rest, rest);
	block->early_end = end;
	block->early_crc = stream_crc32_remove_end(crc, behind, unread + rest);
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
		/* An item that is no record leaves its values unused. */
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
record_walker_walk(RecordWalker *walker, RecordBlock *block)
{
	bool ok = begin_items(walker, block);
	bool more;

	walker->block = block;
	if (ok && block->state == BLOCK_NOT_WALKED && !walker->failed)
		ok = begin_block(walker);
	/* A large record that was given away ends it, too: a block can own one. */
	do
		more = ok && walk_step(walker);
	while (more && has_room_for_item(walker) && block->large == NULL);

	if (ok && !walker->failed)
		ok = more ? give_away_large(walker) : end_block(walker);
	if (!ok)
		fail_for_memory(walker);
	block->state = more && ok ? BLOCK_PARTLY_WALKED : BLOCK_WALKED;
	walker->block = NULL;
}

/*-------------------------------------------------------------------------
 * Preparing
 *-------------------------------------------------------------------------
 */
void
record_block_prepare(RecordBlock *block, const RecordPreparer *preparer)
{
	/* Pointers are laid out as the items are; few blocks have more records than that. */
	int most = MAX_PREPARED / preparer->slots;
	RecordArena arena;

	block->was_prepared = true;
	if (block->arena == NULL)
		block->arena = malloc(ARENA_SIZE);
	if (block->arena == NULL)
		return;
	arena.next = block->arena;
	arena.limit = block->arena + ARENA_SIZE;
	block->prepared_slots = preparer->slots;
	for (int i = 0; i < block->item_count && i < most; i++)
	{
		if (atomic_load_explicit(&block->left, memory_order_relaxed))
			return;
		if (block->items[i].what == STREAM_RECORD)
			preparer->prepare(preparer->argument, block->values + (size_t) i * block->path_count,
							  &arena, block->prepared + (size_t) i * preparer->slots);
		/* What was written before is there for whoever sees this. */
		atomic_store_explicit(&block->prepared_count, i + 1, memory_order_release);
	}
}

/*-------------------------------------------------------------------------
 * Taking records
 *-------------------------------------------------------------------------
 */

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
record_stream_take_back(RecordStream *stream)
{
	RecordBlock *block = stream->block;

	/* What is behind the last record is known now, but not when the block is gone. */
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

/* The event that ends the entry which the stream stands in, or NULL: the block does not hold it. */
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
	/* It has not moved since the block before. */
	if (block == NULL || stream->places_in_block < (before_last ? 2 : 1))
		return stream->left_over;

	/*
	 * What is known is the state behind the bytes of the entry that are in the
	 * block.  From there it goes back to the record.
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
	/* Of nothing there is nothing to be known. */
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
