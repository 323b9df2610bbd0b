/*-------------------------------------------------------------------------
 *
 * amazon_feed.c
 *		Feeds from Amazon Ads: one export for each profile, or the list of
 *		profiles itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/apis.h"
#include "feed/part_end.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "remote/amazon_ads.h"
#include "remote/message.h"
#include "session/control.h"
#include "session/fetch_ahead.h"
#include "session/profile_listing.h"
#include "session/record_counts.h"
#include "session/registry.h"
#include "utils/builtins.h"

/*-------------------------------------------------------------------------
 * Exports
 *-------------------------------------------------------------------------
 */

/* Parts that are added before interrupts are checked again; takes some milliseconds. */
#define PARTS_AT_ONCE 100

/* What is Amazon's of a feed. */
typedef struct AmazonFeed
{
	ExportFeed *feed;
	FetchAheadShare ahead;

	/* When no profiles are named: */
	ProfileListing *listing;
	bool listing_warned;
	ListingWaiter listing_waiter; /* while it is not there */
	Failure listing_failure;      /* why it cannot be had; sqlstate 0: it may come */
	List *chosen;                 /* of its profiles, those that are asked for; char * */
	bool is_chosen;
	int added; /* number of these that have parts */

	/* Of large downloads: */
	int64 open_took;             /* milliseconds from when the last one was wanted to its answer */
	double bytes_by_millisecond; /* of the last one that was read */
} AmazonFeed;

/* What is Amazon's of a part: one profile's export. */
typedef struct AmazonPart
{
	FeedPart *part;
	char *profile_id;
	ExportUse *export;
	unsigned ad_products; /* of the query, unless the export had to be split */
	unsigned states;
	unsigned target_levels;
	unsigned negatives;
	int64 polls_before; /* of the export, when this feed began to use it */
	int64 retries_before;
	double in_progress_since; /* wait_time when it began to be in progress; -1: it has not */
	char *url;                /* link for the next download */
	int64 wanted_since;       /* when that was (monotonic milliseconds); 0: not, or it is there */
	int64 read_since;         /* when it began to be read */
	uint64 read_from;         /* bytes that had arrived then */
	FetchAhead ahead;
	bool ahead_tried;
} AmazonPart;

static AmazonFeed *
amazon_feed(const ExportFeed *feed)
{
	return feed->own;
}

static AmazonPart *
amazon_part(const FeedPart *part)
{
	return part->own;
}

static void
ahead_changed(FetchAhead *ahead)
{
	feed_wake(((AmazonPart *) ((char *) ahead - offsetof(AmazonPart, ahead)))->part);
}

/* Only if it is known to be small, and will be read from its beginning for the first time. */
static void
consider_fetching_ahead(FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	ExportView export;

	if (own->ahead_tried || part->phase != PART_WAITING || part->resume_from > 0)
		return;
	exports_view(own->export, &export);
	if (export.phase != EXPORT_COMPLETED || export.file_size < 0 ||
		export.file_size > FETCH_AHEAD_LARGEST)
		return;
	own->ahead_tried = true;
	own->ahead.changed = ahead_changed;
	fetch_ahead_want(&own->ahead, &amazon_feed(part->feed)->ahead, own->export,
					 part->feed->options);
}

static void
export_changed(void *owner)
{
	FeedPart *part = owner;

	consider_fetching_ahead(part);
	feed_wake(part);
}

/* The export of one profile, for this piece of the query. */
static void
add_export_part(ExportFeed *feed, const char *profile_id, const ExportQuery *piece)
{
	FeedPart *part = feed_add_part(feed);
	AmazonPart *own = amazon_part(part);
	char *body = amazon_request_body(feed->options->entity, piece);
	ExportView export;
	bool reused;

	part->call = CALL_DOWNLOAD;
	own->part = part;
	own->in_progress_since = -1;
	own->ad_products = piece->ad_products;
	own->states = piece->states;
	own->target_levels = piece->target_levels;
	own->negatives = piece->negatives;
	own->profile_id = MemoryContextStrdup(feed->context, profile_id);
	own->export = exports_acquire(feed->options, profile_id, body, export_changed, part, &reused);
	exports_view(own->export, &export);
	own->polls_before = export.polls;
	own->retries_before = export.retries;
	if (reused)
		feed->counters.exports_reused++;
	else
		feed->counters.exports_requested++;
	pfree(body);
	consider_fetching_ahead(part);
}

