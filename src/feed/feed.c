/*-------------------------------------------------------------------------
 *
 * feed.c
 *		The records of one scan, whichever API they come from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "feed/apis.h"
#include "feed/download.h"
#include "feed/part_end.h"
#include "feed/progress.h"
#include "feed/resting.h"
#include "guc.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "remote/foreign_text.h"
#include "remote/reached.h"
#include "remote/throttle.h"
#include "session/control.h"
#include "session/network.h"
#include "session/spare_reactors.h"
#include "storage/latch.h"
#include "stream/crc32.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A part shorter than so many blocks (of 256 kB) is over before a thread would help. */
#define READ_AHEAD_AFTER 4

/* While a part is read without waiting, the others are looked at so often (milliseconds). */
#define STEP_AT_LEAST 20

/* A scan that nobody has looked at for this long rests (milliseconds). */
#define RESTING_AFTER 1000

/* A download's reactor, its multi handle, and what a connection needs to be made. */
#define DESCRIPTORS_OF_DOWNLOAD 8

/* Until it is looked again whether there are descriptors for a download. */
#define ROOM_DELAY 50

/* Left to other uses by all downloads but the first. */
#define SOME_DESCRIPTORS 16

/* Of the session: feeds that are waited for side by side, each with a reactor. */
static int async_feeds = 0;

/*-------------------------------------------------------------------------
 * Creation and release
 *-------------------------------------------------------------------------
 */

static void
close_wait_reactor(ExportFeed *feed)
{
	if (feed->is_async)
		async_feeds--;
	feed->is_async = false;
	reactor_free(feed->reactor);
	feed->reactor = NULL;
	network_settle();
}

static void
forget_parts(ExportFeed *feed)
{
	dlist_init(&feed->parts);
	dlist_init(&feed->live);
	dlist_init(&feed->stock);
	feed->ready = feed->asleep = 0;
	feed->woken = false;
}

static void
release_feed(void *argument)
{
	ExportFeed *feed = argument;
	dlist_iter iter;

	resting_forget(feed);
	dlist_foreach(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		part->overflow = NULL; /* the server removes the file */
		close_transfer(part);
		report_release(part);
		release_export(part);
	}
	fetch_ahead_leave(&feed->ahead);
	forget_parts(feed);
	feed->current = NULL;
	feed->all_added = true;
	profile_listing_leave(&feed->listing_waiter);
	if (feed->records != NULL)
		record_block_free(record_stream_return_block(feed->records));
	record_stream_free(feed->records);
	feed->records = NULL;
	record_walker_free(feed->walker);
	feed->walker = NULL;
	record_block_free(feed->block);
	feed->block = NULL;
	unpacker_free(feed->unpacker);
	feed->unpacker = NULL;
	delivered_entries_free(feed->delivered);
	feed->delivered = NULL;
	close_wait_reactor(feed);
	if (feed->waiting && feed->helping)
		registry_end_wait();
	feed->waiting = false;
	if (feed->attached)
		registry_detach();
	feed->attached = false;
	if (feed->uses_spare)
		spare_reactors_detach();
	feed->uses_spare = false;
}

ExportFeed *
feed_create(const ForeignOptions *options, const JsonPaths *paths, const RecordPreparer *preparer)
{
	ExportFeed *feed = palloc0(sizeof(ExportFeed));

	feed->api = feed_api_of(options->entity);
	feed->options = options;
	feed->context = CurrentMemoryContext;
	forget_parts(feed);
	feed->query_context = AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw feed query",
												ALLOCSET_SMALL_SIZES);

	/* Registered first, so that nothing made below can be lost. */
	feed->callback.func = release_feed;
	feed->callback.arg = feed;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &feed->callback);
	spare_reactors_attach(options->user_id);
	feed->uses_spare = true;
	feed->owner = CurrentResourceOwner;
	resting_register(feed);
	if (feed->api->uses_registry)
	{
		registry_attach();
		feed->attached = true;
	}
	feed->records = record_stream_create();
	feed->walker = record_walker_create(paths);
	feed->preparer = preparer;
	feed->unpacker = unpacker_create(feed->api->packing);
	if (feed->api->rereadable)
		feed->delivered = delivered_entries_create();
	if (feed->records == NULL || feed->walker == NULL || feed->unpacker == NULL ||
		(feed->api->rereadable && feed->delivered == NULL))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return feed;
}

void
feed_wait_beside_others(ExportFeed *feed)
{
	feed->is_async = true;
	async_feeds++;
}

void
feed_close(ExportFeed *feed)
{
	dlist_iter iter;

	/* When it ends by an error instead, the server removes the files. */
	dlist_foreach(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		if (part == feed->current)
			report_end(feed, part, "left", NULL);
		overflow_free(part->overflow);
		part->overflow = NULL;
		spool_free(part->spool);
		part->spool = NULL;
	}
	spool_file_close(feed->spool_file);
	feed->spool_file = NULL;
	release_feed(feed);
}

void
feed_keep(ExportFeed *feed)
{
	feed->keep = true;
}

typedef enum ContentState
{
	CONTENT_VERIFIED,
	CONTENT_CORRUPT,
	CONTENT_UNKNOWN, /* its checksum could not be reached */
	CONTENT_PENDING  /* its checksum comes later */
} ContentState;

static void mark_wait(ExportFeed *feed, void (*mark)(Reactor *reactor));
static void finish_spool(ExportFeed *feed, FeedPart *part);

