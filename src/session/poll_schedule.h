/*-------------------------------------------------------------------------
 *
 * poll_schedule.h
 *		When to ask for the status of an export.
 *
 * Plain C, no PostgreSQL header.  A status call that comes late makes somebody
 * wait, one that comes early is wasted, and the vendor counts them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_POLL_SCHEDULE_H
#define ADSEXPORT_POLL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* All times in milliseconds. */
typedef struct PollSchedule
{
	int64_t elapsed;  /* since the export was requested */
	int64_t gap;      /* before the last call; 0: there was no call yet */
	int64_t expected; /* that such an export takes; -1: not known */
	unsigned turn; /* its number among those of its kind, which were requested one after another */
	bool own;      /* that is known from the profile itself, not from others */
	int64_t shortest; /* between two calls: poll_interval */
	int64_t longest;  /* poll_interval_max */
} PollSchedule;

/* The time from now to the next call. */
extern int64_t poll_next(const PollSchedule *schedule);

/*
 * The same if what is expected became known between two calls, the last of
 * which (or the request) was that long ago.
 */
extern int64_t poll_next_learned(const PollSchedule *schedule, int64_t since_last);

/* To be added to it, but not to the gap from which the next one is derived; random is in [0, 1). */
extern int64_t poll_jitter(int64_t gap, double random);

#endif /* ADSEXPORT_POLL_SCHEDULE_H */
