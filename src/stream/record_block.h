/*-------------------------------------------------------------------------
 *
 * record_block.h
 *		A piece of inflated bytes, and what was found in it.
 *
 * Bytes are inflated into blocks (record_block_fill).  A walker cuts the
 * records of a block and finds their values (record_walker_walk); what it
 * finds is stored in the block, too, and so is what may be prepared of them
 * ahead (record_block_prepare).  A stream takes the records from there
 * (record_stream_next).  A block has room in front, into which the unfinished
 * record of the block before it is copied, so that a record is in one piece
 * and nothing else is ever copied. Only a record that is larger than that room
 * is put together in a separate buffer, which grows with it up to
 * JSON_MAX_RECORD.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_BLOCK_H
#define ADSEXPORT_RECORD_BLOCK_H

#include "stream/json.h"
#include "stream/stream.h"
#include "stream/unpack.h"

typedef struct RecordBlock RecordBlock;

/* Returns NULL when memory is short.  Free with record_block_free. */
extern RecordBlock *record_block_create(void);
extern void record_block_free(RecordBlock *block);

/*
 * Empty the block and inflate into it until it is full.  STREAM_DATA: it is.
 * STREAM_NEED_INPUT: the input is used up; the block may be filled further
 * with record_block_continue, or be given away if it is not empty.
 * STREAM_PAUSED: likewise, but there is more input. STREAM_END, STREAM_ERROR:
 * the last block, which says so itself.
 */
extern StreamStatus record_block_fill(RecordBlock *block, Unpacker *unpacker, StreamInput *input);
extern StreamStatus
record_block_continue(RecordBlock *block, Unpacker *unpacker, StreamInput *input);

/* Nothing in it that a reader would notice. */
extern bool record_block_is_empty(const RecordBlock *block);

typedef enum BlockState
{
	BLOCK_NOT_WALKED,
	BLOCK_PARTLY_WALKED, /* it holds more records than are kept at a time */
	BLOCK_WALKED
} BlockState;

extern BlockState record_block_state(const RecordBlock *block);

/* Does it own the buffer of a large record? */
extern bool record_block_has_large(const RecordBlock *block);

/*-------------------------------------------------------------------------
 * Preparing
 *-------------------------------------------------------------------------
 */

/* Memory of a block for what is prepared of its records. */
typedef struct RecordArena
{
	char *next; /* the preparer aligns it where necessary */
	char *limit;
} RecordArena;

/*
 * Something to be done with records ahead of the reader, such as converting
 * their values. prepare is called in one thread at a time, and must not use
 * anything that belongs to another.  For each of the slots, of which there is
 * at least one, it leaves a pointer into the arena, or NULL: not prepared.
 */
typedef struct RecordPreparer
{
	void (*prepare)(void *argument, const JsonValue *values, RecordArena *arena, void **prepared);
	void *argument;
	int slots;
} RecordPreparer;

/*
 * Prepare the records of a block that was walked, in order.  Another thread
 * may read the block at the same time: it sees which are prepared already, and
 * keeps the block until this has returned.
 */
extern void record_block_prepare(RecordBlock *block, const RecordPreparer *preparer);

/* Make record_block_prepare stop: it is too late, or of no use. */
extern void record_block_leave(RecordBlock *block);

/* Was it called since the block was walked? */
extern bool record_block_was_prepared(const RecordBlock *block);

#endif /* ADSEXPORT_RECORD_BLOCK_H */
