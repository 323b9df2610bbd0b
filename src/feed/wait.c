/*-------------------------------------------------------------------------
 *
 * wait.c
 *		Waiting for whatever a feed waits for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/progress.h"
#include "feed/resting.h"
#include "feed/steps.h"
#include "feed/wait.h"
#include "feed/wait_clock.h"
#include "feed/wait_reactor.h"
#include "guc.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "session/control.h"
#include "session/network.h"
#include "session/registry.h"
#include "storage/latch.h"

/* Put everything that may wake us behind one descriptor. */
static void
nest_reactors(ExportFeed *feed)
{
	bool ok = true;
	dlist_iter iter;

	wait_reactor(feed);
	/* What other scans wait for makes progress, too. */
	if (feed->helping)
		ok &= reactor_nest(feed->reactor, registry_reactor());
	dlist_foreach(iter, &feed->live)
	{
		FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (is_driven(feed, part))
			ok &= reactor_nest(feed->reactor, part->reactor);
		else if (part->reactor != NULL)
			reactor_unnest(feed->reactor, part->reactor);
	}
	if (!ok)
		network_raise();
}

int
feed_begin_wait(ExportFeed *feed, int64 at_most)
{
	int64 due = feed->due;

	if (feed->waiting)
		count_wait(feed);
	report_progress(feed);
	if (!feed->waiting)
		feed->helping = registry_in_use();
	nest_reactors(feed);
	if (progress_interval >= 0)
		due = Min(due, report_due());
	if (feed->current != NULL)
		due = Min(due, feed_place_due(feed->current));
	if (at_most >= 0)
		due = Min(due, monotonic_milliseconds() + at_most);
	reactor_set_alarm(feed->reactor, due);
	if (!feed->waiting)
	{
		mark_wait(feed, reactor_wait_begins);
		INSTR_TIME_SET_CURRENT(feed->wait_began);
	}
	feed->waiting = true;
	feed->wait_limit = at_most;
	return reactor_descriptor(feed->reactor);
}

void
feed_end_wait(ExportFeed *feed)
{
	if (!feed->waiting)
		return;
	count_wait(feed);
	/* What is due is judged while the wait still counts. */
	if (feed->current != NULL && is_driven(feed, feed->current))
		reactor_drive(feed->current->reactor);
	if (feed->helping && registry_in_use())
		control_step();
	feed->waiting = false;
	mark_wait(feed, reactor_wait_ends);
	if (feed->current != NULL)
		step_parts(feed);
}

void
wait_for_events(ExportFeed *feed)
{
	Reactor *resting;
	int descriptor;
	int events;

	/*
	 * No other scan is being read: what others hold of what we need cannot
	 * become free by itself, and what they wait for does not count.
	 */
	resting_leave_waits(feed);
	resting = resting_step(feed, 0, true);
	descriptor = feed_begin_wait(feed, -1);
	/* It may be this feed's own, which is not among what is nested then. */
	if (resting != NULL && !reactor_nest(feed->reactor, resting))
		network_raise();
	if (resting != NULL)
		reactor_wait_begins(resting);
	events = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
							   descriptor, -1L, report_wait_event(feed));
	if (resting != NULL)
	{
		reactor_drive(resting);
		reactor_wait_ends(resting);
		reactor_unnest(feed->reactor, resting);
	}
	/* Reset it before we look: whatever another session reports afterwards wakes us again. */
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	feed_end_wait(feed);
	CHECK_FOR_INTERRUPTS();
}
