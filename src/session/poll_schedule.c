/*-------------------------------------------------------------------------
 *
 * poll_schedule.c
 *		When to ask for the status of an export.
 *
 *-------------------------------------------------------------------------
 */
#include "session/poll_schedule.h"

/*
 * If nothing is known, the first call comes when the export of a small account
 * is just ready (docs/vendors/amazon-ads-exports.md 1.3).
 */
#define FIRST_CALL 600

/*
 * Then the intervals between calls grow, so that the call that finds it ready
 * is late by about a fifth.
 */
#define GROWTH 1.2

/*
 * Sessions should not keep in step.  Upwards only: a call that is due when an
 * export is just ready must not come right before that.
 */
#define JITTER 0.02

/* The call comes this much after an expected end, so that it does not just miss it. */
#define MARGIN 100
#define MARGIN_SHARE 0.02

static int64_t
limit(int64_t value, int64_t least, int64_t most)
{
	if (value > most)
		value = most;
	return value < least ? least : value;
}

/* It is overdue: wait for a share of what that amounts to. */
static int64_t
overdue_gap(const PollSchedule *schedule, int64_t overdue)
{
	double share = schedule->expected * (schedule->own ? 0.05 : GROWTH - 1);
	double growing = overdue * (GROWTH - 1);

	return (int64_t) (growing < share ? share : growing);
}

int64_t
poll_next(const PollSchedule *schedule)
{
	bool first = schedule->gap == 0;
	int64_t least = first ? 0 : schedule->shortest;
	int64_t next;

	if (schedule->expected >= 0)
	{
		next = schedule->expected + MARGIN + (int64_t) (schedule->expected * MARGIN_SHARE) -
			   schedule->elapsed;
		if (next <= 0)
			next = overdue_gap(schedule, -next);
	}
	else if (first)
		next = schedule->shortest < FIRST_CALL ? schedule->shortest : FIRST_CALL;
	else
		next = (int64_t) (schedule->gap * GROWTH);
	return limit(next, least, schedule->longest);
}

int64_t
poll_jitter(int64_t gap, double random)
{
	return (int64_t) (gap * JITTER * random);
}
