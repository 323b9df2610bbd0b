/*-------------------------------------------------------------------------
 *
 * reading.c
 *		The part that is being read, from its first block to its last record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "feed/download.h"
#include "feed/keep.h"
#include "feed/part_end.h"
#include "feed/reading.h"
#include "feed/recovery.h"
#include "feed/wait_reactor.h"
#include "guc.h"
#include "miscadmin.h"
#include "remote/foreign_text.h"
#include "session/network.h"
#include "utils/memutils.h"

/* A part shorter than this many blocks (of 256 kB) is finished before a thread would help. */
#define READ_AHEAD_AFTER 4

void
begin_reading(ExportFeed *feed, FeedPart *part)
{
	RequestResult result;
	bool again = part == feed->broken;

	feed->broken = NULL;
	feed->current = part;
	feed->pump.input.next = NULL;
	feed->pump.input.available = 0;
	feed->pump.input.last = false;
	feed->lent = feed->spooled = 0;
	feed->lent_from_file = false;
	feed->waiting_since = 0;
	if (feed->api->begin_reading != NULL)
		feed->api->begin_reading(part);
	feed->given = 0;
	if (again && !feed->api->rereadable)
		return; /* unpacker and records continue where they stopped */
	memset(&part->told, 0, sizeof(part->told));
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
	feed->pump.filling = false;
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

/*-------------------------------------------------------------------------
 * Blocks
 *-------------------------------------------------------------------------
 */

/* Hand the download over to a thread, if it is long enough to benefit. */
static void
begin_read_ahead(ExportFeed *feed, FeedPart *part)
{
	if (!read_ahead_enabled || feed->keep || feed->given != READ_AHEAD_AFTER || !part->sniffed ||
		part->overflow != NULL || part->reactor == NULL ||
		!network_has_room(READ_AHEAD_DESCRIPTORS + DESCRIPTORS_OF_REACTOR))
		return;
	/*
	 * What is taken back is lent again to whichever side continues, before it
	 * can count as the last input.
	 */
	feed_take_back_input(feed, part);
	part->read_ahead =
		read_ahead_start(part->reactor, part->request, wait_reactor(feed), feed->unpacker,
						 feed->walker, feed->preparer, record_stream_block(feed->records));
	/* There was room for its descriptors a moment ago. */
	if (part->read_ahead != NULL)
		network_announce();
}

/* Walk a block, or continue to, and hand it to the records. */
static void
walk_block(ExportFeed *feed, FeedPart *part, RecordBlock *block)
{
	if (record_block_state(block) != BLOCK_WALKED)
	{
		/* What is pending is handled before the next call (in feed_next). */
		record_walker_walk(feed->walker, block, &InterruptPending);
		if (part->read_ahead != NULL && record_block_state(block) == BLOCK_WALKED)
			read_ahead_walked(part->read_ahead);
	}
	record_stream_give(feed->records, block);
}

/* The pump of the reader: see pump.h. */
static bool
lend_more(Pump *pump)
{
	ExportFeed *feed = pump->owner;

	return lend_input(feed, feed->current);
}

/* Much may be skipped before anything gets into a block. */
static bool
may_go_on(Pump *pump, const RecordBlock *block)
{
	CHECK_FOR_INTERRUPTS();
	return true;
}

/* Fill a block ourselves and give it to the records. */
static Supply
supply_here(ExportFeed *feed, FeedPart *part)
{
	Pump *pump = &feed->pump;
	Supply supply;

	if (feed->block == NULL)
		feed->block = record_stream_return_block(feed->records);
	if (feed->block == NULL)
	{
		feed->block = record_block_create();
		if (feed->block == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		pump->filling = false;
	}
	pump->owner = feed;
	pump->unpacker = feed->unpacker;
	pump->request = part->from_spool ? NULL : part->request;
	pump->reactor = part->reactor;
	pump->lend = lend_more;
	pump->goes_on = may_go_on;
	supply = pump_fill(pump, feed->block);
	if (supply == SUPPLY_NOTHING_YET && part->from_spool)
		elog(ERROR, "the temporary file of a download ends too early");
	if (supply != SUPPLY_BLOCK && supply != SUPPLY_LAST_BLOCK)
		return supply;
	walk_block(feed, part, feed->block);
	feed->block = NULL;
	feed->given++;
	if (supply == SUPPLY_BLOCK)
		begin_read_ahead(feed, part);
	return supply;
}

/* Give the records the next block that the thread has filled. */
static Supply
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
		end_read_ahead(part);
		return supply_here(feed, part);
	}
	if (block == NULL)
		return ended ? SUPPLY_BROKEN : SUPPLY_NOTHING_YET;
	/* What the thread has found comes first, even if it is not all of the block. */
	if (record_block_state(block) == BLOCK_PARTLY_WALKED)
		record_stream_give(feed->records, block);
	else
		walk_block(feed, part, block);
	return SUPPLY_BLOCK;
}

Supply
supply_records(ExportFeed *feed, FeedPart *part)
{
	RecordBlock *block = record_stream_block(feed->records);

	feed_note_transfer(part);
	note_read(feed, part, false);
	if (block != NULL && record_block_state(block) == BLOCK_PARTLY_WALKED)
	{
		walk_block(feed, part, block);
		return SUPPLY_BLOCK;
	}
	return part->read_ahead != NULL ? supply_from_thread(feed, part) : supply_here(feed, part);
}

/*-------------------------------------------------------------------------
 * Records
 *-------------------------------------------------------------------------
 */

/* An archive was read: did it contain files that are not exports? */
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

void
warn_of_passed_over(ExportFeed *feed)
{
	int64 count = feed->counters.entries_passed_over - feed->warned_of_entries;

	if (count == 0)
		return;
	feed->warned_of_entries = feed->counters.entries_passed_over;
	ereport(WARNING,
			(errmsg_plural(INT64_FORMAT
						   " file in the archives of foreign table \"%s\" is not an export "
						   "and was passed over",
						   INT64_FORMAT " files in the archives of foreign table \"%s\" are not "
										"exports and were passed over",
						   (unsigned long) Min(count, INT_MAX), count, feed->options->table_name),
			 errdetail("The first: \"%s\".", feed->first_passed_over)));
}

/* All of the content was read and verified; its announced length must match, too. */
static void
finish_part(ExportFeed *feed, FeedPart *part)
{
	if (part->from_spool)
	{
		part->phase = PART_DONE;
		feed->current = NULL;
		return;
	}
	end_read_ahead(part);
	if (handle_wrong_length(feed, part, true))
		return;
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

StreamStatus
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

bool
end_broken(ExportFeed *feed, FeedPart *part)
{
	if (part->phase == PART_VERIFYING)
		return conclude_verifying(feed, part, CONTENT_UNKNOWN);
	handle_broken_transfer(feed, part);
	return false;
}
