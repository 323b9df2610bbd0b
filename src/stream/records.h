/*-------------------------------------------------------------------------
 *
 * records.h
 *		From the bytes of one export to its records: inflate, buffer, cut.
 *
 * Puts gunzip or unzip in front of the json reader and owns the buffer
 * between them, which grows with the largest record (up to JSON_MAX_RECORD)
 * and not with the export.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORDS_H
#define ADSEXPORT_RECORDS_H

#include "stream/json.h"
#include "stream/stream.h"

typedef enum RecordContainer
{
	RECORDS_IN_GZIP, /* gzip or plain: one array of records */
	RECORDS_IN_ZIP   /* zip of gzip files with a record a line */
} RecordContainer;

typedef struct RecordStream RecordStream;

/* Returns NULL when memory is short.  paths is borrowed. */
extern RecordStream *record_stream_create(const JsonPaths *paths);
extern void record_stream_free(RecordStream *stream);

/* Start on another export. */
extern void record_stream_reset(RecordStream *stream, RecordContainer container);

/*
 * The next record.  STREAM_RECORD: values point into the stream's buffer and
 * are valid until the next call.  STREAM_NEED_INPUT: input is used up.
 * STREAM_ENTRY_BEGIN: (zip) the records that follow are from another entry.
 * STREAM_END: the export is complete and verified, only with input->last.
 */
extern StreamStatus record_stream_next(RecordStream *stream, StreamInput *input, JsonValue *values);

/* Where the error is: offset counts inflated bytes for errors of the JSON,
 * compressed bytes for those of the container. */
extern const StreamError *record_stream_error(const RecordStream *stream);
extern bool record_stream_error_is_json(const RecordStream *stream);

/* Name of the archive's entry that is being read; NULL outside archives. */
extern const char *record_stream_entry(const RecordStream *stream);

/* Of the last record: its number (from 1) within the export, and the offset of
 * its first byte in the inflated content (of the entry, in an archive). */
extern uint64_t record_stream_number(const RecordStream *stream);
extern uint64_t record_stream_offset(const RecordStream *stream);

extern uint64_t record_stream_bytes_inflated(const RecordStream *stream);

#endif /* ADSEXPORT_RECORDS_H */
