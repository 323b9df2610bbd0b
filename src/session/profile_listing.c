/*-------------------------------------------------------------------------
 *
 * profile_listing.c
 *		The profiles of an account that can have exports.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "remote/amazon_ads.h"
#include "remote/foreign_text.h"
#include "remote/profile_reader.h"
#include "remote/throttle.h"
#include "session/freshness.h"
#include "session/profile_listing.h"
#include "session/seeded_hash.h"
#include "session/shared_listing.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static dlist_head listings = DLIST_STATIC_INIT(listings);
static Moment forgotten =
	0; /* what other sessions requested before that is not used here any more */

static void
replace_list(ProfileListing *listing, MemoryContext context, List *profile_ids)
{
	if (listing->list_context != NULL)
		MemoryContextDelete(listing->list_context);
	listing->list_context = context;
	listing->profile_ids = profile_ids;
}

/*-------------------------------------------------------------------------
 * Lists of other sessions
 *-------------------------------------------------------------------------
 */

/* Another session has requested it recently. */
static bool
take_shared(ProfileListing *listing, const ForeignOptions *options)
{
	MemoryContext context = AllocSetContextCreate(
		listing->context, "adsexport_fdw list of profiles", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	List *profile_ids;
	ListSummary summary;
	bool found = shared_listing_find(options, &summary, &profile_ids);

	MemoryContextSwitchTo(old_context);
	if (!found || summary.requested <= forgotten)
	{
		MemoryContextDelete(context);
		return false;
	}
	replace_list(listing, context, profile_ids);
	listing->requested = summary.requested;
	listing->listed = summary.listed;
	listing->unusable = summary.unusable;
	listing->first_unusable = summary.first_unusable;
	strlcpy(listing->unusable_text, summary.unusable_text, sizeof(listing->unusable_text));
	listing->failure.sqlstate = 0;
	listing->complete = true;
	return true;
}

static void
publish(const ProfileListing *listing)
{
	ListSummary summary = { 0 };
	ForeignText shown;

	summary.requested = listing->requested;
	summary.listed = listing->listed;
	summary.unusable = listing->unusable;
	summary.first_unusable = listing->first_unusable;
	/* If the server has echoed a secret, it goes no further. */
	strlcpy(summary.unusable_text,
			foreign_text(&shown, listing->unusable_text, listing->options, listing->token),
			sizeof(summary.unusable_text));
	shared_listing_publish(listing->options, &summary, listing->profile_ids);
}

/*-------------------------------------------------------------------------
 * This session's
 *-------------------------------------------------------------------------
 */

static void drop_list(ProfileListing *listing);

static void
end_request(ProfileListing *listing)
{
	request_free(listing->request);
	listing->request = NULL;
	drop_list(listing);
	wipe_string(&listing->token);
}

/*
 * What a cancelled statement left in progress: its answer may have arrived long
 * ago, and nobody has looked at it since.
 */
static void
drop_old_request(ProfileListing *listing, const ForeignOptions *options)
{
	if (!listing->wanted || listing->request == NULL || !dlist_is_empty(&listing->waiters) ||
		recent_enough(listing->requested, listing->last_used, options->max_age))
		return;
	end_request(listing);
	listing->wanted = false;
}

ProfileListing *
profile_listing_get(const ForeignOptions *options)
{
	Credential *credential = credential_get(options);
	dlist_iter iter;
	ProfileListing *listing = NULL;

	dlist_foreach(iter, &listings)
	{
		ProfileListing *candidate = dlist_container(ProfileListing, node, iter.cur);

		if (candidate->credential == credential &&
			strcmp(candidate->options->endpoint, options->endpoint) == 0)
			listing = candidate;
	}
	if (listing == NULL)
	{
		MemoryContext context =
			AllocSetContextCreate(TopMemoryContext, "adsexport_fdw profiles", ALLOCSET_SMALL_SIZES);

		listing = MemoryContextAllocZero(context, sizeof(ProfileListing));
		listing->context = context;
		listing->options = foreign_options_keep(options, context);
		listing->credential = credential;
		dlist_init(&listing->waiters);
		dlist_push_head(&listings, &listing->node);
	}
	drop_old_request(listing, options);
	if (!listing->wanted &&
		(listing->failure.sqlstate != 0 || !listing->complete ||
		 !recent_enough(listing->requested, listing->last_used, options->max_age)) &&
		!take_shared(listing, options))
	{
		listing->failure.sqlstate = 0;
		listing->complete = false;
		listing->reauthenticated = false;
		memset(&listing->retry, 0, sizeof(Retry));
		listing->due = 0;
		listing->wanted = true;
		credential_want(credential);
	}
	listing->last_used = moment_now();
	return listing;
}

/*-------------------------------------------------------------------------
 * The answer
 *-------------------------------------------------------------------------
 */

/* A list while it arrives. */
struct ListBuilder
{
	ProfileReader *reader;
	MemoryContextCallback callback;
	MemoryContext context; /* of all of this, and of the list */
	HTAB *known;           /* ids of profile_ids */
	List *profile_ids;
	size_t listed;
	size_t unusable;
	size_t first_unusable;
	char unusable_text[sizeof(((ProfileListing *) NULL)->unusable_text)];
	bool busy; /* stays set if an error was raised in the middle of an entry */
};

static void
free_reader(void *argument)
{
	ListBuilder *builder = argument;

	profile_reader_free(builder->reader);
	builder->reader = NULL;
}

static void
begin_list(ProfileListing *listing)
{
	MemoryContext context = AllocSetContextCreate(
		listing->context, "adsexport_fdw list of profiles", ALLOCSET_DEFAULT_SIZES);
	ListBuilder *builder = MemoryContextAllocZero(context, sizeof(ListBuilder));
	HASHCTL control = { 0 };
	RequestResult result;

	builder->context = context;
	builder->callback.func = free_reader;
	builder->callback.arg = builder;
	MemoryContextRegisterResetCallback(context, &builder->callback);
	seeded_hash_prepare();
	control.keysize = control.entrysize = sizeof(uint64);
	control.hash = seeded_hash;
	control.hcxt = context;
	builder->known = hash_create("adsexport_fdw profiles", 64, &control,
								 HASH_ELEM | HASH_FUNCTION | HASH_CONTEXT);
	request_result(listing->request, &result);
	builder->reader =
		profile_reader_create(content_coding_by_name(result.headers->content_encoding));
	if (builder->reader == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	listing->builder = builder;
}

static void
drop_list(ProfileListing *listing)
{
	if (listing->builder != NULL)
		MemoryContextDelete(listing->builder->context);
	listing->builder = NULL;
}

/* Everything has been read. */
static void
finish_list(ProfileListing *listing)
{
	ListBuilder *builder = listing->builder;

	replace_list(listing, builder->context, builder->profile_ids);
	listing->listed = builder->listed;
	listing->unusable = builder->unusable;
	listing->first_unusable = builder->first_unusable;
	strlcpy(listing->unusable_text, builder->unusable_text, sizeof(listing->unusable_text));
	hash_destroy(builder->known);
	free_reader(builder);
	listing->builder = NULL;
}

static void
note_unusable(ListBuilder *builder, const ListedProfile *profile)
{
	if (builder->unusable++ > 0)
		return;
	builder->first_unusable = builder->listed + 1;
	message_printable(profile->text, profile->length, builder->unusable_text,
					  sizeof(builder->unusable_text));
}

static void
note_profile(ListBuilder *builder, const ListedProfile *profile)
{
	char text[24];
	bool found;

	if (profile->id == 0)
	{
		note_unusable(builder, profile);
		return;
	}
	builder->listed++;
	if (profile->is_agency)
		return;
	(void) hash_search(builder->known, &profile->id, HASH_ENTER, &found);
	if (found)
		return;
	snprintf(text, sizeof(text), UINT64_FORMAT, profile->id);
	builder->profile_ids = lappend(builder->profile_ids, pstrdup(text));
}

static bool
has_too_many(const ListBuilder *builder)
{
	return builder->listed + builder->unusable > MAX_LISTED;
}

/* At most this often the reader is fed between two looks at interrupts: a megabyte. */
#define FEEDS_AT_ONCE 4

/* Read of what has arrived; *more says that there is more of it, or may be. */
static StreamStatus
read_list(ProfileListing *listing, bool *more)
{
	ListBuilder *builder = listing->builder;
	MemoryContext old_context = MemoryContextSwitchTo(builder->context);
	bool ended = request_state(listing->request) == REQUEST_DONE;
	StreamStatus status = STREAM_NEED_INPUT;
	size_t length;
	const char *body = request_body(listing->request, &length);

	builder->busy = true;
	for (int feeds = 0;
		 feeds < FEEDS_AT_ONCE && status == STREAM_NEED_INPUT && (length > 0 || ended); feeds++)
	{
		size_t taken = profile_reader_feed(builder->reader, body, length, ended);
		ListedProfile profile;

		/* What is no list is shown, so it stays until it was looked at. */
		while (!has_too_many(builder) &&
			   (status = profile_reader_next(builder->reader, &profile)) == STREAM_RECORD)
			note_profile(builder, &profile);
		if (status == STREAM_ERROR)
			break;
		request_consume(listing->request, taken);
		body += taken;
		length -= taken;
	}
	*more = status == STREAM_NEED_INPUT && (length > 0 || ended);
	builder->busy = false;
	MemoryContextSwitchTo(old_context);
	return status;
}

/* An account without profiles means a mistake somewhere, not an empty table. */
void
profile_listing_fail_empty(Failure *failure, const ForeignOptions *options, size_t listed)
{
	failure_set(failure, ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION, "request an export",
				"the account has no profile that can have exports");
	if (listed == 0)
		failure_add_detail(failure, "The list of profiles is empty.");
	else
		failure_add_detail(
			failure, "All profiles of the list (%zu) belong to agencies, which have no exports.",
			listed);
	failure_set_hint(failure,
					 "Check that the account advertises in the region of server %s (%s), and that "
					 "the refresh_token belongs to a user of that account, or name the profiles "
					 "with the option profile_ids.",
					 quote_identifier(options->server_name), options->region);
}

/* The list has been read: can it be used? */
static void
judge_list(ProfileListing *listing, const char *subject, Answer *answer)
{
	const ListBuilder *builder = listing->builder;
	ForeignText shown;

	if (builder->listed == 0 && builder->unusable > 0)
	{
		answer->action = ACTION_FAIL_REQUEST;
		failure_set(&answer->failure, ERRCODE_FDW_ERROR, "list the profiles",
					"no entry of the list has a profileId that can be used");
		failure_add_detail(&answer->failure, "%s: the first of %zu entries reads \"%s\".", subject,
						   builder->unusable,
						   foreign_text(&shown, builder->unusable_text, listing->options,
										listing->token));
		return;
	}
	finish_list(listing);
	listing->complete = listing->listed > 0 || !credential_list_otherwise(listing->credential);
	listing->wanted = !listing->complete;
	if (listing->complete)
		publish(listing);
}

static void
fail_too_many(ProfileListing *listing, const char *subject, Answer *answer)
{
	answer->action = ACTION_FAIL_REQUEST;
	failure_set(&answer->failure, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "list the profiles",
				"the account has more than %d profiles", MAX_LISTED);
	failure_add_detail(&answer->failure, "%s.", subject);
	failure_set_hint(&answer->failure,
					 "Name the profiles that are needed with the option profile_ids.");
}

/* An answer that is not a list is worth a retry. */
static void
fail_malformed(ProfileListing *listing, const char *subject, Answer *answer)
{
	ForeignText shown;
	RequestResult result;

	request_result(listing->request, &result);
	answer_unexpected(answer, CALL_PROFILES, &result, subject, listing->options, listing->token,
					  "the answer is not a list of profiles");
	if (listing->builder->listed > 0)
		failure_add_detail(&answer->failure, "After %zu profiles: %s.", listing->builder->listed,
						   foreign_text(&shown, profile_reader_error(listing->builder->reader),
										listing->options, listing->token));
}

static void
handle_listing_answer(ProfileListing *listing, Answer *answer)
{
	const ForeignOptions *options = listing->options;

	if (answer->action == ACTION_REAUTHENTICATE && !listing->reauthenticated &&
		options->access_token == NULL)
	{
		credential_reject(listing->credential, listing->token);
		credential_want(listing->credential);
		listing->reauthenticated = true;
	}
	else if (!retry_allowed(&listing->retry, answer, CALL_PROFILES, options, &listing->due))
	{
		listing->failure = answer->failure;
		listing->wanted = false;
	}
}

/*
 * Look at the request under way: its list is read as it arrives.  True if
 * there is more to do now.
 */
static bool
step_request(ProfileListing *listing)
{
	bool more = false;
	StreamStatus status = STREAM_NEED_INPUT;
	char subject[NAMEDATALEN + 32];
	RequestResult result;
	Answer answer;

	request_result(listing->request, &result);
	if (result.state == REQUEST_WAITING)
		return false;
	snprintf(subject, sizeof(subject), "Server %s",
			 quote_identifier(listing->options->server_name));
	if (listing->builder != NULL && listing->builder->busy)
	{
		/* An error was raised in the middle of it, so some of it may be missing. */
		failure_set(&listing->failure, ERRCODE_OUT_OF_MEMORY, "list the profiles", "out of memory");
		listing->wanted = false;
		end_request(listing);
		return false;
	}
	if (result.state != REQUEST_FAILED && result.status == 200)
	{
		if (listing->builder == NULL)
			begin_list(listing);
		status = read_list(listing, &more);
		if (status == STREAM_NEED_INPUT && (more || result.state == REQUEST_RECEIVING))
			return more;
	}
	else if (result.state == REQUEST_RECEIVING)
		return false; /* an error's body is wanted, too */

	request_result(listing->request, &result);
	answer_judge(&answer, CALL_PROFILES, &result, subject, listing->options, listing->token);
	if (listing->builder != NULL && has_too_many(listing->builder))
		fail_too_many(listing, subject, &answer);
	else if (status == STREAM_ERROR)
		fail_malformed(listing, subject, &answer);
	else if (answer.action == ACTION_SUCCESS)
		judge_list(listing, subject, &answer);
	if (listing->wanted && answer.action != ACTION_SUCCESS)
		handle_listing_answer(listing, &answer);
	end_request(listing);
	return false;
}

void
profile_listing_warn(const ProfileListing *listing)
{
	ForeignText shown;

	if (listing->unusable == 0)
		return;
	ereport(
		WARNING,
		(errcode(ERRCODE_WARNING),
		 errmsg_plural("left out %zu entry of the list of profiles of server \"%s\" that has no "
					   "usable profileId",
					   "left out %zu entries of the list of profiles of server \"%s\" that have "
					   "no usable profileId",
					   listing->unusable, listing->unusable, listing->options->server_name),
		 errdetail("The first is entry %zu, which reads \"%s\".", listing->first_unusable,
				   foreign_text(&shown, listing->unusable_text, listing->options, NULL))));
}

/*-------------------------------------------------------------------------
 * Progress
 *-------------------------------------------------------------------------
 */

static int64
step_listing(ProfileListing *listing, Reactor *reactor, int64 now)
{
	int64 due;

	if (listing->request != NULL && step_request(listing))
		return now;
	if (!listing->wanted || listing->request != NULL)
		return REACTOR_NEVER;
	due = Max(listing->due, throttle_due(CALL_PROFILES, listing->options, now));
	if (due > now)
		return due;
	if (credential_state(listing->credential) == CREDENTIAL_PENDING)
		credential_want(listing->credential);
	if (credential_state(listing->credential) == CREDENTIAL_FAILED)
	{
		listing->failure = *credential_failure(listing->credential);
		listing->wanted = false;
	}
	else if (credential_state(listing->credential) == CREDENTIAL_READY)
	{
		listing->token =
			MemoryContextStrdup(listing->context, credential_token(listing->credential));
		listing->requested = moment_now();
		throttle_begin(CALL_PROFILES, listing->options, now);
		listing->request =
			amazon_start_profiles(reactor, listing->options,
								  credential_lists_default(listing->credential), listing->token);
		if (listing->request == NULL)
		{
			failure_set(&listing->failure, ERRCODE_OUT_OF_MEMORY, "list the profiles",
						"out of memory");
			listing->wanted = false;
		}
		else if (request_state(listing->request) >= REQUEST_DONE)
			return now;
	}
	return REACTOR_NEVER;
}

void
profile_listing_await(ProfileListing *listing, ListingWaiter *waiter)
{
	if (waiter->listing == listing)
		return;
	profile_listing_leave(waiter);
	waiter->listing = listing;
	dlist_push_tail(&listing->waiters, &waiter->node);
}

void
profile_listing_leave(ListingWaiter *waiter)
{
	if (waiter->listing != NULL)
		dlist_delete(&waiter->node);
	waiter->listing = NULL;
}

/*
 * The list is there, or cannot be had. Tell each waiter once; returns true if one of
 * them waits again.
 */
static bool
tell_waiters(ProfileListing *listing)
{
	ListingWaiter *last;

	if (dlist_is_empty(&listing->waiters))
		return false;
	last = dlist_tail_element(ListingWaiter, node, &listing->waiters);
	for (;;)
	{
		ListingWaiter *waiter =
			dlist_container(ListingWaiter, node, dlist_pop_head_node(&listing->waiters));

		waiter->listing = NULL;
		waiter->arrived(waiter);
		if (waiter == last)
			return !dlist_is_empty(&listing->waiters);
	}
}

int64
profile_listings_step(Reactor *reactor, int64 now)
{
	int64 due = REACTOR_NEVER;
	dlist_iter iter;

	dlist_foreach(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);
		int64 next = step_listing(listing, reactor, now);

		due = Min(due, next);
		if (!listing->wanted && tell_waiters(listing))
			due = now;
	}
	return due;
}

void
profile_listings_settle(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);

		memset(&listing->retry, 0, sizeof(listing->retry));
		if (listing->request == NULL || !request_was_not_made(listing->request))
			continue;
		request_free(listing->request);
		listing->request = NULL;
		wipe_string(&listing->token);
		listing->wanted = false;
	}
}

bool
profile_listings_any_request(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &listings)
	{
		if (dlist_container(ProfileListing, node, iter.cur)->request != NULL)
			return true;
	}
	return false;
}

void
profile_listings_make_stale(void)
{
	dlist_iter iter;

	/* Lists that are waited for are completed. */
	dlist_foreach(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);

		if (listing->complete)
			listing->requested = 0;
	}
}

static void
forget_listing(ProfileListing *listing)
{
	dlist_delete(&listing->node);
	request_free(listing->request);
	wipe_string(&listing->token);
	MemoryContextDelete(listing->context);
}

void
profile_listings_forget_changed(bool (*is_held)(Oid user_id))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);

		if (credential_has_changed(listing->credential) && !is_held(listing->options->user_id))
			forget_listing(listing);
	}
}

void
profile_listings_mark_forgotten(void)
{
	forgotten = moment_now();
}
