/*-------------------------------------------------------------------------
 *
 * feed_statistics.c
 *		Adding what a feed did to the statistics.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/feed_statistics.h"
#include "session/statistics.h"

void
feed_add_statistics(const ForeignOptions *options, FeedCounters *noted, const FeedCounters *now)
{
	StatisticsCounts counts = { 0 };

	counts.exports_requested = now->exports_requested - noted->exports_requested;
	counts.exports_reused = now->exports_reused - noted->exports_reused;
	counts.retries = now->retries - noted->retries;
	counts.wait_time = now->wait_time - noted->wait_time;
	counts.bytes_downloaded = now->bytes_downloaded - noted->bytes_downloaded;
	counts.records = now->records - noted->records;
	statistics_add(options, &counts);
	*noted = *now;
}

void
feed_add_failed_export(const ForeignOptions *options)
{
	StatisticsCounts counts = { .exports_failed = 1 };

	statistics_add(options, &counts);
}
