/*-------------------------------------------------------------------------
 *
 * keep.c
 *		Downloads that are kept in a file, for a scan that may start over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "feed/keep.h"
#include "feed/download.h"

void
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

/*
 * What was lent and taken back is in the file already, but comes again.  It is
 * no more than is lent at a time.
 */
static void
skip_spooled(ExportFeed *feed, FeedPart *part)
{
	char buffer[8192];
	size_t length;

	while (feed->spooled > 0 && !overflow_is_empty(part->overflow))
		feed->spooled -= overflow_read(part->overflow, buffer, Min(feed->spooled, sizeof(buffer)));
	request_body(part->request, &length);
	request_consume(part->request, Min(feed->spooled, length));
	feed->spooled = 0;
}

void
begin_spooling(ExportFeed *feed, FeedPart *part)
{
	/* What was lent is already in the file. */
	feed->pump.input.available = 0;
	consume_lent(feed, part);
	feed->lent = 0;
	skip_spooled(feed, part);
	feed->counters.bytes_inflated += record_stream_bytes(feed->records);
	feed->spooling = part;
	part->phase = PART_SPOOLING;
}

/*
 * Write what arrived while the scan was resting, which may be gigabytes.  After
 * a cancel, in a subtransaction perhaps, it would go on where it stopped.
 */
static void
spool_overflow(FeedPart *part)
{
	char buffer[8192];

	while (!overflow_is_empty(part->overflow))
	{
		spool_write(part->spool, buffer, overflow_read(part->overflow, buffer, sizeof(buffer)));
		CHECK_FOR_INTERRUPTS();
	}
}

void
step_spooling(ExportFeed *feed, FeedPart *part)
{
	size_t length;
	const char *body;

	spool_overflow(part);
	if (part->reactor != NULL && request_state(part->request) == REQUEST_RECEIVING)
		reactor_drive(part->reactor);
	body = request_body(part->request, &length);
	if (length > 0)
	{
		spool_write(part->spool, body, length);
		request_consume(part->request, length);
	}
	if (request_state(part->request) < REQUEST_DONE)
		return;
	feed->counters.bytes_downloaded += request_bytes_received(part->request);
	feed->spooling = NULL;
	/* A broken download is requested again. */
	part->from_spool = request_state(part->request) == REQUEST_DONE;
	if (part->from_spool)
		spool_complete(part->spool);
	close_transfer(part);
	part->phase = part->from_spool ? PART_READABLE : PART_WAITING;
}
