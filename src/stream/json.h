/*-------------------------------------------------------------------------
 *
 * json.h
 *		Cut records out of a stream of JSON and find the wanted values.
 *
 * A record is walked once, where it lies.  Which values are wanted is
 * compiled beforehand into a JsonPaths; a walk fills one JsonValue per path
 * with a pointer into the caller's buffer.  Nothing is copied or allocated
 * per record.
 *
 * What is looked at is checked; a value that is not wanted is only skipped
 * (strings and brackets must match). If a key occurs twice, its last value
 * counts, as in jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_H
#define ADSEXPORT_JSON_H

#include "stream/stream.h"

/* Zero bytes that the caller keeps after the data it hands in. */
#define JSON_PADDING 64

/*
 * Far deeper than what people nest, but small enough that each reader has a
 * frame for each level from the start: no record can make it need more.
 */
#define JSON_MAX_DEPTH 512

/*
 * A record is in memory as a whole, and reading one takes a multiple of its
 * size, up to 16 times (docs/errors.md): no remote should make a backend need
 * more than about 1 GB.
 */
#define JSON_MAX_RECORD ((size_t) 64 * 1024 * 1024)

/* More than anyone writes: the vendors' longest has four.  Bounds a recursion. */
#define JSON_MAX_PATH_KEYS 32

