/*-------------------------------------------------------------------------
 *
 * compile.c
 *		WHERE clauses to trees, when a query is planned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "compat.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "entity/binding.h"
#include "filter/filter.h"
#include "filter/tree.h"

ColumnFilter *
filter_attributes(const Entity *entity, TupleDesc desc, const char *const *json_paths)
{
	ColumnFilter *attributes = palloc0(sizeof(ColumnFilter) * Max(desc->natts, 1));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		ColumnBinding binding;

		attributes[i] = FILTER_NONE;
		if (attribute->attisdropped)
			continue;
		/* A column that is bound to nothing is an error only if it is used. */
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

/* Does it have one value for a whole scan? */
static bool
is_fixed(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node) &&
		   !contain_subplans(node) && !contain_agg_clause(node);
}

/* Does a numeric column round digits before the decimal point? */
static bool
rounds_integers(int32 typmod)
{
	/* Eleven bits with a sign, see numeric.c of the server; before 15 never negative. */
	return typmod >= (int32) VARHDRSZ && (((typmod - VARHDRSZ) & 0x400) != 0);
}

/* Types in which a value of that filter can be made from the vendor's text. */
static bool
type_is_fit(ColumnFilter filter, Oid type, int32 typmod)
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
			if (type == INT8OID || (type == NUMERICOID && !rounds_integers(typmod)))
				return true;
			break;
		default:
			break;
	}
	if (get_typtype(type) == TYPTYPE_ENUM)
		return true;
	/* text, varchar, char, citext: what is stored comes out unchanged. */
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING && type != NAMEOID;
}

/*
 * Are values equal only if they are spelled alike?  Where the vendor's list is
 * open, a value that it never named might be equal to one that it accepts. The
 * operator decides that: a cast of the column may have been stripped.
 */