/*-------------------------------------------------------------------------
 * Starting
 *-------------------------------------------------------------------------
 */

/* Back to the start with the same parts. */
static void
rewind_parts(ExportFeed *feed)
{
	dlist_iter iter;

	dlist_init(&feed->live);
	dlist_init(&feed->stock);
	feed->asleep = 0;
	dlist_foreach(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		part->station = PART_OVER;
		if (part->split)
			continue;
		make_live(feed, part);
		close_transfer(part);
		part->phase = PART_WAITING;
		part->began = monotonic_milliseconds();
		part->bytes_downloaded = part->retries = 0;
		part->due = 0;
		part->in_progress_since = -1;
		part->reminted = part->reauthenticated = part->ahead_tried = false;
		part->delivered = part->delivered_before = 0;
		part->sniffed = false;
		part->resume_from = 0;
		part->range_refused = false;
		/* What is there in full need not come again. */
		part->from_spool = spool_is_complete(part->spool);
		if (part->from_spool)
			part->phase = PART_READABLE;
		else if (feed->keep && part->empty)
			part->phase = PART_DONE;
		memset(&part->retry, 0, sizeof(Retry));
	}
}

static void
drop_parts(ExportFeed *feed)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		dlist_delete(&part->node);
		close_transfer(part);
		release_export(part);
		free_part(part);
	}
	forget_parts(feed);
	spool_file_close(feed->spool_file);
	feed->spool_file = NULL;
	feed->all_added = false;
	profile_listing_leave(&feed->listing_waiter);
	feed->listing = NULL;
	feed->listing_warned = false;
	feed->listing_failure.sqlstate = 0;
}

void
feed_start(ExportFeed *feed, const ExportQuery *query)
{
	MemoryContext old_context;

	if (feed->waiting)
	{
		feed->waiting = false;
		mark_wait(feed, reactor_wait_ends);
	}
	if (feed->keep && feed->current != NULL && export_query_equal(feed->query, query))
		finish_spool(feed, feed->current);
	feed->current = feed->broken = NULL;
	feed->waiting_since = 0;
	/* Where there is no export to go back to, what was not kept is asked for again. */
	if (feed->query != NULL && export_query_equal(feed->query, query) &&
		(feed->api->parts_are_kept || feed->keep))
		rewind_parts(feed);
	else
	{
		drop_parts(feed);
		MemoryContextReset(feed->query_context);
		old_context = MemoryContextSwitchTo(feed->query_context);
		feed->query = export_query_copy(query);
		MemoryContextSwitchTo(old_context);
		feed->next_hour = query->start_hour;
	}
	if (feed->query->nothing)
	{
		feed->all_added = true;
		return;
	}

	/* Send off what can be; nothing is waited for. */
	while (!feed->all_added && feed->api->add_parts(feed))
		;
	if (feed->api->uses_registry)
		control_step();
}

const ExportQuery *
feed_query(const ExportFeed *feed)
{
	return feed->query;
}

void
feed_describe(const ForeignOptions *options, const ExportQuery *query, char **request,
			  char **filter)
{
	feed_api_of(options->entity)->describe(options, query, request, filter);
}

/*-------------------------------------------------------------------------
 * Progress of the parts
 *-------------------------------------------------------------------------
 */

/*
 * The remote has nothing (any more) of what was read already: whatever it
 * would send instead would be something else.
 */
static void
raise_vanished(const ExportFeed *feed, FeedPart *part)
{
	Failure failure;
	char subject[MESSAGE_MAX_EXPORT_ID + 64];

	feed->api->subject(part, subject, sizeof(subject));
	failure_set(&failure, ERRCODE_FDW_ERROR, "read an export",
				"its content changed between two downloads");
	failure_add_detail(&failure,
					   "%s: the download broke after " UINT64_FORMAT
					   " records, and the server now says that there are none.",
					   subject, part->delivered);
	failure_set_hint(&failure, "Run the query again.");
	feed_fail_part(feed, part, &failure);
}

static void
count_retry(ExportFeed *feed, FeedPart *part)
{
	feed->counters.retries++;
	part->retries++;
}

/* The answer to a download was no content: decide how to go on. */
static void
handle_answer(ExportFeed *feed, FeedPart *part, Answer *answer)
{
	const ForeignOptions *options = feed->options;

	switch (answer->action)
	{
		case ACTION_EMPTY:
			if (part->delivered > 0)
				raise_vanished(feed, part);
			part->empty = true;
			report_end(feed, part, "empty", NULL);
			feed->api->remember(feed, part);
			close_transfer(part);
			part->phase = PART_DONE;
			return;
		case ACTION_REMINT_URL:
			/* The first link may have been stale; if another is refused too, give the store time. */
			if (part->reminted)
			{
				answer->action = ACTION_RETRY;
				if (!retry_allowed(&part->retry, answer, part->call, options, &part->due))
					break;
			}
			part->reminted = true;
			count_retry(feed, part);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
		case ACTION_REAUTHENTICATE:
			if (part->reauthenticated || options->access_token != NULL)
				break;
			part->reauthenticated = true;
			count_retry(feed, part);
			credential_reject(credential_get(options), part->token);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
		case ACTION_SPLIT:
			if (feed->api->split != NULL && feed->api->split(feed, part, answer))
			{
				count_retry(feed, part);
				close_transfer(part);
				part->phase = PART_WAITING;
				return;
			}
			pg_fallthrough;
		default:
			if (!retry_allowed(&part->retry, answer, part->call, options, &part->due))
				break;
			count_retry(feed, part);
			close_transfer(part);
			part->phase = PART_WAITING;
			return;
	}
	feed_fail_part(feed, part, &answer->failure);
}

