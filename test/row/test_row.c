/*-------------------------------------------------------------------------
 *
 * test_row.c
 *		Call src/row from SQL: read records as a scan would, compare, measure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "remote/foreign_text.h"
#include "row/row.h"

PG_MODULE_MAGIC;

/* The real one would bring all that words of servers go through. */
char *
foreign_value(const char *words)
{
	return pstrdup(words);
}

void
foreign_message(char *message, const ForeignOptions *options)
{
}

PG_FUNCTION_INFO_V1(row_read);
PG_FUNCTION_INFO_V1(row_tuple_count);
PG_FUNCTION_INFO_V1(row_jsonb_same);
PG_FUNCTION_INFO_V1(row_bench);
PG_FUNCTION_INFO_V1(input_bench);

extern PGDLLEXPORT Datum row_read(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum row_tuple_count(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum row_jsonb_same(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum row_bench(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum input_bench(PG_FUNCTION_ARGS);

static void
fill_options(ForeignOptions *options, const char *table_name, const char *entity,
			 const char *on_invalid, const char *invalid_text)
{
	memset(options, 0, sizeof(*options));
	options->table_name = pstrdup(table_name);
	options->entity = entity_by_name(entity);
	if (options->entity == NULL)
		elog(ERROR, "no entity %s", entity);
	options->on_invalid = strcmp(on_invalid, "null") == 0 ? ON_INVALID_NULL : ON_INVALID_ERROR;
	options->invalid_text =
		strcmp(invalid_text, "replace") == 0 ? JSON_TEXT_REPLACE : JSON_TEXT_ERROR;
}

/* NULL elements are NULL pointers; an SQL NULL gives an array of them. */
static char **
text_array(Datum array, bool is_null, int size)
{
	char **result = palloc0(size * sizeof(char *));
	Datum *elements;
	bool *nulls;
	int count;

	if (is_null)
		return result;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, 'i', &elements, &nulls,
					  &count);
	for (int i = 0; i < Min(count, size); i++)
		result[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return result;
}

static char *
padded_copy(bytea *data, size_t *length)
{
	char *copy;

	*length = VARSIZE_ANY_EXHDR(data);
	copy = palloc0(*length + JSON_PADDING);
	memcpy(copy, VARDATA_ANY(data), *length);
	return copy;
}

static void
free_reader(void *reader)
{
	json_reader_free(reader);
}

static JsonReader *
make_json_reader(RowReader *rows)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	JsonReader *reader = json_reader_create(row_reader_paths(rows));

	callback->func = free_reader;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	json_reader_reset(reader, JSON_FRAMING_LINES);
	return reader;
}

static Bitmapset *
all_attributes(TupleDesc desc)
{
	Bitmapset *needed = NULL;

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			needed = bms_add_member(needed, i);
	}
	return needed;
}

/*
 * The same columns and one more, of a type that no fast conversion is for: a
 * reader of this converts everything slowly.
 */
static TupleDesc
slow_desc(TupleDesc desc)
{
	TupleDesc result = CreateTemplateTupleDesc(desc->natts + 1);

	for (int i = 0; i < desc->natts; i++)
		TupleDescCopyEntry(result, i + 1, desc, i + 1);
	TupleDescInitEntry(result, desc->natts + 1, "slow", INTERVALOID, -1, 0);
	return result;
}

static char **
slow_paths(char **paths, int count)
{
	char **result = palloc0((count + 1) * sizeof(char *));

	memcpy(result, paths, count * sizeof(char *));
	result[count] = "a.key.that.is.nowhere";
	return result;
}

/* A value as text, or NULL. */
static char *
shown(TupleDesc desc, int attribute, Datum value, bool is_null)
{
	Oid output;
	bool is_varlena;

	if (is_null)
		return NULL;
	getTypeOutputInfo(TupleDescAttr(desc, attribute)->atttypid, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

/* Raise an error unless another way led to the same row. */
static void
check_same(const char *way, TupleDesc desc, char **expected, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < desc->natts; i++)
	{
		char *text = shown(desc, i, values[i], nulls[i]);

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		if ((text == NULL) != (expected[i] == NULL) ||
			(text != NULL && strcmp(text, expected[i]) != 0))
			elog(ERROR, "column %s: \"%s\" when converted %s, else \"%s\"",
				 NameStr(TupleDescAttr(desc, i)->attname), text != NULL ? text : "NULL", way,
				 expected[i] != NULL ? expected[i] : "NULL");
	}
}

static void
fill(RowReader *rows, const JsonValue *json_values, void *const *prepared, const JsonReader *json,
	 Datum *values, bool *nulls)
{
	if (row_reader_fill(rows, json_values, prepared, json_reader_records(json),
						json_reader_record_offset(json), CurrentMemoryContext, values,
						nulls) != NULL)
		elog(ERROR, "there is a tuple that was not asked for");
}

/* What is prepared of a record, or NULL. */
static void *
prepare(RowReader *rows, const JsonValue *json_values)
{
	const RecordPreparer *preparer = row_reader_preparer(rows);
	char *memory = palloc(65536);
	RecordArena arena = { memory, memory + 65536 };
	void *prepared = NULL;

	if (preparer != NULL)
		preparer->prepare(preparer->argument, json_values, &arena, &prepared);
	return prepared;
}

static int64 tuple_count = 0;

/* How many rows became tuples in this session. */
Datum
row_tuple_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(tuple_count);
}

/*
 * Make a tuple of a record, take it apart again, and compare it, byte for byte,
 * to what the server forms of its values.  False if it becomes none.
 */
static bool
take_tuple(RowReader *rows, const JsonValue *json_values, void *const *prepared,
		   const JsonReader *json, TupleDesc desc, Datum *values, bool *nulls)
{
	HeapTuple tuple =
		row_reader_fill(rows, json_values, prepared, json_reader_records(json),
						json_reader_record_offset(json), CurrentMemoryContext, values, nulls);
	HeapTuple expected;

	if (tuple == NULL)
		return false;
	tuple_count++;
	heap_deform_tuple(tuple, desc, values, nulls);
	expected = heap_form_tuple(desc, values, nulls);
	/* A flag that only says that there may be values of variable width. */
	expected->t_data->t_infomask |= tuple->t_data->t_infomask & HEAP_HASVARWIDTH;
	if (tuple->t_len != expected->t_len)
		elog(ERROR, "the tuple has %u bytes, but heap_form_tuple makes %u", tuple->t_len,
			 expected->t_len);
	for (uint32 i = 0; i < tuple->t_len; i++)
	{
		if (((unsigned char *) tuple->t_data)[i] != ((unsigned char *) expected->t_data)[i])
			elog(ERROR, "byte %u of the tuple is %02x, but heap_form_tuple makes %02x", i,
				 ((unsigned char *) tuple->t_data)[i], ((unsigned char *) expected->t_data)[i]);
	}
	return true;
}

/*
 * row_read(relation, records, entity, paths, on_invalid, invalid_text, origin)
 * returns the columns of all records, one after another, as text.
 */
Datum
row_read(PG_FUNCTION_ARGS)
{
	Relation relation = relation_open(PG_GETARG_OID(0), AccessShareLock);
	TupleDesc desc = CreateTupleDescCopy(RelationGetDescr(relation));
	size_t length;
	char *data = padded_copy(PG_GETARG_BYTEA_PP(1), &length);
	ForeignOptions options;
	char **paths = text_array(PG_GETARG_DATUM(3), PG_ARGISNULL(3), desc->natts);
	char **origin_texts = text_array(PG_GETARG_DATUM(6), PG_ARGISNULL(6), 4);
	RecordOrigin origin = { .profile_id = origin_texts[0],
							.export_id = origin_texts[1],
							.archive_entry = origin_texts[3] };
	RowReader *rows;
	RowReader *tuple_rows;
	TupleDesc slow;
	RowReader *slow_rows;
	JsonReader *json;
	JsonValue *json_values;
	char **texts;
	Datum *values = palloc0((desc->natts + 1) * sizeof(Datum));
	bool *nulls = palloc0((desc->natts + 1) * sizeof(bool));
	void *prepared;
	ArrayBuildState *result = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	MemoryContext per_row =
		AllocSetContextCreate(CurrentMemoryContext, "row", ALLOCSET_DEFAULT_SIZES);

	fill_options(&options, RelationGetRelationName(relation), text_to_cstring(PG_GETARG_TEXT_PP(2)),
				 text_to_cstring(PG_GETARG_TEXT_PP(4)), text_to_cstring(PG_GETARG_TEXT_PP(5)));
	relation_close(relation, AccessShareLock);

	rows =
		row_reader_create(desc, all_attributes(desc), (const char *const *) paths, &options, false);
	tuple_rows =
		row_reader_create(desc, all_attributes(desc), (const char *const *) paths, &options, true);
	slow = slow_desc(desc);
	slow_rows =
		row_reader_create(slow, all_attributes(slow),
						  (const char *const *) slow_paths(paths, desc->natts), &options, true);
	if (row_reader_preparer(slow_rows) != NULL)
		elog(ERROR, "there is a fast conversion for the type that stands for the slow ones");
	json = make_json_reader(slow_rows);
	json_values = palloc0((json_paths_count(row_reader_paths(slow_rows)) + 1) * sizeof(JsonValue));
	if (origin_texts[2] != NULL)
	{
		origin.has_exported_at = true;
		origin.exported_at = DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(origin_texts[2]),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	row_reader_set_origin(rows, &origin);
	row_reader_set_origin(slow_rows, &origin);
	row_reader_set_origin(tuple_rows, &origin);

	for (;;)
	{
		size_t consumed;
		StreamStatus status = json_reader_next(json, data, length, true, &consumed, json_values);
		MemoryContext caller;

		if (status == STREAM_END)
			break;
		if (status != STREAM_RECORD)
			ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
							errmsg("stream: %s", json_reader_error(json)->message)));
		MemoryContextReset(per_row);
		caller = MemoryContextSwitchTo(per_row);
		fill(rows, json_values, NULL, json, values, nulls);
		texts = palloc0((desc->natts + 1) * sizeof(char *));
		for (int i = 0; i < desc->natts; i++)
		{
			texts[i] = shown(desc, i, values[i], nulls[i]);
			result = accumArrayResult(result, texts[i] != NULL ? CStringGetTextDatum(texts[i]) : 0,
									  nulls[i], TEXTOID, caller);
		}
		fill(slow_rows, json_values, NULL, json, values, nulls);
		check_same("slowly", desc, texts, values, nulls);
		/* The values of the slow reader come first in those that were walked. */
		prepared = prepare(rows, json_values);
		if (prepared != NULL)
		{
			fill(rows, NULL, &prepared, json, values, nulls);
			check_same("ahead", desc, texts, values, nulls);
		}
		if (take_tuple(tuple_rows, json_values, NULL, json, desc, values, nulls))
			check_same("to a tuple", desc, texts, values, nulls);
		prepared = prepare(tuple_rows, json_values);
		if (prepared != NULL && take_tuple(tuple_rows, NULL, &prepared, json, desc, values, nulls))
			check_same("to a tuple ahead", desc, texts, values, nulls);
		MemoryContextSwitchTo(caller);
		data += consumed;
		length -= consumed;
	}
	row_reader_report_invalid(rows);
	PG_RETURN_DATUM(makeArrayResult(result, CurrentMemoryContext));
}

/* A reader of one column "v" of a type, for records {"v": ...}. */
static RowReader *
single_column_reader(Oid type, ForeignOptions *options, bool slowly)
{
	static const char *const paths[] = { "v", "a.key.that.is.nowhere" };
	TupleDesc desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "v", type, -1, 0);
	fill_options(options, "v", "targets", "error", "error");
	if (slowly)
		desc = slow_desc(desc);
	return row_reader_create(desc, all_attributes(desc), paths, options, false);
}

