/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		What the planner can know about a request before it is made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"

#include "entity/closed_lists.h"
#include "filter/filter.h"
#include "filter/tree.h"

static bool
is_unknown_operand(const List *leaf, void *argument)
{
	List *constants = argument;

	switch (tree_field(leaf, 0))
	{
		case TREE_FIXED:
			return !IsA(list_nth(constants, tree_field(leaf, 1)), Const);
		case TREE_COMPARE:
			return !IsA(list_nth(constants, tree_field(leaf, COMPARE_EXPRESSION)), Const);
		default:
			return false;
	}
}

/* Does the value of one of its expressions become known only when the query runs? */
static bool
has_unknown_operand(const List *tree, List *constants)
{
	return tree_visit_leaves(tree, is_unknown_operand, constants);
}

static double
share(unsigned bits, unsigned of)
{
	int count = 0;
	int total = 0;

	for (unsigned bit = 1; bit != 0 && bit <= of; bit <<= 1)
	{
		count += (bits & of & bit) != 0;
		total += (of & bit) != 0;
	}
	return total > 0 ? (double) count / total : 1;
}

/* A clause with a value that is not known yet is assumed to select one of this many. */
static double
share_of_unknown(ColumnFilter filter)
{
	const ValueList *list = value_list(filter);

	return list != NULL ? 1.0 / list->count : 1;
}

/*
 * Sort out the clauses that the request covers in full; returns the filters
 * whose values are unknown.
 */
static unsigned
sort_clauses(List *clauses, const FilterPlan *plan, List *constants, FilterEstimate *estimate)
{
	unsigned unknown = 0;
	int next = 0;
	ListCell *cell;

	foreach (cell, clauses)
	{
		const List *tree = NIL;
		bool in_full = true;
		unsigned filters = 0;

		/* Trees are in the order of the clauses, but not every clause has one. */
		if (next < list_length(plan->clauses) && list_nth(plan->clauses, next) == lfirst(cell))
		{
			tree = list_nth(plan->trees, next++);
			filters = tree_filters(tree, &in_full);
		}
		/*
		 * (Nearly, if a tree is about several columns, each of which the
		 * request filters by itself; but the planner's guess would be further
		 * off.)
		 */
		if (filters == 0 || !in_full)
		{
			estimate->local_clauses = lappend(estimate->local_clauses, lfirst(cell));
			continue;
		}
		estimate->pushed_clauses = lappend(estimate->pushed_clauses, lfirst(cell));
		if (!has_unknown_operand(tree, constants))
			continue;
		estimate->is_known = false;
		if ((filters & (filters - 1)) == 0)
			unknown |= filters;
	}
	return unknown;
}

void
filter_estimate(PlannerInfo *root, RelOptInfo *baserel, const FilterPlan *plan,
				const ForeignOptions *options, FilterEstimate *estimate)
{
	ExportQuery *query = &estimate->query;
	List *values = NIL;
	unsigned unknown;
	ListCell *cell;

	memset(estimate, 0, sizeof(*estimate));
	estimate->is_known = true;
	foreach (cell, plan->expressions)
		values = lappend(values, estimate_expression_value(root, lfirst(cell)));
	filter_evaluate_constants(plan->trees, values, options, GetCurrentStatementStartTimestamp(),
							  query);
	unknown = sort_clauses(baserel->baserestrictinfo, plan, values, estimate);

	estimate->share = 1;
	for (int filter = FILTER_AD_PRODUCT; filter <= FILTER_UPLOAD_TIME; filter++)
		if (unknown & (1u << filter))
			estimate->share *= share_of_unknown(filter);
	if (options->entity->is_by_hours || query->nothing)
		return;
	estimate->share *= share(query->ad_products, options->ad_products) *
					   share(query->states, all_values(FILTER_STATE)) *
					   share(query->negatives, all_values(FILTER_NEGATIVE)) *
					   share(query->target_levels, all_values(FILTER_TARGET_LEVEL));
	if (query->target_type_count >= 0)
		estimate->share *=
			(double) query->target_type_count / value_list(FILTER_TARGET_TYPE)->count;
}
