/*-------------------------------------------------------------------------
 *
 * waiting_scans.h
 *		Scans that could not be started when their query was.
 *
 * Something had to be known first: the value of a subquery, whether a node
 * above needs them at all, or that an expression does not fail.  Once one of
 * them is read, that is often known for others, too.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_WAITING_SCANS_H
#define ADSEXPORT_WAITING_SCANS_H

#include "postgres.h"

#include "nodes/execnodes.h"

/* It may be started before it is read; forgotten when its status is. */
extern void waiting_scans_add(ForeignScanState *node);

extern void waiting_scans_remove(ForeignScanState *node);

/*
 * A scan of the same query that can be started now that this one was, or NULL.
 * It waits no longer.  is_running: the executor's start is over.
 */
extern ForeignScanState *waiting_scans_take(ForeignScanState *started, bool is_running);

/* Is there more to do than look up a value?  Then evaluation may fail. */
extern bool expression_is_computed(Node *expression);

#endif /* ADSEXPORT_WAITING_SCANS_H */
