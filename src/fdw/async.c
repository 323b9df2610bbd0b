/*-------------------------------------------------------------------------
 *
 * async.c
 *		Foreign scans side by side below an Append (PostgreSQL 14 and later).
 *
 * Everything that a feed may wait for is behind one descriptor, timers
 * included, so each scan adds a single event to the Append's set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/async.h"
#include "fdw/scan.h"

#ifdef COMPAT_ASYNC

#include "executor/execAsync.h"
#include "storage/latch.h"

/*
 * A scan wakes its Append at least this often (milliseconds).  Older minor
 * releases let an Append sleep without watching its latch, so that it would
 * not notice a cancellation; and the control requests that all scans share are
 * behind the descriptor of one scan only, so the others have to look.
 */
#define TICK 50

bool
adsexport_is_foreign_path_async_capable(ForeignPath *path)
{
	return true;
}

/* Hand over a row if there is one; otherwise arrange to wait. */
static void
answer(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	ForeignScanStatus *status = node->fdw_state;
	/* Not ExecProcNode, which would count the row a second time after the Append. */
	TupleTableSlot *slot = node->ss.ps.ExecProcNodeReal(&node->ss.ps);

	if (TupIsNull(slot) && status->would_block)
		ExecAsyncRequestPending(request);
	else
		ExecAsyncRequestDone(request, TupIsNull(slot) ? NULL : slot);
}

void
adsexport_foreign_async_request(AsyncRequest *request)
{
	answer(request);
}

void
adsexport_foreign_async_configure_wait(AsyncRequest *request)
{
	ForeignScanStatus *status = ((ForeignScanState *) request->requestee)->fdw_state;
	AppendState *append = (AppendState *) request->requestor;

	AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE,
					  feed_begin_wait(status->source->feed, TICK), NULL, request);
}

void
adsexport_foreign_async_notify(AsyncRequest *request)
{
	ForeignScanStatus *status = ((ForeignScanState *) request->requestee)->fdw_state;

	/* It may be the tick that woke us. */
	CHECK_FOR_INTERRUPTS();
	feed_end_wait(status->source->feed);
	answer(request);
}

#endif /* COMPAT_ASYNC */
