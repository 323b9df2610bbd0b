/*-------------------------------------------------------------------------
 *
 * unpack.h
 *		Unpacking what the records of an export are packed in: gzip, or zip of
 *		gzip.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_UNPACK_H
#define ADSEXPORT_UNPACK_H

#include "stream/content_coding.h"
#include "stream/delivered_entries.h"
#include "stream/stream.h"

typedef enum PackingKind
{
	PACKED_GZIP, /* gzip or plain: one piece of content */
	PACKED_ZIP   /* zip of gzip files: a piece of content an entry */
} PackingKind;

typedef struct Unpacker Unpacker;

/* Returns NULL when memory is short.  Free with unpacker_free. */
extern Unpacker *unpacker_create(PackingKind kind);
extern void unpacker_free(Unpacker *unpacker);

/* Prepare for another export. */
extern void unpacker_reset(Unpacker *unpacker);

/*
 * After a reset: the input was packed once more on its way. False when memory
 * is short.
 */
extern bool unpacker_set_coding(Unpacker *unpacker, ContentCoding coding);

/* Was it gzip even without that? */
extern bool unpacker_is_gzip_inside(const Unpacker *unpacker);

/*
 * After a reset, for a zip: it was read before as far as delivered says, which
 * is borrowed until the next reset. What was handed out is skipped, provided
 * that it proves to be the same; if it is not, or is missing in the end, that
 * is an error (STREAM_ERROR_CHANGED).  False when memory is short.
 */
extern bool unpacker_read_again(Unpacker *unpacker, DeliveredEntries *delivered);

/* Like gunzip_read and unzip_read; only a zip has events of entries. */
extern StreamStatus unpacker_read(Unpacker *unpacker, StreamInput *input, unsigned char *output,
								  size_t output_size, size_t *produced);

extern const StreamError *unpacker_error(const Unpacker *unpacker);

/* Name of the entry that is being read; NULL for gzip. */
extern const char *unpacker_entry_name(const Unpacker *unpacker);

/*
 * Of a zip: entries that were passed over because they are not exports, and
 * the name of the first one.
 */
extern uint64_t unpacker_passed_over(const Unpacker *unpacker, const char **first);

/* The work done since the last reset, in the units of STREAM_WORK. */
extern uint64_t unpacker_work(const Unpacker *unpacker);

/*
 * Of a zip's entry: length and CRC-32 of the content that was produced so far,
 * including what was skipped at its beginning. False if the checksum is not
 * known, as for content that is not gzip.
 */
extern bool unpacker_entry_state(const Unpacker *unpacker, uint64_t *length, uint32_t *crc);

/* This many bytes were skipped at the entry's beginning. */
extern uint64_t unpacker_entry_skipped(const Unpacker *unpacker);

#endif /* ADSEXPORT_UNPACK_H */
