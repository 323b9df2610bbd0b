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
	cursor->stop = NULL;
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

typedef enum TakeResult
{
	TAKE_DONE,
	TAKE_NONE,   /* there is none */
	TAKE_STOPPED /* it is large, and was given up */
} TakeResult;

/* The string at *next, which is moved past it. */
static inline TakeResult
take_string(const char **next, const char *end, JsonValue *value, StreamStop *give_up)
{
	const char *start = *next + 1;
	const char *stop;
	const char *quote;
	bool escaped = false;

	if (**next != '"')
		return TAKE_NONE;
	quote = find_quote(start, end, false, &escaped, &stop, give_up);
	if (quote == NULL && stop < end)
		return TAKE_STOPPED;
	if (quote == NULL || quote >= end)
		return TAKE_NONE;
	set_value(value, JSON_STRING, start, quote, escaped);
	*next = quote + 1;
	return TAKE_DONE;
}

/* The number or literal at *next, which is moved past it. */
static inline TakeResult
take_scalar(const char **next, const char *end, JsonValue *value)
{
	const char *start = *next;
	const char *stop = find_scalar_end(start);
	JsonType type;

	if (stop >= end)
		return TAKE_NONE;
	if (*start == '-' || is_digit(*start))
		type = is_number(start, stop) ? JSON_NUMBER : JSON_MISSING;
	else
		type = literal_type(start, (size_t) (stop - start));
	if (type == JSON_MISSING)
		return TAKE_NONE;
	set_value(value, type, start, stop, false);
	*next = stop;
	return TAKE_DONE;
}

/* Likewise for any value. */
static inline TakeResult
take_value(const char **next, const char *end, JsonValue *value, StreamStop *give_up)
{
	const char *start = *next;
	const char *stop = start;
	SkipResult skipped;

	if (start >= end)
		return TAKE_NONE;
	if (*start == '"')
		return take_string(next, end, value, give_up);
	if (*start != '{' && *start != '[')
		return take_scalar(next, end, value);
	skipped = skip_container(&stop, end, false, JSON_MAX_DEPTH, give_up);
	if (skipped == SKIP_STOPPED)
		return TAKE_STOPPED;
	if (skipped != SKIP_FOUND || stop >= end)
		return TAKE_NONE;
	set_value(value, *start == '{' ? JSON_OBJECT : JSON_ARRAY, start, stop, false);
	*next = stop;
	return TAKE_DONE;
}

/* A key or value was not taken: next is where it should begin. */
static __attribute__((cold, noinline)) bool
not_taken(JsonCursor *cursor, TakeResult result, const char *next, const char *expected,
		  StreamError *error)
{
	if (result == TAKE_NONE)
		return fail(cursor, next, expected, error);
	stream_error_set(error, STREAM_ERROR_STOPPED, 0, "told to stop");
	return false;
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
	TakeResult taken;

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

	if (cursor->in_object)
	{
		JsonValue unwanted;

		taken = take_string(&next, end, key != NULL ? key : &unwanted, cursor->stop);
		if (taken != TAKE_DONE)
			return not_taken(cursor, taken, next, "a key", error);
		next = skip_space(next);
		if (*next != ':')
			return fail(cursor, next, "\":\"", error);
		next = skip_space(next + 1);
	}
	taken = take_value(&next, end, value, cursor->stop);
	if (taken != TAKE_DONE)
		return not_taken(cursor, taken, next, "a value", error);
	cursor->next = next;
	cursor->first = false;
	return true;
}
