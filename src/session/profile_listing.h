/*-------------------------------------------------------------------------
 *
 * profile_listing.h
 *		The profiles of an account that can have exports, from one call of the
 *		API, remembered like an export.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PROFILE_LISTING_H
#define ADSEXPORT_PROFILE_LISTING_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "net/reactor.h"
#include "nodes/pg_list.h"
#include "remote/answer.h"
#include "session/credential.h"
#include "session/freshness.h"

/* At most this many profiles of an account are remembered. */
#define MAX_LISTED 100000

typedef struct ListBuilder ListBuilder;
typedef struct ListingWaiter ListingWaiter;

/*
 * Complete once the answer is there, or failed with failure set, or else to be
 * looked at again after profile_listings_step.
 */
typedef struct ProfileListing
{
	dlist_node node;
	MemoryContext context;
	const ForeignOptions *options;
	Credential *credential;
	size_t listed; /* profiles, those of agencies included */
	char *token;
	Request *request;
	ListBuilder *builder; /* of the list that is arriving, or NULL */
	Retry retry;
	bool reauthenticated;
	int64 due;
	bool wanted;
	Moment requested; /* 0: never */
	Moment last_used;
	bool complete;
	List *profile_ids; /* of char *, each once */
	MemoryContext list_context;

	/* Entries without a usable id, which were left out. */
	size_t unusable;
	size_t first_unusable; /* its place, counted from 1 */
	char unusable_text[128];

	Failure failure;
	dlist_head waiters;
} ProfileListing;

/* Find or make; requested (again) if what is known is too old. */
extern ProfileListing *profile_listing_get(const ForeignOptions *options);

/* Warn the user about entries that were left out. */
extern void profile_listing_warn(const ProfileListing *listing);

/*
 * Whatever waits for a list is told that it has ended as soon as that is
 * known, whichever scan is being read at that moment. The callback finds the
 * list complete, or its failure. It is called once, or again in the next step if
 * it waits again, and must not raise an error because of the remote.
 */
struct ListingWaiter
{
	dlist_node node;
	ProfileListing *listing; /* that is waited for, or NULL */
	void (*arrived)(ListingWaiter *waiter);
};

extern void profile_listing_await(ProfileListing *listing, ListingWaiter *waiter);

/* Stop waiting, if it does. Does not throw. */
extern void profile_listing_leave(ListingWaiter *waiter);

/* The failure of a list that has this many profiles, of which none can have exports. */
extern void
profile_listing_fail_empty(Failure *failure, const ForeignOptions *options, size_t listed);

/* Do what is due; returns when something is due next. */
extern int64 profile_listings_step(Reactor *reactor, int64 now);

/* See credential_settle. */
extern void profile_listings_settle(void);

extern bool profile_listings_any_request(void);

/* Later statements must not use what is known now. */
extern void profile_listings_make_stale(void);

/*
 * Forget those whose credentials changed, except those of users for whom is_held
 * returns true. Does not throw.
 */
extern void profile_listings_forget_changed(bool (*is_held)(Oid user_id));

/* Do not use here what other sessions have requested until now. */
extern void profile_listings_mark_forgotten(void);

#endif /* ADSEXPORT_PROFILE_LISTING_H */
