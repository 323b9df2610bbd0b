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

#include "foreign/fdwapi.h"
#include "option/foreign_options.h"
#include "remote/query.h"
#include "utils/relcache.h"

/* Members of a ForeignScan's fdw_private. */
typedef enum ScanPrivate
{
	SCAN_PRIVATE_ATTRIBUTES, /* IntList: zero-based numbers of the needed columns */
	SCAN_PRIVATE_TREES,      /* FilterPlan.trees */
	SCAN_PRIVATE_IS_LATE     /* FilterPlan.is_late */
} ScanPrivate;

/* How many records the table has, until ANALYZE has counted them. */
extern double plan_default_records(const ForeignOptions *options);

/* The bounds of a partition, with the relation's number in them; NIL if it is not a partition. */
extern List *plan_partition_clauses(Relation relation, Index relid);

/*
 * What ANALYZE reads: everything within the partition's bounds; of a table by
 * hours only the last of these, as many as default_start says, up to the last
 * hour that the vendor calls complete.
 */
extern void plan_sample(Relation relation, const ForeignOptions *options, ExportQuery *query);

extern void adsexport_get_foreign_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id);
extern void adsexport_get_foreign_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id);
extern ForeignScan *
adsexport_get_foreign_plan(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id,
						   ForeignPath *best_path, List *target_list, List *scan_clauses,
						   Plan *outer_plan);

#endif /* ADSEXPORT_PLAN_H */
