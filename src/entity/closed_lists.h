/*-------------------------------------------------------------------------
 *
 * closed_lists.h
 *		The lists of values that the vendor's filters have.
 *
 * A set of values is an integer with a bit for each place in the list.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOSED_LISTS_H
#define ADSEXPORT_CLOSED_LISTS_H

#include "entity/entity.h"

/* Words of the list of target levels; a target that has none is given one of them (row/). */
#define TARGET_LEVEL_AD_GROUP "AD_GROUP"
#define TARGET_LEVEL_CAMPAIGN "CAMPAIGN"

typedef struct ValueList
{
	const char *const *names; /* as the vendor writes them */
	int count;
	/*
	 * Records may have values other than these, which are those that can be
	 * requested.  If the list is closed, no record has a value that is not in
	 * it.
	 */
	bool is_open;
} ValueList;

/* The list of what a column can be filtered by; NULL if there is none. */
extern const ValueList *value_list(ColumnFilter filter);

/* The bits of all values of the column's list. */
extern unsigned all_values(ColumnFilter filter);

/* The place of a value in the column's list, or -1. */
extern int value_index(ColumnFilter filter, const char *name);

#endif /* ADSEXPORT_CLOSED_LISTS_H */
