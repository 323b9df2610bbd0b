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
	 * It may be rescanned although it was not started with EXEC_FLAG_REWIND:
	 * because a parameter changes, even one that the scan does not depend on.
	 */
	bool may_restart;

	/*
	 * Plans at or above it that are read only if something says so at run time;
	 * an expression or a bound of a partition, for example.
	 */
	List *gates;

	/* Parameters that subqueries set which are attached to plans at or above it. */
	Bitmapset *subquery_parameters;

	/*
	 * It is in a subquery that an expression may not evaluate, because the
	 * expression guards its values.
	 */
	bool is_in_subplan;
} PlanPosition;

/* To be called when the scan begins. */
extern void plan_position_find(EState *estate, const Plan *scan, PlanPosition *position);

#endif /* ADSEXPORT_PLAN_POSITION_H */
