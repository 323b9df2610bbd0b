/*-------------------------------------------------------------------------
 *
 * read_ahead.h
 *		Download, inflate and begin with the rest beside the reader, in a thread.
 *
 * The thread drives one transfer and fills a fixed number of blocks; the
 * reader takes them in order.  While all of them are full, it is ahead and has
 * time to walk them, too, and to prepare their records.  What it did not get to
 * the reader does, who takes a block also while its records are being prepared.
 * So the work is shared out as it comes, whichever side has more of it.
 *
 * It touches nothing of PostgreSQL: no server header, no palloc, no signal
 * (all are blocked in it).  It never waits for anything but its transfer, a
 * free block, or the word to stop, so that stopping it takes no longer than
 * inflating or walking a block.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_READ_AHEAD_H
#define ADSEXPORT_READ_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/request.h"
#include "stream/record_block.h"
#include "stream/record_walker.h"

typedef struct ReadAhead ReadAhead;

/* That one holds. */
#define READ_AHEAD_DESCRIPTORS 4

/*
 * Start a thread that goes on with the transfer, whose body is unpacked by
 * unpacker.  Until read_ahead_stop the caller keeps its hands off all three
 * and the preparer (or NULL), and off the walker but as told below.  in_use:
 * the block that the caller has at the moment, or NULL; if it is not walked to
 * its end, the walker is the caller's.  waker's descriptor becomes readable
 * when there may be a block to take, or the end.  Returns NULL, with nothing
 * begun, if no thread, memory or descriptor can be had; the caller then goes on
 * by itself.
 */
extern ReadAhead *
read_ahead_start(Reactor *reactor, Request *request, Reactor *waker, Unpacker *unpacker,
				 RecordWalker *walker, const RecordPreparer *preparer, const RecordBlock *in_use);

/*
 * The next block, or NULL if none is ready.  Unless it is walked, the walker
 * is the caller's, who walks it to its end and then says so.
 */
extern RecordBlock *read_ahead_take(ReadAhead *read_ahead);
extern void read_ahead_walked(ReadAhead *read_ahead);

/*
 * Give a block back to be filled again; NULL is allowed, and so is one that
 * was the caller's own before.
 */
extern void read_ahead_put_back(ReadAhead *read_ahead, RecordBlock *block);

/*
 * End the thread, so that the transfer, the unpacker and the walker (as told
 * above) are the caller's again; its blocks are there to be taken.
 */
extern void read_ahead_retire(ReadAhead *read_ahead);
extern bool read_ahead_retired(const ReadAhead *read_ahead);

/* Is the transfer over, one way or the other? */
extern bool read_ahead_transfer_over(const ReadAhead *read_ahead);

/* Did the thread end, and was its last block taken? */
extern bool read_ahead_ended(ReadAhead *read_ahead);

/* Bytes of the body that have arrived. */
extern uint64_t read_ahead_bytes(const ReadAhead *read_ahead);

/* End the thread and free its blocks, but not those that were taken. */
extern void read_ahead_stop(ReadAhead *read_ahead);

#endif /* ADSEXPORT_READ_AHEAD_H */
