/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Planning of foreign scans.
 *
 * Nothing here touches the network.  There is one path for a table: an export
 * is requested once and read once, so its startup cost is high, and the
 * planner hashes or materializes what it would otherwise scan again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "compat.h"
#include "fdw/plan.h"
#include "filter/filter.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "option/load.h"
#include "remote/amplitude_hours.h"
#include "remote/hours.h"
#include "rewrite/rewriteManip.h"
#include "session/record_counts.h"
#include "utils/partcache.h"
#include "utils/rel.h"

/*
 * Estimates come from ANALYZE; without it from what this user's sessions have
 * read of that same export, or of the same server's hours; else from the options and
 * the catalogue. Records are what the remote sends, rows what the clauses
 * leave of them.
 */
typedef struct RelationPlan
{
	ForeignOptions *options;
	const ColumnFilter *attributes;
	FilterPlan filter; /* of the clauses on this relation alone */
	double records;
} RelationPlan;

/* Hours that the catalogue's estimate is for. */
#define HOURS_OF_ESTIMATE 24

double
plan_default_records(const ForeignOptions *options)
{
	if (options->estimated_rows >= 0)
		return options->estimated_rows;
	if (options->entity->is_by_profile && options->profile_count > 1)
		return options->entity->estimated_rows * options->profile_count;
	return options->entity->estimated_rows;
}

List *
plan_partition_clauses(Relation relation, Index relid)
{
	List *clauses = RelationGetPartitionQual(relation);

	if (clauses == NIL)
		return NIL;
	clauses = (List *) expression_planner((Expr *) clauses);
	if (relid != 1)
		ChangeVarNodes((Node *) clauses, 1, relid, 0);
	return clauses;
}

static ColumnFilter *
attributes_of(Relation relation, const ForeignOptions *options)
{
	TupleDesc desc = RelationGetDescr(relation);

	return filter_attributes(options->entity, desc,
							 column_json_paths(RelationGetRelid(relation), desc));
}

static void
sample_query(Relation relation, const ForeignOptions *options, const ColumnFilter *attributes,
			 ExportQuery *query)
{
	FilterPlan filter;

	filter_compile(1, plan_partition_clauses(relation, 1), attributes, &filter);
	filter_evaluate_constants(filter.trees, filter.expressions, options,
							  GetCurrentStatementStartTimestamp(), query);
	if (options->entity->is_by_hours)
	{
		query->end_hour =
			Min(query->end_hour, hours_of_timestamp(query->now) - HOURS_INCOMPLETE - 1);
		query->start_hour =
			Max(query->start_hour, query->end_hour - Max(options->default_start, 1) + 1);
		query->nothing |= query->start_hour > query->end_hour;
	}
}

void
plan_sample(Relation relation, const ForeignOptions *options, ExportQuery *query)
{
	sample_query(relation, options, attributes_of(relation, options), query);
}

/* The number of hours that are requested, or -1 if that is not known. */
static double
hours_asked_for(const ForeignOptions *options, const FilterEstimate *estimate)
{
	int64 start;
	int64 end;

	if (!estimate->is_known || !amplitude_hours(options, &estimate->query, &start, &end))
		return -1;
	return start <= end ? (double) (end - start + 1) : 0;
}

/* The records that the request should bring, according to options and catalogue. */
static double
default_records(const ForeignOptions *options, const FilterEstimate *estimate)
{
	const ExportQuery *query = &estimate->query;
	double records = plan_default_records(options);

	if (options->entity->is_by_hours)
	{
		double hours = hours_asked_for(options, estimate);

		if (options->estimated_rows < 0 && hours >= 0)
			records *= hours / HOURS_OF_ESTIMATE;
		return records;
	}
	if (options->profile_count > 0)
		records *= (double) query->profile_count / options->profile_count;
	else if (!query->other_profiles && options->estimated_rows < 0)
		records *= query->exception_count;
	return records * estimate->share;
}

/*
 * ANALYZE has counted the hours of default_start only: for another range,
 * assume as many records an hour.
 */
static bool
analyzed_events(Relation relation, RelOptInfo *baserel, const FilterEstimate *estimate,
				double *records)
{
	const RelationPlan *plan = baserel->fdw_private;
	const ForeignOptions *options = plan->options;
	ExportQuery sampled;
	double hours;

	if (!options->entity->is_by_hours || options->default_start <= 0)
		return false;
	hours = hours_asked_for(options, estimate);
	sample_query(relation, options, plan->attributes, &sampled);
	if (hours < 0 || sampled.nothing)
		return false;
	*records = baserel->tuples * hours / (double) (sampled.end_hour - sampled.start_hour + 1);
	return true;
}

/*
 * A row outside of a partition's bounds does not belong to it: the remote does
 * not know the bounds, and has the rows of other partitions, too. So the
 * bounds are treated as clauses of WHERE.
 */
static void
add_partition_clauses(PlannerInfo *root, RelOptInfo *baserel, Relation relation)
{
	ListCell *cell;

	foreach (cell, plan_partition_clauses(relation, baserel->relid))
		baserel->baserestrictinfo =
			lappend(baserel->baserestrictinfo, compat_make_restrictinfo(root, lfirst(cell)));
}

