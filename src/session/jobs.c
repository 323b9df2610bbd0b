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

/* A pool in which this session has a place, or waits for one. */
typedef struct Jobs
{
	dlist_node node;
	uint64 fingerprint; /* of the pool, so that no account need be kept */
	bool has_key;
	SharedKey key; /* of the pool in shared memory */
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

static void
forget_if_empty(Jobs *jobs)
{
	if (!dlist_is_empty(&jobs->held) || !dlist_is_empty(&jobs->waiting))
		return;
	dlist_delete(&jobs->node);
	pfree(jobs);
}

/*
 * Without shared memory: this session's places that are taken, and wishes that
 * come before this one.
 */
static int
count_before(const Jobs *jobs, const JobPlace *place, int64 now)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach(iter, (dlist_head *) &jobs->held)
	{
		const JobPlace *other = dlist_container(JobPlace, node, iter.cur);

		if (other->shared.number == 0 && other->lapses > now)
			count++;
	}
	dlist_foreach(iter, (dlist_head *) &jobs->waiting)
	{
		const JobPlace *other = dlist_container(JobPlace, node, iter.cur);

		if (other == place)
			break;
		if (other->shared.number == 0 && other->asked + JOBS_GIVEN_UP_AFTER > now)
			count++;
	}
	return count;
}

static const SharedKey *
shared_key_of(Jobs *jobs, const JobPool *pool)
{
	const char *texts[] = { pool->endpoint, pool->account, pool->entity };

	if (!jobs->has_key)
		jobs->key = shared_key(NULL, 0, texts, lengthof(texts));
	jobs->has_key = true;
	return &jobs->key;
}

/* Note a wish for a place, where all sessions can see it if possible. */
static void
begin_to_ask(JobPlace *place, const JobPool *pool)
{
	Jobs *jobs = find_jobs(pool);

	if (shared_memory_available())
		jobs_shared_ask(&place->shared, shared_key_of(jobs, pool));
	place->jobs = jobs;
	dlist_push_tail(&jobs->waiting, &place->node);
}

static void
note_held(JobPlace *place, int64 lapses)
{
	dlist_delete(&place->node);
	dlist_push_tail(&place->jobs->held, &place->node);
	place->held = true;
	place->lapses = lapses;
}

bool
jobs_reserve(JobPlace *place, const JobPool *pool, int max_jobs, int64 lapses)
{
	int64 now = monotonic_milliseconds();
	bool granted;

	/* One that lapsed, as while the session was at rest, may be another's by now. */
	if (place->held && place->shared.number != 0 && !jobs_shared_counts(&place->shared))
		jobs_release(place);
	if (place->held)
		return true;
	if (place->jobs == NULL)
		begin_to_ask(place, pool);
	place->asked = now;
	if (place->shared.number != 0)
		granted = jobs_shared_reserve(&place->shared, max_jobs, lapses);
	else
		granted = count_before(place->jobs, place, now) < max_jobs;
	if (granted)
		note_held(place, lapses);
	return granted;
}

void
jobs_expect(JobPlace *place, int64 over)
{
	if (place->held && place->shared.number != 0)
		jobs_shared_expect(&place->shared, Min(over, place->lapses), false);
}

void
jobs_keep(JobPlace *place, int64 over)
{
	if (place->held && place->shared.number != 0)
		jobs_shared_expect(&place->shared, Min(over, place->lapses), true);
}

SharedPlace
jobs_shared_place(const JobPlace *place)
{
	return place->shared;
}

bool
jobs_adopt(JobPlace *place, const JobPool *pool, const SharedPlace *other, int64 lapses)
{
	Jobs *jobs;

	if (place->jobs != NULL || !shared_memory_available())
		return false;
	jobs = find_jobs(pool);
	if (!jobs_shared_adopt(other, shared_key_of(jobs, pool)))
	{
		forget_if_empty(jobs);
		return false;
	}
	place->jobs = jobs;
	place->shared = *other;
	dlist_push_tail(&jobs->waiting, &place->node);
	note_held(place, lapses);
	return true;
}

void
jobs_release(JobPlace *place)
{
	Jobs *jobs = place->jobs;

	if (jobs == NULL)
		return;
	dlist_delete(&place->node);
	if (place->shared.number != 0)
		jobs_shared_release(&place->shared);
	place->jobs = NULL;
	place->held = false;
	forget_if_empty(jobs);
}

void
jobs_abandon(JobPlace *place)
{
	if (place->held && place->shared.number != 0)
		jobs_shared_abandon(&place->shared);
	jobs_release(place);
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
