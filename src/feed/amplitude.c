/*-------------------------------------------------------------------------
 *
 * amplitude.c
 *		Feeds from Amplitude: one archive for each span of hours.
 *
 * Facts: docs/vendors/amplitude-export.md 1.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/amplitude.h"
#include "feed/apis.h"
#include "feed/part_end.h"
#include "lib/stringinfo.h"
#include "net/url.h"
#include "remote/amplitude_hours.h"
#include "remote/hours.h"
#include "session/record_counts.h"
#include "utils/timestamp.h"

static void
raise_unbounded(const ExportFeed *feed)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
			 errmsg("the query gives no lower bound on server_upload_time of foreign table \"%s\"",
					feed->options->table_name),
			 errdetail("Amplitude exports events by the hour in which they were uploaded, and an "
					   "open start would mean all of them. A bound on another column, such as "
					   "event_time, does not limit that."),
			 errhint("Add a clause like server_upload_time >= now() - interval '1 day', or set "
					 "the option default_start of the table, or event_time_max_lead for a bound on "
					 "event_time to count. From outside a view with security_barrier only bounds "
					 "of type timestamptz reach the table.")));
}

static void
check_incomplete_hours(ExportFeed *feed, int64 end)
{
	const ForeignOptions *options = feed->options;
	int64 complete_until = hours_of_timestamp(feed->query->now) - HOURS_INCOMPLETE;

	if (end < complete_until || options->incomplete_hours == INCOMPLETE_HOURS_IGNORE)
		return;
	if (feed->warned)
		return; /* once is enough, however often the scan starts over */
	feed->warned = true;
	ereport(options->incomplete_hours == INCOMPLETE_HOURS_ERROR ? ERROR : WARNING,
			(errcode(options->incomplete_hours == INCOMPLETE_HOURS_ERROR
						 ? ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION
						 : ERRCODE_WARNING),
			 errmsg("the last hours asked of foreign table \"%s\" may be incomplete",
					options->table_name),
			 errdetail("Amplitude may still be loading events that were uploaded less than two "
					   "hours ago."),
			 errhint("Add a clause server_upload_time < adsexport_complete_until(), or set the "
					 "option incomplete_hours to 'ignore'.")));
}

/* The longest span to ask for from that hour on. */
static int64
longest_span(const ExportFeed *feed, int64 start_hour)
{
	int64 span = feed->options->request_span;

	if (feed->longest_span > 0)
		span = Min(span, feed->longest_span);
	return start_hour < HOURS_FIRST_HOURLY ? Max(span / 24 * 24, 24) : span;
}

/* Add spans until as many are open as may be. */
static bool
add_span(ExportFeed *feed)
{
	const ForeignOptions *options = feed->options;
	FeedPart *part;
	dlist_iter iter;
	int live = 0;
	int64 start;
	int64 end;

	if (!amplitude_hours(options, feed->query, &start, &end))
		raise_unbounded(feed);
	if (feed->next_hour == feed->query->start_hour)
	{
		feed->next_hour = start;
		if (start <= end)
			check_incomplete_hours(feed, end);
	}
	if (feed->next_hour > end)
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
	part->call = CALL_ARCHIVE;
	part->start_hour = feed->next_hour;
	part->end_hour = hours_span_end(feed->next_hour, end, longest_span(feed, feed->next_hour));
	feed->next_hour = part->end_hour + 1;
	feed->counters.exports_requested++;
	return true;
}

static int64
step_span(ExportFeed *feed, FeedPart *part, int64 now)
{
	part->phase = PART_READY;
	return REACTOR_NEVER;
}

/* Leave the first hours of a span in the part, and make another part of the rest. */
static void
cut_span(ExportFeed *feed, FeedPart *part, int64 hours)
{
	FeedPart *rest;

	if (hours >= part->end_hour - part->start_hour + 1)
		return;
	/* Next to it, so that hours come roughly in order. */
	rest = feed_add_part_after(feed, part);
	rest->phase = PART_READY;
	rest->call = part->call;
	rest->start_hour = part->start_hour + hours;
	rest->end_hour = part->end_hour;
	part->end_hour = rest->start_hour - 1;
	feed->counters.exports_requested++;
	/* What was asked for so far was something else. */
	part->split = true;
	report_release(part);
	part->split = false;
}

