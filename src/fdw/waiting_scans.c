/*-------------------------------------------------------------------------
 *
 * waiting_scans.c
 *		Scans that could not be started when their query was.
 *
 * A scan that may never be read must not fail, so nothing is evaluated here
 * that the executor might not get to: neither a subquery, nor an expression
 * that guards may keep from being evaluated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/scan_status.h"
#include "fdw/waiting_scans.h"
#include "lib/ilist.h"
#include "nodes/nodeFuncs.h"

/* Of all queries of the session, few as they are. */
static dlist_head waiting = DLIST_STATIC_INIT(waiting);

static void
forget(void *arg)
{
	ForeignScanStatus *status = arg;

	if (status->waiting_node != NULL)
		dlist_delete(&status->waiting_link);
	status->waiting_node = NULL;
}

void
waiting_scans_add(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;

	status->callback.func = forget;
	status->callback.arg = status;
	MemoryContextRegisterResetCallback(status->context, &status->callback);
	status->waiting_node = node;
	dlist_push_tail(&waiting, &status->waiting_link);
}

void
waiting_scans_remove(ForeignScanState *node)
{
	forget(node->fdw_state);
}

bool
expression_is_computed(Node *expression)
{
	while (IsA(expression, RelabelType))
		expression = (Node *) ((RelabelType *) expression)->arg;
	return !IsA(expression, Const) && !IsA(expression, Param);
}

typedef struct ParameterCheck
{
	const EState *estate;
	const Bitmapset *of_subqueries;
} ParameterCheck;

/*
 * Is there a parameter without a value?  A subquery above the scan was run if
 * there is no plan any more to get its value from.  Of other parameters it
 * cannot be told whether they were set.
 */
static bool
lacks_parameter(Node *node, void *context)
{
	const ParameterCheck *check = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		int id = ((Param *) node)->paramid;

		return !bms_is_member(id, check->of_subqueries) ||
			   check->estate->es_param_exec_vals[id].execPlan != NULL;
	}
	return expression_tree_walker(node, lacks_parameter, context);
}

static List *
expressions_of(const ForeignScanState *node)
{
	return ((ForeignScan *) node->ss.ps.plan)->fdw_exprs;
}

/* Was the same expression just evaluated for that scan?  Then it does not fail here. */
static bool
was_evaluated(const Node *expression, const ForeignScanState *node)
{
	const ForeignScanStatus *status = node->fdw_state;
	int index = -1;

	while ((index = bms_next_member(status->evaluated, index)) >= 0)
	{
		if (equal(expression, list_nth(expressions_of(node), index)))
			return true;
	}
	return false;
}

static bool
can_evaluate(const ForeignScanState *node, const ForeignScanState *started, bool is_running)
{
	const ForeignScanStatus *status = node->fdw_state;
	ParameterCheck check = { node->ss.ps.state, status->position.subquery_parameters };
	ListCell *expression;
	ListCell *late;

	forboth (expression, expressions_of(node), late, status->is_late)
	{
		bool is_late = intVal(lfirst(late));

		/* Before the executor runs, it has not even said which subqueries are yet to be run. */
		if (is_late && (!is_running || lacks_parameter(lfirst(expression), &check)))
			return false;
		if (expression_is_computed(lfirst(expression)) &&
			(is_late || status->position.is_in_subplan) &&
			!was_evaluated(lfirst(expression), started))
			return false;
	}
	return true;
}

ForeignScanState *
waiting_scans_take(ForeignScanState *started, bool is_running)
{
	const ForeignScanStatus *started_status = started->fdw_state;
	dlist_iter iter;

	dlist_foreach(iter, &waiting)
	{
		ForeignScanStatus *status = dlist_container(ForeignScanStatus, waiting_link, iter.cur);
		ForeignScanState *node = status->waiting_node;

		/* Every gate above it must be one that has let the other scan through. */
		if (node->ss.ps.state == started->ss.ps.state &&
			list_difference_ptr(status->position.gates, started_status->position.gates) == NIL &&
			can_evaluate(node, started, is_running))
		{
			waiting_scans_remove(node);
			return node;
		}
	}
	return NULL;
}
