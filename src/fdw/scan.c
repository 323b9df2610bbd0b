/*-------------------------------------------------------------------------
 *
 * scan.c
 *		Execution of foreign scans.
 *
 * Nothing here depends on the API: a feed supplies records, a row reader turns
 * them into rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "executor/executor.h"
#include "fdw/plan_position.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "fdw/waiting_scans.h"
#include "filter/filter.h"
#include "option/load.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

static bool
has_late_expression(List *is_late)
{
	ListCell *cell;

	foreach (cell, is_late)
	{
		if (intVal(lfirst(cell)))
			return true;
	}
	return false;
}

static bool
has_computed_expression(List *expressions)
{
	ListCell *cell;

	foreach (cell, expressions)
	{
		if (expression_is_computed(lfirst(cell)))
			return true;
	}
	return false;
}

ExportQuery *
scan_evaluate_query(ForeignScanState *node, bool known_only)
{
	ForeignScanStatus *status = node->fdw_state;
	MemoryContext old_context;
	ExportQuery *query;

	status->evaluated = NULL;
	MemoryContextReset(status->query_context);
	old_context = MemoryContextSwitchTo(status->query_context);
	query = palloc(sizeof(ExportQuery));
	filter_evaluate(status->trees, status->is_late, status->expression_states,
					node->ss.ps.ps_ExprContext, status->options, status->now, known_only, query,
					&status->evaluated);
	MemoryContextSwitchTo(old_context);
	return query;
}

static void
start_feed(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;

	waiting_scans_remove(node);
	feed_start(status->source->feed, scan_evaluate_query(node, false));
	status->started = true;
	status->ended = false;
}

/* And with it those that waited for no more than this one did. */
static void
start_with_others(ForeignScanState *node, bool is_running)
{
	ForeignScanState *other;

	start_feed(node);
	while ((other = waiting_scans_take(node, is_running)) != NULL)
		start_feed(other);
}

/*
 * The exports of all scans of a query are requested when it starts, so that it
 * waits for the slowest of them and not for their sum.  (When a locked row has
 * changed, the plan is started once more to look at that row alone, and then
 * its scans are not read.)
 */
static void
start_early(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;
	List *expressions = ((ForeignScan *) node->ss.ps.plan)->fdw_exprs;

	if (status->options->entity->is_by_hours || !status->options->eager ||
		node->ss.ps.state->es_epq_active != NULL)
		return;
	if (has_late_expression(status->is_late) || status->position.gates != NIL ||
		(status->position.is_in_subplan && has_computed_expression(expressions)))
		waiting_scans_add(node);
	else
		start_with_others(node, false);
}

/* Set up what reading needs. */
static void
prepare_reading(ForeignScanState *node, List *attributes)
{
	ForeignScanStatus *status = node->fdw_state;
	Bitmapset *needed = NULL;
	ListCell *cell;

	foreach (cell, attributes)
		needed = bms_add_member(needed, lfirst_int(cell));
	foreign_options_load_mapping(status->options, compat_scan_user(node));
	status->source = row_source_open(node->ss.ss_currentRelation, status->options, needed,
									 TTS_IS_HEAPTUPLE(node->ss.ss_ScanTupleSlot));
	if (compat_is_async(node))
		feed_wait_beside_others(status->source->feed);
}

void
adsexport_begin_foreign_scan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState *estate = node->ss.ps.state;
	MemoryContext context =
		AllocSetContextCreate(estate->es_query_cxt, "adsexport_fdw scan", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	ForeignScanStatus *status = palloc0(sizeof(ForeignScanStatus));

	node->fdw_state = status;
	status->context = context;
	status->query_context =
		AllocSetContextCreate(context, "adsexport_fdw query", ALLOCSET_SMALL_SIZES);
	status->options = foreign_options_load(RelationGetRelid(node->ss.ss_currentRelation));
	status->trees = list_nth(plan->fdw_private, SCAN_PRIVATE_TREES);
	status->is_late = list_nth(plan->fdw_private, SCAN_PRIVATE_IS_LATE);
	status->now = GetCurrentStatementStartTimestamp();
	status->expression_states = ExecInitExprList(plan->fdw_exprs, &node->ss.ps);

	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		prepare_reading(node, list_nth(plan->fdw_private, SCAN_PRIVATE_ATTRIBUTES));
		plan_position_find(estate, &plan->scan.plan, &status->position);

		/* An export can be downloaded again, but hours would have to be requested again. */
		if ((eflags & EXEC_FLAG_REWIND) || status->position.may_restart ||
			(status->options->entity->is_by_hours && compat_may_be_rewound()))
			feed_keep(status->source->feed);
		start_early(node);
	}
	else
		foreign_options_load_mapping_profiles(status->options, compat_scan_user(node));
	MemoryContextSwitchTo(old_context);
}

TupleTableSlot *
adsexport_iterate_foreign_scan(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	HeapTuple tuple;

	ExecClearTuple(slot);
	status->would_block = false;
	if (!status->started)
		start_with_others(node, true);
	if (status->ended)
		return slot;
	switch (row_source_next(status->source, !compat_is_async(node), slot->tts_mcxt, &tuple,
							slot->tts_values, slot->tts_isnull))
	{
		case ROW_READ:
			if (tuple != NULL)
				return ExecStoreHeapTuple(tuple, slot, true);
			return ExecStoreVirtualTuple(slot);
		case ROW_END:
			status->ended = true;
			break;
		case ROW_WOULD_BLOCK:
			/* The caller knows that this is not the end. */
			status->would_block = true;
			break;
	}
	return slot;
}

/*
 * The same export is read again, unless a value that it depends on changed:
 * the feed finds out when it is started again.
 */
void
adsexport_rescan_foreign_scan(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;

	status->started = false;
	status->ended = false;
}

void
adsexport_end_foreign_scan(ForeignScanState *node)
{
	ForeignScanStatus *status = node->fdw_state;

	/* Nothing was prepared under EXPLAIN, or if the start failed. */
	if (status != NULL && status->source != NULL)
	{
		waiting_scans_remove(node);
		row_source_close(status->source);
	}
}
