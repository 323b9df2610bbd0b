/*-------------------------------------------------------------------------
 *
 * filter.c
 *		WHERE clauses as part of a request.
 *
 * A tree is a list whose first member is an Integer, its kind (TreeKind).
 *
 * Evaluation is three-valued: for a row whose column has a certain value, a
 * clause may be able to be true, able to be false, both (it depends on what
 * is unknown) or neither (it is NULL).  Only rows for which all clauses can
 * be true are wanted, so a value for which one of them can't is not asked
 * for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "compat.h"
#include "executor/executor.h"
#include "export/hours.h"
#include "fdw/filter.h"
#include "fdw/option.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

typedef enum TreeKind
{
	TREE_UNKNOWN, /* (kind) */
	TREE_AND,     /* (kind, tree ...) */
	TREE_OR,      /* (kind, tree ...) */
	TREE_NOT,     /* (kind, tree) */
	TREE_COLUMN,  /* (kind, filter): a boolean column by itself */
	TREE_COMPARE  /* (kind, then by CompareField) */
} TreeKind;

/* Members of a TREE_COMPARE, all Integer. */
typedef enum CompareField
{
	COMPARE_KIND,
	COMPARE_FILTER,    /* ColumnFilter */
	COMPARE_ATTRIBUTE, /* zero-based */
	COMPARE_TYPE,      /* of the column, domains resolved */
	COMPARE_FUNCTION,  /* of the operator */
	COMPARE_COLLATION,
	COMPARE_COLUMN_IS_LEFT,
	COMPARE_STRATEGY,        /* of times, the column on the left; else 0 */
	COMPARE_EXPRESSION,      /* index of the other side */
	COMPARE_EXPRESSION_TYPE, /* of the other side, or of its elements */
	COMPARE_ARRAY            /* ArrayUse */
} CompareField;

typedef enum ArrayUse
{
	ARRAY_NOT, /* a plain value */
	ARRAY_ANY,
	ARRAY_ALL
} ArrayUse;

static int
tree_field(const List *tree, int field)
{
	return intVal(list_nth(tree, field));
}

static Oid
tree_oid(const List *tree, int field)
{
	return (Oid) tree_field(tree, field);
}

/*-------------------------------------------------------------------------
 * Plan time
 *-------------------------------------------------------------------------
 */

ColumnFilter *
filter_attributes(Oid relation_id, const Entity *entity, TupleDesc desc)
{
	ColumnFilter *attributes = palloc0(sizeof(ColumnFilter) * Max(desc->natts, 1));
	const char **json_paths = column_json_paths(relation_id, desc);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		ColumnBinding binding;

		attributes[i] = FILTER_NONE;
		if (attribute->attisdropped)
			continue;
		/* A column that binds to nothing is an error only once it is used. */
		if (!entity_find_binding(entity, NameStr(attribute->attname), json_paths[i], &binding))
			continue;
		if (binding.column != NULL)
			attributes[i] = binding.column->filter;
	}
	return attributes;
}

typedef struct CompileContext
{
	Index relid;
	const ColumnFilter *attributes;
	FilterPlan *plan;
} CompileContext;

static List *compile(Node *node, CompileContext *context);

static List *
make_unknown(void)
{
	return list_make1(makeInteger(TREE_UNKNOWN));
}

static bool
is_unknown(const List *tree)
{
	return tree_field(tree, 0) == TREE_UNKNOWN;
}

/* Strip what changes a value's type but not its bits. */
static Node *
strip_relabels(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

/* The filter column that the node is, or FILTER_NONE. */
static ColumnFilter
column_of(Node *node, const CompileContext *context, int *attribute)
{
	Var *var = (Var *) strip_relabels(node);

	if (var == NULL || !IsA(var, Var) || (Index) var->varno != context->relid ||
		var->varlevelsup != 0 || var->varattno <= 0)
		return FILTER_NONE;
	*attribute = var->varattno - 1;
	return context->attributes[*attribute];
}

/* Does the expression contain a parameter that another node sets at run time? */
static bool
contains_late_parameter(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, contains_late_parameter, unused);
}