static bool
has_several(unsigned bits)
{
	return (bits & (bits - 1)) != 0;
}

/* Is there nothing left by which the export could be split? */
static bool
is_least_part(const ExportFeed *feed, const FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	return !has_several(own->ad_products) && !has_several(own->states) &&
		   (feed->options->entity->kind != ENTITY_TARGETS ||
			(!has_several(own->target_levels) && !has_several(own->negatives)));
}

/* It was too large for the vendor although it was split as far as possible. */
static void
set_least_part_hint(const ExportFeed *feed, Failure *failure)
{
	if (feed->options->entity->kind == ENTITY_TARGETS && feed->query->target_type_count < 0)
		failure_set_hint(failure,
						 "It was split by ad product, state, target level and negative. The only "
						 "remaining way to narrow it is a clause on target_type, such as WHERE "
						 "target_type = 'KEYWORD'.");
	else
		failure_set_hint(
			failure, "Nothing is left to narrow it by. Try again later, or contact the vendor's "
					 "support and give the export's id.");
}

/*
 * The vendor gave up on an export as too large: request one for each ad
 * product instead, then each state, then (targets) each level and sign.  The
 * lists are closed, so the pieces are disjoint and complete.  Returns false if
 * nothing is left to split by.
 */
static bool
split_export_part(ExportFeed *feed, FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	ExportQuery piece = *feed->query;
	bool is_targets = feed->options->entity->kind == ENTITY_TARGETS;
	unsigned *dimension;
	unsigned bits;

	piece.ad_products = own->ad_products;
	piece.states = own->states;
	piece.target_levels = own->target_levels;
	piece.negatives = own->negatives;
	if (has_several(piece.ad_products))
		dimension = &piece.ad_products;
	else if (has_several(piece.states))
		dimension = &piece.states;
	else if (is_targets && has_several(piece.target_levels))
		dimension = &piece.target_levels;
	else if (is_targets && has_several(piece.negatives))
		dimension = &piece.negatives;
	else
		return false;

	bits = *dimension;
	for (unsigned bit = 1; bit <= bits; bit <<= 1)
	{
		if (!(bits & bit))
			continue;
		*dimension = bit;
		add_export_part(feed, own->profile_id, &piece);
	}
	feed->counters.retries++;
	part->split = true;
	part->phase = PART_DONE;
	return true;
}

/* Why the list of profiles that has come is of no use; sqlstate is 0 if nothing is wrong. */
static Failure
listing_trouble(const ExportFeed *feed)
{
	const ProfileListing *listing = amazon_feed(feed)->listing;
	Failure failure = listing->failure;

	if (failure.sqlstate == 0 && listing->complete && listing->profile_ids == NIL)
		profile_listing_fail_empty(&failure, feed->options, listing->listed);
	return failure;
}

/* Once the scan is read; until then there is nothing to add.  Returns false. */
static bool
fail_when_read(const ExportFeed *feed, const Failure *failure)
{
	if (!feed->is_starting)
		feed_fail(feed, failure);
	return false;
}

/*
 * The profiles of the account that the query is about.  False if they are too
 * many, which is noted as the failure.
 */
static bool
choose_profiles(ExportFeed *feed)
{
	AmazonFeed *common = amazon_feed(feed);
	MemoryContext old_context = MemoryContextSwitchTo(feed->query_context);
	List *chosen = NIL;
	ListCell *cell;

	foreach (cell, common->listing->profile_ids)
	{
		if (export_query_wants_profile(feed->query, lfirst(cell)))
			chosen = lappend(chosen, pstrdup(lfirst(cell)));
	}
	MemoryContextSwitchTo(old_context);
	if (list_length(chosen) > MAX_PROFILES)
	{
		failure_set(&common->listing_failure, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "request an export",
					"it would be one for each of %d profiles, and a scan can ask for %d at most",
					list_length(chosen), MAX_PROFILES);
		failure_set_hint(&common->listing_failure,
						 "Name the profiles that are needed with the option profile_ids, "
						 "or in WHERE clauses on profile_id.");
		list_free_deep(chosen);
		return false;
	}
	common->chosen = chosen;
	common->is_chosen = true;
	return true;
}

