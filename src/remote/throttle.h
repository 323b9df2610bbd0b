/*-------------------------------------------------------------------------
 *
 * throttle.h
 *		What a server's 429 to one call means for other calls of its kind.
 *
 * A limit is met by an account at an endpoint, not by one export. After a 429,
 * calls of that kind begin one at a time, at intervals that grow with each
 * further 429; every other answer shortens them again.  Many parts that each
 * back off on their own would together hammer the server.
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

/* When such a call may begin (monotonic milliseconds); not after now: immediately. */
extern int64 throttle_due(ApiCall call, const ForeignOptions *options, int64 now);

/* One begins. */
extern void throttle_begin(ApiCall call, const ForeignOptions *options, int64 now);

/*
 * It was answered: with 429, and must not be repeated before due, or with
 * anything else (REACTOR_NEVER).
 */
extern void throttle_end(ApiCall call, const ForeignOptions *options, int64 now, int64 due);

/* The statement that was throttled gave up: a later one tries immediately. */
extern void throttle_give_up(ApiCall call, const ForeignOptions *options);

extern void throttle_forget_all(void);

/* Called for each 429, or NULL. */
extern void (*throttle_observer)(const ForeignOptions *options);

#endif /* ADSEXPORT_THROTTLE_H */
