/*-------------------------------------------------------------------------
 *
 * row.c
 *		Fill a row from the values that the walk of a record found.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include <limits.h>

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "entity/binding.h"
#include "entity/closed_lists.h"
#include "remote/foreign_text.h"
#include "row/converter.h"
#include "row/problem.h"
#include "row/fast_path.h"
#include "row/interruptible.h"
#include "row/row.h"
#include "row/text.h"
#include "row/tuple.h"
#include "stream/json_path.h"

/* One of a column's alternative paths. */
typedef struct Alternative
{
	int slot; /* index into the values of a walk */
	/*
	 * Another alternative leads into this one: a container here is the other
	 * shape of the same thing, in which the wanted value is missing.
	 */
	bool is_prefix;
} Alternative;

typedef struct Column
{
	int attribute; /* zero-based */
	const char *name;
	ColumnSource source;
	ColumnLayout layout;
	bool has_layout;
	Converter converter;
	FastPathFunction fast; /* or NULL */
	int only_slot;         /* of the value, if there is only one place for it; else -1 */
	int alternative_count;
	Alternative *alternatives;
	int ad_group_id_slot; /* SOURCE_TARGET_LEVEL */
	bool is_of_origin;    /* the same for all records of a part */
} Column;

struct RowReader
{
	char *table_name;
	int attribute_count;
	int column_count;
	Column *columns; /* those that come from records first, then those of the origin */
	int record_column_count;
	ValueContext context;

	JsonPaths *paths; /* malloc'd */
	MemoryContextCallback paths_callback;

	/* All columns have a fast conversion: rows are tried that way first, here or by the preparer. */
	bool is_fast;
	RecordPreparer preparer;

	/* And they become tuples. */
	bool forms_tuples;
	TupleLayout layout;

	/*
	 * Keeps what the preparer's thread writes off the cache lines that the
	 * reader needs for a row.
	 */
	char before_preparer_state[PG_CACHE_LINE_SIZE];
	FastPathState preparer_state;
	char after_preparer_state[PG_CACHE_LINE_SIZE];

	FastPathState fast_path_state;
	char *fast_path_memory; /* of FAST_PATH_MEMORY bytes, for one row */

	MemoryContext origin_memory;
	char *archive_entry;  /* as it came */
	Datum *origin_values; /* by index of the column */
	bool *origin_nulls;
	Datum *origin_stored; /* the values as a tuple stores them */
	int origin_present;   /* how many of them are not NULL */
	Size origin_size;     /* that they take in a tuple, at most */

	/* for messages: what is being converted */
	const Column *current;
	uint64 record_number; /* 0: values of the origin */
	uint64 record_offset;

	uint64 invalid_count;
	char *first_invalid;
};

/*
 * Rows that need more are not converted on the fast path.  Each scan keeps
 * this much for as long as it lasts, so that a row allocates nothing.
 */
#define FAST_PATH_MEMORY ((size_t) 64 * 1024)

/*
 * Nor are those in which a longer list has to be searched, so that nobody has
 * to wait for the thread: vendors' lists have a few products.
 */
#define FAST_PATH_SEARCHED ((uint32) 64 * 1024)

/* Keys that sources read in addition to their path. */
#define TARGET_LEVEL_PATH_EXTRA "adGroupId"

/*-------------------------------------------------------------------------
 * Messages
 *-------------------------------------------------------------------------
 */

/* Where a value was found; palloc'd. */
static char *
describe_place(const RowReader *reader)
{
	StringInfoData place;

	initStringInfo(&place);
	if (reader->current != NULL)
		appendStringInfo(&place, "column \"%s\" of foreign table \"%s\"", reader->current->name,
						 reader->table_name);
	else
		appendStringInfo(&place, "foreign table \"%s\"", reader->table_name);
	if (reader->record_number > 0)
		appendStringInfo(&place, ", record " UINT64_FORMAT ", byte offset " UINT64_FORMAT,
						 reader->record_number, reader->record_offset);
	if (reader->archive_entry != NULL)
	{
		char shown[SHOWN_VALUE_SIZE];

		show_bytes(reader->context.options, reader->archive_entry, strlen(reader->archive_entry),
				   shown);
		appendStringInfo(&place, " (archive entry \"%s\")", shown);
	}
	return place.data;
}

