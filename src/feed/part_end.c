/*-------------------------------------------------------------------------
 *
 * part_end.c
 *		How a part ends: log line, counts, error, and what it releases.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/feed_statistics.h"
#include "feed/part_end.h"
#include "guc.h"
#include "net/clock.h"

/*-------------------------------------------------------------------------
 * The log
 *-------------------------------------------------------------------------
 */

static void
log_end(const ExportFeed *feed, const FeedPart *part, const char *outcome, const Failure *failure)
{
	const ForeignOptions *options = feed->options;
	Subject subject;
	FeedCounters counters = { 0 };

	feed->api->subject(part, &subject);
	subject.text[0] = pg_tolower((unsigned char) subject.text[0]);
	if (feed->api->count != NULL)
		feed->api->count(part, &counters);
	ereport(LOG, (errmsg("export %s: table \"%s\", server \"%s\", %s, %.3f s, polls " INT64_FORMAT
						 ", retries " INT64_FORMAT ", bytes " INT64_FORMAT
						 ", records " UINT64_FORMAT "%s%s",
						 outcome, options->table_name, options->server_name, subject.text,
						 (monotonic_milliseconds() - part->began) / 1000.0, counters.polls,
						 part->retries + counters.retries,
						 part->bytes_downloaded + (int64) bytes_of_transfer(part), part->delivered,
						 failure != NULL ? ", SQLSTATE " : "",
						 failure != NULL ? unpack_sql_state(failure->sqlstate) : ""),
				  errhidestmt(true), errhidecontext(true)));
}

void
report_end(const ExportFeed *feed, FeedPart *part, const char *outcome, const Failure *failure)
{
	if (part->split || part->from_spool)
		return;
	if (log_exports)
		log_end(feed, part, outcome, failure);
	if (strcmp(outcome, "left") != 0)
	{
		if (feed->api->note_end != NULL)
			feed->api->note_end(feed, part, failure);
	}
	else if (feed->api->note_left != NULL)
		feed->api->note_left(feed, part);
}

/*-------------------------------------------------------------------------
 * Errors
 *-------------------------------------------------------------------------
 */

void
feed_fail(const ExportFeed *feed, const Failure *failure)
{
	failure_raise(failure, feed->options->table_name);
}

void
feed_fail_part(const ExportFeed *feed, FeedPart *part, const Failure *failure)
{
	report_end(feed, part, "failed", failure);
	feed_add_failed_export(feed->options);
	feed_fail(feed, failure);
}

void
feed_fail_changed(const ExportFeed *feed, FeedPart *part, const char *detail)
{
	Failure failure;
	Subject subject;

	feed->api->subject(part, &subject);
	failure_set(&failure, ERRCODE_FDW_ERROR, "read an export",
				"its content changed between two downloads");
	failure_add_detail(&failure, "%s: %s.", subject.text, detail);
	failure_set_hint(&failure, "Run the query again.");
	feed_fail_part(feed, part, &failure);
}

/*-------------------------------------------------------------------------
 * What was read of it
 *-------------------------------------------------------------------------
 */

void
note_read(ExportFeed *feed, FeedPart *part, bool over)
{
	ReadAmounts so_far = {
		.downloaded = part->bytes_downloaded + (int64) bytes_of_transfer(part),
		.inflated = (int64) record_stream_bytes(feed->records),
		.records = (int64) part->delivered,
	};
	ReadAmounts more = {
		.downloaded = so_far.downloaded - part->told.downloaded,
		.inflated = so_far.inflated - part->told.inflated,
		.records = so_far.records - part->told.records,
	};

	if (part->from_spool || feed->api->note_read == NULL)
		return;
	feed->api->note_read(feed, part, &more, over);
	part->told = so_far;
}

void
count_part(ExportFeed *feed, FeedPart *part)
{
	feed->counters.bytes_downloaded += request_bytes_received(part->request);
	feed->counters.bytes_inflated += record_stream_bytes(feed->records);
	note_read(feed, part, true);
}

/*-------------------------------------------------------------------------
 * What it holds
 *-------------------------------------------------------------------------
 */

void
release_part(FeedPart *part)
{
	if (part->feed->api->release != NULL)
		part->feed->api->release(part);
}

void
free_part(FeedPart *part)
{
	release_part(part);
	spool_free(part->spool);
	wipe_string(&part->token);
	if (part->own != NULL)
		pfree(part->own);
	pfree(part);
}