/* Has it one value for a whole scan? */
static bool
is_fixed(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node) &&
		   !contain_subplans(node) && !contain_agg_clause(node);
}

/* Types in which a value of that filter can be made from the vendor's text. */
static bool
type_is_fit(ColumnFilter filter, Oid type)
{
	char category;
	bool preferred;

	switch (filter)
	{
		case FILTER_UPLOAD_TIME:
		case FILTER_EVENT_TIME:
			return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
		case FILTER_NEGATIVE:
			return type == BOOLOID;
		case FILTER_PROFILE_ID:
			if (type == INT8OID || type == NUMERICOID)
				return true;
			break;
		default:
			break;
	}
	/* text, varchar, char, citext: what is put in comes out again. */
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING && type != NAMEOID;
}

/* Is the operator an equality of its type, or the negation of one? */
static bool
is_equality_or_negation(Oid operator, bool * negated)
{
	Oid left;
	Oid right;
	Oid negator;

	op_input_types(operator, & left, &right);
	*negated = false;
	if (op_mergejoinable(operator, left) || op_hashjoinable(operator, left))
		return true;
	negator = get_negator(operator);
	*negated = true;
	return OidIsValid(negator) &&
		   (op_mergejoinable(negator, left) || op_hashjoinable(negator, left));
}

/* Strategy (BTLessStrategyNumber ...) of an operator that compares times; 0 if it does not. */
static int
time_strategy(Oid operator, bool column_is_left)
{
	static Oid family = InvalidOid;
	static const int commuted[] = { 0,
									BTGreaterStrategyNumber,
									BTGreaterEqualStrategyNumber,
									BTEqualStrategyNumber,
									BTLessEqualStrategyNumber,
									BTLessStrategyNumber };
	int strategy;

	if (family == InvalidOid)
		family = get_opclass_family(GetDefaultOpClass(TIMESTAMPTZOID, BTREE_AM_OID));
	strategy = get_op_opfamily_strategy(operator, family);
	return column_is_left ? strategy : commuted[strategy];
}

static List *
compile_compare(Oid operator, Oid collation, Node *left, Node *right, ArrayUse array,
				CompileContext *context)
{
	Node *sides[2] = { left, right };
	int attribute = 0;
	bool column_is_left = true;
	ColumnFilter filter = column_of(left, context, &attribute);
	Oid column_type;
	Oid value_type;
	int strategy = 0;
	bool negated = false;
	List *tree;

	if (filter == FILTER_NONE && array == ARRAY_NOT)
	{
		filter = column_of(right, context, &attribute);
		column_is_left = false;
	}
	if (filter == FILTER_NONE || !is_fixed(sides[column_is_left ? 1 : 0]))
		return make_unknown();

	column_type = getBaseType(exprType(strip_relabels(sides[column_is_left ? 0 : 1])));
	value_type = getBaseType(exprType(sides[column_is_left ? 1 : 0]));
	if (array != ARRAY_NOT)
		value_type = get_base_element_type(value_type);
	if (!OidIsValid(value_type) || !type_is_fit(filter, column_type))
		return make_unknown();

	if (filter == FILTER_UPLOAD_TIME || filter == FILTER_EVENT_TIME)
	{
		strategy = time_strategy(operator, column_is_left);
		if (strategy == 0 || !type_is_fit(filter, value_type))
			return make_unknown();
	}
	else if (!is_equality_or_negation(operator, & negated) || !func_strict(get_opcode(operator)) ||
			 func_volatile(get_opcode(operator)) != PROVOLATILE_IMMUTABLE)
		return make_unknown();
	/* The vendor's list of target types is open: "all but these" can't be asked for. */
	if (filter == FILTER_TARGET_TYPE && negated)
		return make_unknown();

	tree = list_make5(makeInteger(TREE_COMPARE), makeInteger(filter), makeInteger(attribute),
					  makeInteger((int) column_type), makeInteger((int) get_opcode(operator)));
	tree = lappend(tree, makeInteger((int) collation));
	tree = lappend(tree, makeInteger(column_is_left));
	tree = lappend(tree, makeInteger(strategy));
	tree = lappend(tree, makeInteger(list_length(context->plan->expressions)));
	tree = lappend(tree, makeInteger((int) value_type));
	tree = lappend(tree, makeInteger(array));
	context->plan->expressions = lappend(context->plan->expressions, sides[column_is_left ? 1 : 0]);
	context->plan->is_late =
		lappend(context->plan->is_late,
				makeInteger(contains_late_parameter(sides[column_is_left ? 1 : 0], NULL)));
	return tree;
}

