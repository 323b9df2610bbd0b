/*-------------------------------------------------------------------------
 *
 * profile_listing.c
 *		The profiles of an account that can have exports.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "export/amazon_ads.h"
#include "export/freshness.h"
#include "export/profile_listing.h"
#include "export/throttle.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static dlist_head listings = DLIST_STATIC_INIT(listings);

ProfileListing *
profile_listing_get(const Settings *settings)
{
	Credential *credential = credential_get(settings);
	dlist_iter iter;
	ProfileListing *listing = NULL;

	dlist_foreach(iter, &listings)
	{
		ProfileListing *candidate = dlist_container(ProfileListing, node, iter.cur);

		if (candidate->credential == credential &&
			strcmp(candidate->settings->endpoint, settings->endpoint) == 0)
			listing = candidate;
	}
	if (listing == NULL)
	{
		MemoryContext context =
			AllocSetContextCreate(TopMemoryContext, "adsexport_fdw profiles", ALLOCSET_SMALL_SIZES);

		listing = MemoryContextAllocZero(context, sizeof(ProfileListing));
		listing->context = context;
		listing->settings = settings_keep(settings, context);
		listing->credential = credential;
		dlist_init(&listing->waiters);
		dlist_push_head(&listings, &listing->node);
	}
	if (!listing->wanted &&
		(listing->failure.sqlstate != 0 || !listing->complete ||
		 !recent_enough(listing->requested_at, listing->last_used, settings->max_age)))
	{
		listing->failure.sqlstate = 0;
		listing->complete = false;
		listing->reauthenticated = false;
		memset(&listing->retry, 0, sizeof(Retry));
		listing->due = 0;
		listing->wanted = true;
		credential_want(credential);
	}
	listing->last_used = GetCurrentTimestamp();
	return listing;
}

static void
remember_profile(const char *profile_id, void *argument)
{
	List **profile_ids = argument;

	*profile_ids = lappend(*profile_ids, pstrdup(profile_id));
}

static void
end_listing_request(ProfileListing *listing)
{
	const Settings *settings = listing->settings;
	char subject[NAMEDATALEN + 32];
	size_t length;
	const char *body = request_body(listing->request, &length);
	Answer answer;

	snprintf(subject, sizeof(subject), "Server %s", quote_identifier(settings->server_name));
	answer_judge(&answer, CALL_PROFILES, listing->request, subject, settings, listing->token);
	if (answer.action == ACTION_SUCCESS)
	{
		MemoryContext old_context = MemoryContextSwitchTo(listing->context);
		List *profile_ids = NIL;

		if (message_parse_profiles(body, length, remember_profile, &profile_ids, &listing->listed))
		{
			list_free_deep(listing->profile_ids);
			listing->profile_ids = profile_ids;
			listing->complete = listing->listed > 0 || !amazon_other_profiles(listing->credential);
			listing->wanted = !listing->complete;
		}
		else
		{
			list_free_deep(profile_ids);
			answer_unexpected(&answer, CALL_PROFILES, listing->request, subject, settings,
							  listing->token, "the answer is not a list of profiles");
		}
		MemoryContextSwitchTo(old_context);
	}
	if (listing->wanted && answer.action != ACTION_SUCCESS)
	{
		if (answer.action == ACTION_REAUTHENTICATE && !listing->reauthenticated &&
			settings->access_token == NULL)
		{
			credential_reject(listing->credential, listing->token);
			credential_want(listing->credential);
			listing->reauthenticated = true;
		}
		else if (!retry_allowed(&listing->retry, &answer, CALL_PROFILES, settings, &listing->due))
		{
			listing->failure = answer.failure;
			listing->wanted = false;
		}
	}
	request_free(listing->request);
	listing->request = NULL;
	pfree(listing->token);
	listing->token = NULL;
}

static int64
step_listing(ProfileListing *listing, Reactor *reactor, int64 now)
{
	int64 due;

	if (listing->request != NULL && request_state(listing->request) >= REQUEST_DONE)
		end_listing_request(listing);
	if (!listing->wanted || listing->request != NULL)
		return REACTOR_NEVER;
	due = Max(listing->due, throttle_due(CALL_PROFILES, listing->settings, now));
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
		listing->requested_at = GetCurrentTimestamp();
		throttle_begin(CALL_PROFILES, listing->settings, now);
		listing->request = amazon_start_profiles(reactor, listing->settings, listing->credential,
												 listing->token, false);
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

/* The list is there, or it can't be had. */
static void
tell_waiters(ProfileListing *listing)
{
	while (!dlist_is_empty(&listing->waiters))
	{
		ListingWaiter *waiter =
			dlist_container(ListingWaiter, node, dlist_pop_head_node(&listing->waiters));

		waiter->listing = NULL;
		waiter->arrived(waiter);
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
		if (!listing->wanted)
			tell_waiters(listing);
	}
	return due;
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

	/* Those that somebody waits for are completed. */
	dlist_foreach(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);

		if (listing->complete)
			listing->requested_at = 0;
	}
}

void
profile_listings_forget(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &listings)
	{
		ProfileListing *listing = dlist_container(ProfileListing, node, iter.cur);

		dlist_delete(&listing->node);
		request_free(listing->request);
		MemoryContextDelete(listing->context);
	}
}
