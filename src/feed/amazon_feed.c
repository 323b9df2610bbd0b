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
#include "remote/amazon_ads.h"
#include "session/control.h"
#include "session/record_counts.h"
#include "utils/builtins.h"

/*-------------------------------------------------------------------------
 * Exports
 *-------------------------------------------------------------------------
 */

static void
ahead_changed(FetchAhead *ahead)
{
	feed_wake((FeedPart *) ((char *) ahead - offsetof(FeedPart, ahead)));
}

/* Once it is known to be small, and to be read from its beginning for the first time. */
static void
consider_fetching_ahead(FeedPart *part)
{
	ExportView export;

	if (part->ahead_tried || part->phase != PART_WAITING || part->resume_from > 0)
		return;
	exports_view(part->export, &export);
	if (export.phase != EXPORT_COMPLETED || export.file_size < 0 ||
		export.file_size > FETCH_AHEAD_LARGEST)
		return;
	part->ahead_tried = true;
	part->ahead.changed = ahead_changed;
	fetch_ahead_want(&part->ahead, &part->feed->ahead, part->export, part->feed->options);
}

static void
export_changed(void *owner)
{
	FeedPart *part = owner;

	consider_fetching_ahead(part);
	feed_wake(part);
}

/* The export of one profile, for that piece of the query. */
static void
add_export_part(ExportFeed *feed, const char *profile_id, const ExportQuery *piece)
{
	FeedPart *part = feed_add_part(feed);
	char *body = amazon_request_body(feed->options->entity, piece);
	ExportView export;
	bool reused;

	part->call = CALL_DOWNLOAD;
	part->in_progress_since = -1;
	part->ad_products = piece->ad_products;
	part->states = piece->states;
	part->target_levels = piece->target_levels;
	part->negatives = piece->negatives;
	part->profile_id = MemoryContextStrdup(feed->context, profile_id);
	part->export = exports_acquire(feed->options, profile_id, body, export_changed, part, &reused);
	exports_view(part->export, &export);
	part->polls_before = export.polls;
	part->retries_before = export.retries;
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

/* Can the export not be split any more? */
static bool
is_least_part(const ExportFeed *feed, const FeedPart *part)
{
	return !has_several(part->ad_products) && !has_several(part->states) &&
		   (feed->options->entity->kind != ENTITY_TARGETS ||
			(!has_several(part->target_levels) && !has_several(part->negatives)));
}

/* It was too large for the vendor although it was split as far as that goes. */
static void
set_least_part_hint(const ExportFeed *feed, Failure *failure)
{
	if (feed->options->entity->kind == ENTITY_TARGETS && feed->query->target_type_count < 0)
		failure_set_hint(
			failure, "It was split by ad product, state, level and sign. What is left to narrow "
					 "it by is a clause on target_type, such as WHERE target_type = "
					 "'KEYWORD'.");
	else
		failure_set_hint(failure,
						 "Nothing is left to narrow it by. Try again later; the vendor's support "
						 "can be asked about the export by its id.");
}

/*
 * The vendor gave up on an export as too large: ask for one for each ad
 * product instead, then each state, then (targets) each level and sign.  The
 * lists are closed, so the pieces are disjoint and complete.  Returns false if
 * nothing is left to split by.
 */
static bool
split_export_part(ExportFeed *feed, FeedPart *part)
{
	ExportQuery piece = *feed->query;
	bool is_targets = feed->options->entity->kind == ENTITY_TARGETS;
	unsigned *dimension;
	unsigned bits;

	piece.ad_products = part->ad_products;
	piece.states = part->states;
	piece.target_levels = part->target_levels;
	piece.negatives = part->negatives;
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
		add_export_part(feed, part->profile_id, &piece);
	}
	feed->counters.retries++;
	part->split = true;
	part->phase = PART_DONE;
	return true;
}

static void
raise_no_profile(const ExportFeed *feed)
{
	Failure failure;

	profile_listing_fail_empty(&failure, feed->options, feed->listing->listed);
	feed_fail(feed, &failure);
}

/*
 * One part for each profile of the account that the query is about.  False if
 * they are too many, which is noted as the failure.  No interrupts in between:
 * the scan that is being read may be another one, and this one must not be
 * left with some of its parts.
 */