/*
 * Add a part for each of them, some at a time, so that interrupts are checked in
 * between.  Not while a part is added: another scan may be the one being read,
 * and this one must not be left with half of a part.  False if they are too many.
 */
static bool
add_parts_of_listing(ExportFeed *feed)
{
	AmazonFeed *common = amazon_feed(feed);
	int end;

	if (!common->is_chosen && !choose_profiles(feed))
		return false;
	end = Min(common->added + PARTS_AT_ONCE, list_length(common->chosen));
	/* Set in case it cannot be completed. */
	failure_set(&common->listing_failure, ERRCODE_OUT_OF_MEMORY, "request an export",
				"out of memory");
	for (; common->added < end; common->added++)
		add_export_part(feed, list_nth(common->chosen, common->added), feed->query);
	common->listing_failure.sqlstate = 0;
	feed->all_added = common->added == list_length(common->chosen);
	return true;
}

/*
 * The list of profiles has arrived, or cannot be had, while some scan waited.
 * An error is kept for the scan that it belongs to.  Comes back for the rest.
 */
static void
take_listing(ListingWaiter *waiter)
{
	AmazonFeed *common = (AmazonFeed *) ((char *) waiter - offsetof(AmazonFeed, listing_waiter));

	if (!common->is_chosen && common->listing->failure.sqlstate != 0)
		common->listing_failure = common->listing->failure;
	else if (common->is_chosen || common->listing->profile_ids != NIL)
	{
		if (add_parts_of_listing(common->feed) && !common->feed->all_added)
			profile_listing_await(common->listing, waiter);
	}
}

static bool
add_export_parts(ExportFeed *feed)
{
	AmazonFeed *common = amazon_feed(feed);
	const ExportQuery *query = feed->query;

	if (query->profile_count >= 0)
	{
		for (int i = 0; i < query->profile_count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_export_part(feed, query->profile_ids[i], query);
		}
		feed->all_added = true;
		return false;
	}
	if (common->listing_failure.sqlstate != 0)
		return fail_when_read(feed, &common->listing_failure);
	if (common->listing == NULL)
		common->listing = profile_listing_get(feed->options);
	if (!common->is_chosen)
	{
		Failure trouble = listing_trouble(feed);

		if (trouble.sqlstate != 0)
			return fail_when_read(feed, &trouble);
		common->listing_waiter.arrived = take_listing;
		if (!common->listing->complete)
		{
			profile_listing_await(common->listing, &common->listing_waiter);
			return false;
		}
	}
	CHECK_FOR_INTERRUPTS();
	return add_parts_of_listing(feed) || fail_when_read(feed, &common->listing_failure);
}

/* Not where the list is read, since another scan may have been waiting then. */
static void
warn_of_listing(ExportFeed *feed)
{
	AmazonFeed *common = amazon_feed(feed);
	if (common->listing == NULL || common->listing_warned)
		return;
	common->listing_warned = true;
	profile_listing_warn(common->listing);
}

/* What a part does when its export is completed. */
static void
step_completed(ExportFeed *feed, FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	consider_fetching_ahead(part);
	switch (own->ahead.state)
	{
		case FETCH_AHEAD_LINKING:
		case FETCH_AHEAD_FETCHING:
			return;
		case FETCH_AHEAD_FETCHED:
			part->request = own->ahead.request;
			part->is_lent = true;
			part->from_start = true;
			part->phase = PART_OPENING;
			return;
		case FETCH_AHEAD_WANTED:
			/* There will be room, unless other scans have all of it. */
			if (!fetch_ahead_is_idle(&amazon_feed(feed)->ahead))
				return;
			fetch_ahead_end(&own->ahead);
			break;
		case FETCH_AHEAD_NONE:
			break;
	}
	/* The link is requested when the download may begin. */
	part->phase = PART_READY;
}

