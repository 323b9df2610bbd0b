/*-------------------------------------------------------------------------
 *
 * jobs_shared.c
 *		Places at the vendor that all sessions of the cluster count together.
 *
 * The places of a pool are in one of a fixed number of lines, in the order of
 * asking, and stay where they are once they are held. So little more than the
 * pool itself has to be looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/clock.h"
#include "session/jobs_shared.h"

#define LINES 256

/* This many places are looked at before others get the lock. */
#define SWEEP_STEP 128

#define NOBODY 0

typedef struct Line
{
	uint32 first;
	uint32 last;
} Line;

typedef struct Place
{
	SharedKey pool;
	SharedSession owner; /* nobody: its session has ended, and the place lapses */
	int64 lapses;        /* held: from then on it does not count */
	int64 asked;         /* waited for: when it was asked for last */
	uint32 next;         /* in its line, or among those that are free */
	uint32 previous;
	uint32 version; /* changes when it is given back */
	bool in_use;
	bool held;
	bool kept; /* it counts without its owner */
} Place;

typedef struct Places
{
	uint32 capacity; /* 0: not set up yet */
	uint32 size;     /* of each */
	uint32 used;     /* places up to this one have been used */
	uint32 free;     /* first of those that are free again */
	Line lines[LINES];
	Place places[FLEXIBLE_ARRAY_MEMBER]; /* numbered from 1 */
} Places;

static SharedArea area;
static Places *places = NULL;

/*-------------------------------------------------------------------------
 * Lines; with the lock held
 *-------------------------------------------------------------------------
 */

static Place *
place_at(uint32 number)
{
	return &places->places[number - 1];
}

static Line *
line_of(const SharedKey *pool)
{
	return &places->lines[pool->words[0] % LINES];
}

static void
join_line(uint32 number)
{
	Place *place = place_at(number);
	Line *line = line_of(&place->pool);

	place->next = NOBODY;
	place->previous = line->last;
	if (line->last != NOBODY)
		place_at(line->last)->next = number;
	else
		line->first = number;
	line->last = number;
}

static void
free_place(uint32 number)
{
	Place *place = place_at(number);
	Line *line = line_of(&place->pool);

	if (place->previous != NOBODY)
		place_at(place->previous)->next = place->next;
	else
		line->first = place->next;
	if (place->next != NOBODY)
		place_at(place->next)->previous = place->previous;
	else
		line->last = place->previous;
	place->in_use = false;
	place->version++;
	place->next = places->free;
	places->free = number;
}

/* The place that is meant; NULL if it has been given back since. */
static Place *
find_place(const SharedPlace *wanted)
{
	Place *place;

	if (wanted->number == NOBODY || wanted->number > places->used)
		return NULL;
	place = place_at(wanted->number);
	return place->in_use && place->version == wanted->version ? place : NULL;
}

/* Nobody will give it back, or ask for it again. */
static bool
is_left_behind(const Place *place, int64 now)
{
	if (place->held && place->kept)
		return place->lapses <= now && !shared_session_is_alive(&place->owner);
	return !shared_session_is_alive(&place->owner);
}

/* Of the places from that one on; returns the one to look at next, or nobody. */
static uint32
free_some_left_behind(uint32 number, int64 now)
{
	uint32 end = Min(number + SWEEP_STEP, places->used + 1);

	for (; number < end; number++)
	{
		const Place *place = place_at(number);

		if (place->in_use && is_left_behind(place, now))
			free_place(number);
	}
	return number <= places->used ? number : NOBODY;
}

static bool
is_any_free(void)
{
	return places->free != NOBODY || places->used < places->capacity;
}

static uint32
take_place(void)
{
	uint32 number = places->free;

	if (number != NOBODY)
		places->free = place_at(number)->next;
	else if (places->used < places->capacity)
		number = ++places->used;
	return number;
}

static bool
is_asking(const Place *place, int64 now)
{
	return !place->held && place->asked + JOBS_GIVEN_UP_AFTER > now;
}

/*
 * What counts before that wish: places of its pool that are held, wherever
 * they are, and wishes before it.
 */
static int
count_before(const Place *wish, int64 now)
{
	const SharedKey *pool = &wish->pool;
	bool before = true;
	int count = 0;
	uint32 number = line_of(pool)->first;

	while (number != NOBODY)
	{
		Place *place = place_at(number);
		uint32 next = place->next;

		if (place == wish)
			before = false;
		else if (shared_key_equal(&place->pool, pool))
		{
			if (is_left_behind(place, now))
				free_place(number);
			else if (place->held ? place->lapses > now : before && is_asking(place, now))
				count++;
		}
		number = next;
	}
	return count;
}

/* Who has waited longest; nobody, if nobody waits. */
static SharedSession
first_waiting(const SharedKey *pool, int64 now)
{
	SharedSession nobody = { 0 };

	for (uint32 number = line_of(pool)->first; number != NOBODY; number = place_at(number)->next)
	{
		const Place *place = place_at(number);

		if (shared_key_equal(&place->pool, pool) && is_asking(place, now))
			return place->owner;
	}
	return nobody;
}

/* Its owner looks after it no more. */
static void
part_from(uint32 number)
{
	Place *place = place_at(number);

	if (place->held && place->kept)
		memset(&place->owner, 0, sizeof(place->owner));
	else
		free_place(number);
}

/*-------------------------------------------------------------------------
 * Sessions
 *-------------------------------------------------------------------------
 */

/* Wake others than this session, which goes on anyway. */
static void
wake(const SharedSession *session)
{
	if (session->serial != shared_session_self().serial)
		shared_session_wake(session);
}