static List *
compile_boolean(BoolExpr *expression, CompileContext *context)
{
	List *tree;
	bool something = false;
	ListCell *cell;

	if (expression->boolop == NOT_EXPR)
	{
		List *child = compile(linitial(expression->args), context);

		return is_unknown(child) ? child : list_make2(makeInteger(TREE_NOT), child);
	}
	tree = list_make1(makeInteger(expression->boolop == AND_EXPR ? TREE_AND : TREE_OR));
	foreach (cell, expression->args)
	{
		List *child = compile(lfirst(cell), context);

		something |= !is_unknown(child);
		tree = lappend(tree, child);
	}
	return something ? tree : make_unknown();
}

/* column IS [NOT] TRUE / FALSE; the forms that accept NULL are left alone. */
static List *
compile_boolean_test(BooleanTest *test, CompileContext *context)
{
	int attribute;
	ColumnFilter filter = column_of((Node *) test->arg, context, &attribute);
	List *column;

	if (filter != FILTER_NEGATIVE ||
		(test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE))
		return make_unknown();
	column = list_make2(makeInteger(TREE_COLUMN), makeInteger(filter));
	return test->booltesttype == IS_TRUE ? column : list_make2(makeInteger(TREE_NOT), column);
}

static List *
compile(Node *node, CompileContext *context)
{
	int attribute;

	node = strip_relabels(node);
	if (node == NULL)
		return make_unknown();
	switch (nodeTag(node))
	{
		case T_RestrictInfo:
			return compile((Node *) ((RestrictInfo *) node)->clause, context);
		case T_BoolExpr:
			return compile_boolean((BoolExpr *) node, context);
		case T_BooleanTest:
			return compile_boolean_test((BooleanTest *) node, context);
		case T_OpExpr:
		{
			OpExpr *expression = (OpExpr *) node;

			if (list_length(expression->args) != 2)
				return make_unknown();
			return compile_compare(expression->opno, expression->inputcollid,
								   linitial(expression->args), lsecond(expression->args), ARRAY_NOT,
								   context);
		}
		case T_ScalarArrayOpExpr:
		{
			ScalarArrayOpExpr *expression = (ScalarArrayOpExpr *) node;

			return compile_compare(expression->opno, expression->inputcollid,
								   linitial(expression->args), lsecond(expression->args),
								   expression->useOr ? ARRAY_ANY : ARRAY_ALL, context);
		}
		case T_Var:
			if (column_of(node, context, &attribute) == FILTER_NEGATIVE &&
				((Var *) node)->vartype == BOOLOID)
				return list_make2(makeInteger(TREE_COLUMN), makeInteger(FILTER_NEGATIVE));
			return make_unknown();
		default:
			return make_unknown();
	}
}

void
filter_compile(PlannerInfo *root, RelOptInfo *baserel, List *clauses,
			   const ColumnFilter *attributes, FilterPlan *plan)
{
	CompileContext context = { baserel->relid, attributes, plan };
	ListCell *cell;

	plan->trees = plan->expressions = plan->is_late = NIL;
	foreach (cell, clauses)
	{
		List *tree = compile(lfirst(cell), &context);

		if (!is_unknown(tree))
			plan->trees = lappend(plan->trees, tree);
	}
}

/*-------------------------------------------------------------------------
 * Run time: values of the other sides
 *-------------------------------------------------------------------------
 */

/* The other side of a comparison: one value, or an array's elements. */
typedef struct Operand
{
	bool known;
	bool is_null; /* the value, or the array as a whole */
	int count;
	Datum *values;
	bool *nulls;
} Operand;

