/*-------------------------------------------------------------------------
 *
 * shared_listing.h
 *		Lists of profiles that other sessions can use, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SHARED_LISTING_H
#define ADSEXPORT_SHARED_LISTING_H

#include "nodes/pg_list.h"
#include "option/foreign_options.h"
#include "session/freshness.h"

/* What a list has besides its ids. */
typedef struct ListSummary
{
	Moment requested;
	uint64 listed;   /* profiles, those of agencies included */
	uint64 unusable; /* entries without an id that can be used */
	uint64 first_unusable;
	char unusable_text[128]; /* without secrets */
} ListSummary;

/*
 * A list has arrived; profile_ids are char *, decimal numbers. Nothing happens
 * if it is too long to be shared.
 */
extern void shared_listing_publish(const ForeignOptions *options, const ListSummary *summary,
								   const List *profile_ids);

/*
 * Find a list of that account that is recent enough for the current statement;
 * its ids are allocated in the current memory context.
 */
extern bool
shared_listing_find(const ForeignOptions *options, ListSummary *summary, List **profile_ids);

#endif /* ADSEXPORT_SHARED_LISTING_H */