static const char *const invalid_value_hint =
	"Declare the column of a type that fits, or set the foreign table's option on_invalid to 'null' "
	"to read such values as NULL.";
static const char *const invalid_text_hint =
	"Set the foreign table's option invalid_text to 'replace' to read such text with replacement "
	"characters, or on_invalid to 'null' to read it as NULL.";

/* An input function's message shows the value as it arrived. */
static void
make_message_printable(const RowReader *reader)
{
	MemoryContext error_memory = MemoryContextSwitchTo(reader->origin_memory);
	ErrorData *error = CopyErrorData();
	const ForeignOptions *options = reader->context.options;

	MemoryContextSwitchTo(error_memory);
	if (error->message != NULL)
		errmsg_internal("%s", printable_message(error->message, options));
	if (error->detail != NULL)
		errdetail_internal("%s", printable_message(error->detail, options));
	FreeErrorData(error);
}

static void
add_error_context(void *argument)
{
	RowReader *reader = argument;

	errcontext("%s", describe_place(reader));
	if (reader->context.in_input_function)
	{
		make_message_printable(reader);
		if (is_value_error(geterrcode()))
			errhint("%s", invalid_value_hint);
	}
}

static void
push_error_context(RowReader *reader, ErrorContextCallback *callback)
{
	reader->context.in_input_function = false;
	callback->callback = add_error_context;
	callback->arg = reader;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/* A value that does not fit: an error, or NULL and a warning at the end of the scan. */
static void
handle_invalid(RowReader *reader)
{
	const Problem *problem = &reader->context.problem;

	if (reader->context.on_invalid == ON_INVALID_ERROR)
		ereport(ERROR, (errcode(problem->sqlstate), errmsg("%s", problem->message),
						errhint("%s", problem->kind == PROBLEM_TEXT ? invalid_text_hint
																	: invalid_value_hint)));
	if (reader->invalid_count++ == 0)
	{
		char *place = describe_place(reader);
		size_t size = strlen(place) + strlen(problem->message) + 3;

		reader->first_invalid = MemoryContextAlloc(reader->context.memory, size);
		snprintf(reader->first_invalid, size, "%s: %s", place, problem->message);
		pfree(place);
	}
	reader->context.only_counted = true;
}

bool
row_reader_in_type_code(const RowReader *reader)
{
	return reader->context.in_input_function;
}

void
row_reader_report_invalid(RowReader *reader)
{
	if (reader->invalid_count == 0)
		return;
	ereport(WARNING,
			(errmsg_plural(UINT64_FORMAT " value of foreign table \"%s\" did not fit its column "
										 "and was read as NULL",
						   UINT64_FORMAT " values of foreign table \"%s\" did not fit their "
										 "columns and were read as NULL",
						   (unsigned long) Min(reader->invalid_count, (uint64) INT_MAX),
						   reader->invalid_count, reader->table_name),
			 errdetail("The first: %s", reader->first_invalid)));
	reader->invalid_count = 0;
	reader->context.only_counted = false;
}

/*-------------------------------------------------------------------------
 * Creation
 *-------------------------------------------------------------------------
 */

static void
free_paths(void *argument)
{
	RowReader *reader = argument;

	json_paths_free(reader->paths);
	reader->paths = NULL;
}

static int
add_path(RowReader *reader, const Column *column, const char *path)
{
	int slot = json_paths_add(reader->paths, path);

	if (slot == -1)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (slot < 0)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("invalid JSON path \"%s\" of column \"%s\" of foreign table \"%s\"",
							   path, column->name, reader->table_name)));
	return slot;
}

