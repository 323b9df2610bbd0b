/*-------------------------------------------------------------------------
 *
 * query.h
 *		What is requested from the remote: the WHERE clauses, reduced to what
 *		its API can filter by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_QUERY_H
#define ADSEXPORT_QUERY_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* "No bound" of an hour range. */
#define HOUR_UNBOUNDED_START PG_INT64_MIN
#define HOUR_UNBOUNDED_END PG_INT64_MAX

typedef struct ExportQuery
{
	bool nothing; /* the clauses contradict each other: no rows, no request */

	/* Amazon Ads; sets are bits of the lists in closed_lists.c */
	unsigned ad_products;
	unsigned states;
	unsigned negatives;
	unsigned target_levels;
	int target_type_count; /* -1: no filter */
	char **target_types;
	int profile_count; /* -1: all that the account has */
	char **profile_ids;
	bool other_profiles; /* when all: is a profile wanted that is not an exception? */
	int exception_count;
	char **exceptions;

	/* Amplitude: hours since 1970, UTC, both inclusive */
	int64 start_hour;
	int64 end_hour;
	TimestampTz now; /* the moment that open ends are measured from */
} ExportQuery;

/* Do both ask for the same?  (now matters only if something depends on it.) */
extern bool export_query_equal(const ExportQuery *a, const ExportQuery *b);

/* A copy in the current memory context that shares nothing with the original. */
extern ExportQuery *export_query_copy(const ExportQuery *query);

/* When all profiles of the account are read: is this one wanted? */
extern bool export_query_wants_profile(const ExportQuery *query, const char *profile_id);

#endif /* ADSEXPORT_QUERY_H */
