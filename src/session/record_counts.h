/*-------------------------------------------------------------------------
 *
 * record_counts.h
 *		How many records the exports that were read had.
 *
 * For the planner's estimates and nothing else: what is remembered here may be
 * out of date, and outlives the exports themselves. It is bounded: what has
 * not been used for longest is dropped first. If sessions share memory, each
 * learns what the others have read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECORD_COUNTS_H
#define ADSEXPORT_RECORD_COUNTS_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/query.h"

/*
 * An export of Amazon Ads, or (profile_id and body empty) the list of profiles,
 * was read to its end.
 */
extern void record_counts_remember_export(const ForeignOptions *options, const char *profile_id,
										  const char *body, uint64 records);

/* Likewise Amplitude's events of these hours (since 1970, both inclusive). */
extern void record_counts_remember_hours(const ForeignOptions *options, int64 start_hour,
										 int64 end_hour, uint64 records);

/*
 * The records that the query should bring, judging by what was read before, or
 * -1 if nothing like it was read through the same user mapping
 * (options->mapping_id; its options are not needed).  Hours that were not read
 * count as much as others of that server on average.
 */
extern double record_counts_estimate(const ForeignOptions *options, const ExportQuery *query);

/* Forget what these users have read, in this session only. */
extern void record_counts_forget(bool (*mine)(Oid user_id));

#endif /* ADSEXPORT_RECORD_COUNTS_H */
