/*-------------------------------------------------------------------------
 *
 * freshness.h
 *		May what was asked for before be used by the current statement?
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FRESHNESS_H
#define ADSEXPORT_FRESHNESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * Was that moment in the current statement (a procedure that commits begins
 * anew with each transaction), or in a transaction that promises a stable
 * snapshot?
 */
extern bool in_current_statement(TimestampTz at);

/*
 * May data asked for at that time be used by the current statement?  That of
 * the statement itself always, so that two scans of it see the same.  A
 * transaction that promises a stable snapshot keeps to what it has used before.
 * max_age is in milliseconds.
 */
extern bool recent_enough(TimestampTz requested_at, TimestampTz last_used, int64 max_age);

#endif /* ADSEXPORT_FRESHNESS_H */
