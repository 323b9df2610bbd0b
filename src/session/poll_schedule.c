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
 * Then the intervals are this share of the time since the request, so that the
 * call that finds it ready is late by half of that on average.
 */
#define SHARE 0.25

/*
 * An export that outlasts the first call is not a small account's, so that the
 * next calls need not hurry: the intervals begin at this multiple of
 * poll_interval, and come down to it by that share of the time.  The call that
 * is saved so comes later.
 */
#define UNHURRIED 1.35
#define HURRY 0.1

/* The interval grows so if it takes longer than was expected. */
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

static int64_t
first_call(const PollSchedule *schedule)
{
	return schedule->shortest < FIRST_CALL ? schedule->shortest : FIRST_CALL;
}

/* From a call at that time to the next. */
static int64_t
guessed_gap(const PollSchedule *schedule, int64_t time)
{
	double early = schedule->shortest * UNHURRIED - time * HURRY;
	double late = time * SHARE;

	return limit((int64_t) (early > late ? early : late), schedule->shortest, schedule->longest);
}

/* The binary digits of a number, mirrored at the point: consecutive ones are far apart in [0, 1). */
static double
spread(unsigned number)
{
	double value = 0;
	double digit = 0.5;

	while (number != 0)
	{
		value += (number & 1) * digit;
		digit /= 2;
		number >>= 1;
	}
	return value;
}

/*
 * Exports of a kind often take equally long, and the first that is found ready
 * tells about the others.  So they take turns in asking; not closer to each
 * other than one may ask again itself, for those would have to wait.
 */
static int64_t
shift(const PollSchedule *schedule, int64_t gap)
{
	int64_t turns = gap / schedule->shortest;

	return gap * (int64_t) (spread(schedule->turn) * turns) / turns;
}

/* Nothing is known: the next of a series of times. */
static int64_t
guessed_next(const PollSchedule *schedule)
{
	int64_t time = first_call(schedule);
	int64_t gap = guessed_gap(schedule, time);

	while (time + shift(schedule, gap) <= schedule->elapsed)
	{
		time += gap;
		/* From here on it neither grows nor shrinks. */
		if (gap == schedule->longest && time * SHARE >= gap && schedule->elapsed > time + gap)
			time += ((schedule->elapsed - time) / gap - 1) * gap;
		gap = guessed_gap(schedule, time);
	}
	return time + shift(schedule, gap) - schedule->elapsed;
}

static int64_t
until_expected(const PollSchedule *schedule)
{
	return schedule->expected + MARGIN + (int64_t) (schedule->expected * MARGIN_SHARE) -
		   schedule->elapsed;
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
		next = until_expected(schedule);
		if (next <= 0)
			next = overdue_gap(schedule, -next);
	}
	else
		next = guessed_next(schedule);
	return limit(next, least, schedule->longest);
}

int64_t
poll_next_learned(const PollSchedule *schedule, int64_t since_last)
{
	int64_t least = schedule->gap == 0 ? 0 : schedule->shortest - since_last;

	return limit(until_expected(schedule), least > 0 ? least : 0, schedule->longest);
}

int64_t
poll_jitter(int64_t gap, double random)
{
	return (int64_t) (gap * JITTER * random);
}
