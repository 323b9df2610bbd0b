/*-------------------------------------------------------------------------
 *
 * jobs_shared.h
 *		Places at the vendor that all sessions of the cluster count together.
 *
 * For jobs.c, which knows what a place is for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JOBS_SHARED_H
#define ADSEXPORT_JOBS_SHARED_H

#include "session/shared_memory.h"

/* A wish that has not been repeated for this long is passed over (milliseconds). */
#define JOBS_GIVEN_UP_AFTER 1000

/* A place that is held or waited for, by its number and version; zeroed: none. */
typedef struct SharedPlace
{
	uint32 number;
	uint32 version;
} SharedPlace;

/* False: no place can be noted, because there is no shared memory or it is full. */
extern bool jobs_shared_ask(SharedPlace *place, const SharedKey *pool);

/* Ask for it again; true: it is now held. */
extern bool jobs_shared_reserve(const SharedPlace *place, int max_jobs, int64 lapses);

/* See jobs_expect, and (kept) jobs_keep. */
extern void jobs_shared_expect(const SharedPlace *place, int64 lapses, bool kept);

/* Is it still held by this session, and has it not lapsed? */
extern bool jobs_shared_counts(const SharedPlace *place);

/* See jobs_adopt. */
extern bool jobs_shared_adopt(const SharedPlace *place, const SharedKey *pool);

/* Does not throw, and works for a place that is no longer there, too. */
extern void jobs_shared_release(SharedPlace *place);

/* Likewise; one that is kept then counts without its owner, until it lapses. */
extern void jobs_shared_abandon(SharedPlace *place);

#endif /* ADSEXPORT_JOBS_SHARED_H */