static void
add_alternatives(RowReader *reader, Column *column, const char *path)
{
	char *copy = pstrdup(path);
	List *parts = NIL;
	char *end;

	for (char *next = copy; next != NULL; next = end)
	{
		parts = lappend(parts, next);
		end = unconstify(char *, json_path_alternative_end(next));
		if (*end == '|')
			*end++ = '\0';
		else
			end = NULL;
	}

	column->alternative_count = list_length(parts);
	column->alternatives = palloc0(column->alternative_count * sizeof(Alternative));
	for (int i = 0; i < column->alternative_count; i++)
	{
		const char *part = list_nth(parts, i);
		ListCell *cell;

		column->alternatives[i].slot = add_path(reader, column, part);
		foreach (cell, parts)
			column->alternatives[i].is_prefix |= json_path_leads_into(lfirst(cell), part);
	}
	list_free(parts);
	pfree(copy);
}

/* The server relies on a foreign table to store such values. */
static void
report_generated(const RowReader *reader, const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("column \"%s\" of foreign table \"%s\" is generated and stored", name,
						   reader->table_name),
					errdetail("Stored generated columns are computed where rows are written, and a "
							  "foreign table of this kind is read only."),
					errhint("Compute it in a view of the foreign table, or in a table that is made "
							"from it.")));
}

static void
init_column(RowReader *reader, Column *column, Form_pg_attribute attribute, const char *json_path,
			const ForeignOptions *options)
{
	ColumnBinding binding;

	column->attribute = attribute->attnum - 1;
	column->name = pstrdup(NameStr(attribute->attname));
	if (attribute->attgenerated == ATTRIBUTE_GENERATED_STORED)
		report_generated(reader, column->name);
	entity_bind_column(options->entity, reader->table_name, column->name, json_path, &binding);
	column->source = binding.source;
	column->has_layout = column_layout_init(&column->layout, attribute);
	converter_init(&column->converter, &reader->context, attribute->atttypid, attribute->atttypmod);
	column->fast = fast_path_function(attribute->atttypid, attribute->atttypmod);

	switch (column->source)
	{
		case SOURCE_PROFILE_ID:
		case SOURCE_EXPORT_ID:
		case SOURCE_EXPORTED_AT:
		case SOURCE_ARCHIVE_ENTRY:
			column->is_of_origin = true;
			break;
		case SOURCE_TARGET_LEVEL:
			column->ad_group_id_slot = add_path(reader, column, TARGET_LEVEL_PATH_EXTRA);
			add_alternatives(reader, column, binding.path);
			break;
		case SOURCE_PATH:
		case SOURCE_FIRST_ASIN:
		case SOURCE_FIRST_SKU:
			add_alternatives(reader, column, binding.path);
			break;
	}
}

/*
 * Rows can be formed as tuples if all attributes are wanted and those of the
 * origin, which the walk does not know, come last.
 */
static bool
can_form_tuples(const RowReader *reader, TupleDesc desc)
{
	int live = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped && !compat_is_virtual(TupleDescAttr(desc, i)))
			live++;
	}
	for (int i = 0; i < reader->column_count; i++)
	{
		if (!reader->columns[i].has_layout ||
			(i > 0 && reader->columns[i].attribute < reader->columns[i - 1].attribute))
			return false;
	}
	return reader->column_count == live;
}

static void prepare_row(void *argument, const JsonValue *json, RecordArena *arena, void **prepared);
static void
prepare_tuple(void *argument, const JsonValue *json, RecordArena *arena, void **prepared);

static void
init_fast_path(RowReader *reader, TupleDesc desc, bool form_tuples)
{
	reader->is_fast = reader->record_column_count > 0;
	for (int i = 0; i < reader->record_column_count; i++)
	{
		Column *column = &reader->columns[i];

		if (column->fast == NULL)
			reader->is_fast = false;
		column->only_slot = -1;
		if (column->source == SOURCE_PATH && column->alternative_count == 1)
			column->only_slot = column->alternatives[0].slot;
	}
	if (!reader->is_fast)
		return;
	reader->forms_tuples = form_tuples && can_form_tuples(reader, desc);
	if (reader->forms_tuples)
		tuple_layout_init(&reader->layout, desc);
	fast_path_state_init(&reader->fast_path_state, &reader->context, reader->record_column_count,
						 reader->forms_tuples);
	fast_path_state_init(&reader->preparer_state, &reader->context, reader->record_column_count,
						 reader->forms_tuples);
	reader->fast_path_memory = palloc(FAST_PATH_MEMORY);
	reader->preparer.prepare = reader->forms_tuples ? prepare_tuple : prepare_row;
	reader->preparer.argument = reader;
	reader->preparer.slots = 1;
}

