/*-------------------------------------------------------------------------
 *
 * converter.c
 *		Choosing the conversion of a column, and the conversions to other types
 *		than text, number, time and jsonb: bool, uuid, arrays, domains, and
 *		every type that only its input function knows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "access/tupmacs.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "row/converter.h"
#include "row/datetime.h"
#include "row/interruptible.h"
#include "row/jsonb_builder.h"
#include "row/number.h"
#include "row/problem.h"
#include "row/text.h"

/*-------------------------------------------------------------------------
 * Shared state
 *-------------------------------------------------------------------------
 */

void
value_context_init(ValueContext *context, const ForeignOptions *options)
{
	memset(context, 0, sizeof(*context));
	context->memory = CurrentMemoryContext;
	context->options = options;
	context->invalid_text = options->invalid_text;
	context->on_invalid = options->on_invalid;
	context->encoding = GetDatabaseEncoding();
	context->needs_conversion = context->encoding != PG_UTF8 && context->encoding != PG_SQL_ASCII;
	if (context->needs_conversion)
	{
		context->conversion_procedure = FindDefaultConversionProc(PG_UTF8, context->encoding);
		if (!OidIsValid(context->conversion_procedure))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("default conversion function for encoding \"%s\" to \"%s\" does not "
							"exist",
							pg_encoding_to_char(PG_UTF8), pg_encoding_to_char(context->encoding))));
	}
	context->decoded.context = context->memory;
	context->converted.context = context->memory;
	context->elements.context = context->memory;
	context->nulls.context = context->memory;
	context->jsonb_builder = jsonb_builder_create(context);
}

void
value_context_trim(ValueContext *context)
{
	scratch_trim(&context->decoded);
	scratch_trim(&context->converted);
	scratch_trim(&context->elements);
	scratch_trim(&context->nulls);
	jsonb_builder_trim(context->jsonb_builder);
}

/*-------------------------------------------------------------------------
 * bool and uuid
 *-------------------------------------------------------------------------
 */

static ValueStatus
convert_bool(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text = json->start;
	size_t length = json->length;
	bool value;

	switch ((JsonType) json->type)
	{
		case JSON_TRUE:
			*result = BoolGetDatum(true);
			return VALUE_OK;
		case JSON_FALSE:
			*result = BoolGetDatum(false);
			return VALUE_OK;
		case JSON_STRING:
			if (length == 0)
				return VALUE_NULL;
			if (json->escaped && !text_from_string(converter->context, json, &text, &length))
				return VALUE_INVALID;
			/* what Amplitude's destinations write for "unknown" in the key paying */
			if (length == 6 && memcmp(text, "(none)", 6) == 0)
				return VALUE_NULL;
			break;
		case JSON_NUMBER:
			/* 1 and 0, which boolean's input function accepts */
			break;
		default:
			return problem_syntax(converter, json);
	}

	while (length > 0 && isspace((unsigned char) *text))
	{
		text++;
		length--;
	}
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	if (!parse_bool_with_len(text, length, &value))
		return problem_syntax(converter, json);
	*result = BoolGetDatum(value);
	return VALUE_OK;
}

static inline int
hexadecimal_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Like the input function: optional braces, and hyphens after any four digits. */
bool
uuid_from_text(const char *text, size_t length, unsigned char *uuid)
{
	const char *end;

	if (length >= 2 && text[0] == '{' && text[length - 1] == '}')
	{
		text++;
		length -= 2;
	}
	end = text + length;
	for (int i = 0; i < UUID_LEN; i++)
	{
		int high;
		int low;

		if (end - text < 2)
			return false;
		high = hexadecimal_digit(text[0]);
		low = hexadecimal_digit(text[1]);
		if (high < 0 || low < 0)
			return false;
		uuid[i] = (high << 4) | low;
		text += 2;
		if (text < end && *text == '-' && i % 2 == 1 && i < UUID_LEN - 1)
			text++;
	}
	return text == end;
}

