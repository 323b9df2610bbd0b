/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *		From clauses to a query, once the values that they compare with are
 *		known.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "filter/closed_values.h"
#include "filter/filter.h"
#include "filter/hour_range.h"
#include "filter/operands.h"
#include "filter/tree.h"

static bool
contains_external_parameter(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		return true;
	return expression_tree_walker(node, contains_external_parameter, unused);
}

/* The value of an expression, if it can be known. */
static bool
evaluate_expression(const EvaluateContext *context, int index, Datum *value, bool *is_null)
{
	ExprState *state;

	if (context->constants != NIL)
	{
		const Const *constant = list_nth(context->constants, index);

		if (!IsA(constant, Const))
			return false;
		*value = constant->constvalue;
		*is_null = constant->constisnull;
		return true;
	}
	state = list_nth(context->states, index);
	if (context->known_only && (intVal(list_nth(context->is_late, index)) ||
								(context->econtext->ecxt_param_list_info == NULL &&
								 contains_external_parameter((Node *) state->expr, NULL))))
		return false;
	*value = ExecEvalExprSwitchContext(state, context->econtext, is_null);
	return true;
}

static void
evaluate_operand(const EvaluateContext *context, int index, ArrayUse use)
{
	Operand *operand = &context->operands[index];
	bool is_null;
	Datum value;

	if (operand->known || !evaluate_expression(context, index, &value, &is_null))
		return;
	operand->known = true;
	operand->is_null = is_null;
	if (is_null)
		return;
	if (use == ARRAY_NOT)
	{
		operand->count = 1;
		operand->values = palloc(sizeof(Datum));
		operand->nulls = palloc0(sizeof(bool));
		operand->values[0] = value;
	}
	else
	{
		ArrayType *array = DatumGetArrayTypeP(value);
		int16 length;
		bool by_value;
		char alignment;

		get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
		deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &operand->values,
						  &operand->nulls, &operand->count);
	}
}

/*
 * In the order of the clause, and not beyond the point where it is decided:
 * what an AND or OR guards must not be evaluated, since it may fail.
 */
static void
evaluate_operands(const List *tree, const EvaluateContext *context)
{
	TreeKind kind = tree_field(tree, 0);

	switch (kind)
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
			{
				Outcome outcome;

				evaluate_operands(list_nth(tree, i), context);
				/* FILTER_NONE: what is decided for every row. */
				outcome = try_value(list_nth(tree, i), context, FILTER_NONE, "");
				if (outcome.can_be_true != outcome.can_be_false &&
					outcome.can_be_true == (kind == TREE_OR))
					break;
			}
			break;
		case TREE_FIXED:
			evaluate_operand(context, tree_field(tree, 1), ARRAY_NOT);
			break;
		case TREE_COMPARE:
			evaluate_operand(context, tree_field(tree, COMPARE_EXPRESSION),
							 tree_field(tree, COMPARE_ARRAY));
			break;
		default:
			break;
	}
}

/* From the operands to the query. */
static void
evaluate_trees(List *trees, EvaluateContext *context, int expression_count, TimestampTz now,
			   ExportQuery *query)
{
	const ForeignOptions *options = context->options;
	ListCell *cell;

	memset(query, 0, sizeof(*query));
	query->now = now;
	context->operands = palloc0(sizeof(Operand) * Max(expression_count, 1));
	foreach (cell, trees)
		evaluate_operands(lfirst(cell), context);

	if (options->entity->is_by_hours)
	{
		HourRange hours = hours_of_trees(trees, context);

		query->nothing = hours_are_empty(hours);
		query->start_hour = hours.start;
		query->end_hour = hours.end;
		query->profile_count = query->target_type_count = -1;
		return;
	}

	evaluate_values(trees, context, query);
}

void
filter_evaluate(List *trees, List *is_late, List *states, ExprContext *econtext,
				const ForeignOptions *options, TimestampTz now, bool known_only, ExportQuery *query,
				Bitmapset **evaluated)
{
	EvaluateContext context = { .options = options,
								.states = states,
								.is_late = is_late,
								.econtext = econtext,
								.known_only = known_only };

	evaluate_trees(trees, &context, list_length(states), now, query);
	*evaluated = NULL;
	for (int i = 0; i < list_length(states); i++)
	{
		if (context.operands[i].known)
			*evaluated = bms_add_member(*evaluated, i);
	}
}

void
filter_evaluate_constants(List *trees, List *values, const ForeignOptions *options, TimestampTz now,
						  ExportQuery *query)
{
	EvaluateContext context = { .options = options, .constants = values };

	evaluate_trees(trees, &context, list_length(values), now, query);
}
