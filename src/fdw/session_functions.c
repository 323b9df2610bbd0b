/*-------------------------------------------------------------------------
 *
 * session_functions.c
 *		SQL-callable functions about what this session remembers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "fdw/result_set.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "session/archive_requests.h"
#include "session/registry.h"
#include "session/record_counts.h"
#include "session/shared_exports.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

SQL_FUNCTION(adsexport_exports); /* of version 1.0 of the extension */
SQL_FUNCTION(adsexport_exports_1_1);
SQL_FUNCTION(adsexport_forget);

/* The function of version 1.0 has only the first 18 of these. */
#define EXPORTS_COLUMNS 22

static const char *
phase_name(const ExportRecord *record)
{
	switch (record->phase)
	{
		case EXPORT_QUEUED:
			return "QUEUED";
		case EXPORT_REQUESTING:
			return "REQUESTED";
		case EXPORT_COMPLETED:
			return "COMPLETED";
		case EXPORT_FAILED:
			return "FAILED";
		default:
			break;
	}
	return record->completed_at != 0 ? "COMPLETED" : "IN_PROGRESS";
}

static Datum
text_or_null(const char *text, bool *is_null)
{
	*is_null = text == NULL || text[0] == '\0';
	return *is_null ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
time_or_null(TimestampTz time, bool *is_null)
{
	*is_null = time == 0;
	return TimestampTzGetDatum(time);
}

static Datum
pids_or_null(const int32 *pids, int count, bool *is_null)
{
	Datum elements[SHARED_EXPORT_MAX_WAITING];

	*is_null = count == 0;
	if (count == 0)
		return (Datum) 0;
	for (int i = 0; i < count; i++)
		elements[i] = Int32GetDatum(pids[i]);
	return PointerGetDatum(construct_array(elements, count, INT4OID, 4, true, TYPALIGN_INT));
}

/* The current user may not be the one who used the wrapper before. */
static bool
may_act_for(Oid user_id)
{
	return has_privs_of_role(GetUserId(), user_id);
}

static bool
may_see(Oid user_id)
{
	return may_act_for(user_id) || has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

static void
add_export(const ExportAbout *about, const ExportRecord *record, void *argument)
{
	ResultSet *result = argument;
	Datum values[EXPORTS_COLUMNS];
	bool nulls[EXPORTS_COLUMNS] = { false };
	char *reason = record->failure.sqlstate != 0 ? failure_text(&record->failure) : NULL;
	int column = 0;

	CHECK_FOR_INTERRUPTS();
	if (!may_see(about->user_id))
		return;
	values[column++] = DirectFunctionCall1(namein, CStringGetDatum(about->server_name));
	values[column++] = DirectFunctionCall1(namein, CStringGetDatum(about->user_name));
	values[column++] = CStringGetTextDatum(about->entity);
	values[column++] = CStringGetTextDatum(about->profile_id);
	values[column] = text_or_null(NULL, &nulls[column]);
	column++;
	values[column++] = DirectFunctionCall1(jsonb_in, CStringGetDatum(about->body));
	values[column] = text_or_null(record->shown_id, &nulls[column]);
	column++;
	values[column++] = CStringGetTextDatum(phase_name(record));
	values[column] = time_or_null(record->requested_at, &nulls[column]);
	column++;
	values[column] = time_or_null(record->completed_at, &nulls[column]);
	column++;
	values[column] =
		time_or_null(record->has_generated_at ? record->generated_at : 0, &nulls[column]);
	column++;
	values[column++] = Int64GetDatum(record->polls);
	values[column++] = Int64GetDatum(record->requests);
	values[column++] = Int64GetDatum(record->retries);
	values[column++] = Int64GetDatum(record->read.downloaded);
	values[column++] = Int64GetDatum(record->read.inflated);
	values[column++] = Int64GetDatum(record->read.records);
	values[column] = text_or_null(reason, &nulls[column]);
	column++;
	nulls[column] = record->file_size < 0;
	values[column++] = Int64GetDatum(record->file_size);
	values[column++] = Int32GetDatum(about->sessions);
	values[column] = pids_or_null(about->waiting, about->waiting_count, &nulls[column]);
	column++;
	nulls[column] = about->pid == 0;
	values[column] = Int32GetDatum(about->pid);
	tuplestore_putvalues(result->store, result->desc, values, nulls);
}

/* An archive of Amplitude has no id and is not polled: a request is its export. */
static void
add_span(const ArchiveRequest *record, void *argument)
{
	ResultSet *result = argument;
	Datum values[EXPORTS_COLUMNS];
	bool nulls[EXPORTS_COLUMNS] = { false };
	char *part = psprintf("hours %s to %s", record->start, record->end);
	char *request = psprintf("{\"start\": \"%s\", \"end\": \"%s\"}", record->start, record->end);
	const char *reason = record->error;
	int column = 0;

	if (!may_see(record->user_id))
		return;
	values[column++] = DirectFunctionCall1(namein, CStringGetDatum(record->server_name));
	values[column++] = DirectFunctionCall1(namein, CStringGetDatum(record->user_name));
	values[column++] = CStringGetTextDatum(record->entity->name);
	nulls[column++] = true;
	values[column++] = CStringGetTextDatum(part);
	values[column++] = DirectFunctionCall1(jsonb_in, CStringGetDatum(request));
	nulls[column++] = true;
	values[column++] = CStringGetTextDatum(record->status);
	values[column] = time_or_null(record->requested_at, &nulls[column]);
	column++;
	values[column] = time_or_null(record->completed_at, &nulls[column]);
	column++;
	nulls[column++] = true;
	values[column++] = Int64GetDatum(0);
	values[column++] = Int64GetDatum(record->requests);
	values[column++] = Int64GetDatum(record->retries);
	values[column++] = Int64GetDatum(record->bytes_downloaded);
	values[column++] = Int64GetDatum(record->bytes_inflated);
	values[column++] = Int64GetDatum(record->records);
	values[column] = text_or_null(reason, &nulls[column]);
	column++;
	nulls[column++] = true;
	values[column++] = Int32GetDatum(record->in_use);
	nulls[column++] = true;
	values[column] = Int32GetDatum(MyProcPid);
	tuplestore_putvalues(result->store, result->desc, values, nulls);
}

/* Those of Amplitude are always this session's only. */
static void
return_exports(FunctionCallInfo fcinfo, bool others)
{
	ResultSet result;

	result_set_begin(fcinfo, &result);
	registry_visit(add_export, &result, others);
	archive_requests_visit(add_span, &result);
}

Datum
adsexport_exports_1_1(PG_FUNCTION_ARGS)
{
	return_exports(fcinfo, true);
	return (Datum) 0;
}

/* It is declared with fewer columns, and does not show other sessions. */
Datum
adsexport_exports(PG_FUNCTION_ARGS)
{
	return_exports(fcinfo, false);
	return (Datum) 0;
}

Datum
adsexport_forget(PG_FUNCTION_ARGS)
{
	registry_forget(may_act_for);
	archive_requests_forget(may_act_for);
	record_counts_forget(may_act_for);
	PG_RETURN_VOID();
}
