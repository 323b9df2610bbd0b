/*-------------------------------------------------------------------------
 *
 * part.c
 *		The parts of a feed, in their lists, and the transfers they have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/part.h"
#include "net/clock.h"
#include "session/network.h"
#include "session/spare_reactors.h"

/* In the whole session. */
static int open_transfers = 0;

/*-------------------------------------------------------------------------
 * The feed's lists
 *-------------------------------------------------------------------------
 */

static FeedPart *
create_part(ExportFeed *feed)
{
	FeedPart *part = MemoryContextAllocZero(feed->context, sizeof(FeedPart));

	part->feed = feed;
	if (feed->api->part_size > 0)
		part->own = MemoryContextAllocZero(feed->context, feed->api->part_size);
	part->began = monotonic_milliseconds();
	return part;
}

FeedPart *
feed_add_part(ExportFeed *feed)
{
	FeedPart *part = create_part(feed);

	dlist_push_tail(&feed->parts, &part->node);
	dlist_push_tail(&feed->live, &part->station_node);
	return part;
}

FeedPart *
feed_add_part_after(ExportFeed *feed, FeedPart *before)
{
	FeedPart *part = create_part(feed);

	Assert(before->station == PART_LIVE);
	dlist_insert_after(&before->node, &part->node);
	dlist_insert_after(&before->station_node, &part->station_node);
	return part;
}

void
make_live(ExportFeed *feed, FeedPart *part)
{
	part->station = PART_LIVE;
	dlist_push_tail(&feed->live, &part->station_node);
}

void
feed_wake(FeedPart *part)
{
	ExportFeed *feed = part->feed;

	if (part->station == PART_ASLEEP)
	{
		feed->asleep--;
		make_live(feed, part);
	}
	if (part->station == PART_LIVE)
		feed->woken = true;
}

/*-------------------------------------------------------------------------
 * Transfers
 *-------------------------------------------------------------------------
 */

void
prepare_transfer(FeedPart *part)
{
	part->reactor = spare_reactor_take(SPARE_FOR_DOWNLOAD);
	open_transfers++;
}

/*
 * Drop what a part holds outside of the feed's memory.  Only the last step may
 * throw: the server writes what it still has of a file that it closes, and the
 * disk may be full.  The file goes with its owner then; nothing is held any
 * more, and nothing is left to do if this is called again.
 */
void
close_transfer(FeedPart *part)
{
	Overflow *overflow = part->overflow;

	part->overflow = NULL;
	read_ahead_stop(part->read_ahead);
	part->read_ahead = NULL;
	if (!part->is_lent)
		request_free(part->request);
	part->request = NULL;
	part->is_lent = false;
	if (part->feed->api->end_transfer != NULL)
		part->feed->api->end_transfer(part);
	if (part->reactor != NULL)
		open_transfers--;
	spare_reactor_give(SPARE_FOR_DOWNLOAD, part->reactor);
	part->reactor = NULL;
	jobs_release(&part->place);
	part->expected = 0;
	network_settle();
	overflow_free(overflow);
}

int
count_open_transfers(void)
{
	return open_transfers;
}

uint64
bytes_of_transfer(const FeedPart *part)
{
	if (part->read_ahead != NULL && !read_ahead_retired(part->read_ahead))
		return read_ahead_bytes(part->read_ahead);
	return part->request != NULL ? request_bytes_received(part->request) : 0;
}

/* Other sessions are told at these intervals that a place is still needed (milliseconds). */
#define TELL_AFTER 1000

/*
 * A scan may rest for hours, and other sessions cannot bring its transfer to an
 * end. So they wait for its place no longer than the scan itself would wait for
 * an answer, or for more of it.
 */
static int64
needed_for(const FeedPart *part)
{
	return Max(part->feed->options->export_timeout, part->feed->options->stall_timeout);
}

static void
tell_of_place(FeedPart *part)
{
	int64 now = monotonic_milliseconds();

	if (part->expected != 0 && now < part->expected + TELL_AFTER)
		return;
	part->expected = now;
	jobs_expect(&part->place, now + TELL_AFTER + needed_for(part));
}

int64
feed_place_due(const FeedPart *part)
{
	return jobs_is_held(&part->place) ? part->expected + needed_for(part) : REACTOR_NEVER;
}

void
feed_note_transfer(FeedPart *part)
{
	if (part->request == NULL)
		return;
	if (part->read_ahead != NULL && !read_ahead_retired(part->read_ahead)
			? read_ahead_transfer_over(part->read_ahead)
			: request_state(part->request) >= REQUEST_DONE)
		jobs_release(&part->place);
	else if (jobs_is_held(&part->place))
		tell_of_place(part);
}

/* Only transfers that are being opened or read make progress. */
bool
is_driven(const ExportFeed *feed, const FeedPart *part)
{
	return part->reactor != NULL && part->read_ahead == NULL &&
		   (part->phase == PART_OPENING || part->phase == PART_SPOOLING || part == feed->current);
}

bool
is_open(const FeedPart *part)
{
	return part->reactor != NULL && (part->phase == PART_OPENING || part->phase == PART_READABLE ||
									 part->phase == PART_VERIFYING || part->phase == PART_SPOOLING);
}

void
end_read_ahead(FeedPart *part)
{
	if (part->read_ahead == NULL)
		return;
	read_ahead_stop(part->read_ahead);
	part->read_ahead = NULL;
}
