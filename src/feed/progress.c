/*-------------------------------------------------------------------------
 *
 * progress.c
 *		What a feed reports about itself while it works: progress notices, and
 *		the name of what it waits for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "feed/progress.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "net/clock.h"
#include "net/reactor.h"
#include "utils/timestamp.h"

/* Notices do not come faster than this (milliseconds), whatever progress_interval says. */
#define SHORTEST_NOTICE 100

/* Names of wait events, as pg_stat_activity shows them where the server has names. */
static const char *const wait_event_names[] = {
	[AWAIT_TOKEN] = "AdsexportAccessToken", [AWAIT_PROFILES] = "AdsexportProfileList",
	[AWAIT_PLACE] = "AdsexportPlace",       [AWAIT_EXPORT] = "AdsexportExport",
	[AWAIT_RETRY] = "AdsexportRetry",       [AWAIT_DOWNLOAD] = "AdsexportDownload",
};

/* The same in notices, after "waiting ". */
static const char *const waiting_texts[] = {
	[AWAIT_TOKEN] = "waiting for an access token",
	[AWAIT_PROFILES] = "waiting for the list of profiles",
	[AWAIT_PLACE] = "waiting for other exports to finish",
	[AWAIT_EXPORT] = "export in progress",
	[AWAIT_RETRY] = "waiting to try again",
	[AWAIT_DOWNLOAD] = "waiting for the download",
};

/*-------------------------------------------------------------------------
 * What is waited for
 *-------------------------------------------------------------------------
 */

static Awaited
awaited_of_part(const ExportFeed *feed, const FeedPart *part)
{
	int64 now = monotonic_milliseconds();

	if (part->phase >= PART_READABLE && part->phase < PART_DONE)
		return AWAIT_DOWNLOAD;
	if (part->phase != PART_OPENING && part->due > now)
		return AWAIT_RETRY;
	if (jobs_is_waiting(&part->place))
		return AWAIT_PLACE;
	return feed->api->await(part);
}

/* The first of these that is not done, or NULL. */
static const FeedPart *
first_at_work(const dlist_head *live)
{
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) live)
	{
		const FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (part->phase != PART_DONE)
			return part;
	}
	return NULL;
}

/* If none is at work, all are waiting for their places. */
static const FeedPart *
first_asleep(const ExportFeed *feed)
{
	dlist_iter iter;

	if (feed->asleep == 0)
		return NULL;
	dlist_foreach(iter, (dlist_head *) &feed->parts)
	{
		const FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		if (part->station == PART_ASLEEP)
			return part;
	}
	return NULL;
}

/* What the feed waits for, and for which part; if for none, that is NULL and retry is set. */
static Awaited
awaited_of_feed(const ExportFeed *feed, const FeedPart **part, Retry *retry)
{
	*part = feed->current != NULL ? feed->current : first_at_work(&feed->live);
	if (*part == NULL)
		*part = first_asleep(feed);
	if (*part != NULL)
		return awaited_of_part(feed, *part);
	memset(retry, 0, sizeof(Retry));
	return feed->api->await_parts != NULL ? feed->api->await_parts(feed, retry) : AWAIT_EXPORT;
}

uint32
report_wait_event(const ExportFeed *feed)
{
	static uint32 wait_events[lengthof(wait_event_names)];
	const FeedPart *part;
	Retry retry;
	Awaited awaited = awaited_of_feed(feed, &part, &retry);

	if (wait_events[awaited] == 0)
		wait_events[awaited] = compat_wait_event(wait_event_names[awaited]);
	return wait_events[awaited];
}

/*-------------------------------------------------------------------------
 * Progress
 *-------------------------------------------------------------------------
 */

/* Of a download that is made before its turn; -1: there is none. */
static int64
bytes_ahead(const FeedPart *part)
{
	const FeedApi *api = part->feed->api;

	return api->bytes_ahead != NULL ? api->bytes_ahead(part) : -1;
}

