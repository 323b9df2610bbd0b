/*-------------------------------------------------------------------------
 *
 * jobs.h
 *		How many requests or exports may be in progress at once for one account.
 *
 * A vendor counts what an account has in progress, whichever scan, server or
 * user mapping asked for it.  What it counts together is a pool.  A caller that wants
 * to send something takes a place in the pool at the moment of sending, and
 * gives it back when the vendor no longer counts it.
 *
 * Places are given in the order of asking.  A caller that got none asks again, at
 * least each JOBS_ASK_AGAIN milliseconds, for as long as it wants one: one that
 * stops asking (a cursor at rest) is passed over, so that it holds up nobody.
 *
 * Pools are those of all sessions of the cluster, where they share memory, and
 * whoever waits is woken when a place becomes free; else they are this session's.
 * A place in shared memory is given back when its session ends, however it does,
 * unless jobs_keep was called: then it counts until another session has adopted
 * and released it, or it lapses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JOBS_H
#define ADSEXPORT_JOBS_H

#include "postgres.h"

#include "lib/ilist.h"
#include "session/jobs_shared.h"

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
 * the caller, which releases it before its memory goes; the fields are for
 * jobs.c only.
 */
typedef struct JobPlace
{
	dlist_node node;
	struct Jobs *jobs;  /* NULL: neither held nor waited for */
	SharedPlace shared; /* zeroed: this session's alone */
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

/*
 * What the place is held for will be over by that time, most likely, should nobody
 * look after it any more (a session at rest): from then on it does not count,
 * unless it is said again before.  A mistake costs a request that is refused.
 * Neither throws.
 */
extern void jobs_expect(JobPlace *place, int64 over);

/* The same, and it was answered that it is in progress, which does not end with this session. */
extern void jobs_keep(JobPlace *place, int64 over);

/* What another session has to know to adopt it; zeroed if no other one can. */
extern SharedPlace jobs_shared_place(const JobPlace *place);

/*
 * Make a place that another session holds, or held before it ended, one that
 * this session holds: the other's jobs_release does nothing any more.  False if
 * it does not count any more; then the place is what it was, and it is too late
 * to ask for another one.
 */
extern bool
jobs_adopt(JobPlace *place, const JobPool *pool, const SharedPlace *other, int64 lapses);

/* Give it back, or ask no longer.  Does not throw; may be called for any place. */
extern void jobs_release(JobPlace *place);

extern bool jobs_is_held(const JobPlace *place);
extern bool jobs_is_waiting(const JobPlace *place);

/* Are the two of one pool? */
extern bool jobs_in_same_pool(const JobPlace *one, const JobPlace *other);

#endif /* ADSEXPORT_JOBS_H */
