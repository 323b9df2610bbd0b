/*-------------------------------------------------------------------------
 *
 * records.h
 *		From the bytes of one export to its records, in four steps of which
 *		all but the last may be done by another thread.
 *
 * Bytes are inflated into blocks (record_block_fill).  A walker cuts the
 * records of a block and finds their values (record_walker_walk); what it
 * finds lies in the block, too, and so does what may be made of them before
 * they are asked for (record_block_prepare).  A stream takes the records from
 * there (record_stream_next).  A block has room in front, into which the
 * unfinished record of the block before it is copied, so that a record lies in
 * one piece and nothing else is ever copied.  Only a record that is larger than
 * that room is put together in a buffer of its own, which grows with it up to
 * JSON_MAX_RECORD.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORDS_H
#define ADSEXPORT_RECORDS_H

#include "stream/unpack.h"
#include "stream/json.h"
#include "stream/stream.h"

/*-------------------------------------------------------------------------
 * Blocks
 *-------------------------------------------------------------------------
 */
typedef struct RecordBlock RecordBlock;

/* Returns NULL when memory is short.  Free with record_block_free. */
extern RecordBlock *record_block_create(void);
extern void record_block_free(RecordBlock *block);

/*
 * Empty the block and inflate into it until it is full.  STREAM_DATA: it is.
 * STREAM_NEED_INPUT: the input is used up; the block may be filled further
 * with record_block_continue, or be given away if it is not empty.
 * STREAM_PAUSED: the same, only that there is more input.
 * STREAM_END, STREAM_ERROR: the last block, which says so itself.
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
 * Walking
 *-------------------------------------------------------------------------
 */

typedef struct RecordWalker RecordWalker;

/* Returns NULL when memory is short.  The paths are borrowed. */
extern RecordWalker *record_walker_create(const JsonPaths *paths);
extern void record_walker_free(RecordWalker *walker);

/* Start on another export. */
extern void record_walker_reset(RecordWalker *walker, PackingKind kind);

/*
 * Walk the block that follows the one walked last, or go on with one that is
 * partly walked, after which its former records are gone.  Afterwards the
 * walker has no more to do with a walked block.
 */
extern void record_walker_walk(RecordWalker *walker, RecordBlock *block);

/*-------------------------------------------------------------------------
 * Preparing
 *-------------------------------------------------------------------------
 */

/* Memory of a block for what is made of its records. */
typedef struct RecordArena
{
	char *next; /* whoever needs it aligned does that */
	char *limit;
} RecordArena;

/*
 * Something to be done with records before they are asked for, such as to
 * convert their values.  prepare is called in one thread at a time, and must do
 * without anything that belongs to another.  For each of the slots, of which
 * there is at least one, it leaves a pointer into the arena, or NULL: not
 * prepared.
 */
typedef struct RecordPreparer
{
	void (*prepare)(void *argument, const JsonValue *values, RecordArena *arena, void **prepared);
	void *argument;
	int slots;
} RecordPreparer;

/*
 * Prepare the records of a block that was walked, in order.  Another thread
 * may read the block at the same time: it finds those prepared that are, and
 * keeps the block until this has returned.
 */
extern void record_block_prepare(RecordBlock *block, const RecordPreparer *preparer);

/* Let record_block_prepare come to its end: it is too late, or no use. */
extern void record_block_leave(RecordBlock *block);

/* Was it called since the block was walked? */
extern bool record_block_was_prepared(const RecordBlock *block);

/*-------------------------------------------------------------------------
 * Records
 *-------------------------------------------------------------------------
 */
typedef struct RecordStream RecordStream;

/* Returns NULL when memory is short. */
extern RecordStream *record_stream_create(void);
extern void record_stream_free(RecordStream *stream);

/* Start on another export.  The caller has taken back the block. */
extern void record_stream_reset(RecordStream *stream, PackingKind kind);

/*
 * The next record.  STREAM_RECORD: its values are there until the next call.
 * STREAM_NEED_INPUT: the block is used up; a partly walked one is to be walked
 * on and given again, else the next one is wanted.
 * STREAM_ENTRY_BEGIN: (zip) the records that follow are from another entry.
 * STREAM_ENTRY_END: (zip) that was the last of them, and the entry is verified.
 * STREAM_END: the export is complete and verified.
 */
extern StreamStatus record_stream_next(RecordStream *stream);

/* Of the last record: its values, one for each path, and what was prepared of them. */
extern const JsonValue *record_stream_values(const RecordStream *stream);
extern void *const *record_stream_prepared(const RecordStream *stream);

/* Hand over the next block, after it was walked.  It stays the caller's. */
extern void record_stream_give(RecordStream *stream, RecordBlock *block);

/* The block that is in use, or NULL. */
extern RecordBlock *record_stream_block(const RecordStream *stream);

/* Take back the block that is in use; may be NULL. */
extern RecordBlock *record_stream_take_back(RecordStream *stream);

/* Where the error is: offset counts inflated bytes for errors of the JSON,
 * compressed bytes for those of the unpacker. */
extern const StreamError *record_stream_error(const RecordStream *stream);
extern bool record_stream_error_is_json(const RecordStream *stream);

/* Name of the archive's entry that is being read; NULL outside archives. */
extern const char *record_stream_entry(const RecordStream *stream);

/* Of the last record: its number (from 1) within the export, and the offset of
 * its first byte in the inflated content (of the entry, in an archive). */
extern uint64_t record_stream_number(const RecordStream *stream);
extern uint64_t record_stream_offset(const RecordStream *stream);

/* With STREAM_ENTRY_END: length and CRC-32 of the entry's content. */
extern uint64_t record_stream_entry_length(const RecordStream *stream);
extern uint32_t record_stream_entry_crc(const RecordStream *stream);

/*
 * How much of an archive's entry was handed out, up to and including the last
 * record or (before_last) up to it: so many bytes of its content, with that
 * CRC-32.  known is false where nothing can tell.
 */
typedef struct RecordPosition
{
	bool known;
	bool inside; /* an entry */
	uint64_t offset;
	uint32_t crc;
} RecordPosition;

extern RecordPosition record_stream_position(const RecordStream *stream, bool before_last);

/*
 * Pass over the rest of what has a checksum (an archive's entry, else the whole)
 * without looking for records.  STREAM_END: it is verified.  STREAM_NEED_INPUT:
 * the next block is wanted.  STREAM_ERROR.
 */
extern StreamStatus record_stream_verify(RecordStream *stream);

/* With STREAM_END, of an archive: entries that were passed over because they are no export, and the first one's name. */
extern uint64_t record_stream_passed_over(const RecordStream *stream, const char **first);

/* Inflated bytes that were handed over so far. */
extern uint64_t record_stream_bytes(const RecordStream *stream);

#endif /* ADSEXPORT_RECORDS_H */