typedef struct EvaluateContext
{
	const Settings *settings;
	TupleDesc desc;
	Operand *operands;
} EvaluateContext;

static bool
contains_external_parameter(Node *node, void *unused)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		return true;
	return expression_tree_walker(node, contains_external_parameter, unused);
}

static void
evaluate_operand(const List *tree, List *is_late, List *states, ExprContext *econtext,
				 bool known_only, Operand *operand)
{
	int index = tree_field(tree, COMPARE_EXPRESSION);
	ExprState *state = list_nth(states, index);
	bool is_null;
	Datum value;

	if (operand->known)
		return;
	if (known_only && (intVal(list_nth(is_late, index)) ||
					   (econtext->ecxt_param_list_info == NULL &&
						contains_external_parameter((Node *) state->expr, NULL))))
		return;
	value = ExecEvalExprSwitchContext(state, econtext, &is_null);
	operand->known = true;
	operand->is_null = is_null;
	if (is_null)
		return;
	if (tree_field(tree, COMPARE_ARRAY) == ARRAY_NOT)
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

static void
evaluate_operands(const List *tree, List *is_late, List *states, ExprContext *econtext,
				  bool known_only, Operand *operands)
{
	switch (tree_field(tree, 0))
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
				evaluate_operands(list_nth(tree, i), is_late, states, econtext, known_only,
								  operands);
			break;
		case TREE_COMPARE:
			evaluate_operand(tree, is_late, states, econtext, known_only,
							 &operands[tree_field(tree, COMPARE_EXPRESSION)]);
			break;
		default:
			break;
	}
}

/*-------------------------------------------------------------------------
 * Run time: closed lists
 *-------------------------------------------------------------------------
 */

typedef struct Outcome
{
	bool can_be_true;
	bool can_be_false;
} Outcome;

static const Outcome outcome_unknown = { true, true };
static const Outcome outcome_null = { false, false };

/* The value in the column's type, as a row would have it. */
static Datum
value_in_type(const char *text, Oid type)
{
	Oid input;
	Oid parameter;

	getTypeInputInfo(type, &input, &parameter);
	return OidInputFunctionCall(input, pstrdup(text), parameter, -1);
}

/* Compare the column's value with each element and put the results together. */
static Outcome
compare_value(const List *tree, const Operand *operand, const char *value)
{
	ArrayUse array = tree_field(tree, COMPARE_ARRAY);
	Datum column = value_in_type(value, tree_oid(tree, COMPARE_TYPE));
	Outcome result = { array != ARRAY_ANY, array == ARRAY_ANY };

	if (operand->is_null)
		return outcome_null;
	for (int i = 0; i < operand->count; i++)
	{
		Outcome one = outcome_null;

		if (!operand->nulls[i])
		{
			bool left = tree_field(tree, COMPARE_COLUMN_IS_LEFT);
			bool holds = DatumGetBool(OidFunctionCall2Coll(
				tree_oid(tree, COMPARE_FUNCTION), tree_oid(tree, COMPARE_COLLATION),
				left ? column : operand->values[i], left ? operand->values[i] : column));

			one.can_be_true = holds;
			one.can_be_false = !holds;
		}
		if (array == ARRAY_NOT)
			return one;
		if (array == ARRAY_ANY)
		{
			result.can_be_true |= one.can_be_true;
			result.can_be_false &= one.can_be_false;
		}
		else
		{
			result.can_be_true &= one.can_be_true;
			result.can_be_false |= one.can_be_false;
		}
	}
	return result;
}

