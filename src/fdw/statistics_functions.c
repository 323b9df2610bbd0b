/*-------------------------------------------------------------------------
 *
 * statistics_functions.c
 *		SQL-callable functions about what was exported, for monitoring.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "commands/dbcommands.h"
#include "fdw/result_set.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "session/statistics.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

SQL_FUNCTION(adsexport_stats);
SQL_FUNCTION(adsexport_stats_reset);

#define STATISTICS_COLUMNS 13

static bool
may_see(Oid user_id)
{
	return has_privs_of_role(GetUserId(), user_id) ||
		   has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

/* One that was given in another database may be in an encoding in which it is no text here. */
static void
make_name_text(char *name)
{
	if (pg_verify_mbstr(GetDatabaseEncoding(), name, strlen(name), true))
		return;
	for (; *name != '\0'; name++)
	{
		if (IS_HIGHBIT_SET(*name))
			*name = '?';
	}
}

static Datum
name_datum(const char *text)
{
	char *name = pstrdup(text);

	make_name_text(name);
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

static void
add_statistics(const Statistics *statistics, void *argument)
{
	ResultSet *result = argument;
	const StatisticsCounts *counts = &statistics->counts;
	Datum values[STATISTICS_COLUMNS];
	bool nulls[STATISTICS_COLUMNS] = { false };
	char *database = get_database_name(statistics->database_id);
	int column = 0;

	/* What was exported in a database that was dropped is no longer of use. */
	if (database == NULL || !may_see(statistics->user_id))
		return;
	values[column++] = name_datum(database);
	values[column++] = name_datum(statistics->server_name);
	values[column++] = name_datum(statistics->user_name);
	values[column++] = CStringGetTextDatum(statistics->entity);
	values[column++] = Int64GetDatum(counts->exports_requested);
	values[column++] = Int64GetDatum(counts->exports_reused);
	values[column++] = Int64GetDatum(counts->exports_failed);
	values[column++] = Int64GetDatum(counts->retries);
	values[column++] = Int64GetDatum(counts->throttled);
	values[column++] = Float8GetDatum(counts->wait_time);
	values[column++] = Int64GetDatum(counts->bytes_downloaded);
	values[column++] = Int64GetDatum(counts->records);
	values[column++] = TimestampTzGetDatum(statistics->since);
	tuplestore_putvalues(result->store, result->desc, values, nulls);
}

Datum
adsexport_stats(PG_FUNCTION_ARGS)
{
	ResultSet result;

	result_set_begin(fcinfo, &result);
	statistics_visit(add_statistics, &result);
	return (Datum) 0;
}

Datum
adsexport_stats_reset(PG_FUNCTION_ARGS)
{
	statistics_reset();
	PG_RETURN_VOID();
}
