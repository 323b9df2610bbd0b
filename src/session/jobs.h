/*-------------------------------------------------------------------------
 *
 * jobs.h
 *		How many requests or exports may be in progress at once for one account.
 *
 * A vendor counts what an account has in progress, whichever scan, server or
 * user mapping requested it.  What it counts together is a pool.  A caller
 * that wants to send something takes a place in the pool at the moment of
 * sending, and gives it back when the vendor no longer counts it.
 *
 * Places are given in the order of asking.  A caller that gets none asks
 * again, at least every JOBS_ASK_AGAIN milliseconds, for as long as it wants
 * one: a caller that stops asking (a cursor at rest) is passed over, so that
 * it does not hold up others.
 *
 * Pools are common to all sessions of the cluster if they share memory, and a
 * session that waits is woken when a place becomes free; otherwise they are
 * this session's. A place in shared memory is given back when its session
 * ends, however that happens, unless jobs_keep was called: then it counts
 * until another session has adopted and released it, or until it lapses.
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
	const char *entity;  /* "" if the vendor counts all together */
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
	int64 asked;  /* waited for: when it was last asked for */
} JobPlace;

/*
 * Take a place, unless max_jobs are taken or others asked first; true if it is
 * held now, or still held from before.  One whose owner may never learn that it
 * is over lapses at that time (monotonic_milliseconds, or REACTOR_NEVER).
 */
extern bool jobs_reserve(JobPlace *place, const JobPool *pool, int max_jobs, int64 lapses);

/*
 * For places in shared memory, else nothing happens: what the place is held for
 * will most likely be over by that time, even if no session drives it any more
 * (as when its session is at rest): from then on it does not count, unless this
 * is called again before. A mistake costs a request that is rejected.  Does not
 * throw, nor does jobs_keep.
 */
extern void jobs_expect(JobPlace *place, int64 over);

/*
 * Likewise, for what the vendor has said to be in progress, which does not end
 * with this session.
 */
extern void jobs_keep(JobPlace *place, int64 over);

/* What another session has to know to adopt it; zeroed if none can. */
extern SharedPlace jobs_shared_place(const JobPlace *place);

/*
 * Make a place that another session holds, or held before it ended, one that
 * this session holds: the other's jobs_release then does nothing. False if it
 * no longer counts; then place is unchanged, and it is too late to ask for
 * another one.
 */
extern bool
jobs_adopt(JobPlace *place, const JobPool *pool, const SharedPlace *other, int64 lapses);

/* Give it back, or stop asking for it. Does not throw; may be called for any place. */
extern void jobs_release(JobPlace *place);

/*
 * Likewise, but nobody looks any more after what it is held for: if jobs_keep
 * was called, it counts until it lapses, as if the session had ended.
 */
extern void jobs_abandon(JobPlace *place);

extern bool jobs_is_held(const JobPlace *place);
extern bool jobs_is_waiting(const JobPlace *place);

/* Are both of the same pool? */
extern bool jobs_in_same_pool(const JobPlace *one, const JobPlace *other);

#endif /* ADSEXPORT_JOBS_H */
