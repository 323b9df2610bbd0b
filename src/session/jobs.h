/*-------------------------------------------------------------------------
 *
 * jobs.h
 *		How many requests or exports may be in progress at once for one account.
 *
 * A vendor counts what an account has in progress, whichever scan, server or
 * user mapping asked for it.  What it counts together is a pool.  Whoever wants
 * to send something takes a place in the pool at the moment of sending, and
 * gives it back when the vendor no longer counts it.
 *
 * Places are given in the order of asking.  Whoever got none asks again, at
 * least each JOBS_ASK_AGAIN milliseconds, for as long as it wants one: one that
 * stops asking (a cursor at rest) is passed over, so that it holds up nobody.
 *
 * The pools are this backend's.  The interface is made so that pools in shared
 * memory can take their place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JOBS_H
#define ADSEXPORT_JOBS_H

#include "postgres.h"

#include "lib/ilist.h"

/* Longest pause between two calls of jobs_reserve by one that waits. */
#define JOBS_ASK_AGAIN 200

typedef struct JobPool
{
	const char *endpoint;
	const char *account; /* client id or API key; it is not kept */
	const char *entity;  /* "" where the vendor counts all together */
} JobPool;

/*
 * A place that is held or waited for.  Zeroed it is neither.  It belongs to
 * whoever asks, who releases it before its memory goes; the fields are for
 * jobs.c only.
 */
typedef struct JobPlace
{
	dlist_node node;
	struct Jobs *jobs; /* NULL: neither held nor waited for */
	bool held;
	int64 lapses; /* held: from then on it does not count */
	int64 asked;  /* waited for: when it was asked for last */
} JobPlace;

/*
 * Take a place, unless max_jobs are taken or others have asked before; true if
 * it is held, also if it was before.  One whose owner may never learn that it
 * is over lapses at that time (monotonic_milliseconds, or REACTOR_NEVER).
 */
extern bool jobs_reserve(JobPlace *place, const JobPool *pool, int max_jobs, int64 lapses);

/* Give it back, or ask no longer.  Does not throw; may be called for any place. */
extern void jobs_release(JobPlace *place);

extern bool jobs_is_held(const JobPlace *place);
extern bool jobs_is_waiting(const JobPlace *place);

/* Are the two of one pool? */
extern bool jobs_in_same_pool(const JobPlace *one, const JobPlace *other);

#endif /* ADSEXPORT_JOBS_H */
