/*-------------------------------------------------------------------------
 *
 * feed.c
 *		The records of one scan, whichever API they come from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/apis.h"
#include "feed/feed_statistics.h"
#include "feed/keep.h"
#include "feed/part_end.h"
#include "feed/reading.h"
#include "feed/recovery.h"
#include "feed/resting.h"
#include "feed/steps.h"
#include "feed/wait.h"
#include "feed/wait_clock.h"
#include "feed/wait_reactor.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "session/control.h"
#include "session/registry.h"
#include "session/spare_reactors.h"
#include "session/statistics.h"
#include "utils/memutils.h"

/* While a part is read without waiting, the others are looked at this often (milliseconds). */
#define STEP_AT_LEAST 20

/* A scan that has not been read for this long rests (milliseconds). */
#define RESTING_AFTER 1000

/*-------------------------------------------------------------------------
 * Creation and release
 *-------------------------------------------------------------------------
 */

static void
forget_parts(ExportFeed *feed)
{
	dlist_init(&feed->parts);
	dlist_init(&feed->live);
	dlist_init(&feed->stock);
	feed->ready = feed->asleep = 0;
	feed->woken = false;
}

/* What the export of a part has taken. */
static void
add_export(const ExportFeed *feed, const FeedPart *part, FeedCounters *counters)
{
	if (feed->api->count != NULL)
		feed->api->count(part, counters);
}

/* For the statistics: what is new since it was noted before. */
static void
note_retries(ExportFeed *feed, FeedPart *part)
{
	FeedCounters counters = { 0 };

	add_export(feed, part, &counters);
	feed->noted_retries += counters.retries - part->noted_retries;
	part->noted_retries = counters.retries;
}

/* What was read of the part that is being read now; what was kept has been counted. */
static void
count_current(const ExportFeed *feed, FeedCounters *counters)
{
	if (feed->current == NULL || feed->current->from_spool)
		return;
	counters->bytes_downloaded += bytes_of_transfer(feed->current);
	counters->bytes_inflated += record_stream_bytes(feed->records);
}

/* Of parts that are not over, or were not when the scan was abandoned. */
static void
add_unfinished(const ExportFeed *feed, FeedCounters *counters)
{
	count_current(feed, counters);
	if (feed->spooling != NULL)
		counters->bytes_downloaded += bytes_of_transfer(feed->spooling);
}

/*
 * As each part ends.  Others are not looked at, as there may be thousands: what
 * their exports have taken is noted when they end, or the scan does.
 */
static void
note_statistics(ExportFeed *feed, FeedPart *ended)
{
	FeedCounters now = feed->counters;

	if (ended != NULL)
		note_retries(feed, ended);
	now.retries += feed->noted_retries;
	add_unfinished(feed, &now);
	feed_add_statistics(feed->options, &feed->noted, &now);
}

static void
note_statistics_of_all(ExportFeed *feed)
{
	dlist_iter iter;

	dlist_foreach(iter, &feed->parts) note_retries(feed, dlist_container(FeedPart, node, iter.cur));
	note_statistics(feed, NULL);
}

/* What was read of the part that is left now. */
static void
note_left_part(ExportFeed *feed)
{
	if (feed->records != NULL && feed->current != NULL)
		note_read(feed, feed->current, true);
}

static void
release_feed(void *argument)
{
	ExportFeed *feed = argument;
	dlist_iter iter;

	/* It may be called again, when nothing is left. */
	if (feed->records != NULL)
		note_statistics_of_all(feed);
	note_left_part(feed);
	resting_forget(feed);
	dlist_foreach(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		part->overflow = NULL; /* the server removes the file */
		close_transfer(part);
		wipe_string(&part->token);
		release_part(part);
	}
	forget_parts(feed);
	feed->current = feed->spooling = NULL;
	feed->all_added = true;
	if (feed->api->release_feed != NULL)
		feed->api->release_feed(feed);
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
	registry_detach(&feed->attachment);
	if (feed->uses_spare)
		spare_reactors_detach();
	feed->uses_spare = false;
}

ExportFeed *
feed_create(const ForeignOptions *options, const JsonPaths *paths, const RecordPreparer *preparer)
{
	ExportFeed *feed = palloc0(sizeof(ExportFeed));

	feed->api = feed_api_of(options->entity);
	if (feed->api->feed_size > 0)
		feed->own = palloc0(feed->api->feed_size);
	feed->options = options;
	feed->context = CurrentMemoryContext;
	feed->counters.longest_export = -1;
	forget_parts(feed);
	feed->query_context = AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw feed query",
												ALLOCSET_SMALL_SIZES);

	/* Registered first, so that nothing made below can be lost. */
	feed->callback.func = release_feed;
	feed->callback.arg = feed;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &feed->callback);
	statistics_begin(options);
	spare_reactors_attach(options->user_id);
	feed->uses_spare = true;
	feed->owner = CurrentResourceOwner;
	resting_register(feed);
	if (feed->api->uses_registry)
		registry_attach(&feed->attachment, options->user_id);
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
feed_close(ExportFeed *feed)
{
	dlist_iter iter;

	/* If the scan ends with an error instead, the server removes the files. */
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
		if (part->phase != PART_SPOOLING)
		{
			close_transfer(part);
			part->phase = PART_WAITING;
		}
		part->began = monotonic_milliseconds();
		part->bytes_downloaded = part->retries = 0;
		part->due = 0;
		if (feed->api->rewind != NULL)
			feed->api->rewind(part);
		part->reminted = part->reauthenticated = false;
		part->delivered = part->delivered_before = 0;
		part->sniffed = false;
		part->resume_from = 0;
		part->range_refused = false;
		/* What is there in full need not be downloaded again. */
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

	if (feed->spooling != NULL)
		feed->counters.bytes_downloaded += bytes_of_transfer(feed->spooling);
	feed->spooling = NULL;
	note_statistics_of_all(feed);
	/* First what may throw, while release_feed still finds them. */
	dlist_foreach_modify(iter, &feed->parts)
		close_transfer(dlist_container(FeedPart, node, iter.cur));
	dlist_foreach_modify(iter, &feed->parts)
	{
		FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		add_export(feed, part, &feed->counters);
		dlist_delete(&part->node);
		free_part(part);
	}
	feed->parts_gone = 0;
	forget_parts(feed);
	feed->noted_retries = 0; /* they are among the counters now */
	spool_file_close(feed->spool_file);
	feed->spool_file = NULL;
	feed->all_added = false;
}

