/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Planning of foreign scans.
 *
 * Nothing here touches the network.  There is one path for a table: an
 * export is asked for once and read once, so its startup cost is high, and
 * the planner hashes or materialises what it would otherwise scan again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "compat.h"
#include "fdw/filter.h"
#include "fdw/option.h"
#include "fdw/plan.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/rel.h"

/* Until ANALYZE or the option estimated_rows says better. */
static double
estimated_rows(const Settings *settings)
{
	double exports = 1;

	if (settings->estimated_rows >= 0)
		return settings->estimated_rows;
	if (settings->profile_count > 1)
		exports = settings->profile_count;
	return settings->entity->estimated_rows * exports;
}

void
adsexport_get_foreign_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id)
{
	Settings *settings = settings_load(relation_id);

	baserel->fdw_private = settings;
	if (!compat_has_statistics(baserel))
		baserel->tuples = estimated_rows(settings);
	set_baserel_size_estimates(root, baserel);
}

void
adsexport_get_foreign_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id)
{
	Settings *settings = baserel->fdw_private;
	Cost startup = settings->fdw_startup_cost + baserel->baserestrictcost.startup;
	Cost per_tuple =
		cpu_tuple_cost + settings->fdw_tuple_cost + baserel->baserestrictcost.per_tuple;

	add_path(baserel, (Path *) compat_create_foreignscan_path(root, baserel, baserel->rows, startup,
															  startup + per_tuple * baserel->tuples,
															  baserel->lateral_relids));
}

/* The columns that the query looks at: zero-based numbers, for a list. */
static List *
needed_attributes(RelOptInfo *baserel, List *scan_clauses, TupleDesc desc)
{
	Bitmapset *used = NULL;
	List *attributes = NIL;
	bool whole_row;
	ListCell *cell;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	foreach (cell, scan_clauses)
		pull_varattnos((Node *) ((RestrictInfo *) lfirst(cell))->clause, baserel->relid, &used);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used))
			attributes = lappend_int(attributes, i);
	}
	return attributes;
}

ForeignScan *
adsexport_get_foreign_plan(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id,
						   ForeignPath *best_path, List *target_list, List *scan_clauses,
						   Plan *outer_plan)
{
	Settings *settings = baserel->fdw_private;
	Relation relation = table_open(relation_id, NoLock);
	TupleDesc desc = RelationGetDescr(relation);
	FilterPlan filter;
	List *attributes = needed_attributes(baserel, scan_clauses, desc);

	filter_compile(root, baserel, scan_clauses,
				   filter_attributes(relation_id, settings->entity, desc), &filter);
	table_close(relation, NoLock);

	/*
	 * All clauses are checked locally, too: what was asked for may be wider.
	 * Those without a column (among them what the planner makes of
	 * contradictions) are checked by a node above, before anything is read.
	 */
	return make_foreignscan(target_list, extract_actual_clauses(scan_clauses, false),
							baserel->relid, filter.expressions,
							list_make4(attributes, filter.trees, filter.is_late,
									   makeInteger(root->hasPseudoConstantQuals)),
							NIL, NIL, outer_plan);
}