typedef struct JsonbReaders
{
	ForeignOptions options;
	RowReader *rows;
	RowReader *slow_rows;
	JsonReader *json;
} JsonbReaders;

/*
 * Is the jsonb of a document the same, byte for byte, as jsonb_in's?  The
 * readers last as long as the statement: they remember what they have seen.
 */
Datum
row_jsonb_same(PG_FUNCTION_ARGS)
{
	char *document = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *record = psprintf("{\"v\":%s}", document);
	size_t length = strlen(record);
	JsonbReaders *readers = fcinfo->flinfo->fn_extra;
	JsonValue value;
	JsonValue next;
	size_t consumed;
	Datum results[2] = { 0 };
	Datum slow_results[2] = { 0 };
	bool is_null[2];
	JsonValue slow_values[2] = { { .type = JSON_MISSING }, { .type = JSON_MISSING } };
	char *expected;

	if (readers == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		readers = palloc0(sizeof(JsonbReaders));
		readers->rows = single_column_reader(JSONBOID, &readers->options, false);
		readers->slow_rows = single_column_reader(JSONBOID, &readers->options, true);
		readers->json = make_json_reader(readers->rows);
		fcinfo->flinfo->fn_extra = readers;
		MemoryContextSwitchTo(caller);
	}
	json_reader_reset(readers->json, JSON_FRAMING_LINES);
	record = repalloc(record, length + JSON_PADDING);
	memset(record + length, 0, JSON_PADDING);
	if (json_reader_next(readers->json, record, length, true, &consumed, &value) != STREAM_RECORD)
		elog(ERROR, "stream: %s", json_reader_error(readers->json)->message);
	if (json_reader_next(readers->json, record + consumed, length - consumed, true, &consumed,
						 &next) != STREAM_END)
		elog(ERROR, "stream: more behind the record");
	row_reader_fill(readers->rows, &value, NULL, 1, 0, CurrentMemoryContext, results, is_null);
	slow_values[0] = value;
	row_reader_fill(readers->slow_rows, slow_values, NULL, 1, 0, CurrentMemoryContext, slow_results,
					is_null);
	if (is_null[0])
		PG_RETURN_BOOL(value.type == JSON_NULL || (value.type == JSON_STRING && value.length == 0));
	expected = DatumGetPointer(
		OidInputFunctionCall(fmgr_internal_function("jsonb_in"), document, InvalidOid, -1));
	PG_RETURN_BOOL(VARSIZE(expected) == VARSIZE(DatumGetPointer(results[0])) &&
				   memcmp(expected, DatumGetPointer(results[0]), VARSIZE(expected)) == 0 &&
				   VARSIZE(expected) == VARSIZE(DatumGetPointer(slow_results[0])) &&
				   memcmp(expected, DatumGetPointer(slow_results[0]), VARSIZE(expected)) == 0);
}

