/*-------------------------------------------------------------------------
 *
 * interruptible.c
 *		What is done with a value of any size, so that a cancel is heard meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "row/interruptible.h"

/*
 * Nothing is begun again more often than this because an interrupt was pending:
 * it may be one that cannot be handled here.
 */
#define MOST_STOPS 8

/* Handle what is pending; returns what makes the next attempt stop. */
static inline StreamStop *
stop_of_attempt(int attempt)
{
	CHECK_FOR_INTERRUPTS();
	return attempt < MOST_STOPS ? &InterruptPending : NULL;
}

bool
interruptible_next(JsonCursor *cursor, JsonValue *key, JsonValue *value, StreamError *error)
{
	for (int attempt = 0;; attempt++)
	{
		json_cursor_stop_when(cursor, stop_of_attempt(attempt));
		if (json_cursor_next(cursor, key, value, error))
			return true;
		if (error->kind != STREAM_ERROR_STOPPED)
			return false;
	}
}

bool
interruptible_decode(const JsonValue *value, JsonTextPolicy policy, char *output,
					 size_t *output_length, StreamError *error)
{
	for (int attempt = 0;; attempt++)
	{
		if (json_string_decode(value, policy, stop_of_attempt(attempt), output, output_length,
							   error))
			return true;
		if (error->kind != STREAM_ERROR_STOPPED)
			return false;
	}
}

size_t
interruptible_copied_size(const char *text, size_t length)
{
	size_t size = 0;

	for (size_t done = 0; done < length; done += UNINTERRUPTED)
	{
		CHECK_FOR_INTERRUPTS();
		size += json_text_copied_size(text + done, Min(length - done, UNINTERRUPTED));
	}
	return size;
}

bool
interruptible_text_copy(const char *text, size_t length, JsonTextPolicy policy, char *output,
						size_t *output_length, StreamError *error)
{
	for (int attempt = 0;; attempt++)
	{
		if (json_text_copy(text, length, policy, stop_of_attempt(attempt), output, output_length,
						   error))
			return true;
		if (error->kind != STREAM_ERROR_STOPPED)
			return false;
	}
}

bool
interruptible_is_utf8(const char *text, size_t length)
{
	while (length > UNINTERRUPTED)
	{
		size_t piece = UNINTERRUPTED;

		CHECK_FOR_INTERRUPTS();
		/* Up to the first byte of a character, which is at most three bytes before. */
		for (int i = 0; i < 3 && ((unsigned char) text[piece] & 0xc0) == 0x80; i++)
			piece--;
		if (!pg_verify_mbstr(PG_UTF8, text, piece, true))
			return false;
		text += piece;
		length -= piece;
	}
	return pg_verify_mbstr(PG_UTF8, text, length, true);
}

void
interruptible_copy(char *output, const char *input, size_t length)
{
	for (size_t done = 0; done < length; done += UNINTERRUPTED)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(output + done, input + done, Min(length - done, UNINTERRUPTED));
	}
}
