/*-------------------------------------------------------------------------
 *
 * jobs.c
 *		How many requests or exports may be in progress at once for one account.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "net/reactor.h"
#include "session/jobs.h"
#include "utils/memutils.h"

/* One that has not asked for this long is passed over (milliseconds). */
#define GIVEN_UP_AFTER (5 * JOBS_ASK_AGAIN)

/* A pool that somebody has a place in, or waits for one. */
typedef struct Jobs
{
	dlist_node node;
	uint64 fingerprint; /* of the pool, so that no account need be kept */
	dlist_head held;
	dlist_head waiting; /* in the order of asking */
} Jobs;

static dlist_head pools = DLIST_STATIC_INIT(pools);

static uint64
fingerprint_of(const JobPool *pool)
{
	const char *texts[] = { pool->endpoint, pool->account, pool->entity };
	uint64 fingerprint = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
		fingerprint =
			hash_bytes_extended((const unsigned char *) texts[i], strlen(texts[i]), fingerprint);
	return fingerprint;
}

static Jobs *
find_jobs(const JobPool *pool)
{
	uint64 fingerprint = fingerprint_of(pool);
	Jobs *jobs;
	dlist_iter iter;

	dlist_foreach(iter, &pools)
	{
		jobs = dlist_container(Jobs, node, iter.cur);
		if (jobs->fingerprint == fingerprint)
			return jobs;
	}
	jobs = MemoryContextAllocZero(TopMemoryContext, sizeof(Jobs));
	jobs->fingerprint = fingerprint;
	dlist_init(&jobs->held);
	dlist_init(&jobs->waiting);
	dlist_push_tail(&pools, &jobs->node);
	return jobs;
}

/* Places that are taken, and wishes that come before this one. */
static int
count_before(const Jobs *jobs, const JobPlace *place, int64 now)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) &jobs->held)
	{
		if (dlist_container(JobPlace, node, iter.cur)->lapses > now)
			count++;
	}
	dlist_foreach(iter, (dlist_head *) &jobs->waiting)
	{
		const JobPlace *other = dlist_container(JobPlace, node, iter.cur);

		if (other == place)
			break;
		if (other->asked + GIVEN_UP_AFTER > now)
			count++;
	}
	return count;
}

bool
jobs_reserve(JobPlace *place, const JobPool *pool, int max_jobs, int64 lapses)
{
	int64 now = monotonic_milliseconds();

	if (place->held)
		return true;
	if (place->jobs == NULL)
	{
		place->jobs = find_jobs(pool);
		dlist_push_tail(&place->jobs->waiting, &place->node);
	}
	place->asked = now;
	if (count_before(place->jobs, place, now) >= max_jobs)
		return false;
	dlist_delete(&place->node);
	dlist_push_tail(&place->jobs->held, &place->node);
	place->held = true;
	place->lapses = lapses;
	return true;
}

void
jobs_release(JobPlace *place)
{
	Jobs *jobs = place->jobs;

	if (jobs == NULL)
		return;
	dlist_delete(&place->node);
	place->jobs = NULL;
	place->held = false;
	if (dlist_is_empty(&jobs->held) && dlist_is_empty(&jobs->waiting))
	{
		dlist_delete(&jobs->node);
		pfree(jobs);
	}
}

bool
jobs_is_held(const JobPlace *place)
{
	return place->held;
}

bool
jobs_is_waiting(const JobPlace *place)
{
	return place->jobs != NULL && !place->held;
}

bool
jobs_in_same_pool(const JobPlace *one, const JobPlace *other)
{
	return one->jobs != NULL && one->jobs == other->jobs;
}
