/*-------------------------------------------------------------------------
 *
 * record_walker.h
 *		Cut the records of a block, and find their values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_WALKER_H
#define ADSEXPORT_RECORD_WALKER_H

#include "stream/json.h"
#include "stream/record_block.h"
#include "stream/unpack.h"

typedef struct RecordWalker RecordWalker;

/* Returns NULL when memory is short.  The paths are borrowed. */
extern RecordWalker *record_walker_create(const JsonPaths *paths);
extern void record_walker_free(RecordWalker *walker);

/* Start on another export. */
extern void record_walker_reset(RecordWalker *walker, PackingKind kind);

/*
 * Walk the block that follows the last one, or continue with one that is
 * partly walked, in which case its former records are gone.  Once a block is
 * walked, the walker no longer refers to it.
 *
 * When *stop is set, a large record is walked no further and the block is partly
 * walked, perhaps with no record at all.  When that was of no use several
 * times in a row, stop is ignored, so that there is an end.
 */
extern void record_walker_walk(RecordWalker *walker, RecordBlock *block, StreamStop *stop);

#endif /* ADSEXPORT_RECORD_WALKER_H */
