/*-------------------------------------------------------------------------
 *
 * json_cursor.c
 *		Walk the elements of an array or object that a walk found.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/json_scan.h"
#include "stream/stream_error.h"

bool
json_cursor_open(JsonCursor *cursor, const JsonValue *container)
{
	if (container->type != JSON_ARRAY && container->type != JSON_OBJECT)
		return false;
	cursor->next = container->start + 1;
	cursor->end = container->start + container->length;
	cursor->in_object = container->type == JSON_OBJECT;
	cursor->first = true;
	return true;
}

/* The walk ends here: what was expected is not at next. */
static __attribute__((cold, noinline)) bool
fail(JsonCursor *cursor, const char *next, const char *expected, StreamError *error)
{
	char quoted[80];
	size_t rest = next >= cursor->end ? 0 : (size_t) (cursor->end - next);

	cursor->next = cursor->end;
	stream_escape(quoted, sizeof(quoted), next, rest < 16 ? rest : 16);
	stream_error_set(error, STREAM_ERROR_CORRUPT, 0, "malformed JSON value: expected %s at \"%s\"",
					 expected, quoted);
	return false;
}

/* The string at *next, which is moved past it.  Returns false where there is none. */
static inline bool
take_string(const char **next, const char *end, JsonValue *value)
{
	const char *start = *next + 1;
	const char *stop;
	const char *quote;
	bool escaped = false;

	if (**next != '"')
		return false;
	quote = find_quote(start, end, false, &escaped, &stop, NULL);
	if (quote == NULL || quote >= end)
		return false;
	set_value(value, JSON_STRING, start, quote, escaped);
	*next = quote + 1;
	return true;
}

/* The number or literal at *next, which is moved past it.  Returns false where there is none. */
static inline bool
take_scalar(const char **next, const char *end, JsonValue *value)
{
	const char *start = *next;
	const char *stop = find_scalar_end(start);
	JsonType type;

	if (stop >= end)
		return false;
	if (*start == '-' || is_digit(*start))
		type = is_number(start, stop) ? JSON_NUMBER : JSON_MISSING;
	else
		type = literal_type(start, (size_t) (stop - start));
	if (type == JSON_MISSING)
		return false;
	set_value(value, type, start, stop, false);
	*next = stop;
	return true;
}

/* Likewise for any value. */
static inline bool
take_value(const char **next, const char *end, JsonValue *value)
{
	const char *start = *next;
	const char *stop = start;

	if (start >= end)
		return false;
	if (*start == '"')
		return take_string(next, end, value);
	if (*start != '{' && *start != '[')
		return take_scalar(next, end, value);
	if (skip_container(&stop, end, false, JSON_MAX_DEPTH, NULL) != SKIP_FOUND || stop >= end)
		return false;
	set_value(value, *start == '{' ? JSON_OBJECT : JSON_ARRAY, start, stop, false);
	*next = stop;
	return true;
}

/*
 * A walk has matched the brackets and strings of the container, so that no step
 * gets past its end unnoticed; the checks against end are for what was inside.
 */
bool
json_cursor_next(JsonCursor *cursor, JsonValue *key, JsonValue *value, StreamError *error)
{
	const char *next = cursor->next;
	const char *const end = cursor->end;

	if (error != NULL)
		stream_error_clear(error);
	if (next >= end)
		return false;
	next = skip_space(next);
	if (*next == (cursor->in_object ? '}' : ']'))
	{
		if (next + 1 != end)
			return fail(cursor, next, "the end", error);
		cursor->next = end;
		return false;
	}
	if (!cursor->first)
	{
		if (*next != ',')
			return fail(cursor, next, "\",\"", error);
		next = skip_space(next + 1);
	}
	cursor->first = false;

	if (cursor->in_object)
	{
		JsonValue unwanted;

		if (!take_string(&next, end, key != NULL ? key : &unwanted))
			return fail(cursor, next, "a key", error);
		next = skip_space(next);
		if (*next != ':')
			return fail(cursor, next, "\":\"", error);
		next = skip_space(next + 1);
	}
	if (!take_value(&next, end, value))
		return fail(cursor, next, "a value", error);
	cursor->next = next;
	return true;
}
