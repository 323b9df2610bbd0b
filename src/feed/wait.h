/*-------------------------------------------------------------------------
 *
 * wait.h
 *		Waiting for whatever a feed waits for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_WAIT_H
#define ADSEXPORT_WAIT_H

#include "feed/part.h"

/* Sleep until something happens or is due; called by feed_next, and the only place that sleeps. */
extern void wait_for_events(ExportFeed *feed);

/* A wait that was left to the caller is no longer needed. */
extern void drop_wait(ExportFeed *feed);

/* Likewise, after it was counted as far as it went. */
extern void leave_wait(ExportFeed *feed);

#endif /* ADSEXPORT_WAIT_H */
