/*-------------------------------------------------------------------------
 *
 * interruptible.h
 *		What is done with a value of any size, so that a cancel is heard meanwhile.
 *
 * For the backend only: all of these check for interrupts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_INTERRUPTIBLE_H
#define ADSEXPORT_INTERRUPTIBLE_H

#include "postgres.h"

#include "stream/json.h"

/* At most this much is copied or scanned between two checks for interrupts. */
#define UNINTERRUPTED ((size_t) 4 * 1024 * 1024)

/* As json_cursor_next. */
extern bool
interruptible_next(JsonCursor *cursor, JsonValue *key, JsonValue *value, StreamError *error);

/* As json_string_decode. */
extern bool interruptible_decode(const JsonValue *value, JsonTextPolicy policy, char *output,
								 size_t *output_length, StreamError *error);

/* As json_text_copied_size and json_text_copy. */
extern size_t interruptible_copied_size(const char *text, size_t length);
extern bool interruptible_text_copy(const char *text, size_t length, JsonTextPolicy policy,
									char *output, size_t *output_length, StreamError *error);

/* Is it valid UTF-8 without NULs? */
extern bool interruptible_is_utf8(const char *text, size_t length);

/* As memcpy. */
extern void interruptible_copy(char *output, const char *input, size_t length);

#endif /* ADSEXPORT_INTERRUPTIBLE_H */