/* Nanoseconds for one fill of all columns of a relation from one record. */
Datum
row_bench(PG_FUNCTION_ARGS)
{
	Relation relation = relation_open(PG_GETARG_OID(0), AccessShareLock);
	TupleDesc desc = CreateTupleDescCopy(RelationGetDescr(relation));
	size_t length;
	char *data = padded_copy(PG_GETARG_BYTEA_PP(1), &length);
	char **paths = text_array(PG_GETARG_DATUM(3), PG_ARGISNULL(3), desc->natts);
	int iterations = PG_GETARG_INT32(4);
	ForeignOptions options;
	RowReader *rows;
	JsonReader *json;
	JsonValue *json_values;
	size_t consumed;
	Datum *values = palloc0(desc->natts * sizeof(Datum));
	bool *nulls = palloc0(desc->natts * sizeof(bool));
	MemoryContext per_row =
		AllocSetContextCreate(CurrentMemoryContext, "row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	instr_time begin;
	instr_time end;

	fill_options(&options, RelationGetRelationName(relation), text_to_cstring(PG_GETARG_TEXT_PP(2)),
				 "error", "error");
	relation_close(relation, AccessShareLock);
	rows =
		row_reader_create(desc, all_attributes(desc), (const char *const *) paths, &options, false);
	json = make_json_reader(rows);
	json_values = palloc0((json_paths_count(row_reader_paths(rows)) + 1) * sizeof(JsonValue));
	row_reader_set_origin(rows, &(RecordOrigin){ 0 });
	if (json_reader_next(json, data, length, true, &consumed, json_values) != STREAM_RECORD)
		elog(ERROR, "stream: %s", json_reader_error(json)->message);

	caller = MemoryContextSwitchTo(per_row);
	INSTR_TIME_SET_CURRENT(begin);
	for (int i = 0; i < iterations; i++)
	{
		row_reader_fill(rows, json_values, NULL, 1, 0, per_row, values, nulls);
		MemoryContextReset(per_row);
	}
	INSTR_TIME_SET_CURRENT(end);
	MemoryContextSwitchTo(caller);
	INSTR_TIME_SUBTRACT(end, begin);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / iterations);
}

/* Nanoseconds for one call of a type's input function. */
Datum
input_bench(PG_FUNCTION_ARGS)
{
	Oid function;
	Oid io_parameter;
	FmgrInfo input;
	char *literal = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int iterations = PG_GETARG_INT32(2);
	MemoryContext per_row =
		AllocSetContextCreate(CurrentMemoryContext, "row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	instr_time begin;
	instr_time end;

	getTypeInputInfo(PG_GETARG_OID(0), &function, &io_parameter);
	fmgr_info(function, &input);
	caller = MemoryContextSwitchTo(per_row);
	INSTR_TIME_SET_CURRENT(begin);
	for (int i = 0; i < iterations; i++)
	{
		InputFunctionCall(&input, literal, io_parameter, -1);
		MemoryContextReset(per_row);
	}
	INSTR_TIME_SET_CURRENT(end);
	MemoryContextSwitchTo(caller);
	INSTR_TIME_SUBTRACT(end, begin);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / iterations);
}
