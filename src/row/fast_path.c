/*-------------------------------------------------------------------------
 *
 * fast_path.c
 *		The conversions that nearly every value of an export needs, in plain
 *		memory.
 *
 * A fast conversion handles what the vendors usually send and leaves
 * everything else (odd forms, invalid values, other encodings, large values)
 * to the converter of the column.  It raises no error, allocates nothing and
 * calls no function of the server, so that the read-ahead thread can do it.
 *
 * In a row that becomes a tuple, each value that is not passed by value is
 * appended exactly as the tuple stores it: in the short form, without a gap,
 * if it has one, else aligned.  (Text is short wherever it can be.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "row/converter.h"
#include "row/datetime.h"
#include "row/jsonb_builder.h"
#include "row/number.h"
#include "row/fast_path.h"
#include "row/text.h"
#include "row/tuple.h"
#include "stream/iso_time.h"

/* Copying text may write this many bytes more. */
#define TEXT_COPY_SLACK 8

/* Room for size bytes, aligned, with zeros before; NULL when the arena is full. */
static inline char *
arena_reserve(const RecordArena *arena, size_t size, size_t alignment)
{
	if (arena->limit - arena->next < (ptrdiff_t) (size + MAXIMUM_ALIGNOF + TEXT_COPY_SLACK))
		return NULL;
	return alignment == 1 ? arena->next : tuple_align(arena->next, alignment);
}

/* Append a varlena that needs a four-byte header in memory, but perhaps not in a tuple. */
static inline FastPathStatus
put_varlena(FastPathState *state, const char *varlena, size_t size, RecordArena *arena,
			Datum *result)
{
	char *start;

	if (state->for_tuples && size - VARHDRSZ + VARHDRSZ_SHORT <= VARATT_SHORT_MAX)
	{
		size = size - VARHDRSZ + VARHDRSZ_SHORT;
		start = arena_reserve(arena, size, 1);
		if (start == NULL)
			return FAST_PATH_CANNOT;
		SET_VARSIZE_SHORT(start, size);
		memcpy(start + VARHDRSZ_SHORT, varlena + VARHDRSZ, size - VARHDRSZ_SHORT);
	}
	else
	{
		start = arena_reserve(arena, size, sizeof(int32));
		if (start == NULL)
			return FAST_PATH_CANNOT;
		memcpy(start, varlena, size);
	}
	arena->next = start + size;
	*result = PointerGetDatum(start);
	return FAST_PATH_VALUE;
}

/* For a column that is not text, where "" is NULL. */
static inline FastPathStatus
refuse(const JsonValue *json)
{
	return json->type == JSON_STRING && json->length == 0 ? FAST_PATH_NULL : FAST_PATH_CANNOT;
}

/*
 * Copy text if it is ASCII without NULs, which is what the return value says.
 * Reads up to seven bytes after it, which JSON_PADDING allows, and writes as
 * many.
 */
static inline bool
copy_plain_text(char *output, const char *text, size_t length)
{
#ifndef WORDS_BIGENDIAN
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 high_bits = UINT64CONST(0x8080808080808080);
	uint64 found = 0;
	uint64 word;

	for (; length >= 8; length -= 8, text += 8, output += 8)
	{
		memcpy(&word, text, sizeof(word));
		memcpy(output, &word, sizeof(word));
		/* the high bit is set already, or borrowed by subtracting from zero */
		found |= word | (word - ones);
	}
	memcpy(&word, text, sizeof(word));
	memcpy(output, &word, sizeof(word));
	if (length > 0)
	{
		int unused = 64 - 8 * (int) length;

		/* Bytes that do not belong to the text are shifted out, and come back as ones. */
		word = (word << unused) | (ones >> 8 * length);
		found |= word | (word - ones);
	}
	return (found & high_bits) == 0;
#else
	for (size_t i = 0; i < length; i++)
	{
		output[i] = text[i];
		if ((signed char) text[i] <= 0)
			return false;
	}
	return true;
#endif
}

/* Text that needs no conversion, such as a number's. */
static inline FastPathStatus
put_text(RecordArena *arena, const char *text, size_t length, Datum *result)
{
	char *start;

	if (length < VARATT_SHORT_MAX)
	{
		start = arena_reserve(arena, VARHDRSZ_SHORT + length, 1);
		if (start == NULL || !copy_plain_text(start + VARHDRSZ_SHORT, text, length))
			return FAST_PATH_CANNOT;
		SET_VARSIZE_SHORT(start, VARHDRSZ_SHORT + length);
		arena->next = start + VARHDRSZ_SHORT + length;
	}
	else
	{
		start = arena_reserve(arena, VARHDRSZ + length, sizeof(int32));
		if (start == NULL || !copy_plain_text(start + VARHDRSZ, text, length))
			return FAST_PATH_CANNOT;
		SET_VARSIZE(start, VARHDRSZ + length);
		arena->next = start + VARHDRSZ + length;
	}
	*result = PointerGetDatum(start);
	return FAST_PATH_VALUE;
}

