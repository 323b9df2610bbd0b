/*-------------------------------------------------------------------------
 *
 * wait_clock.h
 *		How long a feed has waited.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_WAIT_CLOCK_H
#define ADSEXPORT_WAIT_CLOCK_H

#include "feed/part.h"

/* Tell all reactors that are waited for that the wait begins or ends. */
extern void mark_wait(ExportFeed *feed, void (*mark)(Reactor *reactor));

/* Count the wait up to now. */
extern void count_wait(ExportFeed *feed);

/* A wait that was left to the caller is no longer needed. */
extern void drop_wait(ExportFeed *feed);

/* Likewise, after it was counted as far as it went. */
extern void leave_wait(ExportFeed *feed);

#endif /* ADSEXPORT_WAIT_CLOCK_H */
