/*-------------------------------------------------------------------------
 *
 * steps.c
 *		How the parts of a feed make progress, side by side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/download.h"
#include "feed/keep.h"
#include "feed/part_end.h"
#include "feed/recovery.h"
#include "feed/steps.h"
#include "feed/wait_reactor.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "remote/reached.h"
#include "remote/throttle.h"
#include "session/control.h"
#include "session/network.h"
#include "session/spare_reactors.h"

/* Look at the answer to a download that was opened. */
static void
step_opening(ExportFeed *feed, FeedPart *part)
{
	RequestResult result;
	Subject subject;
	Answer answer;

	request_result(part->request, &result);
	if (result.state == REQUEST_WAITING)
		return;
	/* What was fetched ahead may have broken off, but what arrived of it is good. */
	if ((result.state != REQUEST_FAILED ||
		 (part->reactor == NULL && request_bytes_received(part->request) > 0)) &&
		(result.status == 200 || result.status == 206))
	{
		throttle_end(part->call, feed->options, monotonic_milliseconds(), REACTOR_NEVER);
		reached_note(part->call, feed->options);
		check_range(feed, part, &result);
		part->phase = PART_READABLE;
		return;
	}
	/* An error's body is wanted, too. */
	if (result.state == REQUEST_RECEIVING)
		return;
	/*
	 * The server says that nothing follows what we have; only reading all of
	 * it again can confirm that.
	 */
	if (result.status == 416 && part->resume_from > 0 && !part->range_refused)
	{
		part->range_refused = true;
		count_retry(feed, part);
		close_transfer(part);
		part->phase = PART_WAITING;
		return;
	}
	feed->api->subject(part, &subject);
	answer_judge(&answer, part->call, &result, subject.text, feed->options, part->token);
	if (answer.action == ACTION_SUCCESS)
		part->phase = PART_READABLE;
	else
		handle_download_answer(feed, part, &answer);
}

/* Of a download's reactor and multi handle, and to open a connection. */
#define DESCRIPTORS_OF_DOWNLOAD 8

/* Until descriptors for a download are looked for again (milliseconds). */
#define ROOM_DELAY 50

/* Left to other uses by all downloads but the first. */
#define SOME_DESCRIPTORS 16

/*
 * Downloads of other scans may hold all descriptors that are available: then
 * this one begins when those have been read.  But if none of them is read for
 * long enough, nothing will change, and the error of open_download says what
 * to do.  As long as there is no room, that is known for the next ones, too:
 * a thousand small downloads do not wait that long each.  One that is only
 * opened early begins later instead.
 */
static bool
has_room_for_download(ExportFeed *feed, bool early, int64 now)
{
	int left_free = SOME_DESCRIPTORS + count_async_feeds() * DESCRIPTORS_OF_REACTOR;

	if (early)
		return network_has_room(DESCRIPTORS_OF_DOWNLOAD + left_free);
	if (count_open_transfers() == 0 || network_has_room(DESCRIPTORS_OF_DOWNLOAD + left_free) ||
		(spare_reactors_drop() && network_has_room(DESCRIPTORS_OF_DOWNLOAD + left_free)))
	{
		feed->room_wanted = 0;
		return true;
	}
	if (feed->room_wanted == 0)
		feed->room_wanted = now;
	return now - feed->room_wanted >= feed->options->stall_timeout;
}