static int64
step_export_part(ExportFeed *feed, FeedPart *part, int64 now)
{
	AmazonPart *own = amazon_part(part);
	ExportView export;
	double waited = feed->counters.wait_time;
	int64 left;
	Failure failure;

	warn_of_listing(feed);
	exports_view(own->export, &export);
	switch (export.phase)
	{
		case EXPORT_FAILED:
			/* The new parts are looked at in the next round. */
			if (export.timed_out && part->delivered == 0 && part != feed->broken &&
				!export.is_read && split_export_part(feed, part))
				return now;
			exports_failure(own->export, &failure);
			if (export.timed_out && is_least_part(feed, part))
				set_least_part_hint(feed, &failure);
			feed_fail_part(feed, part, &failure);
			break;
		case EXPORT_COMPLETED:
			step_completed(feed, part);
			return REACTOR_NEVER;
		case EXPORT_QUEUED:
			/* It waits for other exports, whose time is limited, or for its next attempt. */
			return REACTOR_NEVER;
		default:
			break;
	}
	/* Only time spent waiting counts, since a cursor may rest. */
	if (own->in_progress_since < 0)
		own->in_progress_since = waited;
	left = feed->options->export_timeout - (int64) (waited - own->in_progress_since);
	if (left <= 0)
	{
		failure_set(&failure, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "get an export",
					export.without_link
						? "it is completed, but has no link after export_timeout (%lld s)"
						: "it is still in progress after export_timeout (%lld s)",
					(long long) feed->options->export_timeout / 1000);
		failure_add_detail(&failure, "Profile %s, export %s: the status is %s.", own->profile_id,
						   export.shown_id[0] != '\0' ? export.shown_id : "not yet requested",
						   export.shown_status[0] != '\0' ? export.shown_status : "unknown");
		if (feed->options->max_age > feed->options->export_timeout)
			failure_set_hint(&failure, "The export is remembered: run the query again to go on "
									   "waiting for it, or raise export_timeout.");
		else
			failure_set_hint(&failure,
							 "Raise export_timeout. With a max_age that is longer still, a "
							 "query that is run again goes on waiting for the same export.");
		feed_fail_part(feed, part, &failure);
	}
	return now + left;
}

static void
open_export_part(ExportFeed *feed, FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	uint64 start = part->range_refused ? 0 : part->resume_from;

	part->from_start = start == 0;
	part->request =
		amazon_start_download(part->reactor, feed->options, own->url, start, part->etag);
	wipe_string(&own->url);
}

/*-------------------------------------------------------------------------
 * Large downloads
 *
 * A link is minted right before its download, which is then to be read without
 * delay, so that downloads are not opened early.  But until one brings its
 * first byte, those before it should have enough for the reader.
 *-------------------------------------------------------------------------
 */

/* At most this many are open. */
#define MAX_OPEN 4

/*
 * The next one is opened when as much is left of those before it as will arrive
 * until it is open, within these limits (bytes).
 */
#define NEAR_AT_LEAST ((int64) 1024 * 1024)
#define NEAR_AT_MOST ((int64) 8 * 1024 * 1024)

static int64
near_end(const AmazonFeed *common)
{
	double arrives = common->bytes_by_millisecond * (double) common->open_took;

	return (int64) Min(Max(arrives, (double) NEAR_AT_LEAST), (double) NEAR_AT_MOST);
}

/* How much of a download is still to arrive. */
static int64
bytes_left(const FeedPart *part)
{
	int64 start = part->from_start ? 0 : (int64) part->resume_from;
	ExportView export;

	exports_view(amazon_part(part)->export, &export);
	if (export.file_size < 0)
		return NEAR_AT_MOST + 1; /* not known */
	return Max(export.file_size - start - (int64) bytes_of_transfer(part), 0);
}

/* It was wanted some time ago: is it there? */
static void
note_opening(const FeedPart *part)
{
	AmazonPart *own = amazon_part(part);

	if (own->wanted_since == 0 || part->phase != PART_READABLE)
		return;
	amazon_feed(part->feed)->open_took = monotonic_milliseconds() - own->wanted_since;
	own->wanted_since = 0;
}

