/*-------------------------------------------------------------------------
 *
 * feed_statistics.h
 *		Adding what a feed did to the statistics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FEED_STATISTICS_H
#define ADSEXPORT_FEED_STATISTICS_H

#include "feed/feed.h"

/* Add what the feed did since the last call, and remember that in noted.  Does not throw. */
extern void
feed_add_statistics(const ForeignOptions *options, FeedCounters *noted, const FeedCounters *now);

/* One of its exports ended in an error. */
extern void feed_add_failed_export(const ForeignOptions *options);

#endif /* ADSEXPORT_FEED_STATISTICS_H */