static void
open_download(ExportFeed *feed, FeedPart *part)
{
	prepare_transfer(part);
	throttle_begin(part->call, feed->options, monotonic_milliseconds());
	feed->api->open(feed, part);
	network_announce();
	if (feed->api->note_request != NULL)
		feed->api->note_request(feed, part);
	if (part->request == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	part->phase = PART_OPENING;
	feed_note_transfer(part);
}

/* At most this many ready parts are looked at for one whose download can begin. */
#define READY_AT_ONCE 16

/* A part that need not be looked at for now leaves the live ones. */
static void
settle_part(ExportFeed *feed, FeedPart *part)
{
	PartStation station = PART_LIVE;

	if (part->phase == PART_DONE)
		station = PART_OVER;
	else if (part->phase == PART_READY && ++feed->ready > READY_AT_ONCE && part != feed->broken)
		station = PART_STOCK;
	if (station == PART_LIVE)
		return;
	dlist_delete(&part->station_node);
	part->station = station;
	if (station == PART_STOCK)
		dlist_push_tail(&feed->stock, &part->station_node);
	/* Parts that are created on demand are freed when they are done. */
	else if (!feed->api->parts_are_kept && !feed->keep)
	{
		dlist_delete(&part->node);
		free_part(part);
		feed->parts_gone++;
	}
}

/* It waits for its export, which will wake it. */
static void
put_to_sleep(ExportFeed *feed, FeedPart *part)
{
	dlist_delete(&part->station_node);
	part->station = PART_ASLEEP;
	feed->asleep++;
}

/* The answer to a download; returns when there is more to do. */
static int64
step_opening_part(ExportFeed *feed, FeedPart *part, int64 now)
{
	if (part->reactor != NULL)
		reactor_drive(part->reactor);
	step_opening(feed, part);
	/* It made room for a part for which nothing would wake us. */
	return part->phase == PART_DONE && !feed->all_added ? now : REACTOR_NEVER;
}

/* See whether what it waits for is there; returns when to look again. */
static int64
step_waiting_part(ExportFeed *feed, FeedPart *part, int64 now)
{
	int64 due = feed->api->step(feed, part, now);

	if (part->phase == PART_WAITING && due == REACTOR_NEVER && feed->api->wakes)
		put_to_sleep(feed, part);
	/* It was fetched ahead: see what came. */
	else if (part->phase == PART_OPENING)
	{
		due = step_opening_part(feed, part, now);
		if (part->phase == PART_WAITING)
			due = now;
	}
	return due;
}

/* See whether what the live parts wait for is there. */
static int64
step_live_parts(ExportFeed *feed, int64 now)
{
	int64 due = REACTOR_NEVER;
	dlist_mutable_iter iter;

	feed->ready = 0;
	feed->woken = false;
	dlist_foreach_modify(iter, &feed->live)
	{
		FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);
		int64 next = REACTOR_NEVER;

		feed_note_transfer(part);
		if (part->phase == PART_OPENING)
			next = step_opening_part(feed, part, now);
		else if (part->phase == PART_SPOOLING)
			step_spooling(feed, part);
		due = Min(due, next);
		if (part->phase == PART_WAITING)
			next = step_waiting_part(feed, part, now);
		due = Min(due, next);
		if (part->station == PART_LIVE)
			settle_part(feed, part);
	}
	while (feed->ready < READY_AT_ONCE && !dlist_is_empty(&feed->stock))
	{
		make_live(feed, dlist_container(FeedPart, station_node, dlist_pop_head_node(&feed->stock)));
		feed->ready++;
	}
	return due;
}

static int
count_open(const ExportFeed *feed)
{
	int open = 0;
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		if (is_open(dlist_container(FeedPart, station_node, iter.cur)))
			open++;
	}
	return open;
}

/*
 * A ready part is opened if it may be; early: before the ones that are open
 * were read.  Returns when there is more to do; *next says that it is the next
 * one, so that no other need be prepared.
 */
static int64
step_ready_part(ExportFeed *feed, FeedPart *part, bool early, int64 now, bool *next)
{
	int64 due = Max(part->due, throttle_due(part->call, feed->options, now));

	*next = false;
	if (due > now)
		return due;
	if (!has_room_for_download(feed, early, now))
		return now + ROOM_DELAY;
	if (feed->api->may_open(feed, part))
	{
		open_download(feed, part);
		reactor_drive(part->reactor);
		*next = true;
		/*
		 * It may have left some of its span to a part that is not looked at in
		 * this round, and what is over immediately (a refused connection) will
		 * not wake anybody later.
		 */
		if (feed->api->split != NULL || request_state(part->request) != REQUEST_WAITING)
			return now;
		return REACTOR_NEVER;
	}
	if (part->phase == PART_WAITING)
		return now; /* it fell back, and is looked at in the next round */
	*next = true;
	return jobs_is_waiting(&part->place) ? now + JOBS_ASK_AGAIN : REACTOR_NEVER;
}

int64
step_parts(ExportFeed *feed)
{
	int64 now = monotonic_milliseconds();
	int max_open = feed->api->max_open(feed);
	int64 due;
	int open;
	dlist_mutable_iter iter;

	feed->visited = feed->stepped = now;

	/* First what the parts depend on, since nothing would wake us for what ends in here. */
	if (feed->api->uses_registry)
		control_step();
	if (!feed->all_added)
	{
		while (!feed->all_added && feed->api->add_parts(feed))
			;
		if (feed->all_added && feed->api->uses_registry)
			control_step();
	}

	due = step_live_parts(feed, now);
	open = count_open(feed);
	dlist_foreach_modify(iter, &feed->live)
	{
		FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (feed->broken != NULL && part != feed->broken)
			continue;
		/* The next ones may be open already, and wait for it. */
		if (part->phase == PART_READY && (open < max_open || part == feed->broken))
		{
			bool is_next;
			bool early = open > 0 && part != feed->broken;
			int64 part_due = step_ready_part(feed, part, early, now, &is_next);

			open += is_next;
			if (part_due != now || !is_next || open < max_open ||
				(part->request != NULL && request_state(part->request) != REQUEST_WAITING))
				due = Min(due, part_due);
		}
	}
	return feed->woken ? now : due;
}

bool
all_done(const ExportFeed *feed)
{
	dlist_iter iter;

	if (!feed->all_added || feed->asleep > 0 || !dlist_is_empty((dlist_head *) &feed->stock))
		return false;
	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		if (dlist_container(FeedPart, station_node, iter.cur)->phase != PART_DONE)
			return false;
	}
	return true;
}

FeedPart *
find_readable(const ExportFeed *feed)
{
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (part->phase != PART_READABLE || (feed->broken != NULL && part != feed->broken))
			continue;
		/* Kept downloads are written one after the other. */
		if (part->from_spool || feed->spooling == NULL)
			return part;
	}
	return NULL;
}