RowReader *
row_reader_create(TupleDesc desc, const Bitmapset *needed, const char *const *json_paths,
				  const ForeignOptions *options, bool form_tuples)
{
	RowReader *reader = palloc0(sizeof(RowReader));
	int count = 0;
	int attribute = -1;

	value_context_init(&reader->context, options);
	reader->table_name = pstrdup(options->table_name);
	reader->attribute_count = desc->natts;
	reader->origin_memory =
		AllocSetContextCreate(CurrentMemoryContext, "adsexport row origin", ALLOCSET_SMALL_SIZES);

	/* Registered before there is anything to free, so that an error at any point leaks nothing. */
	reader->paths_callback.func = free_paths;
	reader->paths_callback.arg = reader;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &reader->paths_callback);
	reader->paths = json_paths_create();
	if (reader->paths == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));

	reader->columns = palloc0((bms_num_members(needed) + 1) * sizeof(Column));
	while ((attribute = bms_next_member(needed, attribute)) >= 0)
	{
		Form_pg_attribute form;

		if (attribute >= desc->natts)
			break;
		form = TupleDescAttr(desc, attribute);
		if (form->attisdropped)
			continue;
		init_column(reader, &reader->columns[count++], form,
					json_paths == NULL ? NULL : json_paths[attribute], options);
	}
	reader->column_count = count;

	/* Those of records first, so that the loop over them has no other case. */
	for (int i = 0; i < count; i++)
	{
		if (!reader->columns[i].is_of_origin)
		{
			Column column = reader->columns[i];

			reader->columns[i] = reader->columns[reader->record_column_count];
			reader->columns[reader->record_column_count++] = column;
		}
	}
	init_fast_path(reader, desc, form_tuples);
	reader->origin_values = palloc0((count + 1) * sizeof(Datum));
	reader->origin_stored = palloc0((count + 1) * sizeof(Datum));
	reader->origin_nulls = palloc((count + 1) * sizeof(bool));
	memset(reader->origin_nulls, true, (count + 1) * sizeof(bool));
	return reader;
}

const JsonPaths *
row_reader_paths(const RowReader *reader)
{
	return reader->paths;
}

const RecordPreparer *
row_reader_preparer(const RowReader *reader)
{
	return reader->is_fast ? &reader->preparer : NULL;
}

/*-------------------------------------------------------------------------
 * Conversion
 *-------------------------------------------------------------------------
 */

/*
 * Convert one value for the current column, NULL if json is NULL, and do what
 * on_invalid says.
 */
static inline void
convert_value(RowReader *reader, Column *column, const JsonValue *json, Datum *value, bool *is_null)
{
	ValueStatus status = VALUE_NULL;

	if (json != NULL)
		status = column->converter.convert(&column->converter, json, value);
	if (status == VALUE_NULL && unlikely(converter_checks_null(&column->converter)))
		status = converter_check_null(&column->converter);
	if (unlikely(status == VALUE_INVALID))
		handle_invalid(reader);
	*is_null = status != VALUE_OK;
	if (*is_null)
		*value = (Datum) 0;
}

static inline bool
is_present(const JsonValue *json)
{
	return json->type != JSON_MISSING && json->type != JSON_NULL;
}

/*
 * The first alternative that is present and of the column's kind; if there is
 * none, the first that is present at all, which the conversion will refuse
 * (or, for text, show as JSON).
 */