static bool
equality_is_exact(Oid type, Oid function, Oid collation)
{
	if (function == F_ENUM_EQ)
		return true;
	return (type == TEXTOID || type == VARCHAROID) &&
		   (function == F_TEXTEQ || function == F_TEXTEQNAME || function == F_NAMEEQTEXT) &&
		   (!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/* Is the operator an equality of its type, or the negation of one? */
static bool
is_equality_or_negation(Oid opno, bool *negated)
{
	Oid left;
	Oid right;
	Oid negator;

	op_input_types(opno, &left, &right);
	*negated = false;
	if (op_mergejoinable(opno, left) || op_hashjoinable(opno, left))
		return true;
	negator = get_negator(opno);
	*negated = true;
	return OidIsValid(negator) &&
		   (op_mergejoinable(negator, left) || op_hashjoinable(negator, left));
}

/* Strategy (BTLessStrategyNumber ...) of an operator that compares times; 0 if it does not. */
static int
time_strategy(Oid opno, bool column_is_left)
{
	static Oid family = InvalidOid;
	static const int commuted[] = { 0,
									BTGreaterStrategyNumber,
									BTGreaterEqualStrategyNumber,
									BTEqualStrategyNumber,
									BTLessEqualStrategyNumber,
									BTLessStrategyNumber,
									STRATEGY_NOT_EQUAL };
	int strategy;

	if (family == InvalidOid)
		family = get_opclass_family(GetDefaultOpClass(TIMESTAMPTZOID, BTREE_AM_OID));
	strategy = get_op_opfamily_strategy(opno, family);
	if (strategy == 0)
	{
		Oid negator = get_negator(opno);

		if (OidIsValid(negator) &&
			get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber)
			strategy = STRATEGY_NOT_EQUAL;
	}
	return column_is_left ? strategy : commuted[strategy];
}

/* An expression to be evaluated at run time; returns its number. */
static int
add_expression(Node *expression, CompileContext *context)
{
	FilterPlan *plan = context->plan;

	plan->expressions = lappend(plan->expressions, expression);
	plan->is_late = lappend(plan->is_late, makeInteger(contains_late_parameter(expression, NULL)));
	return list_length(plan->expressions) - 1;
}

/* Does an expression from that number on need another node's rows? */
static bool
any_is_late(List *is_late, int first)
{
	for (int i = first; i < list_length(is_late); i++)
		if (intVal(list_nth(is_late, i)))
			return true;
	return false;
}

/* Remove the expressions from that number on, whose trees are of no use. */
static void
drop_expressions(int first, CompileContext *context)
{
	context->plan->expressions = list_truncate(context->plan->expressions, first);
	context->plan->is_late = list_truncate(context->plan->is_late, first);
}

static List *
compile_compare(Oid opno, Oid collation, Node *left, Node *right, ArrayUse array,
				CompileContext *context)
{
	Node *sides[2] = { left, right };
	Node *node;
	int attribute = 0;
	bool column_is_left = true;
	ColumnFilter filter = column_of(left, context, &attribute);
	Oid column_type;
	int32 column_typmod;
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
		return tree_make_unknown();

	node = strip_relabels(sides[column_is_left ? 0 : 1]);
	column_typmod = exprTypmod(node);
	column_type = getBaseTypeAndTypmod(exprType(node), &column_typmod);
	value_type = getBaseType(exprType(sides[column_is_left ? 1 : 0]));
	if (array != ARRAY_NOT)
		value_type = get_base_element_type(value_type);
	if (!OidIsValid(value_type) || !type_is_fit(filter, column_type, column_typmod))
		return tree_make_unknown();

	if (filter == FILTER_UPLOAD_TIME || filter == FILTER_EVENT_TIME)
	{
		strategy = time_strategy(opno, column_is_left);
		if (strategy == 0 || !type_is_fit(filter, value_type, -1))
			return tree_make_unknown();
	}
	else if (!is_equality_or_negation(opno, &negated) || !func_strict(get_opcode(opno)) ||
			 func_volatile(get_opcode(opno)) != PROVOLATILE_IMMUTABLE)
		return tree_make_unknown();
	/* The vendor's list of target types is open: "all but these" cannot be requested. */
	if (filter == FILTER_TARGET_TYPE &&
		(negated || !equality_is_exact(column_type, get_opcode(opno), collation)))
		return tree_make_unknown();

	/* It may not be known which profiles there are: one id stands for all that are not named. */
	if (filter == FILTER_PROFILE_ID && get_opcode(opno) >= FirstNormalObjectId)
		return tree_make_unknown();

	tree = list_make5(makeInteger(TREE_COMPARE), makeInteger(filter), makeInteger(attribute),
					  makeInteger((int) column_type), makeInteger(column_typmod));
	tree = lappend(tree, makeInteger((int) get_opcode(opno)));
	tree = lappend(tree, makeInteger((int) collation));
	tree = lappend(tree, makeInteger(column_is_left));
	tree = lappend(tree, makeInteger(strategy));
	tree = lappend(tree, makeInteger(add_expression(sides[column_is_left ? 1 : 0], context)));
	tree = lappend(tree, makeInteger((int) value_type));
	tree = lappend(tree, makeInteger(array));
	return lappend(tree, makeInteger(negated));
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

		return tree_is_unknown(child) ? child : list_make2(makeInteger(TREE_NOT), child);
	}
	tree = list_make1(makeInteger(expression->boolop == AND_EXPR ? TREE_AND : TREE_OR));
	foreach (cell, expression->args)
	{
		List *child = compile(lfirst(cell), context);

		something |= !tree_is_unknown(child);
		tree = lappend(tree, child);
	}
	return something ? tree : tree_make_unknown();
}

/* column IS [NOT] TRUE, FALSE, UNKNOWN or NULL */
static List *
compile_boolean_test(Node *argument, BoolTestType test, CompileContext *context)
{
	int attribute;
	Node *column = strip_relabels(argument);

	if (column_of(column, context, &attribute) != FILTER_NEGATIVE || exprType(column) != BOOLOID)
		return tree_make_unknown();
	return list_make3(makeInteger(TREE_TEST), makeInteger(FILTER_NEGATIVE), makeInteger(test));
}

static List *
compile(Node *node, CompileContext *context)
{
	int attribute;

	node = strip_relabels(node);
	if (node == NULL)
		return tree_make_unknown();
	if (IsA(node, RestrictInfo))
		return compile((Node *) ((RestrictInfo *) node)->clause, context);
	if (is_fixed(node))
		return list_make2(makeInteger(TREE_FIXED), makeInteger(add_expression(node, context)));
	switch (nodeTag(node))
	{
		case T_BoolExpr:
			return compile_boolean((BoolExpr *) node, context);
		case T_BooleanTest:
			return compile_boolean_test((Node *) ((BooleanTest *) node)->arg,
										((BooleanTest *) node)->booltesttype, context);
		case T_NullTest:
			return compile_boolean_test(
				(Node *) ((NullTest *) node)->arg,
				((NullTest *) node)->nulltesttype == IS_NULL ? IS_UNKNOWN : IS_NOT_UNKNOWN,
				context);
		case T_OpExpr:
		{
			OpExpr *expression = (OpExpr *) node;

			if (list_length(expression->args) != 2)
				return tree_make_unknown();
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
			return tree_make_unknown();
		default:
			return tree_make_unknown();
	}
}

static void
compile_clause(Node *clause, CompileContext *context)
{
	FilterPlan *plan = context->plan;
	int first = list_length(plan->expressions);
	List *tree = compile(clause, context);

	/*
	 * A condition without a column is checked by a node above.  One that is
	 * combined with something unknown may turn out to be false, which is worth
	 * knowing but not worth waiting for.
	 */
	if (tree_has_column(tree) || (tree_field(tree, 0) != TREE_FIXED && !tree_is_unknown(tree) &&
								  !any_is_late(plan->is_late, first)))
	{
		plan->trees = lappend(plan->trees, tree);
		plan->clauses = lappend(plan->clauses, clause);
	}
	else
		drop_expressions(first, context);
}

void
filter_compile(Index relid, List *clauses, const ColumnFilter *attributes, FilterPlan *plan)
{
	CompileContext context = { relid, attributes, plan };
	ListCell *cell;

	memset(plan, 0, sizeof(*plan));
	foreach (cell, clauses)
		compile_clause(lfirst(cell), &context);
}

FilterPlan
filter_compile_more(Index relid, List *clauses, const ColumnFilter *attributes,
					const FilterPlan *plan)
{
	FilterPlan result = { list_copy(plan->trees), list_copy(plan->expressions),
						  list_copy(plan->is_late), list_copy(plan->clauses) };
	CompileContext context = { relid, attributes, &result };
	ListCell *cell;

	foreach (cell, clauses)
		compile_clause(lfirst(cell), &context);
	return result;
}