/* What can become of the tree for rows with that value in that column? */
static Outcome
try_value(const List *tree, const EvaluateContext *context, ColumnFilter filter, const char *value)
{
	TreeKind kind = tree_field(tree, 0);
	Outcome result;
	Outcome child;

	switch (kind)
	{
		case TREE_AND:
		case TREE_OR:
			result.can_be_true = kind == TREE_AND;
			result.can_be_false = kind == TREE_OR;
			for (int i = 1; i < list_length(tree); i++)
			{
				child = try_value(list_nth(tree, i), context, filter, value);
				if (kind == TREE_AND)
				{
					result.can_be_true &= child.can_be_true;
					result.can_be_false |= child.can_be_false;
				}
				else
				{
					result.can_be_true |= child.can_be_true;
					result.can_be_false &= child.can_be_false;
				}
			}
			return result;
		case TREE_NOT:
			child = try_value(list_nth(tree, 1), context, filter, value);
			result.can_be_true = child.can_be_false;
			result.can_be_false = child.can_be_true;
			return result;
		case TREE_COLUMN:
			if (tree_field(tree, 1) != (int) filter)
				return outcome_unknown;
			result.can_be_true = strcmp(value, "true") == 0;
			result.can_be_false = !result.can_be_true;
			return result;
		case TREE_COMPARE:
		{
			const Operand *operand = &context->operands[tree_field(tree, COMPARE_EXPRESSION)];

			if (tree_field(tree, COMPARE_FILTER) != (int) filter || !operand->known)
				return outcome_unknown;
			return compare_value(tree, operand, value);
		}
		case TREE_UNKNOWN:
			break;
	}
	return outcome_unknown;
}

/* Can a row with that value in that column pass all clauses? */
static bool
value_is_wanted(List *trees, const EvaluateContext *context, ColumnFilter filter, const char *value)
{
	ListCell *cell;

	foreach (cell, trees)
	{
		if (!try_value(lfirst(cell), context, filter, value).can_be_true)
			return false;
	}
	return true;
}

static unsigned
wanted_bits(List *trees, const EvaluateContext *context, ColumnFilter filter,
			const char *const *names, int count)
{
	unsigned bits = 0;

	for (int i = 0; i < count; i++)
		if (value_is_wanted(trees, context, filter, names[i]))
			bits |= 1u << i;
	return bits;
}

/* The values that clauses compare that column with, as text. */
static void
collect_named_values(const List *tree, const EvaluateContext *context, ColumnFilter filter,
					 List **names)
{
	switch (tree_field(tree, 0))
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
				collect_named_values(list_nth(tree, i), context, filter, names);
			break;
		case TREE_COMPARE:
		{
			const Operand *operand = &context->operands[tree_field(tree, COMPARE_EXPRESSION)];
			Oid output;
			bool is_varlena;

			if (tree_field(tree, COMPARE_FILTER) != (int) filter || !operand->known ||
				operand->is_null)
				break;
			getTypeOutputInfo(tree_oid(tree, COMPARE_EXPRESSION_TYPE), &output, &is_varlena);
			for (int i = 0; i < operand->count; i++)
				if (!operand->nulls[i])
					*names = list_append_unique(
						*names, makeString(OidOutputFunctionCall(output, operand->values[i])));
			break;
		}
		default:
			break;
	}
}

/*
 * The target types that the vendor takes in a filter.  The list of types that
 * records may have is longer and open; naming one that is not here is an
 * error there.
 */
static bool
is_requestable_type(const char *name)
{
	static const char *const types[] = { "AUDIENCE",
										 "AUTO",
										 "KEYWORD",
										 "PRODUCT",
										 "PRODUCT_AUDIENCE",
										 "PRODUCT_CATEGORY",
										 "THEME",
										 "PRODUCT_CATEGORY_AUDIENCE" };

	for (int i = 0; i < (int) lengthof(types); i++)
		if (strcmp(types[i], name) == 0)
			return true;
	return false;
}

/*
 * Target types are an open list: only those that a clause names can be asked
 * for, and only if no row without one of them could pass.  The name tried for
 * that is none the vendor will ever use.
 */
