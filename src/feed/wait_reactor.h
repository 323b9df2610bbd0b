/*-------------------------------------------------------------------------
 *
 * wait_reactor.h
 *		What a feed waits with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_WAIT_REACTOR_H
#define ADSEXPORT_WAIT_REACTOR_H

#include "feed/part.h"

/* The reactor that the feed waits with, created at its first wait. */
extern Reactor *wait_reactor(ExportFeed *feed);
extern void close_wait_reactor(ExportFeed *feed);

/* Feeds of the session that are waited for side by side. */
extern int count_async_feeds(void);

#endif /* ADSEXPORT_WAIT_REACTOR_H */