static void
note_speed(const FeedPart *part)
{
	const AmazonPart *own = amazon_part(part);
	int64 bytes = (int64) (bytes_of_transfer(part) - own->read_from);
	int64 milliseconds = monotonic_milliseconds() - own->read_since;

	if (part->reactor != NULL && bytes > 0)
		amazon_feed(part->feed)->bytes_by_millisecond = (double) bytes / Max(milliseconds, 1);
}

/* Those that are open, and the next ones, as long as their turn is near. */
static int
max_open_exports(const ExportFeed *feed)
{
	int64 left = 0;
	int open = 0;
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		const FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (!is_open(part))
			continue;
		note_opening(part);
		left += bytes_left(part);
		open++;
	}
	dlist_foreach(iter, (dlist_head *) &feed->live)
	{
		const FeedPart *part = dlist_container(FeedPart, station_node, iter.cur);

		if (open > 0 && (open >= MAX_OPEN || left > near_end(amazon_feed(feed))))
			break;
		if (part->phase != PART_READY)
			continue;
		left += bytes_left(part);
		open++;
	}
	return Max(open, 1);
}

static int
max_open_profiles(const ExportFeed *feed)
{
	return 1;
}

static void
remember_export(const ExportFeed *feed, const FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	record_counts_remember_export(feed->options, own->profile_id, exports_body(own->export),
								  part->delivered);
}

static void
export_subject(const FeedPart *part, Subject *subject)
{
	AmazonPart *own = amazon_part(part);
	ExportView export;

	exports_view(own->export, &export);
	subject_set(subject, "Profile %s, export %s", own->profile_id,
				export.shown_id[0] != '\0' ? export.shown_id : "not yet requested");
}

static void
describe_exports(const ForeignOptions *options, const ExportQuery *query, char **request,
				 char **filter)
{
	StringInfoData line;

	initStringInfo(&line);
	appendStringInfo(&line, "%s %s, ", options->entity->method, options->entity->path);
	if (query->profile_count < 0)
	{
		appendStringInfoString(&line, query->other_profiles ? "all profiles" : "profiles");
		for (int i = 0; i < query->exception_count; i++)
			appendStringInfo(&line, "%s %s", i > 0 ? "," : (query->other_profiles ? " but" : ""),
							 query->exceptions[i]);
	}
	else if (query->profile_count == 0)
		appendStringInfoString(&line, "no profile");
	else
		appendStringInfoString(&line, query->profile_count == 1 ? "profile " : "profiles ");
	for (int i = 0; i < query->profile_count; i++)
		appendStringInfo(&line, "%s%s", i > 0 ? ", " : "", query->profile_ids[i]);
	*request = line.data;
	*filter = amazon_request_body(options->entity, query);
}

/*
 * The link is taken here and not in step, so that it is fresh. Until it is
 * there, the part stays READY without being opened.
 */
static bool
export_part_may_open(ExportFeed *feed, FeedPart *part)
{
	AmazonPart *own = amazon_part(part);
	ExportView export;

	exports_view(own->export, &export);
	if (export.phase != EXPORT_COMPLETED)
	{
		/* A new link is being requested, or the export was lost and is requested again. */
		if (export.phase != EXPORT_POLLING)
			part->phase = PART_WAITING;
		return false;
	}
	if (own->wanted_since == 0)
		own->wanted_since = monotonic_milliseconds();
	own->url = exports_take_link(own->export);
	if (own->url == NULL)
	{
		control_step();
		/* If the request could not even be made, nothing will wake us. */
		exports_view(own->export, &export);
		if (export.phase == EXPORT_FAILED || export.phase == EXPORT_QUEUED)
			part->phase = PART_WAITING;
	}
	return own->url != NULL;
}

static void
restart_exports(ExportFeed *feed)
{
	AmazonFeed *common = amazon_feed(feed);

	profile_listing_leave(&common->listing_waiter);
	common->feed = feed;
	common->listing = NULL;
	common->listing_warned = false;
	common->listing_failure.sqlstate = 0;
	common->chosen = NIL;
	common->is_chosen = false;
	common->added = 0;
}

