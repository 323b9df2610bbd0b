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

/* Sleep until something happens or is due; for feed_next, and the only place that sleeps. */
extern void wait_for_events(ExportFeed *feed);

/* A wait that the caller was to do is no longer of use. */
extern void drop_wait(ExportFeed *feed);

#endif /* ADSEXPORT_WAIT_H */