/* That may allow more than one wish: the session that gets a place wakes the next. */
static void
give_back_all(void)
{
	uint64 self = shared_session_self().serial;
	SharedSession waiting = { 0 };

	for (uint32 number = 1;; number++)
	{
		int64 now = monotonic_milliseconds();
		bool over;

		LWLockAcquire(area.lock, LW_EXCLUSIVE);
		over = number > places->used;
		if (!over)
		{
			Place *place = place_at(number);

			if (place->in_use && place->owner.serial == self)
			{
				waiting = first_waiting(&place->pool, now);
				part_from(number);
			}
		}
		LWLockRelease(area.lock);
		wake(&waiting);
		memset(&waiting, 0, sizeof(waiting));
		if (over)
			return;
	}
}

/* False: a library of another layout, whose authors forgot to give it another name, has set them up. */
static bool
set_up(Places *found)
{
	bool usable;

	LWLockAcquire(area.lock, LW_EXCLUSIVE);
	if (found->capacity == 0)
	{
		found->size = sizeof(Place);
		found->capacity = (uint32) ((area.size - offsetof(Places, places)) / sizeof(Place));
	}
	usable = found->size == sizeof(Place);
	LWLockRelease(area.lock);
	return usable;
}

static bool
open_places(void)
{
	if (!shared_memory_available())
		return false;
	if (places != NULL)
		return true;
	area = shared_memory_area(SHARED_JOBS);
	if (!set_up(area.memory))
		return false;
	places = area.memory;
	shared_memory_at_exit(give_back_all);
	return true;
}

/* In line for one; false: none is free.  With the lock held. */
static bool
begin_to_ask(SharedPlace *place, const SharedKey *pool)
{
	uint32 number = take_place();
	Place *added;

	if (number == NOBODY)
		return false;
	added = place_at(number);
	place->number = number;
	place->version = added->version;
	added->pool = *pool;
	added->owner = shared_session_self();
	added->lapses = added->asked = 0;
	added->in_use = true;
	added->held = added->kept = false;
	join_line(number);
	return true;
}

/*
 * The places of a pool that nobody asks any more are not looked at otherwise.
 * One that becomes free is taken before the lock is given up: else another
 * session might have it, and this one would ask the vendor without a place.
 */
bool
jobs_shared_ask(SharedPlace *place, const SharedKey *pool)
{
	uint32 number = 1;
	bool asking = false;

	if (!open_places())
		return false;
	while (!asking && number != NOBODY)
	{
		int64 now = monotonic_milliseconds();

		LWLockAcquire(area.lock, LW_EXCLUSIVE);
		if (!is_any_free())
			number = free_some_left_behind(number, now);
		asking = begin_to_ask(place, pool);
		LWLockRelease(area.lock);
	}
	return asking;
}

bool
jobs_shared_reserve(const SharedPlace *place, int max_jobs, int64 lapses)
{
	int64 now = monotonic_milliseconds();
	SharedSession next = { 0 };
	bool granted = false;
	Place *wish;

	LWLockAcquire(area.lock, LW_EXCLUSIVE);
	wish = find_place(place);
	if (wish != NULL && !wish->held)
	{
		int before = count_before(wish, now);

		wish->asked = now;
		granted = before < max_jobs;
		if (granted)
		{
			wish->held = true;
			wish->lapses = lapses;
		}
		/* Several may have become free at once. */
		if (granted && before + 1 < max_jobs)
			next = first_waiting(&wish->pool, now);
	}
	LWLockRelease(area.lock);
	wake(&next);
	return granted;
}

void
jobs_shared_expect(const SharedPlace *place, int64 lapses, bool kept)
{
	Place *held;

	if (!shared_memory_is_attached() || places == NULL)
		return;
	LWLockAcquire(area.lock, LW_EXCLUSIVE);
	held = find_place(place);
	if (held != NULL && held->owner.serial == shared_session_self().serial)
	{
		held->kept = held->kept || kept;
		held->lapses = lapses;
	}
	LWLockRelease(area.lock);
}

bool
jobs_shared_counts(const SharedPlace *place)
{
	int64 now = monotonic_milliseconds();
	const Place *held;
	bool counts;

	if (!shared_memory_is_attached() || places == NULL)
		return false;
	LWLockAcquire(area.lock, LW_SHARED);
	held = find_place(place);
	counts = held != NULL && held->held && held->lapses > now &&
			 held->owner.serial == shared_session_self().serial;
	LWLockRelease(area.lock);
	return counts;
}

bool
jobs_shared_adopt(const SharedPlace *place, const SharedKey *pool)
{
	bool adopted = false;
	Place *held;

	if (!open_places())
		return false;
	LWLockAcquire(area.lock, LW_EXCLUSIVE);
	held = find_place(place);
	if (held != NULL && held->held && shared_key_equal(&held->pool, pool))
	{
		held->owner = shared_session_self();
		adopted = true;
	}
	LWLockRelease(area.lock);
	return adopted;
}

/* This session is done with it. */
static void
give_back(SharedPlace *place, void (*give)(uint32 number))
{
	SharedSession next = { 0 };
	int64 now = monotonic_milliseconds();
	Place *given;

	if (shared_memory_is_attached() && places != NULL)
	{
		LWLockAcquire(area.lock, LW_EXCLUSIVE);
		given = find_place(place);
		if (given != NULL && given->owner.serial == shared_session_self().serial)
		{
			SharedKey pool = given->pool;

			give(place->number);
			next = first_waiting(&pool, now);
		}
		LWLockRelease(area.lock);
		wake(&next);
	}
	memset(place, 0, sizeof(*place));
}

void
jobs_shared_release(SharedPlace *place)
{
	give_back(place, free_place);
}

void
jobs_shared_abandon(SharedPlace *place)
{
	give_back(place, part_from);
}
