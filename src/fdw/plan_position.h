/*-------------------------------------------------------------------------
 *
 * plan_position.h
 *		Where in the plan of a query a scan stands, and what follows from that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PLAN_POSITION_H
#define ADSEXPORT_PLAN_POSITION_H

#include "postgres.h"

#include "nodes/execnodes.h"

typedef struct PlanPosition
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
} PlanPosition;

/* To be called when the scan begins; econtext is its own. */
extern void plan_position_find(EState *estate, const Plan *scan, PlanPosition *position);

#endif /* ADSEXPORT_PLAN_POSITION_H */
