/*-------------------------------------------------------------------------
 *
 * tree.c
 *		Clauses as trees, which a plan can carry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "entity/entity.h"
#include "filter/tree.h"

bool
tree_visit_leaves(const List *tree, LeafVisitor visit, void *argument)
{
	switch (tree_field(tree, 0))
	{
		case TREE_AND:
		case TREE_OR:
		case TREE_NOT:
			for (int i = 1; i < list_length(tree); i++)
			{
				if (tree_visit_leaves(list_nth(tree, i), visit, argument))
					return true;
			}
			return false;
		default:
			return visit(tree, argument);
	}
}

List *
tree_make_unknown(void)
{
	return list_make1(makeInteger(TREE_UNKNOWN));
}

bool
tree_is_unknown(const List *tree)
{
	return tree_field(tree, 0) == TREE_UNKNOWN;
}

static bool
leaf_has_column(const List *leaf, void *unused)
{
	TreeKind kind = tree_field(leaf, 0);

	return kind == TREE_COLUMN || kind == TREE_TEST || kind == TREE_COMPARE;
}

bool
tree_has_column(const List *tree)
{
	return tree_visit_leaves(tree, leaf_has_column, NULL);
}

typedef struct FiltersFound
{
	unsigned filters;
	bool in_full;
} FiltersFound;

static bool
add_filter(const List *leaf, void *argument)
{
	FiltersFound *found = argument;

	if (leaf_has_column(leaf, NULL))
	{
		found->filters |= 1u << tree_field(leaf, 1);
		/* The hours in which an event may have been uploaded say little about when it happened. */
		if (tree_field(leaf, 1) == FILTER_EVENT_TIME)
			found->in_full = false;
	}
	else if (tree_is_unknown(leaf))
		found->in_full = false;
	return false;
}

unsigned
tree_filters(const List *tree, bool *in_full)
{
	FiltersFound found = { .in_full = true };

	tree_visit_leaves(tree, add_filter, &found);
	*in_full = found.in_full;
	return found.filters;
}
