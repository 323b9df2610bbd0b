/*-------------------------------------------------------------------------
 *
 * closed_lists.c
 *		The lists of values that the vendor's filters have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "entity/closed_lists.h"

/* In the order of the bits AD_PRODUCT_*. */
static const char *const ad_products[] = { "SPONSORED_PRODUCTS", "SPONSORED_BRANDS",
										   "SPONSORED_DISPLAY" };
static const char *const states[] = { "ENABLED", "PAUSED", "ARCHIVED" };
static const char *const negatives[] = { "false", "true" };
static const char *const target_levels[] = { TARGET_LEVEL_AD_GROUP, TARGET_LEVEL_CAMPAIGN };

/* Naming another one is an error at the vendor. */
static const char *const requestable_target_types[] = { "AUDIENCE",
														"AUTO",
														"KEYWORD",
														"PRODUCT",
														"PRODUCT_AUDIENCE",
														"PRODUCT_CATEGORY",
														"THEME",
														"PRODUCT_CATEGORY_AUDIENCE" };

#define LIST(list) .names = (list), .count = lengthof(list)

static const struct
{
	ColumnFilter filter;
	ValueList list;
} lists[] = {
	{ FILTER_AD_PRODUCT, { LIST(ad_products) } },
	{ FILTER_STATE, { LIST(states) } },
	{ FILTER_NEGATIVE, { LIST(negatives) } },
	{ FILTER_TARGET_LEVEL, { LIST(target_levels) } },
	{ FILTER_TARGET_TYPE, { LIST(requestable_target_types), .is_open = true } },
};

const ValueList *
value_list(ColumnFilter filter)
{
	for (size_t i = 0; i < lengthof(lists); i++)
	{
		if (lists[i].filter == filter)
			return &lists[i].list;
	}
	return NULL;
}

unsigned
all_values(ColumnFilter filter)
{
	return (1u << value_list(filter)->count) - 1;
}

int
value_index(ColumnFilter filter, const char *name)
{
	const ValueList *list = value_list(filter);

	for (int i = 0; i < list->count; i++)
	{
		if (strcmp(list->names[i], name) == 0)
			return i;
	}
	return -1;
}
