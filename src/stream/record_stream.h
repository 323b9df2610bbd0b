/*-------------------------------------------------------------------------
 *
 * record_stream.h
 *		Taking the records from blocks that have been walked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_STREAM_H
#define ADSEXPORT_RECORD_STREAM_H

#include "stream/json.h"
#include "stream/record_block.h"
#include "stream/stream.h"
#include "stream/unpack.h"

typedef struct RecordStream RecordStream;

/* Returns NULL when memory is short. */
extern RecordStream *record_stream_create(void);
extern void record_stream_free(RecordStream *stream);

/* Start on another export. The caller must have taken back the block. */
extern void record_stream_reset(RecordStream *stream, PackingKind kind);

/*
 * The next record. STREAM_RECORD: its values are valid until the next call.
 * STREAM_NEED_INPUT: the block is used up; a partly walked one must be walked
 * further and given again, otherwise the next one is needed.
 * STREAM_ENTRY_BEGIN: (zip) the records that follow are from another entry.
 * STREAM_ENTRY_END: (zip) that was the last of them, and the entry is
 * verified. STREAM_END: the export is complete and verified.
 */
extern StreamStatus record_stream_next(RecordStream *stream);

/* Of the last record: its values, one for each path, and what was prepared of them. */
extern const JsonValue *record_stream_values(const RecordStream *stream);
extern void *const *record_stream_prepared(const RecordStream *stream);

/* Hand over the next block, after it was walked. It remains the caller's. */
extern void record_stream_give(RecordStream *stream, RecordBlock *block);

/* The block that is in use, or NULL. */
extern RecordBlock *record_stream_block(const RecordStream *stream);

/* Take back the block that is in use; may be NULL. */
extern RecordBlock *record_stream_return_block(RecordStream *stream);

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
 * record or (before_last) up to it: this many bytes of its content, with that
 * CRC-32.  known is false if that cannot be determined.
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
 * Pass over the rest of what has a checksum (an archive's entry, else the
 * whole) without looking for records.  STREAM_END: it is verified.
 * STREAM_NEED_INPUT: the next block is needed.  STREAM_ERROR.
 */
extern StreamStatus record_stream_verify(RecordStream *stream);

/*
 * With STREAM_END, of an archive: entries that were passed over because they
 * are not exports, and the first one's name.
 */
extern uint64_t record_stream_passed_over(const RecordStream *stream, const char **first);

/* Inflated bytes that have been handed over so far. */
extern uint64_t record_stream_bytes(const RecordStream *stream);

#endif /* ADSEXPORT_RECORD_STREAM_H */
