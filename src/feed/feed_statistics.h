/*-------------------------------------------------------------------------
 *
 * feed_statistics.h
 *		What a feed did is added to the statistics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FEED_STATISTICS_H
#define ADSEXPORT_FEED_STATISTICS_H

#include "feed/feed.h"

/* Add what it did since it was noted last, and note it.  Does not throw. */
extern void
feed_add_statistics(const ForeignOptions *options, FeedCounters *noted, const FeedCounters *now);

/* One of its exports ended in an error. */
extern void feed_add_failed_export(const ForeignOptions *options);

#endif /* ADSEXPORT_FEED_STATISTICS_H */