static inline const JsonValue *
choose_alternative(const Column *column, const JsonValue *json)
{
	const JsonValue *other = NULL;

	for (int i = 0; i < column->alternative_count; i++)
	{
		const Alternative *alternative = &column->alternatives[i];
		const JsonValue *value = &json[alternative->slot];

		if (!is_present(value))
			continue;
		if (column->converter.accepted & JSON_TYPE_BIT(value->type))
			return value;
		if (other == NULL && !alternative->is_prefix)
			other = value;
	}
	return other;
}

/* A string as a walk would return it, followed by zeros. */
#define CONSTANT_STRING(name, text)                                                                \
	static const char name##_text[JSON_PADDING + sizeof(text) + 2] = "\"" text "\"";               \
	static const JsonValue name = { .start = name##_text + 1,                                      \
									.length = sizeof(text) - 1,                                    \
									.type = JSON_STRING }

static const JsonValue *
choose_target_level(const Column *column, const JsonValue *json)
{
	CONSTANT_STRING(ad_group_level, TARGET_LEVEL_AD_GROUP);
	CONSTANT_STRING(campaign_level, TARGET_LEVEL_CAMPAIGN);
	const JsonValue *level = choose_alternative(column, json);
	const JsonValue *ad_group_id = &json[column->ad_group_id_slot];

	if (level != NULL)
		return level;
	if (is_present(ad_group_id) && !(ad_group_id->type == JSON_STRING && ad_group_id->length == 0))
		return &ad_group_level;
	return &campaign_level;
}

/* json_cursor_next, or interruptible_next where that may be called. */
typedef bool (*NextFunction)(JsonCursor *cursor, JsonValue *key, JsonValue *value,
							 StreamError *error);

/* Is this {"productIdType": wanted, "productId": ...}?  Then product_id gets the latter. */
static bool
read_product(const JsonValue *product, const char *wanted, NextFunction next, JsonValue *product_id)
{
	JsonCursor cursor;
	JsonValue key;
	JsonValue value;
	StreamError error;
	bool is_wanted = false;

	product_id->type = JSON_MISSING;
	if (product->type != JSON_OBJECT || !json_cursor_open(&cursor, product))
		return false;
	/* Of a key that occurs twice, the last value counts. */
	while (next(&cursor, &key, &value, &error))
	{
		if (json_string_equals(&key, "productIdType"))
			is_wanted = value.type == JSON_STRING && json_string_equals(&value, wanted);
		else if (json_string_equals(&key, "productId"))
			*product_id = value;
	}
	return is_wanted;
}

/* The id of the first product of a type in a list of products. */
static bool
find_product(const JsonValue *products, const char *wanted, NextFunction next,
			 JsonValue *product_id)
{
	JsonCursor cursor;
	JsonValue key;
	JsonValue product;
	StreamError error;

	if (products->type == JSON_OBJECT)
		return read_product(products, wanted, next, product_id);
	if (products->type != JSON_ARRAY || !json_cursor_open(&cursor, products))
		return false;
	while (next(&cursor, &key, &product, &error))
	{
		if (read_product(&product, wanted, next, product_id))
			return true;
	}
	return false;
}

static const JsonValue *
choose_product(const Column *column, const JsonValue *json, const char *wanted, NextFunction next,
			   JsonValue *product_id)
{
	for (int i = 0; i < column->alternative_count; i++)
	{
		if (find_product(&json[column->alternatives[i].slot], wanted, next, product_id) &&
			is_present(product_id))
			return product_id;
	}
	return NULL;
}

/*
 * The value of a column that comes from records, or NULL; product_id is memory
 * in which it may be.
 */
static inline const JsonValue *
choose_value(const Column *column, const JsonValue *json, NextFunction next, JsonValue *product_id)
{
	switch (column->source)
	{
		case SOURCE_TARGET_LEVEL:
			return choose_target_level(column, json);
		case SOURCE_FIRST_ASIN:
			return choose_product(column, json, "ASIN", next, product_id);
		case SOURCE_FIRST_SKU:
			return choose_product(column, json, "SKU", next, product_id);
		default:
			return choose_alternative(column, json);
	}
}