static void
evaluate_target_types(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	List *names = NIL;
	ListCell *cell;
	bool exact = true;

	query->target_type_count = -1;
	foreach (cell, trees)
		collect_named_values(lfirst(cell), context, FILTER_TARGET_TYPE, &names);
	if (names == NIL || value_is_wanted(trees, context, FILTER_TARGET_TYPE, "\001"))
		return;
	query->target_types = palloc(sizeof(char *) * list_length(names));
	query->target_type_count = 0;
	foreach (cell, names)
	{
		char *name = strVal(lfirst(cell));

		if (!value_is_wanted(trees, context, FILTER_TARGET_TYPE, name))
			continue;
		exact &= is_requestable_type(name);
		query->target_types[query->target_type_count++] = name;
	}
	/* A name that the vendor may not know (or in another spelling, which the
	 * column's type takes for equal) is left to the local filter. */
	if (!exact)
		query->target_type_count = -1;
	else if (query->target_type_count == 0)
		query->nothing = true;
}

/* A profile id as the vendor writes it. */
static bool
is_profile_id(const char *name)
{
	return name[0] >= '1' && name[0] <= '9' && name[strspn(name, "0123456789")] == '\0';
}

/*
 * The profiles are not known yet: say which ones of those that will be found
 * are wanted.  The ids that the clauses name are judged one by one, all others
 * alike.
 */
static void
evaluate_unknown_profiles(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	List *names = NIL;
	ListCell *cell;

	query->other_profiles = true;
	foreach (cell, trees)
		collect_named_values(lfirst(cell), context, FILTER_PROFILE_ID, &names);
	foreach (cell, names)
	{
		/* Equal to an id, maybe, but written in another way. */
		if (!is_profile_id(strVal(lfirst(cell))))
			return;
	}
	if (names == NIL)
		return;
	/* An id that no profile has, which stands for all that are not named. */
	query->other_profiles = value_is_wanted(trees, context, FILTER_PROFILE_ID, "0");
	query->exception_count = 0;
	query->exceptions = palloc(sizeof(char *) * list_length(names));
	foreach (cell, names)
	{
		char *name = strVal(lfirst(cell));

		if (value_is_wanted(trees, context, FILTER_PROFILE_ID, name) != query->other_profiles)
			query->exceptions[query->exception_count++] = name;
	}
	if (!query->other_profiles && query->exception_count == 0)
		query->nothing = true;
}

static void
evaluate_profiles(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	const Settings *settings = context->settings;

	query->profile_count = settings->profile_count;
	if (settings->profile_count < 0)
	{
		evaluate_unknown_profiles(trees, context, query);
		return;
	}
	query->profile_ids = palloc(sizeof(char *) * Max(settings->profile_count, 1));
	query->profile_count = 0;
	for (int i = 0; i < settings->profile_count; i++)
		if (value_is_wanted(trees, context, FILTER_PROFILE_ID, settings->profile_ids[i]))
			query->profile_ids[query->profile_count++] = settings->profile_ids[i];
	if (query->profile_count == 0)
		query->nothing = true;
}

/*-------------------------------------------------------------------------
 * Run time: hours
 *-------------------------------------------------------------------------
 */

/* Hours, both inclusive; empty when start > end. */
typedef struct HourRange
{
	int64 start;
	int64 end;
} HourRange;

static const HourRange all_hours = { HOUR_UNBOUNDED_START, HOUR_UNBOUNDED_END };
static const HourRange no_hours = { HOUR_UNBOUNDED_END, HOUR_UNBOUNDED_START };

static bool
hours_are_empty(HourRange range)
{
	return range.start > range.end;
}

static HourRange
hours_intersect(HourRange a, HourRange b)
{
	HourRange result = { Max(a.start, b.start), Min(a.end, b.end) };

	return result;
}

static HourRange
hours_hull(HourRange a, HourRange b)
{
	HourRange result = { Min(a.start, b.start), Max(a.end, b.end) };

	if (hours_are_empty(a))
		return b;
	return hours_are_empty(b) ? a : result;
}

/* The slack by which a bound is widened where the two types' zones disagree. */
#define ZONE_SLACK USECS_PER_DAY

/*
 * The moment (microseconds since 2000, UTC) that a value means when compared
 * with the column, and the slack needed on both sides.
 */
