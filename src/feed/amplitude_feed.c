/*-------------------------------------------------------------------------
 *
 * amplitude_feed.c
 *		Feeds from Amplitude: one archive for each span of hours.
 *
 * Facts: docs/vendors/amplitude-export.md 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/apis.h"
#include "feed/part_end.h"
#include "lib/stringinfo.h"
#include "net/clock.h"
#include "remote/amplitude.h"
#include "remote/amplitude_hours.h"
#include "remote/hours.h"
#include "remote/message.h"
#include "session/archive_requests.h"
#include "session/record_counts.h"
#include "utils/timestamp.h"

/* What is Amplitude's of a feed. */
typedef struct AmplitudeFeed
{
	bool warned;        /* about incomplete hours */
	int64 next_hour;    /* of the parts to be added */
	int64 longest_span; /* that was not too large; 0: none was too large yet */
} AmplitudeFeed;

/* What is Amplitude's of a part: hours since 1970, UTC, both inclusive. */
typedef struct AmplitudePart
{
	int64 start_hour;
	int64 end_hour;
	int64 asked;             /* when the request under way began (monotonic milliseconds) */
	ArchiveRequest *request; /* for adsexport_exports(), or NULL */
} AmplitudePart;

static AmplitudeFeed *
amplitude_own(const ExportFeed *feed)
{
	return feed->own;
}

static AmplitudePart *
span_of(const FeedPart *part)
{
	return part->own;
}

static void
raise_unbounded(const ExportFeed *feed)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
			 errmsg("the query gives no lower bound on server_upload_time of foreign table \"%s\"",
					feed->options->table_name),
			 errdetail("Amplitude exports events by the hour in which they were uploaded, and "
					   "without a lower bound, all of them would be requested. A bound on another "
					   "column, such as event_time, does not limit that."),
			 errhint("Add a clause like server_upload_time >= now() - interval '1 day', or set "
					 "the option default_start of the table, or event_time_max_lead for a bound on "
					 "event_time to count. From outside a view with security_barrier only bounds "
					 "of type timestamptz reach the table.")));
}

static void
check_incomplete_hours(ExportFeed *feed, int64 end)
{
	AmplitudeFeed *own = amplitude_own(feed);
	const ForeignOptions *options = feed->options;
	int64 complete_until = hours_of_timestamp(feed->query->now) - HOURS_INCOMPLETE;

	if (end < complete_until || options->incomplete_hours == INCOMPLETE_HOURS_IGNORE)
		return;
	if (own->warned)
		return; /* once is enough, however often the scan starts again */
	own->warned = true;
	ereport(options->incomplete_hours == INCOMPLETE_HOURS_ERROR ? ERROR : WARNING,
			(errcode(options->incomplete_hours == INCOMPLETE_HOURS_ERROR
						 ? ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION
						 : ERRCODE_WARNING),
			 errmsg("the most recent hours requested for foreign table \"%s\" may be incomplete",
					options->table_name),
			 errdetail("Amplitude may still be loading events that were uploaded less than two "
					   "hours ago."),
			 errhint("Add a clause server_upload_time < adsexport_complete_until(), or set the "
					 "option incomplete_hours to 'ignore'.")));
}

/* The longest span to request from that hour on. */
static int64
longest_span(const ExportFeed *feed, int64 start_hour)
{
	AmplitudeFeed *own = amplitude_own(feed);
	int64 span = feed->options->request_span;

	if (own->longest_span > 0)
		span = Min(span, own->longest_span);
	return start_hour < HOURS_FIRST_HOURLY ? Max(span / 24 * 24, 24) : span;
}

/* Add spans until as many are open as may be. */
static bool
add_span(ExportFeed *feed)
{
	AmplitudeFeed *own = amplitude_own(feed);
	const ForeignOptions *options = feed->options;
	AmplitudePart *span;
	FeedPart *part;
	dlist_iter iter;
	int live = 0;
	int64 start;
	int64 end;

	if (!amplitude_hours(options, feed->query, &start, &end))
		raise_unbounded(feed);
	if (own->next_hour == feed->query->start_hour)
	{
		own->next_hour = start;
		if (start <= end)
			check_incomplete_hours(feed, end);
	}
	if (own->next_hour > end)
	{
		feed->all_added = true;
		return false;
	}
	dlist_foreach(iter, &feed->live)
	{
		if (dlist_container(FeedPart, station_node, iter.cur)->phase != PART_DONE)
			live++;
	}
	if (live >= options->concurrency)
		return false;
	part = feed_add_part(feed);
	span = span_of(part);
	part->call = CALL_ARCHIVE;
	span->start_hour = own->next_hour;
	span->end_hour = hours_span_end(own->next_hour, end, longest_span(feed, own->next_hour));
	own->next_hour = span->end_hour + 1;
	feed->counters.exports_requested++;
	return true;
}