/* Is there so much to search for the value that it is not for the fast path? */
static bool
searches_much(const Column *column, const JsonValue *json)
{
	if (column->source != SOURCE_FIRST_ASIN && column->source != SOURCE_FIRST_SKU)
		return false;
	for (int i = 0; i < column->alternative_count; i++)
	{
		const JsonValue *value = &json[column->alternatives[i].slot];

		if (value->type >= JSON_ARRAY && value->length > FAST_PATH_SEARCHED)
			return true;
	}
	return false;
}

/* Convert the value of a column that comes from records. */
static inline FastPathStatus
convert_fast(const Column *column, FastPathState *state, const JsonValue *json, RecordArena *arena,
			 Datum *datum)
{
	JsonValue product_id;
	const JsonValue *value;

	if (column->only_slot >= 0)
		value = &json[column->only_slot];
	else if (searches_much(column, json))
		return FAST_PATH_CANNOT;
	else
		value = choose_value(column, json, json_cursor_next, &product_id);
	if (value == NULL || !is_present(value))
		return FAST_PATH_NULL;
	return column->fast(state, value, arena, datum);
}

/*
 * Fill the columns of a record if all of its values are as usual.  May run in
 * another thread than the reader's, so it looks at nothing that changes.
 */
static bool
fill_fast(const RowReader *reader, FastPathState *state, const JsonValue *json, RecordArena *arena,
		  Datum *values, bool *nulls)
{
	/* Storing to each column is cheaper than finding out which are not needed. */
	memset(nulls, true, reader->attribute_count * sizeof(bool));
	memset(values, 0, reader->attribute_count * sizeof(Datum));

	for (int i = 0; i < reader->record_column_count; i++)
	{
		const Column *column = &reader->columns[i];

		state->column = i;
		switch (convert_fast(column, state, json, arena, &values[column->attribute]))
		{
			case FAST_PATH_VALUE:
				nulls[column->attribute] = false;
				break;
			case FAST_PATH_NULL:
				break;
			case FAST_PATH_CANNOT:
				return false;
		}
	}
	return true;
}

/*
 * Form the columns of a record as a tuple, if all of its values are as usual;
 * else NULL.  May run in another thread, too.
 */
static TupleImage *
form_fast(const RowReader *reader, FastPathState *state, const JsonValue *json, RecordArena *arena)
{
	TupleImage *image = (TupleImage *) MAXALIGN(arena->next);
	HeapTupleHeader header = tuple_image_header(image);
	int present = 0;

	if (arena->limit - arena->next <
		(ptrdiff_t) (MAXIMUM_ALIGNOF + TUPLE_IMAGE_BYTES + reader->layout.header_size))
		return NULL;
	memcpy(header, reader->layout.header, reader->layout.header_size);
	arena->next = (char *) header + reader->layout.header_size;

	for (int i = 0; i < reader->record_column_count; i++)
	{
		const Column *column = &reader->columns[i];
		Datum datum;

		state->column = i;
		switch (convert_fast(column, state, json, arena, &datum))
		{
			case FAST_PATH_VALUE:
				if (column->layout.by_value)
				{
					if (arena->limit - arena->next < TUPLE_VALUE_ROOM)
						return NULL;
					arena->next = tuple_append(&column->layout, datum, arena->next);
				}
				else
				{
					/* It has been appended already. */
					Assert(arena->next ==
						   DatumGetPointer(datum) + tuple_stored_length(&column->layout, datum));
				}
				tuple_mark_present(header, column->attribute);
				present++;
				break;
			case FAST_PATH_NULL:
				break;
			case FAST_PATH_CANNOT:
				return NULL;
		}
	}
	image->size = arena->next - (char *) header;
	image->present = present;
	return image;
}

