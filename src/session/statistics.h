/*-------------------------------------------------------------------------
 *
 * statistics.h
 *		What was exported, by server, user and entity, for monitoring.
 *
 * For all sessions of the cluster, since the server was started or the
 * statistics were reset; if nothing is shared, for this session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_STATISTICS_H
#define ADSEXPORT_STATISTICS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "option/foreign_options.h"

typedef struct StatisticsCounts
{
	int64 exports_requested;
	int64 exports_reused;
	int64 exports_failed;
	int64 retries;
	int64 throttled;  /* answers with 429 */
	double wait_time; /* milliseconds */
	int64 bytes_downloaded;
	int64 records;
} StatisticsCounts;

typedef struct Statistics
{
	Oid database_id;
	Oid server_id;
	Oid user_id;
	char server_name[NAMEDATALEN];
	char user_name[NAMEDATALEN];
	char entity[32];
	TimestampTz since; /* when counting began */
	StatisticsCounts counts;
} Statistics;

/* Something is about to be done with these options: after this, statistics_add does not throw. */
extern void statistics_begin(const ForeignOptions *options);

/* Add this much; nothing happens without statistics_begin. */
extern void statistics_add(const ForeignOptions *options, const StatisticsCounts *counts);

/* Visit each, in no particular order. */
extern void
statistics_visit(void (*visit)(const Statistics *statistics, void *argument), void *argument);

/* Start counting again from zero. */
extern void statistics_reset(void);

#endif /* ADSEXPORT_STATISTICS_H */
