/*-------------------------------------------------------------------------
 *
 * freshness.h
 *		May the current statement use what was requested earlier?
 *
 * Ages are measured by a clock that is never set: if the machine's clock were
 * set back, what was requested earlier would stay young for just as long.
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
 * Was that moment in the current statement (or, in a procedure that commits,
 * the current transaction of it), or in a transaction that promises a stable
 * snapshot?
 */
extern bool in_current_statement(Moment at);

/*
 * May the current statement use data requested at that time?  Its own always,
 * so that two scans of it see the same.  A transaction that promises a stable
 * snapshot keeps to what it has used before. max_age is in milliseconds.
 */
extern bool recent_enough(Moment requested, Moment last_used, int64 max_age);

/* The earliest moment for which this is true, apart from the snapshot. */
extern Moment oldest_recent(int64 max_age);

#endif /* ADSEXPORT_FRESHNESS_H */
