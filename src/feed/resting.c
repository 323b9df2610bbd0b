/*-------------------------------------------------------------------------
 *
 * resting.c
 *		Downloads of scans at rest, while another scan waits for their places.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/download.h"
#include "feed/resting.h"
#include "feed/wait_clock.h"
#include "net/clock.h"
#include "utils/resowner.h"

static dlist_head feeds = DLIST_STATIC_INIT(feeds);

/*
 * A cursor that fails in a subtransaction stays, but will not run again, and the
 * owner of its files goes.  So what its scans hold is released now.
 */
static void
release_failed(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *argument)
{
	dlist_mutable_iter iter;

	if (is_commit || phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	dlist_foreach_modify(iter, &feeds)
	{
		ExportFeed *feed = dlist_container(ExportFeed, session_node, iter.cur);

		if (feed->owner == CurrentResourceOwner)
			feed->callback.func(feed);
	}
}

void
resting_register(ExportFeed *feed)
{
	static bool listens = false;

	if (!listens)
		RegisterResourceReleaseCallback(release_failed, NULL);
	listens = true;
	dlist_push_tail(&feeds, &feed->session_node);
	feed->registered = true;
}

void
resting_forget(ExportFeed *feed)
{
	if (feed->registered)
		dlist_delete(&feed->session_node);
	feed->registered = false;
}

void
resting_leave_waits(const ExportFeed *feed)
{
	dlist_iter iter;

	dlist_foreach(iter, &feeds)
	{
		ExportFeed *other = dlist_container(ExportFeed, session_node, iter.cur);

		if (other != feed)
			leave_wait(other);
	}
}

/*
 * The wish for a place without which the feed cannot continue; NULL if it has
 * one, or wants none.  While a part is broken, places of the feed's other parts
 * are of no use: none of them is read before it.
 */
static const JobPlace *
urgent_wish(const ExportFeed *feed)
{
	const JobPlace *wish = NULL;
	dlist_iter iter;

	if (feed->broken != NULL)
		return jobs_is_waiting(&feed->broken->place) ? &feed->broken->place : NULL;
	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		const FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (jobs_is_held(&part->place))
			return NULL;
		if (wish == NULL && jobs_is_waiting(&part->place))
			wish = &part->place;
	}
	return wish;
}

/*
 * Does its download rest?  So do the feed's own that come after its broken
 * part, once they have been opened.
 */
static bool
is_at_rest(const ExportFeed *feed, const ExportFeed *holder, const FeedPart *part,
		   int64 visited_before)
{
	if (holder == feed)
		return feed->broken != NULL && !is_driven(feed, part);
	return holder->visited <= visited_before;
}

/* A part that holds what is wished for, and rests. */
static FeedPart *
find_holder(const ExportFeed *feed, const JobPlace *wish, int64 idle_ms, ExportFeed **holder)
{
	int64 visited_before = monotonic_milliseconds() - idle_ms;
	dlist_iter outer;
	dlist_iter inner;

	dlist_foreach(outer, &feeds)
	{
		*holder = dlist_container(ExportFeed, session_node, outer.cur);
		dlist_foreach(inner, &(*holder)->live)
		{
			FeedPart *part = dlist_container(FeedPart, station_node, inner.cur);

			if (jobs_is_held(&part->place) && jobs_in_same_pool(&part->place, wish) &&
				is_at_rest(feed, *holder, part, visited_before))
				return part;
		}
	}
	return NULL;
}

/* Put aside everything that has arrived and has not been read yet. */
static void
put_aside(ExportFeed *feed, FeedPart *part)
{
	RequestResult result;
	size_t length;
	const char *body;

	/* Where places count, what broke off is read from its beginning, and nothing is skipped. */
	Assert(!feed->api->resumable);
	/* What was lent may have moved. */
	if (part == feed->current)
		feed_take_back_input(feed, part);
	request_result(part->request, &result);
	/* Some say 206 although all was asked for. */
	if (result.status != 200 && result.status != 206)
		return; /* an error's body is short, and looked at where it is */
	body = request_body(part->request, &length);
	if (length == 0)
		return;
	if (part->overflow == NULL)
		part->overflow = overflow_create(feed->context, feed->owner);
	overflow_write(part->overflow, body, length);
	request_consume(part->request, length);
}

/*
 * Where the caller waits for its Append as a whole, the reactor is not among
 * what is waited for: time between two looks counts instead.  More than this
 * (milliseconds) must have gone to something else.
 */
#define BETWEEN_LOOKS 100

/* For that part, all scans that wait for it side by side count once. */
static void
count_looks(FeedPart *part)
{
	int64 now = monotonic_milliseconds();

	reactor_discount(part->reactor, -Min(now - part->looked, BETWEEN_LOOKS));
	part->looked = now;
}

Reactor *
resting_step(ExportFeed *feed, int64 idle_ms, bool waits_for_it)
{
	const JobPlace *wish = urgent_wish(feed);
	ExportFeed *holder;
	FeedPart *part;

	if (wish == NULL)
		return NULL;
	while ((part = find_holder(feed, wish, idle_ms, &holder)) != NULL)
	{
		/* Its own wait is over, if it was not told so. */
		if (holder != feed)
			leave_wait(holder);
		/* The thread is waiting for its reader: it is no longer of use, but what it has read is. */
		if (part->read_ahead != NULL)
			read_ahead_retire(part->read_ahead);
		if (waits_for_it)
			part->looked = monotonic_milliseconds();
		else
			count_looks(part);
		reactor_drive(part->reactor);
		put_aside(holder, part);
		feed_note_transfer(part);
		if (jobs_is_held(&part->place))
			return part->reactor;
	}
	return NULL;
}