/* Look at the answer to a download that was opened. */
static void
step_opening(ExportFeed *feed, FeedPart *part)
{
	RequestResult result;
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	Answer answer;

	request_result(part->request, &result);
	if (result.state == REQUEST_WAITING)
		return;
	/* What was fetched ahead may have broken off: what there is of it is good. */
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
	/* Nothing left behind what we have: only hearing it all again can tell. */
	if (result.status == 416 && part->resume_from > 0 && !part->range_refused)
	{
		part->range_refused = true;
		count_retry(feed, part);
		close_transfer(part);
		part->phase = PART_WAITING;
		return;
	}
	feed->api->subject(part, subject, sizeof(subject));
	answer_judge(&answer, part->call, &result, subject, feed->options, part->token);
	if (answer.action == ACTION_SUCCESS)
		part->phase = PART_READABLE;
	else
		handle_answer(feed, part, &answer);
}

/*
 * Downloads of other scans may hold all descriptors that there are for such use:
 * then this one begins when they are read.  But if none of them is, nothing
 * will change, and the error of open_download says what would.
 */
static bool
has_room_for_download(ExportFeed *feed, int64 now)
{
	int left_free = SOME_DESCRIPTORS + async_feeds * DESCRIPTORS_OF_REACTOR;

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
	report_request(feed, part);
	if (part->request == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	part->phase = PART_OPENING;
}

static void
prepare_spool(ExportFeed *feed, FeedPart *part)
{
	MemoryContext old_context = MemoryContextSwitchTo(feed->context);

	if (feed->spool_file == NULL)
		feed->spool_file = spool_file_create();
	if (part->spool == NULL)
		part->spool = spool_create(feed->spool_file);
	else
		spool_restart(part->spool);
	MemoryContextSwitchTo(old_context);
}

static void
begin_reading(ExportFeed *feed, FeedPart *part)
{
	RequestResult result;
	bool again = part == feed->broken;

	feed->broken = NULL;
	feed->current = part;
	feed->input.next = NULL;
	feed->input.available = 0;
	feed->input.last = false;
	feed->lent = feed->spooled = 0;
	feed->lent_from_file = false;
	feed->waiting_since = 0;
	if (part->export != NULL)
		exports_begin_reading(part->export);
	feed->given = 0;
	if (again && !feed->api->rereadable)
		return; /* unpacker and records stand where they stopped */
	part->sniffed = false;
	feed->head.length = 0;
	if (part->from_spool)
		spool_rewind(part->spool);
	else if (feed->keep)
		prepare_spool(feed, part);
	record_block_free(record_stream_return_block(feed->records));
	record_stream_reset(feed->records, feed->api->packing);
	record_walker_reset(feed->walker, feed->api->packing);
	unpacker_reset(feed->unpacker);
	if (!part->from_spool)
	{
		request_result(part->request, &result);
		part->coding = content_coding_by_name(result.headers->content_encoding);
	}
	if (!unpacker_set_coding(feed->unpacker, part->coding))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	feed->filling = false;
	if (!feed->api->rereadable)
		return;
	if (!again)
		delivered_entries_clear(feed->delivered);
	else
	{
		delivered_entries_begin_again(feed->delivered);
		if (!unpacker_read_again(feed->unpacker, feed->delivered))
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
}

/* At most this many ready parts are looked at for one whose download can begin. */
#define READY_AT_ONCE 16

/* A part that needs no look for now leaves those that are looked at. */
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
	/* Parts that are made as they are needed go when they are done. */
	else if (!feed->api->parts_are_kept && !feed->keep)
	{
		dlist_delete(&part->node);
		free_part(part);
	}
}

/* It waits for its export, which will tell. */
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
	/* It made room for a part that nothing would wake us for. */
	return part->phase == PART_DONE && !feed->all_added ? now : REACTOR_NEVER;
}

/* What it waits for may be there; returns when it is to be looked at again. */
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

/* See what became of what the live parts wait for. */
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
		const FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (part->reactor != NULL && (part->phase == PART_OPENING || part->phase == PART_READABLE))
			open++;
	}
	return open;
}

/*
 * A ready part is opened if it may be.  Returns when there is more to do;
 * *next says that it is the next one, so that others need not get ready beside it.
 */