/* A separate tuple, from an image and the values of the origin. */
static HeapTuple
finish_tuple(const RowReader *reader, TupleImage *image, MemoryContext memory)
{
	HeapTupleHeader source = tuple_image_header(image);
	Size source_header_size = reader->layout.header_size;
	Size data_size = image->size - source_header_size;
	/* A row without NULLs needs no bitmap. */
	bool has_nulls = image->present + reader->origin_present < reader->attribute_count;
	Size header_size = has_nulls ? source_header_size : MAXALIGN(SizeofHeapTupleHeader);
	HeapTuple tuple;
	char *next;

	tuple =
		MemoryContextAlloc(memory, HEAPTUPLESIZE + header_size + data_size + reader->origin_size);
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	memcpy(tuple->t_data, source, header_size);
	if (!has_nulls)
	{
		memset((char *) tuple->t_data + SizeofHeapTupleHeader, 0,
			   header_size - SizeofHeapTupleHeader);
		tuple->t_data->t_hoff = header_size;
		tuple->t_data->t_infomask &= ~HEAP_HASNULL;
	}
	next = (char *) tuple->t_data + header_size;
	memcpy(next, (char *) source + source_header_size, data_size);
	next += data_size;

	for (int i = reader->record_column_count; i < reader->column_count; i++)
	{
		const Column *column = &reader->columns[i];

		if (reader->origin_nulls[i])
			continue;
		next = tuple_append(&column->layout, reader->origin_stored[i], next);
		if (has_nulls)
			tuple_mark_present(tuple->t_data, column->attribute);
	}
	tuple->t_len = next - (char *) tuple->t_data;
	Assert(tuple->t_len <= header_size + data_size + reader->origin_size);
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = InvalidOid;
	HeapTupleHeaderSetDatumLength(tuple->t_data, tuple->t_len);
	return tuple;
}

/* A row that was prepared: its values, and after them its nulls. */
static size_t
prepared_size(const RowReader *reader)
{
	return MAXALIGN(reader->attribute_count * (sizeof(Datum) + sizeof(bool)));
}

/* Perhaps in another thread than the reader's. */
static void
prepare_row(void *argument, const JsonValue *json, RecordArena *arena, void **prepared)
{
	RowReader *reader = argument;
	RecordArena rest = *arena;
	char *row = (char *) MAXALIGN(arena->next);
	Datum *values = (Datum *) row;

	*prepared = NULL;
	if (arena->limit - row < (ptrdiff_t) prepared_size(reader))
		return;
	rest.next = row + prepared_size(reader);
	if (!fill_fast(reader, &reader->preparer_state, json, &rest, values,
				   (bool *) (values + reader->attribute_count)))
		return;
	arena->next = rest.next;
	*prepared = row;
}

static void
prepare_tuple(void *argument, const JsonValue *json, RecordArena *arena, void **prepared)
{
	RowReader *reader = argument;
	RecordArena rest = *arena;
	TupleImage *image = form_fast(reader, &reader->preparer_state, json, &rest);

	*prepared = image;
	if (image != NULL)
		arena->next = rest.next;
}

/* Fill the columns of a record, whatever its values are. */
static void
fill_slowly(RowReader *reader, const JsonValue *json, Datum *values, bool *nulls)
{
	ErrorContextCallback callback;

	push_error_context(reader, &callback);
	memset(nulls, true, reader->attribute_count * sizeof(bool));
	memset(values, 0, reader->attribute_count * sizeof(Datum));
	for (int i = 0; i < reader->record_column_count; i++)
	{
		Column *column = &reader->columns[i];
		JsonValue product_id;

		reader->current = column;
		convert_value(reader, column, choose_value(column, json, interruptible_next, &product_id),
					  &values[column->attribute], &nulls[column->attribute]);
	}
	reader->current = NULL;
	value_context_trim(&reader->context);
	error_context_stack = callback.previous;
}