static int64
moment_of(Datum value, Oid value_type, Oid column_type, int64 *slack)
{
	int overflow; /* what is out of range becomes infinite, as in comparisons */

	*slack = 0;
	if (column_type == TIMESTAMPTZOID)
	{
		/* The comparison takes zoneless values to be in the session's zone. */
		switch (value_type)
		{
			case TIMESTAMPOID:
				return timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value), &overflow);
			case DATEOID:
				return date2timestamptz_opt_overflow(DatumGetDateADT(value), &overflow);
			default:
				return DatumGetTimestampTz(value);
		}
	}
	/* The column holds UTC without saying so. */
	switch (value_type)
	{
		case TIMESTAMPTZOID:
			*slack = ZONE_SLACK;
			return DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, value));
		case DATEOID:
			return date2timestamp_opt_overflow(DatumGetDateADT(value), &overflow);
		default:
			return DatumGetTimestamp(value);
	}
}

/* Shift without leaving the range of timestamps. */
static int64
shift_moment(int64 moment, int64 shift)
{
	int64 shifted = moment + shift;

	return IS_VALID_TIMESTAMP(shifted) ? shifted : moment;
}

/* How far apart a column's time and the time of the upload can be (microseconds). */
typedef struct UploadDelay
{
	bool has_lead; /* uploaded at most so long before */
	bool has_lag;  /* or after it */
	int64 lead;
	int64 lag;
} UploadDelay;

static const UploadDelay no_delay = { true, true, 0, 0 };

/* Differences between clocks that the vendor lets pass when it works out event_time. */
#define EVENT_TIME_SLACK (60 * USECS_PER_SEC)

static UploadDelay
event_time_delay(const Settings *settings)
{
	UploadDelay delay = { settings->event_time_max_lead >= 0, settings->event_time_max_lag >= 0,
						  settings->event_time_max_lead * 1000 + EVENT_TIME_SLACK,
						  settings->event_time_max_lag * 1000 };

	return delay;
}

static HourRange
compare_hours(int strategy, Datum value, Oid value_type, Oid column_type, const UploadDelay *delay)
{
	HourRange range = all_hours;
	int64 slack;
	int64 moment = moment_of(value, value_type, column_type, &slack);
	int64 lowest = moment;
	int64 highest = moment;
	bool exact = column_type == TIMESTAMPTZOID ||
				 (column_type == TIMESTAMPOID && value_type != TIMESTAMPTZOID);

	if (TIMESTAMP_IS_NOBEGIN(moment))
		return strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber
				   ? all_hours
				   : no_hours;
	if (TIMESTAMP_IS_NOEND(moment))
		return strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber ? all_hours
																						 : no_hours;

	lowest = shift_moment(lowest, -slack);
	/* A date stands for the whole of its day. */
	highest = shift_moment(highest, slack + (column_type == DATEOID ? USECS_PER_DAY : 0));

	lowest = shift_moment(lowest, -delay->lead);
	highest = shift_moment(highest, delay->lag);

	if (delay->has_lead &&
		(strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber ||
		 strategy == BTEqualStrategyNumber))
		range.start = hours_of_timestamp(lowest);
	if (!delay->has_lag)
		return range;
	if (strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber ||
		strategy == BTEqualStrategyNumber)
		range.end = hours_of_timestamp(highest);
	/* Up to the full hour, but not into it. */
	if (strategy == BTLessStrategyNumber && exact && highest % USECS_PER_HOUR == 0)
		range.end--;
	return range;
}

static int
negated_strategy(int strategy)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return BTGreaterEqualStrategyNumber;
		case BTLessEqualStrategyNumber:
			return BTGreaterStrategyNumber;
		case BTGreaterEqualStrategyNumber:
			return BTLessStrategyNumber;
		case BTGreaterStrategyNumber:
			return BTLessEqualStrategyNumber;
		default:
			return 0; /* "not equal" bounds nothing */
	}
}