static ValueStatus
convert_uuid(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text = json->start;
	size_t length = json->length;
	pg_uuid_t uuid;

	if (json->type != JSON_STRING)
		return problem_syntax(converter, json);
	if (length == 0)
		return VALUE_NULL;
	if (json->escaped && !text_from_string(converter->context, json, &text, &length))
		return VALUE_INVALID;
	if (!uuid_from_text(text, length, uuid.data))
		return problem_syntax(converter, json);
	*result = UUIDPGetDatum(memcpy(palloc(sizeof(uuid)), &uuid, sizeof(uuid)));
	return VALUE_OK;
}

/*-------------------------------------------------------------------------
 * Arrays
 *-------------------------------------------------------------------------
 */

/* As the server's own limit, which not every version has in a header. */
#define ARRAY_MAX_ELEMENTS (MaxAllocSize / sizeof(Datum))

/* What interruptible_next leaves behind when there is no next element. */
static bool
cursor_ended(ValueContext *context, const StreamError *error)
{
	if (error->kind == STREAM_ERROR_NONE)
		return true;
	problem_set(context, PROBLEM_VALUE, ERRCODE_INVALID_TEXT_REPRESENTATION, "invalid JSON: %s",
				error->message);
	return false;
}

/* A JSON array's elements, or a single value as if it were the only element. */
typedef struct ElementWalk
{
	JsonCursor cursor;
	StreamError error;
	const JsonValue *single;
} ElementWalk;

static void
begin_elements(ElementWalk *walk, const JsonValue *json)
{
	walk->error.kind = STREAM_ERROR_NONE;
	walk->single = NULL;
	if (json->type != JSON_ARRAY)
		walk->single = json;
	else
		json_cursor_open(&walk->cursor, json);
}

static bool
next_element(ElementWalk *walk, bool is_array, JsonValue *element)
{
	JsonValue key;

	if (is_array)
		return interruptible_next(&walk->cursor, &key, element, &walk->error);
	if (walk->single == NULL)
		return false;
	*element = *walk->single;
	walk->single = NULL;
	return true;
}

/* Can a value in an array column stand for an array of one element? */
static bool
is_single_element(const Converter *converter, const JsonValue *json)
{
	return (converter->inner->accepted & JSON_TYPE_BIT(json->type)) != 0;
}

/*
 * An array, but for the size bytes of its elements, which begin at *data.  NULL
 * after problem_set if it would be too large.
 */
static ArrayType *
make_array(const Converter *converter, const bool *nulls, size_t count, bool has_nulls, size_t size,
		   char **data)
{
	size_t overhead = has_nulls ? ARR_OVERHEAD_WITHNULLS(1, count) : ARR_OVERHEAD_NONULLS(1);
	ArrayType *array;

	if (count > ARRAY_MAX_ELEMENTS || overhead + size > MaxAllocSize)
	{
		problem_set(converter->context, PROBLEM_VALUE, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					"array size exceeds the maximum allowed (%d)", (int) MaxAllocSize);
		return NULL;
	}
	array = palloc(overhead + size);
	memset(array, 0, overhead);
	SET_VARSIZE(array, overhead + size);
	array->ndim = 1;
	array->dataoffset = has_nulls ? overhead : 0;
	array->elemtype = converter->inner->type;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	if (has_nulls)
	{
		for (size_t i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!nulls[i])
				ARR_NULLBITMAP(array)[i / 8] |= 1 << (i % 8);
		}
	}
	*data = (char *) array + overhead;
	return array;
}