static int64
step_span(ExportFeed *feed, FeedPart *part, int64 now)
{
	part->phase = PART_READY;
	return REACTOR_NEVER;
}

/* The last request is over without having been read. */
static void
end_archive_request(FeedPart *part, const char *status)
{
	AmplitudePart *span = span_of(part);

	if (span->request == NULL)
		return;
	span->request->status = status;
	span->request->in_use = false;
	span->request = NULL;
}

static void
release_span(FeedPart *part)
{
	end_archive_request(part, part->split ? "SPLIT" : "DROPPED");
}

static void
note_span_request(const ExportFeed *feed, FeedPart *part)
{
	AmplitudePart *span = span_of(part);
	char start[16] = "";
	char end[16] = "";

	if (span->request == NULL)
	{
		hours_format(span->start_hour, start, sizeof(start));
		hours_format(span->end_hour, end, sizeof(end));
		span->request = archive_requests_add(feed->options, start, end);
	}
	span->request->requests++;
}

static void
note_amounts(const ExportFeed *feed, FeedPart *part)
{
	ArchiveRequest *request = span_of(part)->request;

	request->retries = part->retries;
	request->bytes_downloaded = part->bytes_downloaded + (int64) bytes_of_transfer(part);
	request->bytes_inflated =
		part == feed->current ? (int64) record_stream_bytes(feed->records) : 0;
	request->records = (int64) part->delivered;
}

static void
note_span_read(const ExportFeed *feed, FeedPart *part, const ReadAmounts *more, bool over)
{
	if (span_of(part)->request != NULL)
		note_amounts(feed, part);
}

static void
note_span_end(const ExportFeed *feed, FeedPart *part, const Failure *failure)
{
	ArchiveRequest *request = span_of(part)->request;

	if (request == NULL)
		return;
	request->completed_at = failure == NULL ? GetCurrentTimestamp() : 0;
	note_amounts(feed, part);
	if (failure != NULL)
		archive_requests_note_failure(request, failure);
	end_archive_request(part, failure != NULL ? "FAILED" : "COMPLETED");
}

static void
note_span_left(const ExportFeed *feed, FeedPart *part)
{
	if (span_of(part)->request != NULL)
		note_amounts(feed, part);
	release_span(part);
}

/* Leave the first hours of a span in the part, and make a new part for the rest. */
static void
cut_span(ExportFeed *feed, FeedPart *part, int64 hours)
{
	AmplitudePart *span = span_of(part);
	FeedPart *rest;

	if (hours >= span->end_hour - span->start_hour + 1)
		return;
	/* Next to it, so that hours come roughly in order. */
	rest = feed_add_part_after(feed, part);
	rest->phase = PART_READY;
	rest->call = part->call;
	span_of(rest)->start_hour = span->start_hour + hours;
	span_of(rest)->end_hour = span->end_hour;
	span->end_hour = span_of(rest)->start_hour - 1;
	feed->counters.exports_requested++;
	/* What was requested so far was something else. */
	end_archive_request(part, "SPLIT");
}

/*
 * The vendor counts the requests of a project that are in flight, over all of
 * its REST calls.  A span that was cut off before others proved too long is
 * still that long.
 */
static bool
span_may_open(ExportFeed *feed, FeedPart *part)
{
	JobPool pool = { feed->options->endpoint, feed->options->api_key, "" };

	if (!jobs_reserve(&part->place, &pool, feed->options->max_jobs, REACTOR_NEVER))
		return false;
	if (part->delivered == 0)
		cut_span(feed, part, longest_span(feed, span_of(part)->start_hour));
	return true;
}

/*
 * The vendor's 400 and 504, and 413, usually mean that the hours hold too
 * much. That is not the reason for a part that has been partly read before.
 */
static bool
split_span(ExportFeed *feed, FeedPart *part, Answer *answer)
{
	AmplitudePart *span = span_of(part);
	int64 half = hours_half(span->start_hour, span->end_hour);
	RequestResult result;

	if (part->delivered == 0 && half > 0)
	{
		amplitude_own(feed)->longest_span = half;
		memset(&part->retry, 0, sizeof(Retry));
		cut_span(feed, part, half);
		return true;
	}
	request_result(part->request, &result);
	if (part->delivered == 0 &&
		(result.status != 400 || policy_mentions_size(result.body, result.length)))
		failure_set_hint(&answer->failure,
						 "%s is the least that can be asked for. If it is too large for this API, "
						 "get it through the vendor's Amazon S3 export.",
						 span->start_hour < HOURS_FIRST_HOURLY ? "A day before 2014-11-12"
															   : "One hour");
	else if (part->delivered == 0)
		failure_set_hint(&answer->failure,
						 "The request was split repeatedly, because this status usually means that "
						 "too many hours were requested, but even the smallest range was refused. "
						 "See the server's answer above.");
	/* The gateway may have been slow only once. */
	if (result.status == 504)
	{
		answer->action = ACTION_RETRY;
		answer->failure.sqlstate = ERRCODE_CONNECTION_FAILURE;
	}
	return false;
}