/* Text with escapes or beyond ASCII. */
static FastPathStatus
put_decoded_text(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	char *start = arena_reserve(arena, VARHDRSZ + json_string_decoded_size(json), sizeof(int32));
	StreamError error;
	size_t length;

	if (!state->keeps_utf8 || start == NULL ||
		!json_string_decode(json, JSON_TEXT_ERROR, NULL, start + VARHDRSZ, &length, &error))
		return FAST_PATH_CANNOT;
	if (length < VARATT_SHORT_MAX)
	{
		/* back over the padding, too */
		memmove(arena->next + VARHDRSZ_SHORT, start + VARHDRSZ, length);
		start = arena->next;
		SET_VARSIZE_SHORT(start, VARHDRSZ_SHORT + length);
		arena->next = start + VARHDRSZ_SHORT + length;
	}
	else
	{
		SET_VARSIZE(start, VARHDRSZ + length);
		arena->next = start + VARHDRSZ + length;
	}
	*result = PointerGetDatum(start);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_text(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	switch ((JsonType) json->type)
	{
		case JSON_STRING:
			if (!json->escaped &&
				put_text(arena, json->start, json->length, result) == FAST_PATH_VALUE)
				return FAST_PATH_VALUE;
			return put_decoded_text(state, json, arena, result);
		case JSON_NUMBER:
		case JSON_TRUE:
		case JSON_FALSE:
			return put_text(arena, json->start, json->length, result);
		default:
			return FAST_PATH_CANNOT;
	}
}

static FastPathStatus
fast_bool(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	if (json->type != JSON_TRUE && json->type != JSON_FALSE)
		return refuse(json);
	*result = BoolGetDatum(json->type == JSON_TRUE);
	return FAST_PATH_VALUE;
}

/* An integer of at most this many digits, which cannot overflow. */
static inline bool
read_integer(const JsonValue *json, size_t most_digits, int64 *value)
{
	const char *next = json->start;
	const char *end = next + json->length;
	bool negative = false;
	int64 result = 0;

	if (json->type != JSON_NUMBER)
		return false;
	if (*next == '-')
	{
		negative = true;
		next++;
	}
	if ((size_t) (end - next) > most_digits)
		return false;
	for (; next < end; next++)
	{
		unsigned digit = (unsigned char) (*next - '0');

		if (digit > 9)
			return false;
		result = result * 10 + digit;
	}
	*value = negative ? -result : result;
	return true;
}

static FastPathStatus
fast_int2(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	int64 value;

	if (!read_integer(json, 4, &value))
		return refuse(json);
	*result = Int16GetDatum((int16) value);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_int4(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	int64 value;

	if (!read_integer(json, 9, &value))
		return refuse(json);
	*result = Int32GetDatum((int32) value);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_int8(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	int64 value;

	if (!read_integer(json, 18, &value))
		return refuse(json);
	*result = Int64GetDatum(value);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_float8(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	double value;

	/* Not with strtod: the server changes the process's locale at times. */
	if (json->type != JSON_NUMBER || !double_from_short_number(json->start, json->length, &value))
		return refuse(json);
	*result = Float8GetDatum(value);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_numeric(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	int32 numeric[NUMERIC_SHORT_SIZE / sizeof(int32)];
	size_t size = 0;

	if (json->type == JSON_NUMBER)
		size = numeric_write_short(json->start, json->length, (char *) numeric);
	if (size == 0)
		return refuse(json);
	return put_varlena(state, (const char *) numeric, size, arena, result);
}

static FastPathStatus
fast_timestamp(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	Timestamp value;

	if (json->type != JSON_STRING || json->escaped ||
		!iso_time_read(json->start, json->length, &value))
		return refuse(json);
	*result = TimestampTzGetDatum(value);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_date(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	Timestamp value;

	/* With a time after it, the zone would matter. */
	if (json->type != JSON_STRING || json->escaped || json->length != 10 ||
		!iso_time_read(json->start, json->length, &value))
		return refuse(json);
	*result = DateADTGetDatum((DateADT) (value / USECS_PER_DAY));
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_uuid(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	char *start = arena_reserve(arena, UUID_LEN, 1);

	if (start == NULL || json->type != JSON_STRING || json->escaped ||
		!uuid_from_text(json->start, json->length, (unsigned char *) start))
		return refuse(json);
	arena->next = start + UUID_LEN;
	*result = PointerGetDatum(start);
	return FAST_PATH_VALUE;
}

/* An array of strings. */
static FastPathStatus
fast_text_array(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	char *start = arena_reserve(arena, ARR_OVERHEAD_NONULLS(1), sizeof(int32));
	RecordArena rest = *arena;
	ArrayType *array = (ArrayType *) start;
	JsonCursor cursor;
	JsonValue key;
	JsonValue element;
	StreamError error = { .kind = STREAM_ERROR_NONE };
	int count = 0;

	/* One that fits into the arena is not much longer than that; what is longer takes long to walk. */
	if (start == NULL || json->type != JSON_ARRAY ||
		json->length > (size_t) (arena->limit - arena->next) || !json_cursor_open(&cursor, json))
		return refuse(json);
	rest.next = start + ARR_OVERHEAD_NONULLS(1);
	while (json_cursor_next(&cursor, &key, &element, &error))
	{
		size_t size = INTALIGN(VARHDRSZ + element.length);
		char *text = arena_reserve(&rest, size, 1);

		if (text == NULL || element.type != JSON_STRING || element.escaped)
			return FAST_PATH_CANNOT;
		memset(text + size - sizeof(int32), 0, sizeof(int32));
		if (!copy_plain_text(text + VARHDRSZ, element.start, element.length))
			return FAST_PATH_CANNOT;
		/* Clear what the copy wrote after the text. */
		memset(text + VARHDRSZ + element.length, 0, size - VARHDRSZ - element.length);
		SET_VARSIZE(text, VARHDRSZ + element.length);
		rest.next = text + size;
		count++;
	}
	if (error.kind != STREAM_ERROR_NONE || count == 0)
		return FAST_PATH_CANNOT;

	SET_VARSIZE(array, rest.next - start);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = TEXTOID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	if (state->for_tuples && VARATT_CAN_MAKE_SHORT(array))
	{
		size_t size = VARATT_CONVERTED_SHORT_SIZE(array);

		/* back over the padding, too */
		memmove(arena->next + VARHDRSZ_SHORT, start + VARHDRSZ, size - VARHDRSZ_SHORT);
		start = arena->next;
		SET_VARSIZE_SHORT(start, size);
		rest.next = start + size;
	}
	arena->next = rest.next;
	*result = PointerGetDatum(start);
	return FAST_PATH_VALUE;
}

static FastPathStatus
fast_jsonb(FastPathState *state, const JsonValue *json, RecordArena *arena, Datum *result)
{
	size_t size;
	const char *jsonb = jsonb_builder_build_fast(state->jsonb_builder,
												 &state->shape_uses[state->column], json, &size);

	if (jsonb == NULL)
		return refuse(json);
	return put_varlena(state, jsonb, size, arena, result);
}

void
fast_path_state_init(FastPathState *state, ValueContext *context, int columns, bool for_tuples)
{
	state->column = 0;
	state->shape_uses = palloc0(columns * sizeof(ShapeUse));
	state->keeps_utf8 = !context->needs_conversion;
	state->for_tuples = for_tuples;
	state->jsonb_builder = jsonb_builder_create_fast(context);
}

FastPathFunction
fast_path_function(Oid type, int32 typmod)
{
	/* Otherwise a Datum of 64 bits needs palloc'd memory. */
	const bool by_value_64 = sizeof(Datum) >= sizeof(int64);

	switch (type)
	{
		case TEXTOID:
			return fast_text;
		case VARCHAROID:
			return typmod < (int32) VARHDRSZ ? fast_text : NULL;
		case BOOLOID:
			return fast_bool;
		case INT2OID:
			return fast_int2;
		case INT4OID:
			return fast_int4;
		case INT8OID:
			return by_value_64 ? fast_int8 : NULL;
		case FLOAT8OID:
			return by_value_64 ? fast_float8 : NULL;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return by_value_64 && typmod < 0 ? fast_timestamp : NULL;
		case NUMERICOID:
			return typmod < (int32) VARHDRSZ && numeric_format_is_known() ? fast_numeric : NULL;
		case DATEOID:
			return fast_date;
		case UUIDOID:
			return fast_uuid;
		case TEXTARRAYOID:
			return fast_text_array;
		case JSONBOID:
			return fast_jsonb;
		default:
			return NULL;
	}
}