static void
release_exports(ExportFeed *feed)
{
	fetch_ahead_leave(&amazon_feed(feed)->ahead);
	profile_listing_leave(&amazon_feed(feed)->listing_waiter);
}

static Awaited
await_listing(const ExportFeed *feed, Retry *retry)
{
	const ProfileListing *listing = amazon_feed(feed)->listing;
	bool needs_token;

	if (listing == NULL)
		return AWAIT_PROFILES;
	needs_token = listing->request == NULL;
	*retry = listing->retry;
	if (needs_token && credential_state(listing->credential) == CREDENTIAL_PENDING)
		*retry = *credential_retry(listing->credential);
	if (!needs_token)
		return AWAIT_PROFILES;
	return listing->due > monotonic_milliseconds() ? AWAIT_RETRY : AWAIT_TOKEN;
}

static void
rewind_export_part(FeedPart *part)
{
	amazon_part(part)->in_progress_since = -1;
	amazon_part(part)->ahead_tried = false;
}

static void
begin_reading_export(FeedPart *part)
{
	AmazonPart *own = amazon_part(part);

	note_opening(part);
	own->read_since = monotonic_milliseconds();
	own->read_from = bytes_of_transfer(part);
	exports_begin_reading(own->export);
}

static int64
export_file_size(const FeedPart *part)
{
	ExportView export;

	exports_view(amazon_part(part)->export, &export);
	return export.file_size;
}

static int64
export_bytes_ahead(const FeedPart *part)
{
	const Request *request = amazon_part(part)->ahead.request;

	return request != NULL ? (int64) request_bytes_received(request) : -1;
}

static void
end_export_transfer(FeedPart *part)
{
	amazon_part(part)->wanted_since = 0;
	fetch_ahead_end(&amazon_part(part)->ahead);
}

static void
note_export_read(const ExportFeed *feed, FeedPart *part, const ReadAmounts *more, bool over)
{
	note_speed(part);
	exports_note_read(amazon_part(part)->export, more, over);
}

static void
release_export_part(FeedPart *part)
{
	AmazonPart *own = amazon_part(part);

	exports_release(own->export);
	own->export = NULL;
	wipe_string(&own->url);
	wipe_string(&own->profile_id);
}

static char *
export_short_name(const FeedPart *part)
{
	return psprintf("profile %s", amazon_part(part)->profile_id);
}

static void
export_state(const FeedPart *part, PartState *state)
{
	ExportView export;

	exports_view(amazon_part(part)->export, &export);
	state->is_queued = export.phase == EXPORT_QUEUED;
	state->in_progress = !state->is_queued && export.in_progress;
	if (state->in_progress && export.phase != EXPORT_REQUESTING)
		state->since = export.in_progress_since;
}

static Awaited
await_export(const FeedPart *part)
{
	ExportView export;

	if (part->phase == PART_OPENING)
		return AWAIT_DOWNLOAD;
	exports_view(amazon_part(part)->export, &export);
	if (export.awaits_token)
		return AWAIT_TOKEN;
	if (export.phase == EXPORT_QUEUED)
		return export.due > monotonic_milliseconds() ? AWAIT_RETRY : AWAIT_PLACE;
	return export.is_completed ? AWAIT_DOWNLOAD : AWAIT_EXPORT;
}

static void
export_retry(const FeedPart *part, Retry *retry)
{
	ExportView export;

	exports_view(amazon_part(part)->export, &export);
	*retry = export.retry;
}

static void
export_origin(const FeedPart *part, RecordOrigin *origin)
{
	origin->profile_id = amazon_part(part)->profile_id;
	exports_tell_origin(amazon_part(part)->export, origin);
}

static void
count_export(const FeedPart *part, FeedCounters *counters)
{
	const AmazonPart *own = amazon_part(part);
	ExportView export;

	/* It could not be had, or was given back. */
	if (own->export == NULL)
		return;
	exports_view(own->export, &export);
	counters->longest_export = Max(counters->longest_export, export.took);
	counters->polls += export.polls - own->polls_before;
	counters->retries += export.retries - own->retries_before;
}