static int64
step_ripe_part(ExportFeed *feed, FeedPart *part, int64 now, bool *next)
{
	int64 due = Max(part->due, throttle_due(part->call, feed->options, now));

	*next = false;
	if (due > now)
		return due;
	if (!has_room_for_download(feed, now))
		return now + ROOM_DELAY;
	if (feed->api->may_open(feed, part))
	{
		open_download(feed, part);
		reactor_drive(part->reactor);
		*next = true;
		/*
		 * It may have left some of its span to a part that is not looked at in
		 * this round, and what is over at once (a refused connection) wakes
		 * nobody any more.
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

/*
 * Move everything that can move.  Returns when something is due next; sets
 * feed->current when a part can be read.
 */
static int64
step_parts(ExportFeed *feed)
{
	int64 now = monotonic_milliseconds();
	int max_open = feed->api->max_open(feed);
	int64 due;
	int open;
	dlist_mutable_iter iter;

	feed->visited = feed->stepped = now;

	/* First what the parts depend on: nothing wakes us for what ended in here. */
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
		if (part->phase == PART_READY && open < max_open)
		{
			bool is_next;
			int64 part_due = step_ripe_part(feed, part, now, &is_next);

			open += is_next;
			if (part_due != now || !is_next || open < max_open ||
				(part->request != NULL && request_state(part->request) != REQUEST_WAITING))
				due = Min(due, part_due);
		}
		if (part->phase == PART_READABLE && feed->current == NULL)
			begin_reading(feed, part);
	}
	return feed->woken ? now : due;
}

static bool
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

/*-------------------------------------------------------------------------
 * Waiting
 *-------------------------------------------------------------------------
 */

/* The reactor that the feed waits with; one that never waits needs none. */
static Reactor *
wait_reactor(ExportFeed *feed)
{
	if (feed->reactor == NULL)
		feed->reactor = network_create_reactor();
	return feed->reactor;
}

/* Put everything that may wake us behind one descriptor. */
static void
nest_reactors(ExportFeed *feed)
{
	bool ok = true;
	dlist_iter iter;

	wait_reactor(feed);
	/* What other scans wait for gets on, too. */
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

/* Say to all that are waited for that the wait begins or ends. */
static void
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
 * Count the wait up to now.  An Append's wait may have ended long ago, for
 * another of its children, without anybody telling us: it can't have taken
 * longer than its limit.
 */
static void
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

/* Sleep until something happens or is due.  The only place that sleeps. */
static void
wait_for_events(ExportFeed *feed)
{
	/* Nobody else is being read: what others hold of what we need can't become free by itself. */
	Reactor *resting = resting_step(feed, 0);
	int descriptor;
	int events;

	if (resting != NULL && !reactor_nest(wait_reactor(feed), resting))
		resting = NULL;
	descriptor = feed_begin_wait(feed, -1);
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
	feed_end_wait(feed);
	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */

/* The transfer is ours again, if it was a thread's. */
static void
end_read_ahead(ExportFeed *feed, FeedPart *part)
{
	if (part->read_ahead == NULL)
		return;
	read_ahead_stop(part->read_ahead);
	part->read_ahead = NULL;
}

static int
sqlstate_of_stream_error(StreamErrorKind kind)
{
	switch (kind)
	{
		case STREAM_ERROR_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case STREAM_ERROR_OUT_OF_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/* So much of progress makes up for the attempts before. */
#define WORTHWHILE_PROGRESS ((uint64) 64 * 1024)

/*
 * Some of the part was handed out, up to that position: note what, so that the
 * rest can be read from another download.  False if that is not possible.
 */
static bool
note_delivered(ExportFeed *feed, FeedPart *part, RecordPosition position, Answer *answer)
{
	if (!feed->api->rereadable || !position.known)
		return false;
	/* The beginning of an entry that has brought nothing yet is not needed. */
	if (position.inside && position.offset > 0)
		delivered_entries_note(feed->delivered, record_stream_entry(feed->records), position.offset,
							   position.crc, false);
	if (!delivered_entries_is_complete(feed->delivered))
	{
		failure_add_detail(
			&answer->failure,
			"It can't be gone on with, because more than %d files were read of it, or "
			"hundreds with one name.",
			DELIVERED_MAX_ENTRIES);
		failure_set_hint(&answer->failure, "Ask for fewer hours at a time with request_span of "
										   "the server.");
		return false;
	}
	feed->counters.bytes_downloaded += bytes_of_transfer(part);
	feed->counters.bytes_inflated += record_stream_bytes(feed->records);
	/* Blocks may be full of what is never handed out: without a record there is no progress. */
	if (part->delivered > part->delivered_before &&
		record_stream_bytes(feed->records) >= WORTHWHILE_PROGRESS)
		memset(&part->retry, 0, sizeof(Retry));
	part->delivered_before = part->delivered;
	feed->broken = part;
	return true;
}

/*
 * The content of the current part can't be read to its end.  It is worth
 * another try, if the answer's action says so, while nothing of it was handed
 * out, or if that can be left out.
 */
static void
handle_broken_content(ExportFeed *feed, FeedPart *part, RecordPosition position, Answer *answer)
{
	end_read_ahead(feed, part);
	if (part->delivered > 0 && answer->action == ACTION_RETRY &&
		!note_delivered(feed, part, position, answer))
		answer->action = ACTION_FAIL_NETWORK;
	feed->current = NULL;
	part->resume_from = 0;
	handle_answer(feed, part, answer);
}

/* What to say and to do about content that is not right. */
static void
judge_content(const ExportFeed *feed, const FeedPart *part, const StreamError *error, bool is_json,
			  Answer *answer)
{
	const char *entry = record_stream_entry(feed->records);
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	ForeignText message;
	ForeignText entry_shown;

	/* It may quote what the server sent. */
	foreign_text(&message, error->message, feed->options, NULL);
	foreign_text(&entry_shown, entry != NULL ? entry : "", feed->options, NULL);
	feed->api->subject(part, subject, sizeof(subject));
	answer->action = error->kind == STREAM_ERROR_TRUNCATED || error->kind == STREAM_ERROR_CORRUPT
						 ? ACTION_RETRY
						 : ACTION_FAIL_REQUEST;
	answer->retry_after = -1;
	failure_set(&answer->failure, sqlstate_of_stream_error(error->kind), "read an export", "%s",
				message.text);
	failure_add_detail(&answer->failure,
					   "%s: the problem is after record " UINT64_FORMAT ", at byte " UINT64_FORMAT
					   " of the %s content%s%s.",
					   subject, part->delivered, error->offset, is_json ? "inflated" : "downloaded",
					   entry_shown.text[0] != '\0' ? ", archive entry " : "", entry_shown.text);
	if (error->kind == STREAM_ERROR_CHANGED)
		failure_set_hint(&answer->failure, "Run the query again.");
}

/* The same about content that is no export at all. */
static void
judge_foreign(const ExportFeed *feed, const FeedPart *part, const ForeignContent *content,
			  Answer *answer)
{
	const char *wanted = part->call == CALL_PROFILES  ? "list of profiles"
						 : part->call == CALL_ARCHIVE ? "archive"
													  : "export";
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	ForeignText words;

	feed->api->subject(part, subject, sizeof(subject));
	answer->action = content->may_heal ? ACTION_RETRY : ACTION_FAIL_REQUEST;
	answer->retry_after = -1;
	failure_set(&answer->failure, ERRCODE_FDW_ERROR, "read an export",
				"what the server sent is no %s", wanted);
	foreign_body_words(&words, (const char *) content->head.bytes, content->head.length,
					   content->inflated, feed->options, part->token);
	failure_add_detail(&answer->failure, "%s: it is %s.", subject, words.text);
	if (part->coding == CODING_UNKNOWN)
	{
		answer->action = ACTION_FAIL_REQUEST;
		failure_add_detail(&answer->failure, "Its Content-Encoding can't be decoded.");
	}
	failure_set_hint(&answer->failure, "It may come from a proxy or gateway on the way: see the "
									   "option proxy of the server, or try again later.");
}

/* Is there more than its length to tell whether it is what the remote sent? */
static bool
has_checksum(const ExportFeed *feed, const FeedPart *part)
{
	return feed->api->packing == PACKED_ZIP || part->is_gzip;
}

/* Read on to the next checksum before something is said of the content. */
static void
begin_verifying(ExportFeed *feed, FeedPart *part, bool about_value, bool may_go_on)
{
	Doubt *doubt = &feed->doubt;

	doubt->about_value = about_value;
	doubt->may_go_on = may_go_on;
	doubt->error = *record_stream_error(feed->records);
	doubt->position = record_stream_position(feed->records, about_value);
	doubt->began = record_stream_bytes(feed->records);
	part->phase = PART_VERIFYING;
}

/* There is no more of the content, or no more that makes sense. */
static void
handle_stream_error(ExportFeed *feed, FeedPart *part, const StreamError *error, bool is_json,
					RecordPosition position, ContentState state)
{
	ForeignContent content;
	Answer answer;

	if (part->delivered == 0 && is_json == (feed->api->packing == PACKED_GZIP) &&
		content_is_foreign(&feed->head, part->coding, feed->api->packing, &content))
		judge_foreign(feed, part, &content, &answer);
	else
	{
		judge_content(feed, part, error, is_json, &answer);
		/* What has its checksum, and was right so far, will not be any better. */
		if (state == CONTENT_VERIFIED && answer.action == ACTION_RETRY &&
			(part->delivered > 0 || has_checksum(feed, part)))
			answer.action = ACTION_FAIL_REQUEST;
	}
	part->from_spool = false;
	handle_broken_content(feed, part, position, &answer);
}

void
feed_doubt(ExportFeed *feed, bool may_go_on)
{
	begin_verifying(feed, feed->current, true, may_go_on);
}

/* No more than this is read on in search of a checksum (inflated bytes). */
#define VERIFY_AT_MOST ((uint64) 64 * 1024 * 1024)

/*
 * Look for the end of what has a checksum, an archive's entry or the whole
 * file, to see whether it is what the remote sent.  The records passed over are
 * lost.
 */
static ContentState
verify(const ExportFeed *feed)
{
	switch (record_stream_verify(feed->records))
	{
		case STREAM_END:
			return CONTENT_VERIFIED;
		case STREAM_ERROR:
			return CONTENT_CORRUPT;
		default:
			break;
	}
	return record_stream_bytes(feed->records) - feed->doubt.began > VERIFY_AT_MOST
			   ? CONTENT_UNKNOWN
			   : CONTENT_PENDING;
}

/* It is known whether the content is what the remote sent; true if a value is to be blamed. */
static bool
conclude_verifying(ExportFeed *feed, FeedPart *part, ContentState state)
{
	const Doubt *doubt = &feed->doubt;
	const StreamError *error = record_stream_error(feed->records);
	Answer answer;

	part->phase = PART_READABLE;
	if (!doubt->about_value)
	{
		/* Bytes that were corrupted look like bad JSON first. */
		handle_stream_error(feed, part, state == CONTENT_CORRUPT ? error : &doubt->error,
							state != CONTENT_CORRUPT, doubt->position, state);
		return false;
	}
	if (state != CONTENT_CORRUPT)
		return true;
	part->delivered--;
	feed->counters.records--;
	judge_content(feed, part, error, false, &answer);
	if (!doubt->may_go_on && answer.action == ACTION_RETRY)
		answer.action = ACTION_FAIL_NETWORK;
	part->from_spool = false;
	handle_broken_content(feed, part, doubt->position, &answer);
	return false;
}

/*
 * The size of the file by the status of its export; -1 if none was told, or if
 * what came is not the file itself.
 */
static int64
announced_size(const ExportFeed *feed, const FeedPart *part)
{
	ExportView export;

	if (part->export == NULL || part->from_spool || !part->is_gzip)
		return -1;
	/* A store may name the file's own form as a coding. */
	if (part->coding != CODING_NONE && unpacker_is_gzip_inside(feed->unpacker))
		return -1;
	exports_view(part->export, &export);
	return export.file_size;
}

/* An archive was read: did it hold what is no export? */
static void
note_passed_over(ExportFeed *feed)
{
	const char *first;
	uint64 count = record_stream_passed_over(feed->records, &first);

	if (count == 0)
		return;
	if (feed->first_passed_over == NULL)
	{
		ForeignText shown;

		feed->first_passed_over =
			MemoryContextStrdup(feed->context, foreign_text(&shown, first, feed->options, NULL));
	}
	feed->counters.entries_passed_over += count;
}

/* At the end of the scan: tell of the entries that have come since this was called last. */
static void
warn_of_passed_over(ExportFeed *feed)
{
	int64 count = feed->counters.entries_passed_over - feed->warned_of_entries;

	if (count == 0)
		return;
	feed->warned_of_entries = feed->counters.entries_passed_over;
	ereport(WARNING, (errmsg_plural(
						  INT64_FORMAT " file in the archives of foreign table \"%s\" is no export "
									   "and was passed over",
						  INT64_FORMAT " files in the archives of foreign table \"%s\" are no "
									   "exports and were passed over",
						  (unsigned long) Min(count, INT_MAX), count, feed->options->table_name),
					  errdetail("The first: \"%s\".", feed->first_passed_over)));
}

/* Bytes of the part's file that have come, wherever the transfer under way began. */
static int64
bytes_received(const FeedPart *part)
{
	return (int64) bytes_of_transfer(part) + (part->from_start ? 0 : (int64) part->resume_from);
}

/* A transfer that never ends would, too. */
static bool
is_longer_than_announced(const ExportFeed *feed, const FeedPart *part)
{
	int64 announced = announced_size(feed, part);

	return announced >= 0 && part->delivered > 0 && bytes_received(part) > announced;
}

static void
handle_wrong_length(ExportFeed *feed, FeedPart *part, int64 received)
{
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	Answer answer = { ACTION_RETRY, -1, { 0 } };

	feed->api->subject(part, subject, sizeof(subject));
	failure_set(&answer.failure, ERRCODE_FDW_ERROR, "read an export",
				"the download has " INT64_FORMAT
				" bytes, but the status of the export announced " INT64_FORMAT,
				received, announced_size(feed, part));
	failure_add_detail(&answer.failure, "%s.", subject);
	handle_broken_content(feed, part, record_stream_position(feed->records, false), &answer);
}

/* All of the content was read and verified; so must be its announced length. */
static void
finish_part(ExportFeed *feed, FeedPart *part)
{
	int64 announced;

	if (part->from_spool)
	{
		part->phase = PART_DONE;
		feed->current = NULL;
		return;
	}
	end_read_ahead(feed, part);
	announced = announced_size(feed, part);
	if (announced >= 0 && announced != bytes_received(part))
	{
		handle_wrong_length(feed, part, bytes_received(part));
		return;
	}
	count_part(feed, part);
	if (part->delivered == 0 && feed->api->ask_otherwise != NULL &&
		feed->api->ask_otherwise(feed, part))
	{
		close_transfer(part);
		part->phase = PART_WAITING;
		feed->current = NULL;
		return;
	}
	report_end(feed, part, "read", NULL);
	feed->api->remember(feed, part);
	note_passed_over(feed);
	close_transfer(part);
	part->phase = PART_DONE;
	feed->current = NULL;
	if (part->spool != NULL)
		spool_complete(part->spool);
}

/*
 * The scan starts over before it came to the end of this part: download the
 * rest of it to the file, so that it need not be asked for again.
 */
static void
finish_spool(ExportFeed *feed, FeedPart *part)
{
	if (part->spool == NULL || part->from_spool || part->skip_left > 0)
		return;
	/* What was lent is in the file already. */
	feed->input.available = 0;
	consume_lent(feed, part);
	while (!overflow_is_empty(part->overflow))
		lend_from_overflow(feed, part);
	feed->input.available = feed->lent = 0;
	for (;;)
	{
		size_t length;
		const char *body = request_body(part->request, &length);

		if (length > 0)
		{
			spool_write(part->spool, body, length);
			request_consume(part->request, length);
		}
		else if (request_state(part->request) == REQUEST_RECEIVING)
		{
			reactor_drive(part->reactor);
			request_body(part->request, &length);
			feed->due = REACTOR_NEVER;
			if (length == 0 && request_state(part->request) == REQUEST_RECEIVING)
				wait_for_events(feed);
		}
		else
			break;
	}
	feed->counters.bytes_downloaded += request_bytes_received(part->request);
	feed->counters.bytes_inflated += record_stream_bytes(feed->records);
	/* A broken one is asked for again. */
	if (request_state(part->request) == REQUEST_DONE)
		spool_complete(part->spool);
}

/* Note how far the broken transfer got, to go on from there. */
static void
note_position(ExportFeed *feed, FeedPart *part)
{
	uint64 received = request_bytes_received(part->request);
	uint64 before = part->resume_from;

	feed->counters.bytes_downloaded += received;
	part->bytes_downloaded += received;
	if (part->skip_left > 0)
		return; /* it did not even get there again */
	part->resume_checksum = part->from_start
								? request_checksum(part->request)
								: stream_crc32_combine(part->resume_checksum,
													   request_checksum(part->request), received);
	part->resume_from = part->from_start ? received : part->resume_from + received;
	if (part->resume_from >= before + WORTHWHILE_PROGRESS)
		memset(&part->retry, 0, sizeof(Retry));
}

/* The transfer ended before its content did. */
static void
handle_broken_transfer(ExportFeed *feed, FeedPart *part)
{
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	RequestResult result;
	Answer answer;

	end_read_ahead(feed, part);
	request_result(part->request, &result);
	feed->api->subject(part, subject, sizeof(subject));
	answer_judge(&answer, part->call, &result, subject, feed->options, part->token);
	failure_add_detail(&answer.failure,
					   "The connection broke after " UINT64_FORMAT " bytes and " UINT64_FORMAT
					   " records.",
					   request_bytes_received(part->request), part->delivered);
	if (part->delivered > 0 && feed->api->resumable && answer.action == ACTION_RETRY)
	{
		note_position(feed, part);
		part->reminted = false;
		feed->current = NULL;
		feed->broken = part;
		handle_answer(feed, part, &answer);
		return;
	}
	handle_broken_content(feed, part, record_stream_position(feed->records, false), &answer);
}

/* Hand the download over to a thread, if it is long enough to gain by that. */
static void
begin_read_ahead(ExportFeed *feed, FeedPart *part)
{
	if (!read_ahead_enabled || feed->keep || feed->given != READ_AHEAD_AFTER || !part->sniffed ||
		part->overflow != NULL || part->reactor == NULL ||
		!network_has_room(READ_AHEAD_DESCRIPTORS + DESCRIPTORS_OF_REACTOR))
		return;
	/* Whoever goes on, here or there, is lent it anew before it can be the last. */
	feed_take_back_input(feed, part);
	part->read_ahead =
		read_ahead_start(part->reactor, part->request, wait_reactor(feed), feed->unpacker,
						 feed->walker, feed->preparer, record_stream_block(feed->records));
}

typedef enum SupplyResult
{
	SUPPLIED,
	SUPPLY_NOTHING_YET,
	SUPPLY_BROKEN /* the transfer failed */
} SupplyResult;

/* Walk (on) a block and hand it to the records. */
static void
walk_block(ExportFeed *feed, FeedPart *part, RecordBlock *block)
{
	if (record_block_state(block) != BLOCK_WALKED)
	{
		record_walker_walk(feed->walker, block);
		if (part->read_ahead != NULL && record_block_state(block) == BLOCK_WALKED)
			read_ahead_walked(part->read_ahead);
	}
	record_stream_give(feed->records, block);
}

/* Fill a block ourselves and give it to the records. */
static SupplyResult
supply_here(ExportFeed *feed, FeedPart *part)
{
	StreamStatus status;

	if (feed->block == NULL)
		feed->block = record_stream_return_block(feed->records);
	if (feed->block == NULL)
	{
		feed->block = record_block_create();
		if (feed->block == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		feed->filling = false;
	}
	for (;;)
	{
		/* Much may be passed over before anything gets into the block. */
		CHECK_FOR_INTERRUPTS();
		if (feed->filling)
			status = record_block_continue(feed->block, feed->unpacker, &feed->input);
		else
			status = record_block_fill(feed->block, feed->unpacker, &feed->input);
		feed->filling = true;
		if (status == STREAM_PAUSED)
			continue;
		if (status != STREAM_NEED_INPUT)
			break;
		if (lend_input(feed, part))
			continue;
		if (!part->from_spool && part->reactor != NULL &&
			request_state(part->request) != REQUEST_FAILED)
		{
			reactor_drive(part->reactor);
			if (lend_input(feed, part))
				continue;
		}
		if (!record_block_is_empty(feed->block))
			break;
		if (part->from_spool)
			elog(ERROR, "the temporary file of a download ends too early");
		return request_state(part->request) == REQUEST_FAILED ? SUPPLY_BROKEN : SUPPLY_NOTHING_YET;
	}
	walk_block(feed, part, feed->block);
	feed->block = NULL;
	feed->filling = false;
	feed->given++;
	if (status == STREAM_DATA || status == STREAM_NEED_INPUT)
		begin_read_ahead(feed, part);
	return SUPPLIED;
}

/* Give the records the next block that the thread has filled. */
static SupplyResult
supply_from_thread(ExportFeed *feed, FeedPart *part)
{
	RecordBlock *block;
	bool ended;

	read_ahead_put_back(part->read_ahead, record_stream_return_block(feed->records));
	/* In this order: the last block may come between the two looks. */
	ended = read_ahead_ended(part->read_ahead);
	block = read_ahead_take(part->read_ahead);
	if (block == NULL && ended && read_ahead_retired(part->read_ahead))
	{
		end_read_ahead(feed, part);
		return supply_here(feed, part);
	}
	if (block == NULL)
		return ended ? SUPPLY_BROKEN : SUPPLY_NOTHING_YET;
	/* What the thread has found comes first, even if it is not all of the block. */
	if (record_block_state(block) == BLOCK_PARTLY_WALKED)
		record_stream_give(feed->records, block);
	else
		walk_block(feed, part, block);
	return SUPPLIED;
}

/* Give the records more to read. */
static SupplyResult
supply(ExportFeed *feed, FeedPart *part)
{
	RecordBlock *block = record_stream_block(feed->records);

	feed->visited = monotonic_milliseconds();
	/* Others get on while this one keeps us busy. */
	if (feed->visited >= feed->stepped + STEP_AT_LEAST)
		step_parts(feed);
	feed_note_transfer(part);
	if (block != NULL && record_block_state(block) == BLOCK_PARTLY_WALKED)
	{
		walk_block(feed, part, block);
		return SUPPLIED;
	}
	return part->read_ahead != NULL ? supply_from_thread(feed, part) : supply_here(feed, part);
}

/*
 * What the records say next; STREAM_NEED_INPUT: they have to be given more.
 * The part may have come to its end, one way or the other.
 */
static StreamStatus
next_record(ExportFeed *feed, FeedPart *part)
{
	StreamStatus status = record_stream_next(feed->records);

	switch (status)
	{
		case STREAM_RECORD:
			part->delivered++;
			feed->counters.records++;
			break;
		case STREAM_ENTRY_END:
			delivered_entries_note(feed->delivered, record_stream_entry(feed->records),
								   record_stream_entry_length(feed->records),
								   record_stream_entry_crc(feed->records), true);
			break;
		case STREAM_ERROR:
			if (record_stream_error_is_json(feed->records))
				begin_verifying(feed, part, false, true);
			else
				handle_stream_error(feed, part, record_stream_error(feed->records), false,
									record_stream_position(feed->records, false), CONTENT_CORRUPT);
			break;
		case STREAM_END:
			finish_part(feed, part);
			break;
		default:
			break;
	}
	return status;
}

/* The transfer is over before its content is. */
static bool
end_broken(ExportFeed *feed, FeedPart *part)
{
	if (part->phase == PART_VERIFYING)
		return conclude_verifying(feed, part, CONTENT_UNKNOWN);
	handle_broken_transfer(feed, part);
	return false;
}

FeedResult
feed_next(ExportFeed *feed, bool wait)
{
	for (;;)
	{
		FeedPart *part = feed->current;
		int64 due = REACTOR_NEVER;

		CHECK_FOR_INTERRUPTS();
		if (part == NULL)
		{
			due = step_parts(feed);
			if (feed->current != NULL)
				return FEED_ORIGIN;
			if (all_done(feed))
			{
				close_wait_reactor(feed);
				warn_of_passed_over(feed);
				return FEED_END;
			}
		}
		else
		{
			if (part->phase == PART_VERIFYING)
			{
				ContentState state = verify(feed);

				if (state != CONTENT_PENDING)
				{
					if (conclude_verifying(feed, part, state))
						return FEED_CONFIRMED;
					continue;
				}
			}
			else
			{
				StreamStatus status = next_record(feed, part);

				if (status == STREAM_RECORD)
					return FEED_RECORD;
				if (status == STREAM_ENTRY_BEGIN)
					return FEED_ORIGIN;
				if (status != STREAM_NEED_INPUT)
					continue;
			}
			switch (supply(feed, part))
			{
				case SUPPLIED:
					if (is_longer_than_announced(feed, part))
						handle_wrong_length(feed, part, bytes_received(part));
					continue;
				case SUPPLY_BROKEN:
					if (end_broken(feed, part))
						return FEED_CONFIRMED;
					continue;
				case SUPPLY_NOTHING_YET:
					break;
			}
		}
		feed->due = due;
		if (!wait)
		{
			/* Its siblings may be read at any moment, other scans hardly. */
			resting_step(feed, RESTING_AFTER);
			return FEED_WOULD_BLOCK;
		}
		wait_for_events(feed);
	}
}

const JsonValue *
feed_values(const ExportFeed *feed)
{
	return record_stream_values(feed->records);
}

void *const *
feed_prepared(const ExportFeed *feed)
{
	return record_stream_prepared(feed->records);
}

void
feed_origin(const ExportFeed *feed, RecordOrigin *origin)
{
	const FeedPart *part = feed->current;

	memset(origin, 0, sizeof(*origin));
	origin->archive_entry = record_stream_entry(feed->records);
	if (part == NULL)
		return;
	origin->profile_id = part->profile_id;
	if (part->export != NULL)
		exports_tell_origin(part->export, origin);
}

uint64
feed_record_number(const ExportFeed *feed)
{
	return feed->current->delivered;
}

uint64
feed_record_offset(const ExportFeed *feed)
{
	return record_stream_offset(feed->records);
}

void
feed_counters(const ExportFeed *feed, FeedCounters *counters)
{
	dlist_iter iter;

	*counters = feed->counters;
	counters->longest_export = -1;
	dlist_foreach(iter, (dlist_head *) &feed->parts)
	{
		const FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		if (part->export != NULL)
		{
			ExportView export;

			exports_view(part->export, &export);
			counters->longest_export = Max(counters->longest_export, export.took);
			counters->polls += export.polls - part->polls_before;
			counters->retries += export.retries - part->retries_before;
		}
	}
	/* What is read at the moment, or was when the scan was left. */
	if (feed->current != NULL)
	{
		counters->bytes_downloaded += bytes_of_transfer(feed->current);
		counters->bytes_inflated += record_stream_bytes(feed->records);
	}
}