/* How many bytes of a download have arrived, and how many there are in all (-1: not announced). */
static int64
position_of_download(const ExportFeed *feed, const FeedPart *part, int64 *total)
{
	int64 start = part->from_start ? 0 : (int64) part->resume_from;
	RequestResult result;

	*total = -1;
	if (part->request == NULL && bytes_ahead(part) < 0)
		return start;
	if (feed->api->file_size != NULL && feed->api->file_size(part) > 0)
		*total = feed->api->file_size(part);
	if (part->request == NULL)
		return bytes_ahead(part);
	request_result(part->request, &result);
	if (*total < 0 && result.headers->content_length > 0)
		*total = start + result.headers->content_length;
	return start + (int64) bytes_of_transfer(part);
}

/* "1.2", or "120" where a fraction would say nothing. */
static char *
format_amount(double amount)
{
	return psprintf(amount < 9.95 ? "%.1f" : "%.0f", amount);
}

static char *
format_rows(int64 rows)
{
	if (rows < 100000)
		return psprintf(INT64_FORMAT " rows", rows);
	return psprintf("%s million rows", format_amount(rows / 1e6));
}

/* How far along a download is. */
static char *
download_text(const ExportFeed *feed, const FeedPart *part)
{
	int64 total;
	double position = position_of_download(feed, part, &total) / 1e6;
	char *rows = format_rows((int64) part->delivered);

	if (total >= 0)
		return psprintf("downloaded %s of %s MB, %s", format_amount(position),
						format_amount(total / 1e6), rows);
	return psprintf("downloaded %s MB, %s", format_amount(position), rows);
}

static bool
is_downloading(const FeedPart *part)
{
	return (part->phase >= PART_READABLE && part->phase < PART_DONE) || bytes_ahead(part) > 0;
}

/* How often it was tried, and what went wrong last; "" at the first attempt. */
static const char *
retry_text(const Retry *retry)
{
	if (retry == NULL || retry->attempts == 0 || retry->last[0] == '\0')
		return "";
	if (retry->most == 0)
		return psprintf(" (try %d; last: %s)", retry->attempts + 1, retry->last);
	return psprintf(" (try %d of %d; last: %s)", retry->attempts + 1, retry->most, retry->last);
}

/* The attempts at what a part waits for: its download, or its export's calls. */
static Retry
retry_of_part(const FeedPart *part)
{
	Retry retry = part->retry;

	if (retry.attempts == 0 && part->feed->api->retry != NULL)
		part->feed->api->retry(part, &retry);
	return retry;
}

/* How far along many exports are. */
typedef struct Tally
{
	int64 parts;
	int64 read;
	int64 in_progress;
	int64 queued;
	const FeedPart *longest;
	int64 longest_since; /* monotonic milliseconds */
	Retry retry;         /* of one that had to be tried again; zeroed: there is none */
} Tally;

static void
count_export(Tally *tally, const FeedPart *part)
{
	Retry retry = retry_of_part(part);
	PartState state = { .since = -1 };

	part->feed->api->state(part, &state);
	if (retry.attempts > 0)
		tally->retry = retry;
	if (state.is_queued)
		tally->queued++;
	if (!state.in_progress)
		return;
	tally->in_progress++;
	if (state.since >= 0 && (tally->longest == NULL || state.since < tally->longest_since))
	{
		tally->longest = part;
		tally->longest_since = state.since;
	}
}

static void
count_parts(const ExportFeed *feed, Tally *tally)
{
	dlist_iter iter;

	memset(tally, 0, sizeof(*tally));
	if (feed->api->to_come != NULL)
		tally->queued = feed->api->to_come(feed);
	tally->read = feed->parts_gone;
	tally->parts = tally->read + tally->queued;
	dlist_foreach(iter, (dlist_head *) &feed->parts)
	{
		const FeedPart *part = dlist_container(FeedPart, node, iter.cur);

		if (part->split)
			continue;
		tally->parts++;
		if (part->phase == PART_DONE)
		{
			tally->read++;
			continue;
		}
		if (feed->api->state != NULL)
			count_export(tally, part);
	}
}

