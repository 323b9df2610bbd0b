/*-------------------------------------------------------------------------
 *
 * wait_reactor.c
 *		What a feed waits with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/wait_reactor.h"
#include "net/reactor.h"
#include "session/network.h"

/* In the session: feeds that are waited for side by side, each with a reactor. */
static int async_feeds = 0;

void
feed_wait_beside_others(ExportFeed *feed)
{
	feed->is_async = true;
	async_feeds++;
}

int
count_async_feeds(void)
{
	return async_feeds;
}

Reactor *
wait_reactor(ExportFeed *feed)
{
	if (feed->reactor == NULL)
		feed->reactor = network_create_reactor();
	return feed->reactor;
}

void
close_wait_reactor(ExportFeed *feed)
{
	if (feed->is_async)
		async_feeds--;
	feed->is_async = false;
	reactor_free(feed->reactor);
	feed->reactor = NULL;
	network_settle();
}