/*
 * The vendor counts the requests of a project that are in flight, over all of
 * its REST calls.  A span that was cut off before others proved to be too long
 * is still as long.
 */
static bool
span_may_open(ExportFeed *feed, FeedPart *part)
{
	JobPool pool = { feed->options->endpoint, feed->options->api_key, "" };

	if (!jobs_reserve(&part->place, &pool, feed->options->max_jobs, REACTOR_NEVER))
		return false;
	if (part->delivered == 0)
		cut_span(feed, part, longest_span(feed, part->start_hour));
	return true;
}

/*
 * The vendor's 400 and 504, and 413, mostly mean that the hours hold too much.  What
 * was read in part already has been had at once before, so that is not the
 * reason.
 */
static bool
split_span(ExportFeed *feed, FeedPart *part, Answer *answer)
{
	int64 half = hours_half(part->start_hour, part->end_hour);
	RequestResult result;

	if (part->delivered == 0 && half > 0)
	{
		feed->longest_span = half;
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
						 part->start_hour < HOURS_FIRST_HOURLY ? "A day before 2014-11-12"
															   : "One hour");
	else if (part->delivered == 0)
		failure_set_hint(&answer->failure,
						 "See what the server answered. Fewer and fewer hours were asked for, "
						 "because this status mostly means too many at once, and the least that "
						 "can be asked for was refused, too.");
	/* A gateway may have been too slow for once. */
	if (result.status == 504)
	{
		answer->action = ACTION_RETRY;
		answer->failure.sqlstate = ERRCODE_CONNECTION_FAILURE;
	}
	return false;
}

Request *
amplitude_start_archive(Reactor *reactor, const ForeignOptions *options, const Entity *entity,
						int64 start_hour, int64 end_hour)
{
	static const char *const headers[] = { "Accept: application/zip, */*", NULL };
	char start[16];
	char end[16];
	char *url;
	RequestOptions request_options = { 0 };
	Request *request;

	if (!hours_format(start_hour, start, sizeof(start)) ||
		!hours_format(end_hour, end, sizeof(end)))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("range of server_upload_time is out of the range of years that "
							   "can be requested")));
	url = psprintf("%s%s?start=%s&end=%s", options->endpoint, entity->path, start, end);
	request_options.method = entity->method;
	request_options.url = url;
	request_options.headers = headers;
	request_options.user = options->api_key;
	request_options.password = options->secret_key;
	foreign_options_for_request(options, &request_options);
	request_options.local = url_is_loopback(options->endpoint);
	/* The archive is built while we wait for the first byte. */
	request_options.response_timeout = (int) Min(options->export_timeout, PG_INT32_MAX);
	request_options.stream = true;
	request = request_start(reactor, &request_options);
	pfree(url);
	return request;
}

static void
open_span(ExportFeed *feed, FeedPart *part)
{
	part->request = amplitude_start_archive(part->reactor, feed->options, feed->options->entity,
											part->start_hour, part->end_hour);
}

static int
max_open_spans(const ExportFeed *feed)
{
	return feed->options->concurrency;
}

static void
remember_span(const ExportFeed *feed, const FeedPart *part)
{
	record_counts_remember_hours(feed->options, part->start_hour, part->end_hour, part->delivered);
}

static void
span_subject(const FeedPart *part, char *subject, size_t size)
{
	char start[16] = "";
	char end[16] = "";

	hours_format(part->start_hour, start, sizeof(start));
	hours_format(part->end_hour, end, sizeof(end));
	snprintf(subject, size, "Hours %s to %s", start, end);
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
		/* If the clauses alone make it empty, that is told of before. */
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
		/* Without a start it is not known whether whole days are asked for. */
		hours_format(has_start ? last : query->end_hour, hour, sizeof(hour));
		appendStringInfo(&line, " to %s", hour);
	}
	*request = line.data;
}

const FeedApi amplitude_feed = {
	.packing = PACKED_ZIP,
	.rereadable = true,
	.uses_registry = false,
	.add_parts = add_span,
	.step = step_span,
	.may_open = span_may_open,
	.open = open_span,
	.max_open = max_open_spans,
	.split = split_span,
	.remember = remember_span,
	.subject = span_subject,
	.describe = describe_spans,
};
