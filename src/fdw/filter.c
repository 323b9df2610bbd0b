/*-------------------------------------------------------------------------
 *
 * filter.c
 *		WHERE clauses as part of a request.
 *
 * A tree is a list whose first member is an Integer, its kind (TreeKind).
 * Conditions without a column are part of it, so that the common
 * "$1 IS NULL OR state = $1" asks for one state when $1 is one.
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
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "compat.h"
#include "executor/executor.h"
#include "export/hours.h"
#include "fdw/filter.h"
#include "fdw/option.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
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
	TREE_TEST,    /* (kind, filter, BoolTestType): IS [NOT] TRUE etc. of a boolean column */
	TREE_FIXED,   /* (kind, expression): a condition with one value for the scan */
	TREE_COMPARE  /* (kind, then by CompareField) */
} TreeKind;

/* Members of a TREE_COMPARE, all Integer. */
typedef enum CompareField
{
	COMPARE_KIND,
	COMPARE_FILTER,    /* ColumnFilter */
	COMPARE_ATTRIBUTE, /* zero-based */
	COMPARE_TYPE,      /* of the column, domains resolved */
	COMPARE_TYPMOD,    /* likewise */
	COMPARE_FUNCTION,  /* of the operator */
	COMPARE_COLLATION,
	COMPARE_COLUMN_IS_LEFT,
	COMPARE_STRATEGY,        /* of times, the column on the left; else 0 */
	COMPARE_EXPRESSION,      /* index of the other side */
	COMPARE_EXPRESSION_TYPE, /* of the other side, or of its elements */
	COMPARE_ARRAY,           /* ArrayUse */
	COMPARE_NEGATED          /* the operator is the negation of an equality */
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

/* Does it say anything about a column? */
static bool
has_column(const List *tree)
{
	switch (tree_field(tree, 0))
	{
		case TREE_COLUMN:
		case TREE_TEST:
		case TREE_COMPARE:
			return true;
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
				if (has_column(list_nth(tree, i)))
					return true;
			return false;
		default:
			return false;
	}
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

/* Does a numeric column round what is in front of the decimal point? */
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
	/* text, varchar, char, citext: what is put in comes out again. */
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING && type != NAMEOID;
}

/*
 * Are values equal only if they are written alike?  Where the vendor's list is
 * open, one that it never named might be equal to one that it takes.  It is the
 * operator that tells: a cast of the column may have been left out.
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

/* Beside those of a btree.  It bounds nothing, but can't hold for a NULL. */
#define STRATEGY_NOT_EQUAL (BTMaxStrategyNumber + 1)

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
									BTLessStrategyNumber,
									STRATEGY_NOT_EQUAL };
	int strategy;

	if (family == InvalidOid)
		family = get_opclass_family(GetDefaultOpClass(TIMESTAMPTZOID, BTREE_AM_OID));
	strategy = get_op_opfamily_strategy(operator, family);
	if (strategy == 0)
	{
		Oid negator = get_negator(operator);

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

/* Does one from that number on need another node's rows? */
static bool
any_is_late(List *is_late, int first)
{
	for (int i = first; i < list_length(is_late); i++)
		if (intVal(list_nth(is_late, i)))
			return true;
	return false;
}

/* Take back those from that number on, whose trees are of no use. */
static void
drop_expressions(int first, CompileContext *context)
{
	context->plan->expressions = list_truncate(context->plan->expressions, first);
	context->plan->is_late = list_truncate(context->plan->is_late, first);
}

static List *
compile_compare(Oid operator, Oid collation, Node *left, Node *right, ArrayUse array,
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
		return make_unknown();

	node = strip_relabels(sides[column_is_left ? 0 : 1]);
	column_typmod = exprTypmod(node);
	column_type = getBaseTypeAndTypmod(exprType(node), &column_typmod);
	value_type = getBaseType(exprType(sides[column_is_left ? 1 : 0]));
	if (array != ARRAY_NOT)
		value_type = get_base_element_type(value_type);
	if (!OidIsValid(value_type) || !type_is_fit(filter, column_type, column_typmod))
		return make_unknown();

	if (filter == FILTER_UPLOAD_TIME || filter == FILTER_EVENT_TIME)
	{
		strategy = time_strategy(operator, column_is_left);
		if (strategy == 0 || !type_is_fit(filter, value_type, -1))
			return make_unknown();
	}
	else if (!is_equality_or_negation(operator, & negated) || !func_strict(get_opcode(operator)) ||
			 func_volatile(get_opcode(operator)) != PROVOLATILE_IMMUTABLE)
		return make_unknown();
	/* The vendor's list of target types is open: "all but these" can't be asked for. */
	if (filter == FILTER_TARGET_TYPE &&
		(negated || !equality_is_exact(column_type, get_opcode(operator), collation)))
		return make_unknown();

	/* Which profiles there are may be unknown: one id stands for all that are not named. */
	if (filter == FILTER_PROFILE_ID && get_opcode(operator) >= FirstNormalObjectId)
		return make_unknown();

	tree = list_make5(makeInteger(TREE_COMPARE), makeInteger(filter), makeInteger(attribute),
					  makeInteger((int) column_type), makeInteger(column_typmod));
	tree = lappend(tree, makeInteger((int) get_opcode(operator)));
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

/* column IS [NOT] TRUE, FALSE, UNKNOWN or NULL */
static List *
compile_boolean_test(Node *argument, BoolTestType test, CompileContext *context)
{
	int attribute;
	Node *column = strip_relabels(argument);

	if (column_of(column, context, &attribute) != FILTER_NEGATIVE || exprType(column) != BOOLOID)
		return make_unknown();
	return list_make3(makeInteger(TREE_TEST), makeInteger(FILTER_NEGATIVE), makeInteger(test));
}

static List *
compile(Node *node, CompileContext *context)
{
	int attribute;

	node = strip_relabels(node);
	if (node == NULL)
		return make_unknown();
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

static void
compile_clause(Node *clause, CompileContext *context)
{
	FilterPlan *plan = context->plan;
	int first = list_length(plan->expressions);
	List *tree = compile(clause, context);

	/*
	 * A condition without a column is checked by a node above.  One that is
	 * mixed with what is unknown may turn out to be false, which is worth
	 * knowing but not worth waiting for.
	 */
	if (has_column(tree) || (tree_field(tree, 0) != TREE_FIXED && !is_unknown(tree) &&
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

/*-------------------------------------------------------------------------
 * Run time: values of the other sides
 *-------------------------------------------------------------------------
 */

/* What a condition can come to; neither is NULL. */
typedef struct Outcome
{
	bool can_be_true;
	bool can_be_false;
} Outcome;

static const Outcome outcome_unknown = { true, true };
static const Outcome outcome_null = { false, false };

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

	/* Where the operands come from: expressions at run time, or constants at plan time. */
	List *states;
	List *is_late;
	ExprContext *econtext;
	bool known_only;
	List *constants;

	Operand *operands; /* by expression */
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

static Outcome
try_value(const List *tree, const EvaluateContext *context, ColumnFilter filter, const char *value);

/*
 * In the order of the clause, and not beyond the point where it is decided:
 * what an AND or OR guards must not be evaluated in vain, it may fail.
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
				/* Of no column: what is decided, whatever the row. */
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

/*-------------------------------------------------------------------------
 * Run time: closed lists
 *-------------------------------------------------------------------------
 */

/*
 * The value in the column's type, as a row would have it.  Returns false if
 * the type has no such value: then no row has it, since reading it fails.
 */
static bool
value_in_type(const char *text, Oid type, Datum *value)
{
	Oid input;
	Oid parameter;

	if (get_typtype(type) == TYPTYPE_ENUM)
	{
		Oid label = InvalidOid;

		/* Not by its input function, which refuses labels that are not committed yet. */
		if (strlen(text) < NAMEDATALEN)
			label = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
									CStringGetDatum(text));
		*value = ObjectIdGetDatum(label);
		return OidIsValid(label);
	}
	if (type == INT8OID)
	{
		char *end;
		long long number;

		errno = 0;
		number = strtoll(text, &end, 10);
		*value = Int64GetDatum((int64) number);
		return errno == 0 && *text != '\0' && *end == '\0';
	}
	getTypeInputInfo(type, &input, &parameter);
	*value = OidInputFunctionCall(input, pstrdup(text), parameter, -1);
	return true;
}

/* Compare the column's value with each element and put the results together. */
static Outcome
compare_value(const List *tree, const Operand *operand, const char *value)
{
	ArrayUse array = tree_field(tree, COMPARE_ARRAY);
	Datum column = 0;
	bool exists;
	Outcome result = { array != ARRAY_ANY, array == ARRAY_ANY };

	/* The operators are strict; with an empty array none of them is called. */
	if (operand->is_null || (value == NULL && operand->count > 0))
		return outcome_null;
	exists = value != NULL && value_in_type(value, tree_oid(tree, COMPARE_TYPE), &column);
	for (int i = 0; i < operand->count; i++)
	{
		Outcome one = outcome_null;

		CHECK_FOR_INTERRUPTS();
		if (!operand->nulls[i])
		{
			bool left = tree_field(tree, COMPARE_COLUMN_IS_LEFT);
			bool holds;

			/* What does not exist in the column's type is equal to nothing in it. */
			if (!exists)
				holds = tree_field(tree, COMPARE_NEGATED);
			else
				holds = DatumGetBool(OidFunctionCall2Coll(
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

static Outcome
try_boolean(const char *value)
{
	Outcome result = outcome_null;

	if (value != NULL)
	{
		result.can_be_true = strcmp(value, "true") == 0;
		result.can_be_false = !result.can_be_true;
	}
	return result;
}

/* A test is never NULL. */
static Outcome
try_test(BoolTestType test, const char *value)
{
	Outcome column = try_boolean(value);
	Outcome result;

	switch (test)
	{
		case IS_TRUE:
		case IS_NOT_TRUE:
			result.can_be_true = column.can_be_true == (test == IS_TRUE);
			break;
		case IS_FALSE:
		case IS_NOT_FALSE:
			result.can_be_true = column.can_be_false == (test == IS_FALSE);
			break;
		default:
			result.can_be_true = (value == NULL) == (test == IS_UNKNOWN);
			break;
	}
	result.can_be_false = !result.can_be_true;
	return result;
}

/* What can become of the tree for rows with that value (NULL: none) in that column? */
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
			return try_boolean(value);
		case TREE_TEST:
			if (tree_field(tree, 1) != (int) filter)
				return outcome_unknown;
			return try_test(tree_field(tree, 2), value);
		case TREE_FIXED:
		{
			const Operand *operand = &context->operands[tree_field(tree, 1)];

			if (!operand->known)
				return outcome_unknown;
			if (operand->is_null)
				return outcome_null;
			result.can_be_true = DatumGetBool(operand->values[0]);
			result.can_be_false = !result.can_be_true;
			return result;
		}
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

/* A list of so many names is not worth looking at: each is compared with all others. */
#define MAX_NAMES 1000

/* The values that clauses compare that column with, as text; MAX_NAMES at most. */
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
			{
				CHECK_FOR_INTERRUPTS();
				if (!operand->nulls[i] && list_length(*names) < MAX_NAMES)
					*names = list_append_unique(
						*names, makeString(OidOutputFunctionCall(output, operand->values[i])));
			}
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
static const char *const requestable_types[] = { "AUDIENCE",
												 "AUTO",
												 "KEYWORD",
												 "PRODUCT",
												 "PRODUCT_AUDIENCE",
												 "PRODUCT_CATEGORY",
												 "THEME",
												 "PRODUCT_CATEGORY_AUDIENCE" };

static bool
is_requestable_type(const char *name)
{
	for (int i = 0; i < (int) lengthof(requestable_types); i++)
		if (strcmp(requestable_types[i], name) == 0)
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
	if (list_length(names) >= MAX_NAMES)
		return;
	if (value_is_wanted(trees, context, FILTER_TARGET_TYPE, "\001"))
		return;
	if (names == NIL)
	{
		/* Compared with NULL, or with nothing at all. */
		query->nothing = true;
		return;
	}
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
	if (list_length(names) >= MAX_NAMES)
		return;
	foreach (cell, names)
	{
		/* Equal to an id, maybe, but written in another way. */
		if (!is_profile_id(strVal(lfirst(cell))))
			return;
	}
	/* An id that no profile has, which stands for all that are not named. */
	query->other_profiles = value_is_wanted(trees, context, FILTER_PROFILE_ID, "0");
	if (names == NIL)
	{
		/* Compared with NULL, or with nothing at all, if it is compared. */
		query->nothing |= !query->other_profiles;
		return;
	}
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
	{
		CHECK_FOR_INTERRUPTS();
		if (value_is_wanted(trees, context, FILTER_PROFILE_ID, settings->profile_ids[i]))
			query->profile_ids[query->profile_count++] = settings->profile_ids[i];
	}
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
	*slack = 0;
	if (column_type == TIMESTAMPTZOID)
	{
		/* The comparison takes zoneless values to be in the session's zone. */
		switch (value_type)
		{
			case TIMESTAMPOID:
				return compat_timestamp_to_timestamptz(DatumGetTimestamp(value));
			case DATEOID:
				return compat_date_to_timestamptz(DatumGetDateADT(value));
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
			return compat_date_to_timestamp(DatumGetDateADT(value));
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

/*
 * By how much a value may have been rounded up when the column took it.  (What
 * is rounded down stays in its hour.)
 */
static int64
rounding_of(Oid column_type, int32 typmod)
{
	static const int64 units[] = { 1000000, 100000, 10000, 1000, 100, 10 };

	if (column_type == DATEOID || typmod < 0 || typmod >= (int32) lengthof(units))
		return 0;
	return units[typmod] / 2;
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
compare_hours(int strategy, Datum value, Oid value_type, Oid column_type, int32 typmod,
			  const UploadDelay *delay)
{
	HourRange range = all_hours;
	int64 slack;
	int64 moment = moment_of(value, value_type, column_type, &slack);
	int64 rounding = rounding_of(column_type, typmod);
	int64 lowest = moment;
	int64 highest = moment;
	bool exact = column_type == TIMESTAMPTZOID ||
				 (column_type == TIMESTAMPOID && value_type != TIMESTAMPTZOID);

	if (strategy == STRATEGY_NOT_EQUAL)
		return all_hours;
	if (TIMESTAMP_IS_NOBEGIN(moment))
		return strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber
				   ? all_hours
				   : no_hours;
	if (TIMESTAMP_IS_NOEND(moment))
		return strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber ? all_hours
																						 : no_hours;

	lowest = shift_moment(lowest, -slack - rounding);
	/* A date stands for the whole of its day. */
	highest = shift_moment(highest, slack + (column_type == DATEOID ? USECS_PER_DAY : 0));
	/* What is rounded down stays in its hour, unless the lag is finer than the rounding. */
	if (rounding > 0 && delay->lag % (2 * rounding) != 0)
		highest = shift_moment(highest, rounding);

	lowest = shift_moment(lowest, -delay->lead);
	highest = shift_moment(highest, delay->lag);

	if (delay->has_lead)
	{
		if (strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber ||
			strategy == BTEqualStrategyNumber)
			range.start = hours_of_timestamp(lowest);
		/* Behind the last moment of an hour is the next one. */
		if (strategy == BTGreaterStrategyNumber && exact)
			range.start = hours_of_timestamp(shift_moment(lowest, 1));
	}
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
		case BTEqualStrategyNumber:
			return STRATEGY_NOT_EQUAL;
		default:
			return BTEqualStrategyNumber;
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
							  tree_oid(tree, COMPARE_TYPE), tree_field(tree, COMPARE_TYPMOD),
							  delay);
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
	Outcome outcome;

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
		case TREE_FIXED:
			outcome = try_value(tree, context, FILTER_NONE, "");
			return (negated ? outcome.can_be_false : outcome.can_be_true) ? all_hours : no_hours;
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

/* From the operands to the query. */
static void
evaluate_trees(List *trees, EvaluateContext *context, int expression_count, TimestampTz now,
			   ExportQuery *query)
{
	static const char *const negative_names[NEGATIVE_COUNT] = { "false", "true" };
	const Settings *settings = context->settings;
	HourRange hours = all_hours;
	ListCell *cell;

	memset(query, 0, sizeof(*query));
	query->now = now;
	context->operands = palloc0(sizeof(Operand) * Max(expression_count, 1));
	foreach (cell, trees)
		evaluate_operands(lfirst(cell), context);

	if (settings->api == API_AMPLITUDE)
	{
		foreach (cell, trees)
			hours = hours_intersect(hours, hours_of(lfirst(cell), context, false));
		query->nothing = hours_are_empty(hours);
		query->start_hour = hours.start;
		query->end_hour = hours.end;
		query->profile_count = query->target_type_count = -1;
		return;
	}

	query->ad_products =
		wanted_bits(trees, context, FILTER_AD_PRODUCT, ad_product_names, AD_PRODUCT_COUNT) &
		settings->ad_products;
	query->states = wanted_bits(trees, context, FILTER_STATE, state_names, STATE_COUNT);
	query->negatives = wanted_bits(trees, context, FILTER_NEGATIVE, negative_names, NEGATIVE_COUNT);
	/* There is no way to ask for records without the key. */
	if (value_is_wanted(trees, context, FILTER_NEGATIVE, NULL))
		query->negatives = ALL_NEGATIVES;
	query->target_levels =
		wanted_bits(trees, context, FILTER_TARGET_LEVEL, target_level_names, TARGET_LEVEL_COUNT);
	query->nothing = query->ad_products == 0 || query->states == 0 || query->negatives == 0 ||
					 query->target_levels == 0;
	evaluate_target_types(trees, context, query);
	evaluate_profiles(trees, context, query);
}

void
filter_evaluate(List *trees, List *is_late, List *states, ExprContext *econtext,
				const Settings *settings, TimestampTz now, bool known_only, ExportQuery *query)
{
	EvaluateContext context = { .settings = settings,
								.states = states,
								.is_late = is_late,
								.econtext = econtext,
								.known_only = known_only };

	evaluate_trees(trees, &context, list_length(states), now, query);
}

void
filter_evaluate_constants(List *trees, List *values, const Settings *settings, TimestampTz now,
						  ExportQuery *query)
{
	EvaluateContext context = { .settings = settings, .constants = values };

	evaluate_trees(trees, &context, list_length(values), now, query);
}

/*-------------------------------------------------------------------------
 * Estimates
 *-------------------------------------------------------------------------
 */

/* What a tree is about: bits of ColumnFilter. */
static unsigned
filters_of(const List *tree, bool *in_full)
{
	unsigned filters = 0;

	switch (tree_field(tree, 0))
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
				filters |= filters_of(list_nth(tree, i), in_full);
			break;
		case TREE_COLUMN:
		case TREE_TEST:
		case TREE_COMPARE:
			filters = 1u << tree_field(tree, 1);
			/* Which hours an event may have been uploaded in says little of when it happened. */
			if (tree_field(tree, 1) == FILTER_EVENT_TIME)
				*in_full = false;
			break;
		case TREE_UNKNOWN:
			*in_full = false;
			break;
	}
	return filters;
}

/* Does the value of one of its expressions become known only when the query runs? */
static bool
has_unknown_operand(const List *tree, List *constants)
{
	switch (tree_field(tree, 0))
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
				if (has_unknown_operand(list_nth(tree, i), constants))
					return true;
			return false;
		case TREE_FIXED:
			return !IsA(list_nth(constants, tree_field(tree, 1)), Const);
		case TREE_COMPARE:
			return !IsA(list_nth(constants, tree_field(tree, COMPARE_EXPRESSION)), Const);
		default:
			return false;
	}
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

/* A clause with a value that is not known yet is taken to ask for one of so many. */
static double
share_of_unknown(ColumnFilter filter)
{
	switch (filter)
	{
		case FILTER_AD_PRODUCT:
			return 1.0 / AD_PRODUCT_COUNT;
		case FILTER_STATE:
			return 1.0 / STATE_COUNT;
		case FILTER_NEGATIVE:
			return 1.0 / NEGATIVE_COUNT;
		case FILTER_TARGET_LEVEL:
			return 1.0 / TARGET_LEVEL_COUNT;
		case FILTER_TARGET_TYPE:
			return 1.0 / lengthof(requestable_types);
		default:
			return 1;
	}
}

/* The clauses that the request holds in full, and the others; what of them is not known. */
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

		/* Trees are in the order of the clauses, but not each has one. */
		if (next < list_length(plan->clauses) && list_nth(plan->clauses, next) == lfirst(cell))
		{
			tree = list_nth(plan->trees, next++);
			filters = filters_of(tree, &in_full);
		}
		/*
		 * (Nearly so if it is about several, of which the request has each by
		 * itself; but what the planner would guess is further off.)
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
				const Settings *settings, FilterEstimate *estimate)
{
	ExportQuery *query = &estimate->query;
	List *values = NIL;
	unsigned unknown;
	ListCell *cell;

	memset(estimate, 0, sizeof(*estimate));
	estimate->is_known = true;
	foreach (cell, plan->expressions)
		values = lappend(values, estimate_expression_value(root, lfirst(cell)));
	filter_evaluate_constants(plan->trees, values, settings, GetCurrentStatementStartTimestamp(),
							  query);
	unknown = sort_clauses(baserel->baserestrictinfo, plan, values, estimate);

	estimate->share = 1;
	for (int filter = FILTER_AD_PRODUCT; filter <= FILTER_UPLOAD_TIME; filter++)
		if (unknown & (1u << filter))
			estimate->share *= share_of_unknown(filter);
	if (settings->api == API_AMPLITUDE || query->nothing)
		return;
	estimate->share *= share(query->ad_products, settings->ad_products) *
					   share(query->states, ALL_STATES) * share(query->negatives, ALL_NEGATIVES) *
					   share(query->target_levels, ALL_TARGET_LEVELS);
	if (query->target_type_count >= 0)
		estimate->share *= (double) query->target_type_count / lengthof(requestable_types);
}