typedef enum JsonType
{
	JSON_MISSING, /* the key is not there */
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonType;

/*
 * The text of a value, inside the caller's buffer. For a string, start and
 * length leave out the quotes, and escaped says whether it holds a backslash
 * or a raw control character, so that it is not its own text; bytes are not
 * yet known to be valid UTF-8.  A number's syntax has been checked. An array
 * or object includes its brackets; its inside has been checked for matching
 * brackets and strings only.
 */
typedef struct JsonValue
{
	const char *start;
	uint32_t length;
	uint8_t type; /* JsonType */
	bool escaped;
} JsonValue;

/*-------------------------------------------------------------------------
 * Paths
 *-------------------------------------------------------------------------
 */
typedef struct JsonPaths JsonPaths;

/* Returns NULL when memory is short.  Free with json_paths_free. */
extern JsonPaths *json_paths_create(void);
extern void json_paths_free(JsonPaths *paths);

/*
 * Add one path (keys joined by dots, quoted if necessary, see json_path.h; no
 * alternatives; "$" is the record itself) and return its slot, the index into
 * the values of a walk.  The same path added twice has one slot.  On an array
 * a key means "of its first element".  Returns -1 when memory is short, -2
 * when the path is malformed (or has more than JSON_MAX_PATH_KEYS keys).
 */
extern int json_paths_add(JsonPaths *paths, const char *path);
extern int json_paths_count(const JsonPaths *paths);

/*-------------------------------------------------------------------------
 * Records
 *-------------------------------------------------------------------------
 */
typedef enum JsonFraming
{
	JSON_FRAMING_ARRAY, /* one array of objects, white space around */
	JSON_FRAMING_LINES  /* one object a line; blank lines, CRLF and a
								 * missing last newline are fine */
} JsonFraming;

typedef struct JsonReader JsonReader;

/*
 * Returns NULL when memory is short.  paths is translated here; it may be
 * shared, and paths added to it later are not seen by this reader.
 */
extern JsonReader *json_reader_create(const JsonPaths *paths);
extern void json_reader_free(JsonReader *reader);

/* Start on another stream of records (file, archive entry). */
extern void json_reader_reset(JsonReader *reader, JsonFraming framing);

/*
 * Read the next record from data[0 .. length), after which JSON_PADDING zero
 * bytes must follow.  last says that the stream ends there.
 *
 * STREAM_RECORD: values is filled; *consumed bytes are done with as soon as
 * the caller has used the values. STREAM_NEED_INPUT: *consumed bytes may be
 * dropped; call again with the rest and more after it.  If consumed is 0 and
 * length is JSON_MAX_RECORD or more, this is STREAM_ERROR (too large) instead.
 * STREAM_PAUSED: the walk gave up (json_reader_stop_when); likewise, but there
 * need not be more after it.
 * STREAM_END: last, and the array was closed (array) or nothing is left
 * (lines).  Only white space may follow an array's "]", so without last the
 * answer there is STREAM_NEED_INPUT; zero records are fine. STREAM_ERROR: an
 * unclosed array or record at last is STREAM_ERROR_TRUNCATED. A record that is
 * not an object is STREAM_ERROR_CORRUPT; more white space than JSON_MAX_RECORD
 * in one place is too large.
 *
 * Call as often as there are records; a walk that runs into the end of the
 * data starts over at the record's first byte, so pass in large pieces.  Small
 * ones cost little more, however large the record: it is only walked again
 * when its end has been found or its size has doubled.
 *
 * Raw control characters in a string are accepted here: the policy for
 * decoding decides about them.  Only a line break in JSON_FRAMING_LINES is an
 * error, where it means that a line was cut.
 */
extern StreamStatus json_reader_next(JsonReader *reader, const char *data, size_t length, bool last,
									 size_t *consumed, JsonValue *values);

/*
 * A record that is larger than STREAM_WORK is walked no further once *stop is
 * set; the next call starts over at its first byte.
 */
extern void json_reader_stop_when(JsonReader *reader, StreamStop *stop);

extern const StreamError *json_reader_error(const JsonReader *reader);

/* Number of records returned since the reset, and offset of the last one's
 * first byte (of inflated bytes since the reset). */
extern uint64_t json_reader_records(const JsonReader *reader);
extern uint64_t json_reader_record_offset(const JsonReader *reader);

/* Offset of the first byte that has not been consumed. */
extern uint64_t json_reader_offset(const JsonReader *reader);

/*-------------------------------------------------------------------------
 * Inside a value
 *-------------------------------------------------------------------------
 */

/*
 * Walk an array or object that a walk (or a cursor) returned.  The text must still lie in
 * the padded buffer.  For an object key is filled too (as a string value).
 * json_cursor_next returns false at the end, and false with *error set (if
 * error is given) when the inside is malformed.
 */
typedef struct JsonCursor
{
	const char *next;
	const char *end;
	StreamStop *stop;
	bool in_object;
	bool first;
} JsonCursor;

extern bool json_cursor_open(JsonCursor *cursor, const JsonValue *container);
extern bool
json_cursor_next(JsonCursor *cursor, JsonValue *key, JsonValue *value, StreamError *error);

/*
 * An element that is larger than STREAM_WORK is walked no further once *stop is
 * set, which json_cursor_next reports as STREAM_ERROR_STOPPED (so it needs
 * error); the next call starts over at its first byte.
 */
static inline void
json_cursor_stop_when(JsonCursor *cursor, StreamStop *stop)
{
	cursor->stop = stop;
}

/* Is a string value equal to text, escapes taken into account? */
extern bool json_string_equals(const JsonValue *value, const char *text);

/*
 * Check the whole syntax of a value's text (RFC 8259: numbers, literals,
 * strings with their escapes and without control characters, depth up to
 * JSON_MAX_DEPTH).  Used before a value is passed on as json text.  UTF-8 is
 * not checked here.
 */
extern bool json_validate(const char *text, size_t length, StreamError *error);

typedef enum JsonTextPolicy
{
	JSON_TEXT_ERROR,  /* reject what is not text */
	JSON_TEXT_REPLACE /* put U+FFFD there; what JSON should have escaped is taken as it is */
} JsonTextPolicy;

/*
 * Decode a string value: resolve escapes (surrogate pairs included) and check
 * that the result is valid UTF-8 without U+0000 and that control characters
 * were escaped, as JSON demands.  Writes at most
 * json_string_decoded_size(value) bytes to output (no NUL after them) and sets
 * *output_length.  Under JSON_TEXT_REPLACE a lone surrogate, an escaped or raw
 * NUL and each maximal invalid byte sequence become U+FFFD; other control
 * characters are text and stay.  Returns false with *error set (offset counts
 * from the string's first byte) under JSON_TEXT_ERROR, and under both for a
 * malformed escape; and with STREAM_ERROR_STOPPED if *stop is set before the
 * end of a value larger than STREAM_WORK.
 */
extern size_t json_string_decoded_size(const JsonValue *value);
extern bool json_string_decode(const JsonValue *value, JsonTextPolicy policy, StreamStop *stop,
							   char *output, size_t *output_length, StreamError *error);

/*
 * Likewise for a whole piece of JSON text that stays JSON (a column of type
 * json, or text holding an object): copies it, under JSON_TEXT_REPLACE with
 * the escapes and bytes that no text column could hold replaced by U+FFFD and
 * control characters in strings escaped, under JSON_TEXT_ERROR rejecting them.
 * Syntax as json_validate otherwise.  Output needs at most
 * json_text_copied_size bytes.
 */
extern size_t json_text_copied_size(const char *text, size_t length);
extern bool json_text_copy(const char *text, size_t length, JsonTextPolicy policy, StreamStop *stop,
						   char *output, size_t *output_length, StreamError *error);

#endif /* ADSEXPORT_JSON_H */
