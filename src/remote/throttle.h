/*-------------------------------------------------------------------------
 *
 * throttle.h
 *		What a server's 429 to one call means for the others like it.
 *
 * A limit is met by an account at an endpoint, not by one export.  After a 429
 * calls of that kind begin one at a time, at a distance that grows with each
 * further 429; each answer that is none brings them closer together again.
 * Many parts, each of which backs off for itself, would hammer together.
 *
 * Kept for the session.  Nothing here throws or allocates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_THROTTLE_H
#define ADSEXPORT_THROTTLE_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/policy.h"

/* When such a call may begin (monotonic milliseconds): not after now if at once. */
extern int64 throttle_due(ApiCall call, const ForeignOptions *options, int64 now);

/* One begins. */
extern void throttle_begin(ApiCall call, const ForeignOptions *options, int64 now);

/*
 * It was answered: with 429, when it is to be repeated no sooner than due, or
 * with anything else (REACTOR_NEVER).
 */
extern void throttle_end(ApiCall call, const ForeignOptions *options, int64 now, int64 due);

/* The statement that was throttled gave up: a later one tries at once. */
extern void throttle_give_up(ApiCall call, const ForeignOptions *options);

extern void throttle_forget_all(void);

/* Is told of each 429, or NULL. */
extern void (*throttle_observer)(const ForeignOptions *options);

#endif /* ADSEXPORT_THROTTLE_H */
