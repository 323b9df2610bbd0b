/*-------------------------------------------------------------------------
 *
 * part_end.c
 *		How a part ends: log line, history, counts, error, and what it gives back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/feed_statistics.h"
#include "feed/part_end.h"
#include "guc.h"
#include "net/clock.h"
#include "remote/hours.h"
#include "utils/timestamp.h"

/*-------------------------------------------------------------------------
 * The log
 *-------------------------------------------------------------------------
 */

static void
log_end(const ExportFeed *feed, const FeedPart *part, const char *outcome, const Failure *failure)
{
	const ForeignOptions *options = feed->options;
	char subject[MESSAGE_MAX_EXPORT_ID + 64];
	int64 polls = 0;
	int64 retries = part->retries;

	feed->api->subject(part, subject, sizeof(subject));
	subject[0] = pg_tolower((unsigned char) subject[0]);
	if (part->export != NULL)
	{
		ExportView export;

		exports_view(part->export, &export);
		polls = export.polls - part->polls_before;
		retries += export.retries - part->retries_before;
	}
	ereport(LOG, (errmsg("export %s: table \"%s\", server \"%s\", %s, %.3f s, polls " INT64_FORMAT
						 ", retries " INT64_FORMAT ", bytes " INT64_FORMAT
						 ", records " UINT64_FORMAT "%s%s",
						 outcome, options->table_name, options->server_name, subject,
						 (monotonic_milliseconds() - part->began) / 1000.0, polls, retries,
						 part->bytes_downloaded + (int64) bytes_of_transfer(part), part->delivered,
						 failure != NULL ? ", SQLSTATE " : "",
						 failure != NULL ? unpack_sql_state(failure->sqlstate) : ""),
				  errhidestmt(true), errhidecontext(true)));
}

/*-------------------------------------------------------------------------
 * The history of spans
 *-------------------------------------------------------------------------
 */

/*-------------------------------------------------------------------------
 * The history of spans
 *-------------------------------------------------------------------------
 */
void
report_request(const ExportFeed *feed, FeedPart *part)
{
	char start[16] = "";
	char end[16] = "";

	if (part->call != CALL_ARCHIVE)
		return;
	if (part->span == NULL)
	{
		hours_format(part->start_hour, start, sizeof(start));
		hours_format(part->end_hour, end, sizeof(end));
		part->span = archive_requests_add(feed->options, start, end);
	}
	part->span->requests++;
}

static void
note_amounts(const ExportFeed *feed, FeedPart *part)
{
	ArchiveRequest *span = part->span;

	span->retries = part->retries;
	span->bytes_downloaded = part->bytes_downloaded + (int64) bytes_of_transfer(part);
	span->bytes_inflated = part == feed->current ? (int64) record_stream_bytes(feed->records) : 0;
	span->records = (int64) part->delivered;
}

static void
note_end(const ExportFeed *feed, FeedPart *part, const Failure *failure)
{
	ArchiveRequest *span = part->span;

	if (span == NULL)
		return;
	span->completed_at = failure == NULL ? GetCurrentTimestamp() : 0;
	note_amounts(feed, part);
	if (failure != NULL)
		archive_requests_note_failure(span, failure);
	span->status = failure != NULL ? "FAILED" : "COMPLETED";
	span->in_use = false;
	part->span = NULL;
}

void
report_release(FeedPart *part)
{
	if (part->span == NULL)
		return;
	part->span->status = part->split ? "SPLIT" : "DROPPED";
	part->span->in_use = false;
	part->span = NULL;
}

void
report_end(const ExportFeed *feed, FeedPart *part, const char *outcome, const Failure *failure)
{
	if (part->split || part->from_spool)
		return;
	if (log_exports)
		log_end(feed, part, outcome, failure);
	if (strcmp(outcome, "left") == 0)
	{
		if (part->span != NULL)
			note_amounts(feed, part);
		report_release(part);
	}
	else
		note_end(feed, part, failure);
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

/*-------------------------------------------------------------------------
 * What was read of it
 *-------------------------------------------------------------------------
 */

void
count_part(ExportFeed *feed, FeedPart *part)
{
	int64 downloaded = request_bytes_received(part->request);
	int64 inflated = record_stream_bytes(feed->records);

	feed->counters.bytes_downloaded += downloaded;
	feed->counters.bytes_inflated += inflated;
	if (part->export != NULL)
		exports_note_read(part->export, downloaded, inflated, (int64) part->delivered);
}

/*-------------------------------------------------------------------------
 * What it holds
 *-------------------------------------------------------------------------
 */

void
release_export(FeedPart *part)
{
	exports_release(part->export);
	part->export = NULL;
}

void
free_part(FeedPart *part)
{
	report_release(part);
	spool_free(part->spool);
	wipe_string(&part->token);
	wipe_string(&part->url);
	if (part->profile_id != NULL)
		pfree(part->profile_id);
	pfree(part);
}
