/*-------------------------------------------------------------------------
 *
 * wait_clock.c
 *		How long a feed has waited.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/wait_clock.h"
#include "net/reactor.h"
#include "session/registry.h"

void
mark_wait(ExportFeed *feed, void (*mark)(Reactor *reactor))
{
	dlist_iter iter;

	if (feed->helping && registry_in_use())
		mark(registry_reactor());
	dlist_foreach(iter, &feed->live)
	{
		FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (is_driven(feed, part))
			mark(part->reactor);
	}
}

/*
 * An Append's wait may have ended long ago, for
 * another of its children, without telling this one: it cannot have taken
 * longer than its limit.
 */
void
count_wait(ExportFeed *feed)
{
	instr_time now;
	instr_time duration;
	double waited;
	dlist_iter iter;

	INSTR_TIME_SET_CURRENT(now);
	duration = now;
	INSTR_TIME_SUBTRACT(duration, feed->wait_began);
	feed->wait_began = now;
	waited = INSTR_TIME_GET_MILLISEC(duration);
	if (feed->wait_limit >= 0 && waited > feed->wait_limit)
	{
		int64 excess = (int64) waited - feed->wait_limit;

		if (feed->helping)
			registry_discount(excess);
		dlist_foreach(iter, &feed->live)
		{
			FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

			if (is_driven(feed, part))
				reactor_discount(part->reactor, excess);
		}
		waited = feed->wait_limit;
	}
	feed->counters.wait_time += waited;
}

void
drop_wait(ExportFeed *feed)
{
	if (!feed->waiting)
		return;
	feed->waiting = false;
	mark_wait(feed, reactor_wait_ends);
}

void
leave_wait(ExportFeed *feed)
{
	if (feed->waiting)
		count_wait(feed);
	drop_wait(feed);
}
