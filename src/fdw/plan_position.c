/*-------------------------------------------------------------------------
 *
 * plan_position.c
 *		Where in the plan of a query a scan stands, and what follows from that.
 *
 * A request takes one of the vendor's places and a wait, so none is made for a
 * scan that may never be read, and only one for a scan that is read twice. The
 * executor tells a node little about the nodes above it; the plan does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "fdw/plan_position.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"

typedef struct Search
{
	EState *estate;
	const Plan *wanted;
	PlanPosition *position;
	bool is_hashed; /* below a node that may forget what it has read */
} Search;

static bool find_in(Plan *plan, Search *search);

/* The one of the plans that has it; NULL: none. */
static Plan *
find_in_list(List *plans, Search *search)
{
	ListCell *cell;

	foreach (cell, plans)
	{
		if (find_in(lfirst(cell), search))
			return lfirst(cell);
	}
	return NULL;
}

static void
add_gate(PlanPosition *position, const Plan *plan)
{
	position->gates = lappend(position->gates, (void *) plan);
}

/* Does it depend on something that is known only after the executor has started? */
static bool
is_known_later(Node *node, void *estate)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && (((Param *) node)->paramkind != PARAM_EXTERN ||
							 ((EState *) estate)->es_param_list_info == NULL))
		return true;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, is_known_later, estate);
}

/* Evaluate an expression without columns, if its value can be known already. */
static bool
evaluate_early(Node *node, EState *estate, Datum *value, bool *is_null)
{
	ExprContext *econtext;

	if (node == NULL || is_known_later(node, estate) || contain_volatile_functions(node))
		return false;
	econtext = GetPerTupleExprContext(estate);
	*value = ExecEvalExprSwitchContext(ExecPrepareExpr((Expr *) node, estate), econtext, is_null);
	return true;
}

static bool
limit_gates(const Limit *limit, EState *estate)
{
	Datum value;
	bool is_null;

	/* A NULL is no limit. */
	return evaluate_early(limit->limitCount, estate, &value, &is_null) && !is_null &&
		   DatumGetInt64(value) <= 0;
}

/* resconstantqual is an implicit AND. */
static bool
result_gates(const Result *result, EState *estate)
{
	ListCell *cell;

	foreach (cell, (List *) result->resconstantqual)
	{
		Datum value;
		bool is_null;

		if (!evaluate_early(lfirst(cell), estate, &value, &is_null) || is_null ||
			!DatumGetBool(value))
			return true;
	}
	return false;
}

/* Are there children that are pruned at run time? */
static bool
prunes_at_run_time(PartitionPruneInfo *info)
{
	ListCell *outer;
	ListCell *inner;

	if (info == NULL)
		return false;
	foreach (outer, info->prune_infos)
	{
		foreach (inner, (List *) lfirst(outer))
		{
			if (((PartitionedRelPruneInfo *) lfirst(inner))->exec_pruning_steps != NIL)
				return true;
		}
	}
	return false;
}

/* In a plan of several, of which some may be pruned. */
static bool
find_in_partitions(List *plans, PartitionPruneInfo *info, Search *search)
{
	Plan *plan = find_in_list(plans, search);

	if (plan == NULL)
		return false;
	if (prunes_at_run_time(info))
		add_gate(search->position, plan);
	return true;
}

/* On the way back up, each node adds what it means for the scan below it. */
static bool
find_below(Plan *plan, Search *search)
{
	PlanPosition *position = search->position;
	EState *estate = search->estate;

	if (plan == search->wanted)
		return true;
	check_stack_depth();

	switch (nodeTag(plan))
	{
		case T_Append:
			return find_in_partitions(((Append *) plan)->appendplans,
									  compat_prune_info((Append *) plan, estate), search);
		case T_MergeAppend:
			return find_in_partitions(((MergeAppend *) plan)->mergeplans,
									  compat_prune_info((MergeAppend *) plan, estate), search);
		case T_SubqueryScan:
			return find_in(((SubqueryScan *) plan)->subplan, search);
		case T_CustomScan:
			if (find_in_list(((CustomScan *) plan)->custom_plans, search) == NULL)
				return false;
			position->may_restart = true; /* it may do anything */
			return true;
#ifdef COMPAT_MODIFY_TABLE_PLANS
		case T_ModifyTable:
			return find_in_list(((ModifyTable *) plan)->plans, search) != NULL;
#endif
		default:
			break;
	}

	if (find_in(outerPlan(plan), search))
	{
		if ((IsA(plan, Limit) && limit_gates((Limit *) plan, estate)) ||
			(IsA(plan, Result) && result_gates((Result *) plan, estate)))
			add_gate(position, plan);
		/* A hash table that was spilled to disk is not kept for a rescan. */
		else if ((IsA(plan, Agg) && (((Agg *) plan)->aggstrategy == AGG_HASHED ||
									 ((Agg *) plan)->aggstrategy == AGG_MIXED)))
			search->is_hashed = true;
		/* These keep what they have read. */
		else if (IsA(plan, Material) || IsA(plan, Sort))
			search->is_hashed = false;
		return true;
	}
	if (find_in(innerPlan(plan), search))
	{
		/* The parameters of a nested loop change with each outer row. */
		if (IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams != NIL)
			position->may_restart = true;
		if (IsA(plan, NestLoop) && search->is_hashed)
			position->may_restart = true;
		if (IsA(plan, RecursiveUnion))
			position->may_restart = true;
		return true;
	}
	return false;
}

/* Look for the scan in this node and below it. */
static bool
find_in(Plan *plan, Search *search)
{
	PlanPosition *position = search->position;
	ListCell *subquery;
	ListCell *parameter;

	if (plan == NULL || !find_below(plan, search))
		return false;
	foreach (subquery, plan->initPlan)
		foreach (parameter, ((SubPlan *) lfirst(subquery))->setParam)
			position->subquery_parameters =
				bms_add_member(position->subquery_parameters, lfirst_int(parameter));
	return true;
}

void
plan_position_find(EState *estate, const Plan *scan, PlanPosition *position)
{
	Search search = { estate, scan, position, false };
	PlannedStmt *statement = estate->es_plannedstmt;
	ListCell *cell;

	memset(position, 0, sizeof(*position));
	if (statement == NULL || find_in(statement->planTree, &search))
		return;
	foreach (cell, statement->subplans)
	{
		Plan *plan = lfirst(cell);

		if (!find_in(plan, &search))
			continue;
		position->is_in_subplan = true;
		/* It is run again whenever an external parameter changes. */
		if (!bms_is_empty(plan->extParam))
			position->may_restart = true;
		return;
	}
	/* Not found in the plan: be prepared for everything. */
	position->may_restart = true;
	add_gate(position, scan);
}
