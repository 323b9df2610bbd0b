/*-------------------------------------------------------------------------
 *
 * tree.h
 *		Clauses as trees, which a plan can carry.
 *
 * A tree is a list whose first member is an Integer, its kind (TreeKind).
 * Conditions without a column are part of it, so that the common
 * "$1 IS NULL OR state = $1" asks for one state when $1 is one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_TREE_H
#define ADSEXPORT_TREE_H

#include "postgres.h"

#include "access/stratnum.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"

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

/* Beside those of a btree.  It bounds nothing, but cannot hold for a NULL. */
#define STRATEGY_NOT_EQUAL (BTMaxStrategyNumber + 1)

static inline int
tree_field(const List *tree, int field)
{
	return intVal(list_nth(tree, field));
}

static inline Oid
tree_oid(const List *tree, int field)
{
	return (Oid) tree_field(tree, field);
}

/*
 * Call visit for all that is below AND, OR and NOT, in the order of the
 * clause, until it returns true; returns whether it did.
 */
typedef bool (*LeafVisitor)(const List *leaf, void *argument);
extern bool tree_visit_leaves(const List *tree, LeafVisitor visit, void *argument);

extern List *tree_make_unknown(void);
extern bool tree_is_unknown(const List *tree);

/* Does it say anything about a column? */
extern bool tree_has_column(const List *tree);

/* What a tree is about: bits of ColumnFilter.  *in_full: and the request says all of it. */
extern unsigned tree_filters(const List *tree, bool *in_full);

#endif /* ADSEXPORT_TREE_H */
