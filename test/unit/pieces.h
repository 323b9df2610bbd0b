/*-------------------------------------------------------------------------
 *
 * pieces.h
 *		Lending a stream its input in pieces, each in memory of its own, so that
 *		sanitizers see when more is read of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PIECES_H
#define ADSEXPORT_PIECES_H

#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"

typedef struct Pieces
{
	StreamInput input; /* what is lent */
	const unsigned char *data;
	size_t length;
	size_t position; /* after what is lent */
	unsigned char *piece;
} Pieces;

/* Nothing is lent yet. */
static inline void
pieces_begin(Pieces *pieces, const unsigned char *data, size_t length)
{
	memset(pieces, 0, sizeof(*pieces));
	pieces->data = data;
	pieces->length = length;
}

/*
 * Lend the next piece, of that size at most.  tells_end: the last one says that
 * nothing follows; else an empty one does.
 */
static inline void
pieces_lend(Pieces *pieces, size_t size, bool tells_end)
{
	if (size > pieces->length - pieces->position)
		size = pieces->length - pieces->position;
	free(pieces->piece);
	pieces->piece = malloc(size > 0 ? size : 1);
	if (pieces->piece == NULL)
		abort();
	if (size > 0)
		memcpy(pieces->piece, pieces->data + pieces->position, size);
	pieces->position += size;
	pieces->input.next = pieces->piece;
	pieces->input.available = size;
	pieces->input.last = pieces->position == pieces->length && (tells_end || size == 0);
}

static inline void
pieces_end(Pieces *pieces)
{
	free(pieces->piece);
	pieces->piece = NULL;
}

#endif /* ADSEXPORT_PIECES_H */