void
adsexport_get_foreign_rel_size(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id)
{
	RelationPlan *plan = palloc0(sizeof(RelationPlan));
	ForeignOptions *options = foreign_options_load(relation_id);
	Relation relation = table_open(relation_id, NoLock);
	bool analyzed = compat_has_statistics(baserel);
	Oid user_id = OidIsValid(baserel->userid) ? baserel->userid : GetUserId();
	FilterEstimate estimate;
	double records = 0;

	add_partition_clauses(root, baserel, relation);
	/* What other users have read says something about their accounts only. */
	options->mapping_id = foreign_options_find_mapping(user_id, options->server_id);
	plan->options = options;
	plan->attributes = attributes_of(relation, options);
	filter_compile(baserel->relid, baserel->baserestrictinfo, plan->attributes, &plan->filter);
	baserel->fdw_private = plan;
	filter_estimate(root, baserel, &plan->filter, options, &estimate);

	if (estimate.query.nothing)
		records = 0;
	else if (analyzed && !analyzed_events(relation, baserel, &estimate, &records))
	{
		/* Statistics cover all clauses, sent or not. */
		plan->records =
			clamp_row_est(baserel->tuples * clauselist_selectivity(root, estimate.pushed_clauses, 0,
																   JOIN_INNER, NULL));
		set_baserel_size_estimates(root, baserel);
		table_close(relation, NoLock);
		return;
	}
	else if (!analyzed)
	{
		records = estimate.is_known ? record_counts_estimate(options, &estimate.query) : -1;
		if (records < 0)
			records = default_records(options, &estimate);
	}

	table_close(relation, NoLock);

	/* Clauses that these records already satisfy must not be counted again. */
	plan->records = baserel->tuples = clamp_row_est(records);
	set_baserel_size_estimates(root, baserel);
	baserel->rows =
		clamp_row_est(baserel->tuples *
					  clauselist_selectivity(root, estimate.local_clauses, 0, JOIN_INNER, NULL));
}

void
adsexport_get_foreign_paths(PlannerInfo *root, RelOptInfo *baserel, Oid relation_id)
{
	RelationPlan *plan = baserel->fdw_private;
	ForeignOptions *options = plan->options;
	Cost startup = options->fdw_startup_cost + baserel->baserestrictcost.startup;
	Cost per_tuple = cpu_tuple_cost + options->fdw_tuple_cost + baserel->baserestrictcost.per_tuple;

	add_path(baserel, (Path *) compat_create_foreignscan_path(root, baserel, baserel->rows, startup,
															  startup + per_tuple * plan->records,
															  baserel->lateral_relids));
}

/* The columns that the query needs, as zero-based numbers. */
static List *
needed_attributes(PlannerInfo *root, RelOptInfo *baserel, List *scan_clauses,
				  const char *table_name, TupleDesc desc)
{
	Bitmapset *used = NULL;
	List *attributes = NIL;
	bool whole_row;
	ListCell *cell;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	foreach (cell, scan_clauses)
		pull_varattnos((Node *) ((RestrictInfo *) lfirst(cell))->clause, baserel->relid, &used);
	/*
	 * Rows have no location at which they could be found again. (Where a query
	 * locks rows of a partitioned table, the planner asks all partitions for
	 * ctid, and uses that of the others.)
	 */
	for (int i = FirstLowInvalidHeapAttributeNumber + 1; i < 0; i++)
	{
		if (i != TableOidAttributeNumber &&
			bms_is_member(i - FirstLowInvalidHeapAttributeNumber, used) &&
			!(i == SelfItemPointerAttributeNumber &&
			  baserel->reloptkind == RELOPT_OTHER_MEMBER_REL && root->rowMarks != NIL))
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("foreign table \"%s\" has no system column \"%s\"", table_name,
								   NameStr(SystemAttributeDefinition(i)->attname)),
							errdetail("Of the system columns, only tableoid is available for this "
									  "kind of foreign table.")));
	}
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped || compat_is_virtual(TupleDescAttr(desc, i)))
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
	const RelationPlan *plan = baserel->fdw_private;
	Relation relation = table_open(relation_id, NoLock);
	List *attributes = needed_attributes(root, baserel, scan_clauses, plan->options->table_name,
										 RelationGetDescr(relation));
	/* A path with parameters has more clauses than the relation. */
	List *others = list_difference_ptr(scan_clauses, baserel->baserestrictinfo);
	FilterPlan filter = plan->filter;

	table_close(relation, NoLock);
	if (others != NIL)
		filter = filter_compile_more(baserel->relid, others, plan->attributes, &plan->filter);

	/*
	 * All clauses are checked locally, too: what was requested may be wider.
	 * Those without a column (among them what the planner makes of
	 * contradictions) are checked by a node above, before anything is read.
	 */
	return make_foreignscan(target_list, extract_actual_clauses(scan_clauses, false),
							baserel->relid, filter.expressions,
							list_make3(attributes, filter.trees, filter.is_late), NIL, NIL,
							outer_plan);
}
