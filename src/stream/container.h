/*-------------------------------------------------------------------------
 *
 * container.h
 *		What the records of an export are packed in: gzip, or zip of gzip.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CONTAINER_H
#define ADSEXPORT_CONTAINER_H

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

/* As gunzip_read and unzip_read; the events of entries come from zip only. */
extern StreamStatus container_read(Container *container, StreamInput *input, unsigned char *output,
								   size_t output_size, size_t *produced);

extern ContainerKind container_kind(const Container *container);
extern const StreamError *container_error(const Container *container);

/* Name of the entry that is being read; NULL for gzip. */
extern const char *container_entry_name(const Container *container);
extern uint64_t container_bytes_out(const Container *container);

#endif /* ADSEXPORT_CONTAINER_H */