HeapTuple
row_reader_fill(RowReader *reader, const JsonValue *json, void *const *prepared,
				uint64 record_number, uint64 record_offset, MemoryContext tuple_memory,
				Datum *values, bool *nulls)
{
	RecordArena arena = { reader->fast_path_memory, reader->fast_path_memory + FAST_PATH_MEMORY };

	reader->record_number = record_number;
	reader->record_offset = record_offset;
	if (reader->forms_tuples)
	{
		TupleImage *image = prepared != NULL ? prepared[0] : NULL;

		if (image == NULL)
			image = form_fast(reader, &reader->fast_path_state, json, &arena);
		if (image != NULL)
			return finish_tuple(reader, image, tuple_memory);
		fill_slowly(reader, json, values, nulls);
	}
	else if (prepared != NULL && prepared[0] != NULL)
	{
		const Datum *row = prepared[0];

		memcpy(values, row, reader->attribute_count * sizeof(Datum));
		memcpy(nulls, row + reader->attribute_count, reader->attribute_count * sizeof(bool));
	}
	else if (!reader->is_fast ||
			 !fill_fast(reader, &reader->fast_path_state, json, &arena, values, nulls))
		fill_slowly(reader, json, values, nulls);
	for (int i = reader->record_column_count; i < reader->column_count; i++)
	{
		values[reader->columns[i].attribute] = reader->origin_values[i];
		nulls[reader->columns[i].attribute] = reader->origin_nulls[i];
	}
	return NULL;
}

/*-------------------------------------------------------------------------
 * Origin
 *-------------------------------------------------------------------------
 */

/* Our own string as a walk would return it: a JSON string in padded memory. */
static void
make_json_string(const char *text, JsonValue *json)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '"');
	json->escaped = false;
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\' || (unsigned char) *text < ' ')
		{
			appendStringInfo(&quoted, "\\u%04x", (unsigned char) *text);
			json->escaped = true;
		}
		else
			appendStringInfoChar(&quoted, *text);
	}
	appendStringInfoChar(&quoted, '"');
	json->type = JSON_STRING;
	json->length = quoted.len - 2;
	enlargeStringInfo(&quoted, JSON_PADDING);
	memset(quoted.data + quoted.len, 0, JSON_PADDING);
	json->start = quoted.data + 1;
}

/* 2025-07-17T10:36:28.583000Z; palloc'd. */
static char *
format_timestamp(TimestampTz timestamp)
{
	struct pg_tm fields;
	fsec_t fraction;

	if (timestamp2tm(timestamp, NULL, &fields, &fraction, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", fields.tm_year, fields.tm_mon,
					fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, (int) fraction);
}

void
row_reader_set_origin(RowReader *reader, const RecordOrigin *origin)
{
	MemoryContext caller;
	ErrorContextCallback callback;

	reader->archive_entry = NULL;
	reader->origin_present = 0;
	reader->origin_size = 0;
	reader->record_number = 0;
	reader->record_offset = 0;
	MemoryContextReset(reader->origin_memory);
	caller = MemoryContextSwitchTo(reader->origin_memory);
	push_error_context(reader, &callback);

	if (origin->archive_entry != NULL)
		reader->archive_entry = pstrdup(origin->archive_entry);

	for (int i = reader->record_column_count; i < reader->column_count; i++)
	{
		Column *column = &reader->columns[i];
		const char *text = NULL;
		JsonValue json;

		switch (column->source)
		{
			case SOURCE_PROFILE_ID:
				text = origin->profile_id;
				break;
			case SOURCE_EXPORT_ID:
				text = origin->export_id != NULL ? foreign_value(origin->export_id) : NULL;
				break;
			case SOURCE_EXPORTED_AT:
				if (origin->has_exported_at)
					text = format_timestamp(origin->exported_at);
				break;
			default:
				text = origin->archive_entry != NULL ? foreign_value(origin->archive_entry) : NULL;
				break;
		}
		if (text != NULL)
			make_json_string(text, &json);
		reader->current = column;
		convert_value(reader, column, text == NULL ? NULL : &json, &reader->origin_values[i],
					  &reader->origin_nulls[i]);
		if (reader->forms_tuples && !reader->origin_nulls[i])
		{
			reader->origin_stored[i] = tuple_stored_form(&column->layout, reader->origin_values[i]);
			reader->origin_size += tuple_stored_size(&column->layout, reader->origin_stored[i]);
			reader->origin_present++;
		}
	}

	reader->current = NULL;
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(caller);
}
