/*-------------------------------------------------------------------------
 *
 * freshness.h
 *		May what was asked for before be used by the current statement?
 *
 * Ages are measured by a clock that is never set: if that of the machine is set
 * back, what was asked for before would stay young for as long as that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FRESHNESS_H
#define ADSEXPORT_FRESHNESS_H

#include "postgres.h"

/* Microseconds of the monotonic clock; 0: never. */
typedef int64 Moment;

extern Moment moment_now(void);

/* A scan begins: note when its statement and transaction did, before the clock may be set. */
extern void freshness_note_beginning(void);

/*
 * Was that moment in the current statement (a procedure that commits begins
 * anew with each transaction), or in a transaction that promises a stable
 * snapshot?
 */
extern bool in_current_statement(Moment at);

/*
 * May data asked for at that time be used by the current statement?  That of
 * the statement itself always, so that two scans of it see the same.  A
 * transaction that promises a stable snapshot keeps to what it has used before.
 * max_age is in milliseconds.
 */
extern bool recent_enough(Moment requested, Moment last_used, int64 max_age);

/* The moment that this is the limit of, but for the snapshot. */
extern Moment oldest_recent(int64 max_age);

#endif /* ADSEXPORT_FRESHNESS_H */