/* text[]: its elements are written one after the other, in place. */
static ValueStatus
convert_text_array(Converter *converter, const JsonValue *json, Datum *result)
{
	ValueContext *context = converter->context;
	bool is_array = json->type == JSON_ARRAY;
	ElementWalk walk;
	JsonValue element;
	size_t used = 0;
	size_t count = 0;
	bool has_nulls = false;
	ArrayType *array;
	char *data;

	if (json->type == JSON_STRING && json->length == 0)
		return VALUE_NULL;
	if (!is_array && !is_single_element(converter, json))
		return problem_syntax(converter, json);

	begin_elements(&walk, json);
	while (next_element(&walk, is_array, &element))
	{
		bool is_null = element.type == JSON_NULL;
		const char *text;
		size_t length;
		size_t size;

		scratch_extend(&context->nulls, count + 1, count);
		context->nulls.data[count++] = is_null;
		if (is_null)
		{
			has_nulls = true;
			continue;
		}
		if (!text_from_value(context, &element, &text, &length))
			return VALUE_INVALID;
		size = INTALIGN(VARHDRSZ + length);
		scratch_extend(&context->elements, used + size, used);
		memset(context->elements.data + used + size - sizeof(int32), 0, sizeof(int32));
		SET_VARSIZE(context->elements.data + used, VARHDRSZ + length);
		interruptible_copy(context->elements.data + used + VARHDRSZ, text, length);
		used += size;
	}
	if (is_array && !cursor_ended(context, &walk.error))
		return VALUE_INVALID;
	if (count == 0)
	{
		*result = PointerGetDatum(construct_empty_array(converter->inner->type));
		return VALUE_OK;
	}

	array =
		make_array(converter, (const bool *) context->nulls.data, count, has_nulls, used, &data);
	if (array == NULL)
		return VALUE_INVALID;
	interruptible_copy(data, context->elements.data, used);
	*result = PointerGetDatum(array);
	return VALUE_OK;
}

/* Where the element after these bytes of others begins. */
static inline size_t
add_element(const Converter *converter, size_t used, Datum element)
{
	used = att_addlength_datum(used, converter->element_length, element);
	return att_align_nominal(used, converter->element_alignment);
}