static bool
add_parts_of_listing(ExportFeed *feed)
{
	Failure *failure = &feed->listing_failure;
	List *wanted = NIL;
	ListCell *cell;

	foreach (cell, feed->listing->profile_ids)
	{
		if (export_query_wants_profile(feed->query, lfirst(cell)))
			wanted = lappend(wanted, lfirst(cell));
	}
	if (list_length(wanted) > MAX_PROFILES)
	{
		failure_set(failure, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "request an export",
					"it would be one for each of %d profiles, and a scan can ask for %d at most",
					list_length(wanted), MAX_PROFILES);
		failure_set_hint(failure, "Name the profiles that are needed with the option profile_ids, "
								  "or in WHERE clauses on profile_id.");
		return false;
	}
	/* In case that it can't be completed. */
	failure_set(failure, ERRCODE_OUT_OF_MEMORY, "request an export", "out of memory");
	foreach (cell, wanted)
		add_export_part(feed, lfirst(cell), feed->query);
	list_free(wanted);
	failure->sqlstate = 0;
	feed->all_added = true;
	return true;
}

/*
 * The list of profiles has come, or can't be had, while any scan waited.  An
 * error is kept for the scan that it belongs to.
 */
static void
take_listing(ListingWaiter *waiter)
{
	ExportFeed *feed =
		(ExportFeed *) ((char *) waiter - offsetof(struct ExportFeed, listing_waiter));

	if (feed->listing->failure.sqlstate != 0)
		feed->listing_failure = feed->listing->failure;
	else if (feed->listing->profile_ids != NIL)
		add_parts_of_listing(feed);
}

static bool
add_export_parts(ExportFeed *feed)
{
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
	if (feed->listing_failure.sqlstate != 0)
		feed_fail(feed, &feed->listing_failure);
	if (feed->listing == NULL)
		feed->listing = profile_listing_get(feed->options);
	if (feed->listing->failure.sqlstate != 0)
		feed_fail(feed, &feed->listing->failure);
	feed->listing_waiter.arrived = take_listing;
	if (!feed->listing->complete)
		profile_listing_await(feed->listing, &feed->listing_waiter);
	else if (feed->listing->profile_ids == NIL)
		raise_no_profile(feed);
	else if (!add_parts_of_listing(feed))
		feed_fail(feed, &feed->listing_failure);
	return false;
}

/* Here and not where the list is read, since another scan may have been waiting then. */
static void
warn_of_listing(ExportFeed *feed)
{
	if (feed->listing == NULL || feed->listing_warned)
		return;
	feed->listing_warned = true;
	profile_listing_warn(feed->listing);
}

/* What a part does whose export is completed. */
static void
step_completed(ExportFeed *feed, FeedPart *part)
{
	consider_fetching_ahead(part);
	switch (part->ahead.state)
	{
		case FETCH_AHEAD_LINKING:
		case FETCH_AHEAD_FETCHING:
			return;
		case FETCH_AHEAD_FETCHED:
			part->request = part->ahead.request;
			part->from_start = true;
			part->phase = PART_OPENING;
			return;
		case FETCH_AHEAD_WANTED:
			/* There will be room, unless all that there is belongs to other scans. */
			if (!fetch_ahead_is_idle(&feed->ahead))
				return;
			fetch_ahead_end(&part->ahead);
			break;
		case FETCH_AHEAD_NONE:
			break;
	}
	/* The link is asked for when the download may begin. */
	part->phase = PART_READY;
}

static int64
step_export_part(ExportFeed *feed, FeedPart *part, int64 now)
{
	ExportView export;
	double waited = feed->counters.wait_time;
	int64 left;
	Failure failure;

	warn_of_listing(feed);
	exports_view(part->export, &export);
	switch (export.phase)
	{
		case EXPORT_FAILED:
			/* The new parts are looked at in the next round. */
			if (export.timed_out && part->delivered == 0 && part != feed->broken &&
				!export.is_read && split_export_part(feed, part))
				return now;
			exports_failure(part->export, &failure);
			if (export.timed_out && is_least_part(feed, part))
				set_least_part_hint(feed, &failure);
			feed_fail_part(feed, part, &failure);
			break;
		case EXPORT_COMPLETED:
			step_completed(feed, part);
			return REACTOR_NEVER;
		case EXPORT_QUEUED:
			/* It waits for others, whose time is limited, or for its next try. */
			return REACTOR_NEVER;
		default:
			break;
	}
	/* Only time in which somebody waits counts: a cursor may rest. */
	if (part->in_progress_since < 0)
		part->in_progress_since = waited;
	left = feed->options->export_timeout - (int64) (waited - part->in_progress_since);
	if (left <= 0)
	{
		failure_set(&failure, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "get an export",
					export.without_link
						? "it is completed, but has no link after export_timeout (%lld s)"
						: "it is still in progress after export_timeout (%lld s)",
					(long long) feed->options->export_timeout / 1000);
		failure_add_detail(&failure, "Profile %s, export %s: the status is %s.", part->profile_id,
						   export.shown_id[0] != '\0' ? export.shown_id : "not yet requested",
						   export.status_word[0] != '\0' ? export.status_word : "unknown");
		failure_set_hint(&failure, "The export is remembered: run the query again in this session "
								   "to go on waiting for it, or raise export_timeout.");
		feed_fail_part(feed, part, &failure);
	}
	return now + left;
}

