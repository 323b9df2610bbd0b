/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Planning of foreign scans.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PLAN_H
#define ADSEXPORT_PLAN_H

#include "postgres.h"

#include "export/settings.h"
#include "foreign/fdwapi.h"

/* Members of a ForeignScan's fdw_private. */
typedef enum ScanPrivate
{
	SCAN_PRIVATE_ATTRIBUTES, /* IntList: zero-based numbers of the needed columns */
	SCAN_PRIVATE_TREES,      /* FilterPlan.trees */
	SCAN_PRIVATE_IS_LATE     /* FilterPlan.is_late */
} ScanPrivate;

/* How many records the table has, until ANALYZE tells. */
extern double plan_default_records(const Settings *settings);

extern void adsexport_get_foreign_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id);
extern void adsexport_get_foreign_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id);
extern ForeignScan *
adsexport_get_foreign_plan(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id,
						   ForeignPath *best_path, List *target_list, List *scan_clauses,
						   Plan *outer_plan);

#endif /* ADSEXPORT_PLAN_H */
