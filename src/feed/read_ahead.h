/*-------------------------------------------------------------------------
 *
 * read_ahead.h
 *		Download, inflate and start on the rest in a thread, beside the reader.
 *
 * The thread drives one transfer and fills a fixed number of blocks; the
 * reader takes them in order.  While all of them are full, the thread is ahead
 * and has time to walk them, too, and to prepare their records. What it has
 * not got to is done by the reader, which may take a block even while its
 * records are being prepared. So the work is shared as it comes, whichever
 * side has more of it.
 *
 * The thread uses nothing of PostgreSQL: no server header, no palloc, no
 * signal (all are blocked in it).  It waits only for its transfer, for a free
 * block, or to be stopped, so stopping it takes no longer than inflating or
 * walking a block.
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

/* Descriptors that one holds open. */
#define READ_AHEAD_DESCRIPTORS 4

/*
 * Start a thread that continues the transfer, whose body is unpacked by
 * unpacker. Until read_ahead_stop the caller must not touch these three, the
 * preparer (which may be NULL) or, except as described below, the walker.
 * in_use: the block that the caller has at the moment, or NULL; if it is not
 * walked to its end, the walker is the caller's.  waker's descriptor becomes
 * readable when there may be a block to take, or the end.  Returns NULL, with
 * nothing started, if no thread, memory or descriptor can be had; the caller
 * then continues by itself.
 */
extern ReadAhead *
read_ahead_start(Reactor *reactor, Request *request, Reactor *waker, Unpacker *unpacker,
				 RecordWalker *walker, const RecordPreparer *preparer, const RecordBlock *in_use);

/*
 * The next block, or NULL if none is ready.  Unless it has been walked, the
 * walker is the caller's, which walks it to its end and then says so.
 */
extern RecordBlock *read_ahead_take(ReadAhead *read_ahead);
extern void read_ahead_walked(ReadAhead *read_ahead);

/*
 * Give a block back to be filled again; NULL is allowed, and so is one that
 * was the caller's own before.
 */
extern void read_ahead_put_back(ReadAhead *read_ahead, RecordBlock *block);

/*
 * End the thread, so that the transfer, the unpacker and the walker (as
 * described above) are the caller's again; its blocks can still be taken.
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