/* As the server's construct_md_array, which millions of elements keep busy for too long. */
static ValueStatus
array_from_elements(const Converter *converter, Datum *values, const bool *nulls, size_t count,
					Datum *result)
{
	const int length = converter->element_length;
	size_t size = 0;
	bool has_nulls = false;
	ArrayType *array;
	char *next;

	for (size_t i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		has_nulls |= nulls[i];
		if (nulls[i])
			continue;
		if (length == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
		size = add_element(converter, size, values[i]);
	}
	array = make_array(converter, nulls, count, has_nulls, size, &next);
	if (array == NULL)
		return VALUE_INVALID;
	for (size_t i = 0; i < count; i++)
	{
		size_t used;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		used = add_element(converter, 0, values[i]);
		if (converter->element_by_value)
		{
			memset(next, 0, used);
			store_att_byval(next, values[i], length);
		}
		else
		{
			size_t bytes = att_addlength_datum((size_t) 0, length, values[i]);

			interruptible_copy(next, DatumGetPointer(values[i]), bytes);
			memset(next + bytes, 0, used - bytes);
		}
		next += used;
	}
	*result = PointerGetDatum(array);
	return VALUE_OK;
}

/* Arrays of other types, by the conversion of their elements. */
static ValueStatus
convert_array(Converter *converter, const JsonValue *json, Datum *result)
{
	Converter *inner = converter->inner;
	bool is_array = json->type == JSON_ARRAY;
	ElementWalk walk;
	JsonValue element;
	int count = 0;
	int size = 8;
	Datum *values;
	bool *nulls;

	if (json->type == JSON_STRING && json->length == 0)
		return VALUE_NULL;
	if (!is_array && !is_single_element(converter, json))
		return problem_syntax(converter, json);

	values = palloc(size * sizeof(Datum));
	nulls = palloc(size * sizeof(bool));
	begin_elements(&walk, json);
	while (next_element(&walk, is_array, &element))
	{
		ValueStatus status = VALUE_NULL;

		if (count == size)
		{
			if ((size_t) size * 2 > ARRAY_MAX_ELEMENTS)
				return problem_set(converter->context, PROBLEM_VALUE,
								   ERRCODE_PROGRAM_LIMIT_EXCEEDED,
								   "array size exceeds the maximum allowed (%d)",
								   (int) ARRAY_MAX_ELEMENTS);
			size *= 2;
			values = repalloc(values, size * sizeof(Datum));
			nulls = repalloc(nulls, size * sizeof(bool));
		}
		if (element.type != JSON_NULL)
			status = inner->convert(inner, &element, &values[count]);
		if (status == VALUE_NULL)
		{
			values[count] = (Datum) 0;
			status = converter_checks_null(inner) ? converter_check_null(inner) : VALUE_NULL;
		}
		if (status == VALUE_INVALID)
			return VALUE_INVALID;
		nulls[count++] = status == VALUE_NULL;
	}
	if (is_array && !cursor_ended(converter->context, &walk.error))
		return VALUE_INVALID;
	if (count > 0)
		return array_from_elements(converter, values, nulls, count, result);
	*result = PointerGetDatum(construct_empty_array(inner->type));
	return VALUE_OK;
}

/*-------------------------------------------------------------------------
 * Types through their input function
 *-------------------------------------------------------------------------
 */

typedef struct InputCall
{
	Converter *converter;
	char *text;
	Datum result;
} InputCall;

static void
call_input_function(void *argument)
{
	InputCall *call = argument;
	Converter *converter = call->converter;

	call->result = InputFunctionCall(&converter->input_function, call->text,
									 converter->type_io_parameter, converter->typmod);
}

static ValueStatus
convert_by_input_function(Converter *converter, const JsonValue *json, Datum *result)
{
	ValueContext *context = converter->context;
	InputCall call = { .converter = converter };
	const char *text;
	size_t length;
	bool succeeded = true;

	if (!converter->takes_any_text)
	{
		if (json->type == JSON_STRING && json->length == 0)
			return VALUE_NULL;
		if ((JSON_CONTAINERS & JSON_TYPE_BIT(json->type)) != 0)
			return problem_syntax(converter, json);
	}
	if (!text_from_value(context, json, &text, &length))
		return VALUE_INVALID;
	if (length >= MaxAllocSize)
		return problem_syntax(converter, json);

	/* A copy of its own: input functions may keep pointers into it. */
	call.text = pnstrdup(text, length);
	context->in_input_function = true;
	if (context->on_invalid == ON_INVALID_ERROR)
		call_input_function(&call);
	else
	{
#ifdef COMPAT_SOFT_ERRORS
		ErrorSaveContext errors = { .type = T_ErrorSaveContext, .details_wanted = true };

		succeeded = InputFunctionCallSafe(&converter->input_function, call.text,
										  converter->type_io_parameter, converter->typmod,
										  (Node *) &errors, &call.result);
		if (!succeeded)
			problem_from_error(context, errors.error_data);
#else
		succeeded = run_protected(context, call_input_function, &call);
#endif
	}
	context->in_input_function = false;
	*result = call.result;
	return succeeded ? VALUE_OK : VALUE_INVALID;
}

/*-------------------------------------------------------------------------
 * Domains: the base type's conversion, then the constraints
 *-------------------------------------------------------------------------
 */

typedef struct DomainCall
{
	Converter *converter;
	Datum value;
	bool is_null;
} DomainCall;

static void
call_domain_check(void *argument)
{
	DomainCall *call = argument;
	Converter *converter = call->converter;

	domain_check(call->value, call->is_null, converter->type, &converter->domain_information,
				 converter->context->memory);
}

static bool
check_domain(Converter *converter, Datum value, bool is_null)
{
	ValueContext *context = converter->context;
	DomainCall call = { .converter = converter, .value = value, .is_null = is_null };
	bool succeeded = true;

	context->in_input_function = true;
	if (context->on_invalid == ON_INVALID_ERROR)
		call_domain_check(&call);
	else
		succeeded = run_protected(context, call_domain_check, &call);
	context->in_input_function = false;
	return succeeded;
}

static ValueStatus
convert_domain(Converter *converter, const JsonValue *json, Datum *result)
{
	ValueStatus status = converter->inner->convert(converter->inner, json, result);

	if (status == VALUE_OK && !check_domain(converter, *result, false))
		return VALUE_INVALID;
	return status;
}

bool
converter_checks_null(const Converter *converter)
{
	return converter->convert == convert_domain;
}

ValueStatus
converter_check_null(Converter *converter)
{
	return check_domain(converter, (Datum) 0, true) ? VALUE_NULL : VALUE_INVALID;
}

/*-------------------------------------------------------------------------
 * The choice
 *-------------------------------------------------------------------------
 */

static bool
is_string_type(Oid type)
{
	char category;
	bool is_preferred;

	get_type_category_preferred(type, &category, &is_preferred);
	return category == TYPCATEGORY_STRING;
}

static void
init_inner(Converter *converter, Oid type, int32 typmod)
{
	converter->inner = palloc0(sizeof(Converter));
	converter_init(converter->inner, converter->context, type, typmod);
}

static void
init_array(Converter *converter, Oid element_type)
{
	init_inner(converter, element_type, converter->typmod);
	get_typlenbyvalalign(element_type, &converter->element_length, &converter->element_by_value,
						 &converter->element_alignment);
	converter->convert =
		converter->inner->convert == convert_text ? convert_text_array : convert_array;
	converter->accepted = converter->inner->accepted | JSON_TYPE_BIT(JSON_ARRAY);
}

static void
init_other(Converter *converter)
{
	Oid function;
	Oid element_type;

	if (get_typtype(converter->type) == TYPTYPE_DOMAIN)
	{
		int32 base_typmod = -1;
		Oid base_type = getBaseTypeAndTypmod(converter->type, &base_typmod);

		init_inner(converter, base_type, base_typmod);
		converter->accepted = converter->inner->accepted;
		converter->convert = convert_domain;
		return;
	}
	element_type = get_element_type(converter->type);
	if (OidIsValid(element_type))
	{
		init_array(converter, element_type);
		return;
	}
	getTypeInputInfo(converter->type, &function, &converter->type_io_parameter);
	fmgr_info(function, &converter->input_function);
	converter->takes_any_text = is_string_type(converter->type);
	converter->convert = convert_by_input_function;
}

void
converter_init(Converter *converter, ValueContext *context, Oid type, int32 typmod)
{
	memset(converter, 0, sizeof(*converter));
	converter->context = context;
	converter->type = type;
	converter->typmod = typmod;
	converter->accepted = JSON_SCALARS;

	switch (type)
	{
		case TEXTOID:
			converter->convert = convert_text;
			break;
		case VARCHAROID:
			converter->convert = typmod >= (int32) VARHDRSZ ? convert_varchar : convert_text;
			break;
		case BOOLOID:
			converter->convert = convert_bool;
			break;
		case INT2OID:
			converter->convert = convert_int2;
			break;
		case INT4OID:
			converter->convert = convert_int4;
			break;
		case INT8OID:
			converter->convert = convert_int8;
			break;
		case FLOAT4OID:
			converter->convert = convert_float4;
			break;
		case FLOAT8OID:
			converter->convert = convert_float8;
			break;
		case NUMERICOID:
			numeric_converter_init(converter);
			converter->convert = convert_numeric;
			break;
		case DATEOID:
			converter->convert = convert_date;
			break;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			converter->convert = convert_timestamp;
			break;
		case UUIDOID:
			converter->convert = convert_uuid;
			break;
		case JSONOID:
			converter->convert = convert_json;
			converter->accepted |= JSON_CONTAINERS;
			break;
		case JSONBOID:
			converter->convert = convert_jsonb;
			converter->accepted |= JSON_CONTAINERS;
			break;
		default:
			init_other(converter);
	}
}
