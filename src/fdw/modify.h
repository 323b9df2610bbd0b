/*-------------------------------------------------------------------------
 *
 * modify.h
 *		Exports are read only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_MODIFY_H
#define ADSEXPORT_MODIFY_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/*
 * FdwRoutine.PlanForeignModify: raises the server's error for a table that
 * cannot be written to, with a hint what to do instead.
 */
extern List *adsexport_plan_foreign_modify(PlannerInfo *root, ModifyTable *plan,
										   Index result_relation, int subplan_index);

#endif /* ADSEXPORT_MODIFY_H */
