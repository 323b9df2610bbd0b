/*-------------------------------------------------------------------------
 *
 * record_internal.h
 *		What is in a block (for record_block.c, record_walker.c and record_stream.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_INTERNAL_H
#define ADSEXPORT_RECORD_INTERNAL_H

#include <stdatomic.h>

#include "stream/json.h"
#include "stream/record_block.h"
#include "stream/stream.h"
#include "stream/unzip.h"

/*
 * Room in front of a block for what the one before it left over: a record has
 * a few kB, and one that is larger than this is put together elsewhere.
 */
#define HEADROOM ((size_t) 64 * 1024)

/*
 * A hundred records and more, so that what is done once per block (passing it
 * to another thread and back) costs next to nothing; and small enough that the
 * bytes are still in the processor's cache when they are walked and read.
 */
#define BLOCK_SIZE ((size_t) 256 * 1024)

/*
 * Archives may have very small entries: at most this many begin or end in one
 * block, and their names, of which the longest has UNZIP_MAX_NAME bytes, take
 * at most this much.  A block that reaches either limit is passed on early.
 */
#define MAX_EVENTS 256
#define NAMES_SIZE ((size_t) 16 * 1024)

/*
 * The most that a walk finds at a time: records and events, values, and
 * prepared values.  Records of 64 bytes, far shorter than the vendors' are,
 * fill a block with 4096; beyond the limits a block is walked in several steps.
 */
#define MAX_ITEMS 4096
#define MAX_VALUES 32768
#define MAX_PREPARED 4096

/*
 * Prepared values are rarely twice as long as their text; what does not fit is
 * left to the reader.
 */
#define ARENA_SIZE ((size_t) 512 * 1024)

/* Something that happens after the byte at offset. */
typedef struct BlockEvent
{
	StreamStatus what; /* STREAM_ENTRY_BEGIN, ENTRY_END, END or ERROR */
	uint32_t offset;   /* from the block's first byte */
	uint32_t name;     /* of the entry that begins, in names; at the end: of one passed over */
	uint32_t crc;      /* of the entry that ends */
	uint64_t
		length; /* of the entry that ends, or skipped at its beginning; at the end: passed over */
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
	bool state_known;           /* of the entry, after the last byte: */
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
	char *large; /* malloc'd: some of the records are in it; or NULL */
	char *arena; /* malloc'd when it is first needed */
	BlockEvent events[MAX_EVENTS];
	BlockItem items[MAX_ITEMS];
	void *prepared[MAX_PREPARED];
	char names[NAMES_SIZE];

	/*
	 * These change while a reader uses the block, so they are kept away from
	 * everything else that it needs for a record.
	 */
	_Atomic int prepared_count; /* this many of the items, from the first, are prepared */
	atomic_bool left;           /* no more of them are wanted */

	char room[HEADROOM + BLOCK_SIZE + JSON_PADDING];
};

static inline char *
block_data(RecordBlock *block)
{
	return block->room + HEADROOM;
}

#endif /* ADSEXPORT_RECORD_INTERNAL_H */