static HourRange
hours_of_compare(const List *tree, const Operand *operand, bool negated, const UploadDelay *delay)
{
	ArrayUse array = tree_field(tree, COMPARE_ARRAY);
	int strategy = tree_field(tree, COMPARE_STRATEGY);
	bool any = (array == ARRAY_ANY) != negated;
	HourRange result = any ? no_hours : all_hours;

	if (!operand->known)
		return all_hours;
	if (operand->is_null)
		return no_hours;
	if (negated)
		strategy = negated_strategy(strategy);
	if (strategy == 0)
		return all_hours;
	if (array == ARRAY_NOT)
		any = false;
	if (array == ARRAY_NOT)
		result = all_hours;
	for (int i = 0; i < operand->count; i++)
	{
		HourRange one = no_hours;

		if (!operand->nulls[i])
			one =
				compare_hours(strategy, operand->values[i], tree_oid(tree, COMPARE_EXPRESSION_TYPE),
							  tree_oid(tree, COMPARE_TYPE), delay);
		result = any ? hours_hull(result, one) : hours_intersect(result, one);
	}
	return result;
}

static HourRange
hours_of(const List *tree, const EvaluateContext *context, bool negated)
{
	TreeKind kind = tree_field(tree, 0);
	bool any = (kind == TREE_OR) != negated;
	HourRange result;

	switch (kind)
	{
		case TREE_AND:
		case TREE_OR:
			/* A negation turns one into the other. */
			result = any ? no_hours : all_hours;
			for (int i = 1; i < list_length(tree); i++)
			{
				HourRange one = hours_of(list_nth(tree, i), context, negated);

				result = any ? hours_hull(result, one) : hours_intersect(result, one);
			}
			return result;
		case TREE_NOT:
			return hours_of(list_nth(tree, 1), context, !negated);
		case TREE_COMPARE:
			if (tree_field(tree, COMPARE_FILTER) == FILTER_UPLOAD_TIME)
				return hours_of_compare(tree,
										&context->operands[tree_field(tree, COMPARE_EXPRESSION)],
										negated, &no_delay);
			if (tree_field(tree, COMPARE_FILTER) == FILTER_EVENT_TIME)
			{
				UploadDelay delay = event_time_delay(context->settings);

				if (!delay.has_lead && !delay.has_lag)
					return all_hours;
				return hours_of_compare(tree,
										&context->operands[tree_field(tree, COMPARE_EXPRESSION)],
										negated, &delay);
			}
			return all_hours;
		default:
			return all_hours;
	}
}

/*-------------------------------------------------------------------------
 * Run time: all together
 *-------------------------------------------------------------------------
 */

void
filter_evaluate(List *trees, List *is_late, List *states, ExprContext *econtext,
				const Settings *settings, TupleDesc desc, TimestampTz now, bool known_only,
				ExportQuery *query)
{
	static const char *const negative_names[NEGATIVE_COUNT] = { "false", "true" };
	EvaluateContext context = { settings, desc, NULL };
	HourRange hours = all_hours;
	ListCell *cell;

	memset(query, 0, sizeof(*query));
	query->now = now;
	context.operands = palloc0(sizeof(Operand) * Max(list_length(states), 1));
	foreach (cell, trees)
		evaluate_operands(lfirst(cell), is_late, states, econtext, known_only, context.operands);

	if (settings->api == API_AMPLITUDE)
	{
		foreach (cell, trees)
			hours = hours_intersect(hours, hours_of(lfirst(cell), &context, false));
		query->nothing = hours_are_empty(hours);
		query->start_hour = hours.start;
		query->end_hour = hours.end;
		query->profile_count = query->target_type_count = -1;
		return;
	}

	query->ad_products =
		wanted_bits(trees, &context, FILTER_AD_PRODUCT, ad_product_names, AD_PRODUCT_COUNT) &
		settings->ad_products;
	query->states = wanted_bits(trees, &context, FILTER_STATE, state_names, STATE_COUNT);
	query->negatives =
		wanted_bits(trees, &context, FILTER_NEGATIVE, negative_names, NEGATIVE_COUNT);
	query->target_levels =
		wanted_bits(trees, &context, FILTER_TARGET_LEVEL, target_level_names, TARGET_LEVEL_COUNT);
	query->nothing = query->ad_products == 0 || query->states == 0 || query->negatives == 0 ||
					 query->target_levels == 0;
	evaluate_target_types(trees, &context, query);
	evaluate_profiles(trees, &context, query);
}