const FeedApi amazon_export_feed = {
	.packing = PACKED_GZIP,
	.content_name = "an export",
	.feed_size = sizeof(AmazonFeed),
	.part_size = sizeof(AmazonPart),
	.resumable = true,
	.parts_are_kept = true,
	.uses_registry = true,
	.wakes = true,
	.restart = restart_exports,
	.add_parts = add_export_parts,
	.max_open = max_open_exports,
	.await_parts = await_listing,
	.release_feed = release_exports,
	.step = step_export_part,
	.may_open = export_part_may_open,
	.open = open_export_part,
	.rewind = rewind_export_part,
	.begin_reading = begin_reading_export,
	.file_size = export_file_size,
	.bytes_ahead = export_bytes_ahead,
	.end_transfer = end_export_transfer,
	.note_read = note_export_read,
	.remember = remember_export,
	.release = release_export_part,
	.subject = export_subject,
	.short_name = export_short_name,
	.state = export_state,
	.await = await_export,
	.retry = export_retry,
	.origin = export_origin,
	.count = count_export,
	.describe = describe_exports,
};

/*-------------------------------------------------------------------------
 * The list of profiles
 *-------------------------------------------------------------------------
 */

static bool
add_profiles_part(ExportFeed *feed)
{
	FeedPart *part = feed_add_part(feed);

	part->call = CALL_PROFILES;
	credential_want(credential_get(feed->options));
	feed->all_added = true;
	return false;
}

static int64
step_profiles_part(ExportFeed *feed, FeedPart *part, int64 now)
{
	Credential *credential = credential_get(feed->options);

	switch (credential_state(credential))
	{
		case CREDENTIAL_FAILED:
			feed_fail_part(feed, part, credential_failure(credential));
			break;
		case CREDENTIAL_PENDING:
			credential_want(credential);
			/* A given token that was rejected fails without waiting: come back right away. */
			if (credential_state(credential) == CREDENTIAL_FAILED)
				return now;
			control_step();
			if (credential_state(credential) != CREDENTIAL_PENDING)
				return now;
			break;
		case CREDENTIAL_READY:
			part->phase = PART_READY;
			break;
	}
	return REACTOR_NEVER;
}

static bool
profiles_part_may_open(ExportFeed *feed, FeedPart *part)
{
	return true;
}

static void
open_profiles_part(ExportFeed *feed, FeedPart *part)
{
	const char *token = credential_token(credential_get(feed->options));

	wipe_string(&part->token);
	part->token = MemoryContextStrdup(feed->context, token != NULL ? token : "");
	part->request =
		amazon_start_profiles(part->reactor, feed->options,
							  credential_lists_default(credential_get(feed->options)), part->token);
}

static bool
ask_for_other_profiles(ExportFeed *feed, const FeedPart *part)
{
	return credential_list_otherwise(credential_get(feed->options));
}

static Awaited
await_profiles(const FeedPart *part)
{
	return part->phase == PART_OPENING ? AWAIT_PROFILES : AWAIT_TOKEN;
}

static void
remember_profiles(const ExportFeed *feed, const FeedPart *part)
{
	record_counts_remember_export(feed->options, "", "", part->delivered);
}

static void
profiles_subject(const FeedPart *part, Subject *subject)
{
	subject_set(subject, "The list of profiles");
}

static void
describe_profiles(const ForeignOptions *options, const ExportQuery *query, char **request,
				  char **filter)
{
	*request = psprintf("%s %s", options->entity->method, options->entity->path);
	*filter = NULL;
}

const FeedApi amazon_profiles_feed = {
	.packing = PACKED_GZIP,
	.content_name = "a list of profiles",
	.parts_are_kept = true,
	.uses_registry = true,
	.add_parts = add_profiles_part,
	.step = step_profiles_part,
	.may_open = profiles_part_may_open,
	.open = open_profiles_part,
	.ask_otherwise = ask_for_other_profiles,
	.max_open = max_open_profiles,
	.remember = remember_profiles,
	.await = await_profiles,
	.subject = profiles_subject,
	.describe = describe_profiles,
};