static void
open_span(ExportFeed *feed, FeedPart *part)
{
	AmplitudePart *span = span_of(part);

	span->asked = monotonic_milliseconds();
	part->request = amplitude_start_archive(part->reactor, feed->options, feed->options->entity,
											span->start_hour, span->end_hour);
}

static int
max_open_spans(const ExportFeed *feed)
{
	return feed->options->concurrency;
}

static void
remember_span(const ExportFeed *feed, const FeedPart *part)
{
	AmplitudePart *span = span_of(part);
	record_counts_remember_hours(feed->options, span->start_hour, span->end_hour, part->delivered);
}

static void
span_subject(const FeedPart *part, Subject *subject)
{
	AmplitudePart *span = span_of(part);
	char start[16] = "";
	char end[16] = "";

	hours_format(span->start_hour, start, sizeof(start));
	hours_format(span->end_hour, end, sizeof(end));
	subject_set(subject, "Hours %s to %s", start, end);
}

static char *
span_short_name(const FeedPart *part)
{
	Subject subject;

	span_subject(part, &subject);
	subject.text[0] = pg_tolower((unsigned char) subject.text[0]);
	return pstrdup(subject.text);
}

/* Amplitude makes an archive while it sends it: both are one progress. */
static void
span_state(const FeedPart *part, PartState *state)
{
	state->in_progress =
		part->phase >= PART_OPENING && part->phase < PART_DONE && !part->from_spool;
	state->is_queued = part->phase < PART_OPENING;
	if (state->in_progress)
		state->since = span_of(part)->asked;
}

/* Spans that are not there yet; some of them may have to be split. */
static int64
count_spans_to_come(const ExportFeed *feed)
{
	const AmplitudeFeed *own = amplitude_own(feed);
	int64 count = 0;
	int64 start;
	int64 end;

	if (feed->all_added || !amplitude_hours(feed->options, feed->query, &start, &end))
		return 0;
	if (own->next_hour != feed->query->start_hour)
		start = own->next_hour;
	for (; start <= end; count++)
		start = hours_span_end(start, end, longest_span(feed, start)) + 1;
	return count;
}

static void
describe_spans(const ForeignOptions *options, const ExportQuery *query, char **request,
			   char **filter)
{
	char hour[16] = "";
	StringInfoData line;
	int64 first;
	int64 last;
	bool has_start = amplitude_hours(options, query, &first, &last);

	*filter = NULL;
	if (has_start && first > last)
	{
		/* If the clauses alone make it empty, that was said before. */
		*request = pstrdup(first > hours_of_timestamp(query->now)
							   ? "none, because these hours have not come yet"
							   : "none, because it would begin with default_start after its end");
		return;
	}
	initStringInfo(&line);
	appendStringInfo(&line, "%s %s, hours ", options->entity->method, options->entity->path);
	if (!has_start)
		appendStringInfoString(&line, "from an unknown start");
	else
	{
		hours_format(first, hour, sizeof(hour));
		appendStringInfoString(&line, hour);
	}
	if (query->end_hour > hours_of_timestamp(query->now))
		appendStringInfoString(&line, " to now");
	else
	{
		/* Without a start it is not known whether whole days are requested. */
		hours_format(has_start ? last : query->end_hour, hour, sizeof(hour));
		appendStringInfo(&line, " to %s", hour);
	}
	*request = line.data;
}

static void
restart_spans(ExportFeed *feed)
{
	amplitude_own(feed)->next_hour = feed->query->start_hour;
}

/* Amplitude builds the archive while we wait for it. */
static Awaited
await_span(const FeedPart *part)
{
	return AWAIT_EXPORT;
}

const FeedApi amplitude_feed = {
	.packing = PACKED_ZIP,
	.content_name = "an archive",
	.feed_size = sizeof(AmplitudeFeed),
	.part_size = sizeof(AmplitudePart),
	.rereadable = true,
	.restart = restart_spans,
	.add_parts = add_span,
	.step = step_span,
	.may_open = span_may_open,
	.open = open_span,
	.max_open = max_open_spans,
	.split = split_span,
	.remember = remember_span,
	.note_request = note_span_request,
	.note_read = note_span_read,
	.note_end = note_span_end,
	.note_left = note_span_left,
	.release = release_span,
	.await = await_span,
	.subject = span_subject,
	.short_name = span_short_name,
	.state = span_state,
	.to_come = count_spans_to_come,
	.describe = describe_spans,
};