/* What all of them wait for, if none is at work. */
static const char *
common_wait_text(const ExportFeed *feed, const Tally *tally, Awaited awaited, int64 now)
{
	if (tally->in_progress > 0 || (awaited != AWAIT_PLACE && awaited != AWAIT_TOKEN))
		return "";
	return psprintf("; %s for %lld s", waiting_texts[awaited],
					(long long) (now - feed->waiting_since) / 1000);
}

static void
notice_of_many(const ExportFeed *feed, const Tally *tally, const FeedPart *part, Awaited awaited,
			   int64 now)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, INT64_FORMAT " of " INT64_FORMAT " exports read", tally->read,
					 tally->parts);
	if (tally->in_progress > 0)
		appendStringInfo(&text, ", " INT64_FORMAT " in progress", tally->in_progress);
	if (tally->queued > 0)
		appendStringInfo(&text, ", " INT64_FORMAT " queued", tally->queued);
	if (tally->longest != NULL)
		appendStringInfo(&text, "; longest: %s, for %lld s", feed->api->short_name(tally->longest),
						 (long long) (now - tally->longest_since) / 1000);
	if (is_downloading(part))
		appendStringInfo(&text, "; %s: %s", feed->api->short_name(part), download_text(feed, part));
	else
		appendStringInfoString(&text, common_wait_text(feed, tally, awaited, now));
	appendStringInfoString(&text, retry_text(&tally->retry));
	ereport(NOTICE, (errmsg("%s: %s", feed->options->table_name, text.data)));
}

/*
 * The interval is counted for the whole statement, whichever scan is waiting
 * and however short each of its waits is.
 */
static TimestampTz statement = 0;
static int64 notice_due = REACTOR_NEVER;

int64
report_due(void)
{
	return notice_due;
}

/* Is it time for one?  The first wait of a statement begins the interval. */
static bool
notice_is_due(int64 now)
{
	TimestampTz current = GetCurrentStatementStartTimestamp();
	bool due = statement == current && now >= notice_due;

	if (due || statement != current)
		notice_due = now + Max(progress_interval, SHORTEST_NOTICE);
	statement = current;
	return due;
}

void
report_progress(ExportFeed *feed)
{
	int64 now = monotonic_milliseconds();
	Subject subject;
	const FeedPart *part;
	Awaited awaited;
	long long seconds;
	Retry retry;
	Tally tally;

	if (progress_interval < 0)
		return;
	if (feed->waiting_since == 0)
		feed->waiting_since = now;
	if (!notice_is_due(now))
		return;
	seconds = (long long) (now - feed->waiting_since) / 1000;
	awaited = awaited_of_feed(feed, &part, &retry);
	if (part == NULL)
	{
		ereport(NOTICE, (errmsg("%s: %s for %lld s%s", feed->options->table_name,
								waiting_texts[awaited], seconds, retry_text(&retry))));
		return;
	}
	count_parts(feed, &tally);
	if (tally.parts > 1 && feed->api->state != NULL)
	{
		notice_of_many(feed, &tally, part, awaited, now);
		return;
	}
	feed->api->subject(part, &subject);
	subject.text[0] = pg_tolower((unsigned char) subject.text[0]);
	if (is_downloading(part))
		ereport(NOTICE, (errmsg("%s, %s: %s", feed->options->table_name, subject.text,
								download_text(feed, part))));
	else
	{
		retry = retry_of_part(part);
		ereport(NOTICE, (errmsg("%s, %s: %s for %lld s%s", feed->options->table_name, subject.text,
								waiting_texts[awaited], seconds, retry_text(&retry))));
	}
}
