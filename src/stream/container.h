/*-------------------------------------------------------------------------
 *
 * container.h
 *		What the records of an export are packed in: gzip, or zip of gzip.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CONTAINER_H
#define ADSEXPORT_CONTAINER_H

#include "stream/content_coding.h"
#include "stream/delivered_entries.h"
#include "stream/stream.h"

typedef enum ContainerKind
{
	CONTAINER_GZIP, /* gzip or plain: one piece of content */
	CONTAINER_ZIP   /* zip of gzip files: a piece of content an entry */
} ContainerKind;

typedef struct Container Container;

/* Returns NULL when memory is short.  Free with container_free. */
extern Container *container_create(ContainerKind kind);
extern void container_free(Container *container);

/* Make ready for another export. */
extern void container_reset(Container *container);

/*
 * After a reset: what comes was packed once more on its way.  False when memory
 * is short.
 */
extern bool container_set_coding(Container *container, ContentCoding coding);

/* Was it gzip even without that? */
extern bool container_is_gzip_inside(const Container *container);

/*
 * After a reset, of a zip: it was read before as far as delivered says, which
 * is borrowed until the next reset.  What was handed out is left out, once it
 * proves to be the same; if it is not, or is missing in the end, that is an
 * error (STREAM_ERROR_CHANGED).  False when memory is short.
 */
extern bool container_read_again(Container *container, DeliveredEntries *delivered);

/* As gunzip_read and unzip_read; the events of entries come from zip only. */
extern StreamStatus container_read(Container *container, StreamInput *input, unsigned char *output,
								   size_t output_size, size_t *produced);

extern const StreamError *container_error(const Container *container);

/* Name of the entry that is being read; NULL for gzip. */
extern const char *container_entry_name(const Container *container);

/* Of a zip: entries that were passed over because they are no export, and the name of the first one. */
extern uint64_t container_passed_over(const Container *container, const char **first);

/* The work that was done since the last reset, as it counts for STREAM_WORK. */
extern uint64_t container_work(const Container *container);

/*
 * Of a zip's entry: length and CRC-32 of the content that was produced so far,
 * including what was left out at its beginning.  False if the checksum is not
 * known, as of content that is no gzip.
 */
extern bool container_entry_state(const Container *container, uint64_t *length, uint32_t *crc);

/* So many bytes were left out at the entry's beginning. */
extern uint64_t container_entry_skipped(const Container *container);

#endif /* ADSEXPORT_CONTAINER_H */