static void
open_export_part(ExportFeed *feed, FeedPart *part)
{
	uint64 start = part->range_refused ? 0 : part->resume_from;

	part->from_start = start == 0;
	part->request =
		amazon_start_download(part->reactor, feed->options, part->url, start, part->etag);
	wipe_string(&part->url);
}

/* So near to the end of a download the next one is opened (bytes). */
#define NEAR_END ((int64) 1024 * 1024)

/* The turn of the next one is near when little is left of the one that is read. */
static bool
is_nearly_over(const FeedPart *part)
{
	int64 start = part->from_start ? 0 : (int64) part->resume_from;
	ExportView export;

	if (part->reactor == NULL)
		return false;
	exports_view(part->export, &export);
	return export.file_size >= 0 &&
		   start + (int64) bytes_of_transfer(part) + NEAR_END >= export.file_size;
}

/* One at a time: a link is minted right before its download, which is then read soon. */
static int
max_open_exports(const ExportFeed *feed)
{
	return feed->current != NULL && is_nearly_over(feed->current) ? 2 : 1;
}

static int
max_open_profiles(const ExportFeed *feed)
{
	return 1;
}

static void
remember_export(const ExportFeed *feed, const FeedPart *part)
{
	record_counts_remember_export(feed->options, part->profile_id, exports_body(part->export),
								  part->delivered);
}

static void
export_subject(const FeedPart *part, char *subject, size_t size)
{
	ExportView export;

	exports_view(part->export, &export);
	snprintf(subject, size, "Profile %s, export %s", part->profile_id,
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
 * The link is taken here and not in step, so that it is fresh: until it is
 * there the part stays READY without being opened.
 */
static bool
export_part_may_open(ExportFeed *feed, FeedPart *part)
{
	ExportView export;

	exports_view(part->export, &export);
	if (export.phase != EXPORT_COMPLETED)
	{
		/* A new link is being asked for, or the export was lost and renewed. */
		if (export.phase != EXPORT_POLLING)
			part->phase = PART_WAITING;
		return false;
	}
	part->url = exports_take_link(part->export);
	if (part->url == NULL)
	{
		control_step();
		/* If it could not even be asked for, nothing will wake us. */
		exports_view(part->export, &export);
		if (export.phase == EXPORT_FAILED || export.phase == EXPORT_QUEUED)
			part->phase = PART_WAITING;
	}
	return part->url != NULL;
}

const FeedApi amazon_export_feed = {
	.packing = PACKED_GZIP,
	.resumable = true,
	.parts_are_kept = true,
	.uses_registry = true,
	.wakes = true,
	.add_parts = add_export_parts,
	.step = step_export_part,
	.may_open = export_part_may_open,
	.open = open_export_part,
	.max_open = max_open_exports,
	.remember = remember_export,
	.subject = export_subject,
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
			/* A refusal of a given token is known at once; come back for it. */
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
	part->request = amazon_start_profiles(part->reactor, feed->options,
										  credential_lists_default(credential_get(feed->options)),
										  part->token, true);
}

static bool
ask_for_other_profiles(ExportFeed *feed, const FeedPart *part)
{
	return credential_list_otherwise(credential_get(feed->options));
}

static void
remember_profiles(const ExportFeed *feed, const FeedPart *part)
{
	record_counts_remember_export(feed->options, "", "", part->delivered);
}

static void
profiles_subject(const FeedPart *part, char *subject, size_t size)
{
	strlcpy(subject, "The list of profiles", size);
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
	.parts_are_kept = true,
	.uses_registry = true,
	.add_parts = add_profiles_part,
	.step = step_profiles_part,
	.may_open = profiles_part_may_open,
	.open = open_profiles_part,
	.ask_otherwise = ask_for_other_profiles,
	.max_open = max_open_profiles,
	.remember = remember_profiles,
	.subject = profiles_subject,
	.describe = describe_profiles,
};
