/*-------------------------------------------------------------------------
 *
 * placement.h
 *		Where in the plan of a query a scan stands, and what follows from that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PLACEMENT_H
#define ADSEXPORT_PLACEMENT_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct Placement
{
	/*
	 * It may be scanned again without having been told so at its beginning
	 * (EXEC_FLAG_REWIND): because of a parameter that changes, even if the
	 * scan does not depend on it.
	 */
	bool may_restart;

	/* A node above decides when the query runs whether it is needed at all. */
	bool is_gated;

	/* It is part of a subquery that an expression may leave out, what guards its values. */
	bool is_in_subplan;
} Placement;

/* To be called when the scan begins; econtext is its own. */
extern void placement_find(EState *estate, const Plan *scan, Placement *placement);

#endif /* ADSEXPORT_PLACEMENT_H */
