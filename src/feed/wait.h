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

#endif /* ADSEXPORT_WAIT_H */
