/*-------------------------------------------------------------------------
 *
 * closed_values.c
 *		Which values of the vendor's lists, and which profiles, the clauses can
 *		accept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "entity/closed_lists.h"
#include "filter/closed_values.h"
#include "filter/tree.h"

static const Outcome outcome_unknown = { true, true };
static const Outcome outcome_null = { false, false };

/*
 * The value in the column's type, as a row would have it.  Returns false if
 * the type has no such value; then no row can have it, since reading it would
 * fail.
 */
static bool
value_in_type(const char *text, Oid type, Datum *value)
{
	Oid input;
	Oid parameter;

	if (get_typtype(type) == TYPTYPE_ENUM)
	{
		Oid label = InvalidOid;

		/* Not by the input function, which rejects labels that are not committed yet. */
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

	/* The operator is strict; with an empty array it is not called at all. */
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

			/* What does not exist in the column's type equals nothing in it. */
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

Outcome
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
wanted_bits(List *trees, const EvaluateContext *context, ColumnFilter filter)
{
	const ValueList *list = value_list(filter);
	unsigned bits = 0;

	for (int i = 0; i < list->count; i++)
		if (value_is_wanted(trees, context, filter, list->names[i]))
			bits |= 1u << i;
	return bits;
}

/* Longer lists of names are not worth looking at: each name is compared with all others. */
#define MAX_NAMES 1000

typedef struct NamedValues
{
	const EvaluateContext *context;
	ColumnFilter filter;
	List *names; /* of String, MAX_NAMES at most */
} NamedValues;

static bool
add_named_values(const List *leaf, void *argument)
{
	NamedValues *named = argument;
	const Operand *operand;
	Oid output;
	bool is_varlena;

	if (tree_field(leaf, 0) != TREE_COMPARE ||
		tree_field(leaf, COMPARE_FILTER) != (int) named->filter)
		return false;
	operand = &named->context->operands[tree_field(leaf, COMPARE_EXPRESSION)];
	if (!operand->known || operand->is_null)
		return false;
	getTypeOutputInfo(tree_oid(leaf, COMPARE_EXPRESSION_TYPE), &output, &is_varlena);
	for (int i = 0; i < operand->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!operand->nulls[i] && list_length(named->names) < MAX_NAMES)
			named->names = list_append_unique(
				named->names, makeString(OidOutputFunctionCall(output, operand->values[i])));
	}
	return false;
}

/* The values that clauses compare that column with, as text. */
static List *
named_values(List *trees, const EvaluateContext *context, ColumnFilter filter)
{
	NamedValues named = { .context = context, .filter = filter };
	ListCell *cell;

	foreach (cell, trees)
		tree_visit_leaves(lfirst(cell), add_named_values, &named);
	return named.names;
}

/*
 * Target types are an open list: only those that a clause names can be
 * requested, and only if no row with another type could pass.  That is tried
 * with a name that the vendor will never use.
 */
static void
evaluate_target_types(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	List *names;
	ListCell *cell;
	bool exact = true;

	query->target_type_count = -1;
	names = named_values(trees, context, FILTER_TARGET_TYPE);
	if (list_length(names) >= MAX_NAMES)
		return;
	if (value_is_wanted(trees, context, FILTER_TARGET_TYPE, "\001"))
		return;
	if (names == NIL)
	{
		/* Compared with NULL, or with an empty array. */
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
		exact &= value_index(FILTER_TARGET_TYPE, name) >= 0;
		query->target_types[query->target_type_count++] = name;
	}
	/*
	 * A name that the vendor may not know (or spell differently, which the
	 * column's type may consider equal) is left to the local filter.
	 */
	if (!exact)
		query->target_type_count = -1;
	else if (query->target_type_count == 0)
		query->nothing = true;
}

/*
 * The profiles are not known yet: say which of those that will be found are
 * wanted. The ids that the clauses name are judged one by one, all others
 * together.
 */
static void
evaluate_unknown_profiles(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	List *names;
	ListCell *cell;

	query->other_profiles = true;
	names = named_values(trees, context, FILTER_PROFILE_ID);
	if (list_length(names) >= MAX_NAMES)
		return;
	foreach (cell, names)
	{
		/* Perhaps equal to an id, but written differently. */
		if (!entity_is_profile_id(strVal(lfirst(cell))))
			return;
	}
	/* An id that no profile has, which stands for all that are not named. */
	query->other_profiles = value_is_wanted(trees, context, FILTER_PROFILE_ID, "0");
	if (names == NIL)
	{
		/* Compared with NULL or an empty array, if it is compared. */
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
	const ForeignOptions *options = context->options;

	query->profile_count = options->profile_count;
	if (options->profile_count < 0)
	{
		evaluate_unknown_profiles(trees, context, query);
		return;
	}
	query->profile_ids = palloc(sizeof(char *) * Max(options->profile_count, 1));
	query->profile_count = 0;
	for (int i = 0; i < options->profile_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (value_is_wanted(trees, context, FILTER_PROFILE_ID, options->profile_ids[i]))
			query->profile_ids[query->profile_count++] = options->profile_ids[i];
	}
	if (query->profile_count == 0)
		query->nothing = true;
}

void
evaluate_values(List *trees, const EvaluateContext *context, ExportQuery *query)
{
	query->ad_products =
		wanted_bits(trees, context, FILTER_AD_PRODUCT) & context->options->ad_products;
	query->states = wanted_bits(trees, context, FILTER_STATE);
	query->negatives = wanted_bits(trees, context, FILTER_NEGATIVE);
	/* There is no way to request records that lack the key. */
	if (value_is_wanted(trees, context, FILTER_NEGATIVE, NULL))
		query->negatives = all_values(FILTER_NEGATIVE);
	query->target_levels = wanted_bits(trees, context, FILTER_TARGET_LEVEL);
	query->nothing = query->ad_products == 0 || query->states == 0 || query->negatives == 0 ||
					 query->target_levels == 0;
	evaluate_target_types(trees, context, query);
	evaluate_profiles(trees, context, query);
}