/* Has everything that arrived so far been kept, so that only the rest is needed? */
static bool
may_be_kept(const FeedPart *part)
{
	return part->spool != NULL && !part->from_spool && part->skip_left == 0;
}

/* The part that is being read: the rest of it is kept, or what was read of it is counted. */
static void
leave_current(ExportFeed *feed, bool may_keep)
{
	if (feed->current == NULL)
		return;
	if (may_keep && may_be_kept(feed->current))
		begin_spooling(feed, feed->current);
	else
	{
		count_current(feed, &feed->counters);
		note_left_part(feed);
	}
	feed->current = NULL;
}

void
feed_start(ExportFeed *feed, const ExportQuery *query)
{
	MemoryContext old_context;

	drop_wait(feed);
	leave_current(feed,
				  feed->keep && feed->query != NULL && export_query_equal(feed->query, query));
	feed->broken = NULL;
	feed->waiting_since = 0;
	/* If there is no export to go back to, what was not kept is requested again. */
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
		if (feed->api->restart != NULL)
			feed->api->restart(feed);
	}
	if (feed->query->nothing)
	{
		feed->all_added = true;
		return;
	}

	/* Send what can be sent, without waiting for anything. */
	feed->is_starting = true;
	while (!feed->all_added && feed->api->add_parts(feed))
		;
	feed->is_starting = false;
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
 * Reading
 *-------------------------------------------------------------------------
 */

/* Let the other parts make progress while one keeps us busy. */
static void
step_others(ExportFeed *feed)
{
	feed->visited = monotonic_milliseconds();
	if (feed->visited >= feed->stepped + STEP_AT_LEAST)
		step_parts(feed);
}

/* Look for a part to be read; false if there is none yet, with *due set. */
static bool
begin_next_part(ExportFeed *feed, int64 *due)
{
	FeedPart *part;

	*due = step_parts(feed);
	part = find_readable(feed);
	if (part != NULL)
		begin_reading(feed, part);
	return part != NULL;
}

/*
 * One step with the current part.  True if there is something to return;
 * otherwise *starved says whether it has to wait for more.
 */
static bool
read_current_part(ExportFeed *feed, FeedResult *result, bool *starved)
{
	FeedPart *part = feed->current;

	*starved = false;
	*result = FEED_CONFIRMED;
	if (part->phase == PART_VERIFYING)
	{
		ContentState state = verify_content(feed);

		if (state != CONTENT_PENDING)
			return conclude_verifying(feed, part, state);
	}
	else
	{
		StreamStatus status = next_record(feed, part);

		*result = status == STREAM_RECORD ? FEED_RECORD : FEED_ORIGIN;
		if (feed->current == NULL)
			note_statistics(feed, part);
		if (status != STREAM_NEED_INPUT)
			return status == STREAM_RECORD || status == STREAM_ENTRY_BEGIN;
	}
	step_others(feed);
	switch (supply_records(feed, part))
	{
		case SUPPLY_BLOCK:
		case SUPPLY_LAST_BLOCK:
			handle_wrong_length(feed, part, false);
			return false;
		case SUPPLY_BROKEN:
			*result = FEED_CONFIRMED;
			return end_broken(feed, part);
		default:
			*starved = true;
			return false;
	}
}

FeedResult
feed_next(ExportFeed *feed, bool wait)
{
	for (;;)
	{
		int64 due = REACTOR_NEVER;

		CHECK_FOR_INTERRUPTS();
		if (feed->current != NULL)
		{
			FeedResult result;
			bool starved;

			if (read_current_part(feed, &result, &starved))
				return result;
			if (!starved)
				continue;
		}
		else
		{
			if (begin_next_part(feed, &due))
				return FEED_ORIGIN;
			if (all_done(feed))
			{
				close_wait_reactor(feed);
				warn_of_passed_over(feed);
				return FEED_END;
			}
		}
		feed->due = due;
		if (!wait)
		{
			/* Its siblings may be read at any moment, other scans hardly. */
			resting_step(feed, RESTING_AFTER, false);
			return FEED_WOULD_BLOCK;
		}
		wait_for_events(feed);
	}
}

void
feed_doubt(ExportFeed *feed, bool may_go_on)
{
	begin_verifying(feed, feed->current, true, may_go_on);
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
	if (feed->api->origin != NULL)
		feed->api->origin(part, origin);
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
	dlist_foreach(iter, (dlist_head *) &feed->parts)
		add_export(feed, dlist_container(FeedPart, node, iter.cur), counters);
	add_unfinished(feed, counters);
}
