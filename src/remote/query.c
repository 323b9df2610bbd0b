/*-------------------------------------------------------------------------
 *
 * query.c
 *		What is requested from the remote.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/query.h"

static bool
lists_equal(char *const *a, int a_count, char *const *b, int b_count)
{
	if (a_count != b_count)
		return false;
	for (int i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static char **
list_copy_strings(char *const *list, int count)
{
	char **copy = count > 0 ? palloc(sizeof(char *) * count) : NULL;

	for (int i = 0; i < count; i++)
		copy[i] = pstrdup(list[i]);
	return copy;
}

bool
export_query_equal(const ExportQuery *a, const ExportQuery *b)
{
	return a->nothing == b->nothing && a->ad_products == b->ad_products && a->states == b->states &&
		   a->negatives == b->negatives && a->target_levels == b->target_levels &&
		   lists_equal(a->target_types, a->target_type_count, b->target_types,
					   b->target_type_count) &&
		   lists_equal(a->profile_ids, a->profile_count, b->profile_ids, b->profile_count) &&
		   a->other_profiles == b->other_profiles &&
		   lists_equal(a->exceptions, a->exception_count, b->exceptions, b->exception_count) &&
		   a->start_hour == b->start_hour && a->end_hour == b->end_hour;
}

ExportQuery *
export_query_copy(const ExportQuery *query)
{
	ExportQuery *copy = palloc(sizeof(ExportQuery));

	*copy = *query;
	copy->target_types = list_copy_strings(query->target_types, query->target_type_count);
	copy->profile_ids = list_copy_strings(query->profile_ids, query->profile_count);
	copy->exceptions = list_copy_strings(query->exceptions, query->exception_count);
	return copy;
}

bool
export_query_wants_profile(const ExportQuery *query, const char *profile_id)
{
	for (int i = 0; i < query->exception_count; i++)
		if (strcmp(query->exceptions[i], profile_id) == 0)
			return !query->other_profiles;
	return query->other_profiles;
}
