/*-------------------------------------------------------------------------
 *
 * json_text.c
 *		From JSON to text: escapes, UTF-8, and the syntax of a value.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "stream/json_scan.h"
#include "stream/stream_error.h"

/*-------------------------------------------------------------------------
 * Text
 *-------------------------------------------------------------------------
 */
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Length of the UTF-8 sequence at next, which is not ASCII, or 0 with *bad set
 * to the length of the maximal part of it that could have begun one (Unicode
 * standard, table 3-7 and "U+FFFD Substitution of Maximal Subparts").
 */
static inline unsigned
utf8_sequence(const unsigned char *next, size_t available, unsigned *bad)
{
	unsigned char lead = next[0];
	unsigned char second_least = 0x80;
	unsigned char second_most = 0xbf;
	unsigned length;

	*bad = 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		length = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
	{
		length = 3;
		if (lead == 0xe0)
			second_least = 0xa0;
		else if (lead == 0xed)
			second_most = 0x9f;
	}
	else if (lead >= 0xf0 && lead <= 0xf4)
	{
		length = 4;
		if (lead == 0xf0)
			second_least = 0x90;
		else if (lead == 0xf4)
			second_most = 0x8f;
	}
	else
		return 0;

	if (available < 2 || next[1] < second_least || next[1] > second_most)
		return 0;
	for (unsigned i = 2; i < length; i++)
		if (i >= available || (next[i] & 0xc0) != 0x80)
		{
			*bad = i;
			return 0;
		}
	return length;
}

/* Value of a hexadecimal digit, or -1. */
static inline int
hex_digit(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* The code unit of the escape \uXXXX at next, or -1 if there is none. */
static int
unicode_escape(const unsigned char *next, size_t available)
{
	int unit = 0;

	if (available < 6 || next[0] != '\\' || next[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
	{
		int digit = hex_digit(next[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* What a backslash with this letter stands for, or 0 if it is not an escape. */
static inline char
letter_escape(unsigned char letter)
{
	switch (letter)
	{
		case '"':
		case '\\':
		case '/':
			return (char) letter;
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return 0;
	}
}

static inline unsigned
write_utf8(char *output, uint32_t code)
{
	if (code < 0x80)
	{
		output[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		output[0] = (char) (0xc0 | (code >> 6));
		output[1] = (char) (0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000)
	{
		output[0] = (char) (0xe0 | (code >> 12));
		output[1] = (char) (0x80 | ((code >> 6) & 0x3f));
		output[2] = (char) (0x80 | (code & 0x3f));
		return 3;
	}
	output[0] = (char) (0xf0 | (code >> 18));
	output[1] = (char) (0x80 | ((code >> 12) & 0x3f));
	output[2] = (char) (0x80 | ((code >> 6) & 0x3f));
	output[3] = (char) (0x80 | (code & 0x3f));
	return 4;
}

typedef enum EscapeKind
{
	ESCAPE_CHARACTER,
	ESCAPE_NO_TEXT, /* NUL or a lone surrogate */
	ESCAPE_MALFORMED
} EscapeKind;

typedef struct Escape
{
	EscapeKind kind;
	uint32_t code;
	unsigned length; /* in the input; a surrogate pair is one escape of 12 */
} Escape;

/* next is at a backslash. */
static inline Escape
read_escape(const unsigned char *next, size_t available)
{
	Escape escape = { ESCAPE_MALFORMED, 0, 0 };
	int unit;

	if (available < 2)
		return escape;
	if (next[1] != 'u')
	{
		escape.code = (unsigned char) letter_escape(next[1]);
		escape.length = 2;
		escape.kind = escape.code != 0 ? ESCAPE_CHARACTER : ESCAPE_MALFORMED;
		return escape;
	}
	unit = unicode_escape(next, available);
	if (unit < 0)
		return escape;
	escape.code = (uint32_t) unit;
	escape.length = 6;
	escape.kind = ESCAPE_CHARACTER;
	if (unit >= 0xd800 && unit <= 0xdbff)
	{
		int second = unicode_escape(next + 6, available - 6);

		if (second >= 0xdc00 && second <= 0xdfff)
		{
			escape.code =
				0x10000 + ((uint32_t) (unit - 0xd800) << 10) + (uint32_t) (second - 0xdc00);
			escape.length = 12;
		}
		else
			escape.kind = ESCAPE_NO_TEXT;
	}
	else if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		escape.kind = ESCAPE_NO_TEXT;
	return escape;
}

/* Is it ASCII, but not a control character or backslash? */
static inline bool
is_plain(char character)
{
	return (signed char) character >= ' ' && character != '\\';
}

/* Are the eight bytes of a word plain?  Sometimes says no although they are. */
static inline bool
is_plain_word(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t no_backslash = word ^ (ones * '\\');
	uint64_t special =
		word | ((word - ones * ' ') & ~word) | ((no_backslash - ones) & ~no_backslash);

	return (special & (ones * 0x80)) == 0;
}

/*
 * Copy 1 to 15 bytes if they are plain text, else copy nothing.  Loads and
 * stores overlap in the middle instead of running past the end.
 */
static inline bool
copy_short_plain_text(char *output, const char *text, size_t length)
{
	if (length >= 8)
	{
		uint64_t head;
		uint64_t tail;

		memcpy(&head, text, 8);
		memcpy(&tail, text + length - 8, 8);
		if (!is_plain_word(head) || !is_plain_word(tail))
			return false;
		memcpy(output, &head, 8);
		memcpy(output + length - 8, &tail, 8);
	}
	else if (length >= 4)
	{
		uint32_t head;
		uint32_t tail;

		memcpy(&head, text, 4);
		memcpy(&tail, text + length - 4, 4);
		if (!is_plain_word(head | (uint64_t) tail << 32))
			return false;
		memcpy(output, &head, 4);
		memcpy(output + length - 4, &tail, 4);
	}
	else
	{
		for (size_t i = 0; i < length; i++)
			if (!is_plain(text[i]))
				return false;
		for (size_t i = 0; i < length; i++)
			output[i] = text[i];
	}
	return true;
}

/* What copying does with the text. */
typedef enum CopyMode
{
	COPY_DECODED,      /* the text itself: escapes are resolved */
	COPY_JSON,         /* JSON that was checked: escapes stay */
	COPY_JSON_CONTROLS /* the same, with raw control characters in its strings */
} CopyMode;

static __attribute__((cold, noinline)) void
refuse_control_character(unsigned char character, uint64_t offset, StreamError *error)
{
	if (character == '\0')
		stream_error_set(error, STREAM_ERROR_CORRUPT, offset,
						 "NUL byte in a JSON string cannot be converted to text");
	else
		stream_error_set(error, STREAM_ERROR_CORRUPT, offset,
						 "control character 0x%02x in a JSON string is not escaped", character);
}

/*
 * Copy the escape at *next, which is moved past it.  Returns false with
 * *error set where it is none, or none that the policy allows.
 */
static bool
copy_escape(const char **next, const char *end, uint64_t offset, CopyMode mode,
			JsonTextPolicy policy, char **written, StreamError *error)
{
	size_t available = (size_t) (end - *next);
	Escape escape = read_escape((const unsigned char *) *next, available);

	if (escape.kind == ESCAPE_MALFORMED)
	{
		char quoted[64];

		stream_escape(quoted, sizeof(quoted), *next, available < 6 ? available : 6);
		stream_error_set(error, STREAM_ERROR_CORRUPT, offset,
						 "malformed escape in a JSON string at \"%s\"", quoted);
		return false;
	}
	if (escape.kind == ESCAPE_NO_TEXT && policy == JSON_TEXT_ERROR)
	{
		stream_error_set(error, STREAM_ERROR_CORRUPT, offset,
						 "\\u%04x in a JSON string cannot be converted to text%s",
						 (unsigned) escape.code,
						 escape.code == 0 ? "" : ": it is half of a surrogate pair");
		return false;
	}
	if (escape.kind == ESCAPE_NO_TEXT)
	{
		memcpy(*written, REPLACEMENT, 3);
		*written += 3;
	}
	else if (mode == COPY_DECODED)
		*written += write_utf8(*written, escape.code);
	else
	{
		memcpy(*written, *next, escape.length);
		*written += escape.length;
	}
	*next += escape.length;
	return true;
}

/* Write a control character as JSON escapes it. */
static char *
write_control_escape(char *written, unsigned char character)
{
	static const char digits[] = "0123456789abcdef";

	memcpy(written, "\\u00", 4);
	written[4] = digits[character >> 4];
	written[5] = digits[character & 15];
	return written + 6;
}

static __attribute__((cold, noinline)) bool
stopped(StreamError *error)
{
	stream_error_set(error, STREAM_ERROR_STOPPED, 0, "told to stop");
	return false;
}

/* How far the copy of a text is. */
typedef struct TextCopy
{
	const char *text;
	const char *next;
	const char *end;
	char *written;
	bool in_string; /* with COPY_JSON_CONTROLS */
} TextCopy;

/*
 * Copy the text up to limit, or a few bytes more, as text that any column
 * could hold. Returns false with *error set where the policy does not allow
 * what is there.
 */
static inline bool
copy_piece(TextCopy *copy, const char *limit, CopyMode mode, JsonTextPolicy policy,
		   StreamError *error)
{
	const char *const text = copy->text;
	const char *next = copy->next;
	const char *const end = copy->end;
	char *written = copy->written;
	bool in_string = copy->in_string;

	while (next < limit)
	{
		size_t available = (size_t) (end - next);
		unsigned char character = (unsigned char) *next;

		if (mode == COPY_JSON_CONTROLS)
			in_string ^= character == '"';
		else if (available >= 16)
		{
			if (all_plain_text(next))
			{
				memcpy(written, next, 16);
				next += 16;
				written += 16;
				continue;
			}
		}
		else if (copy_short_plain_text(written, next, available))
		{
			written += available;
			next = end;
			break;
		}

		/* Something special is near. */
		if (character == '\\')
		{
			if (!copy_escape(&next, end, (uint64_t) (next - text), mode, policy, &written, error))
				return false;
		}
		else if (character >= ' ' && character < 0x80)
			*written++ = *next++;
		else if (character < ' ' && character != '\0')
		{
			/* In JSON that was checked it is white space, unless it is in a string. */
			if (mode == COPY_JSON_CONTROLS && in_string)
			{
				written = write_control_escape(written, character);
				next++;
			}
			else if (mode == COPY_DECODED && policy == JSON_TEXT_ERROR)
			{
				refuse_control_character(character, (uint64_t) (next - text), error);
				return false;
			}
			else
				*written++ = *next++;
		}
		else
		{
			unsigned bad = 1;
			unsigned sequence = 0;

			if (character != '\0')
				sequence = utf8_sequence((const unsigned char *) next, available, &bad);
			if (sequence != 0)
			{
				for (unsigned i = 0; i < sequence; i++)
					*written++ = *next++;
			}
			else if (policy == JSON_TEXT_REPLACE)
			{
				memcpy(written, REPLACEMENT, 3);
				written += 3;
				next += bad;
			}
			else if (character == '\0')
			{
				refuse_control_character(character, (uint64_t) (next - text), error);
				return false;
			}
			else
			{
				char quoted[64];

				stream_escape(quoted, sizeof(quoted), next, available < 4 ? available : 4);
				stream_error_set(error, STREAM_ERROR_CORRUPT, (uint64_t) (next - text),
								 "invalid UTF-8 in a JSON string at \"%s\"", quoted);
				return false;
			}
		}
	}
	copy->next = next;
	copy->written = written;
	copy->in_string = in_string;
	return true;
}

/* Likewise all of text[0 .. length) to output, unless told to stop. */
static bool
copy_text(const char *text, size_t length, CopyMode mode, JsonTextPolicy policy, StreamStop *stop,
		  char *output, size_t *output_length, StreamError *error)
{
	TextCopy copy = { text, text, text + length, output, false };

	if (error != NULL)
		stream_error_clear(error);
	for (;;)
	{
		size_t left = (size_t) (copy.end - copy.next);

		if (!copy_piece(&copy,
						likely_true(left <= STREAM_WORK) ? copy.end : copy.next + STREAM_WORK, mode,
						policy, error))
			return false;
		if (likely_true(copy.next >= copy.end))
			break;
		if (stream_stop_is_set(stop))
			return stopped(error);
	}
	*output_length = (size_t) (copy.written - output);
	return true;
}

size_t
json_string_decoded_size(const JsonValue *value)
{
	/* One bad byte becomes the three bytes of U+FFFD. */
	return (size_t) value->length * 3;
}

bool
json_string_decode(const JsonValue *value, JsonTextPolicy policy, StreamStop *stop, char *output,
				   size_t *output_length, StreamError *error)
{
	return copy_text(value->start, value->length, COPY_DECODED, policy, stop, output, output_length,
					 error);
}

bool
json_string_equals(const JsonValue *value, const char *text)
{
	const unsigned char *next = (const unsigned char *) value->start;
	const unsigned char *const end = next + value->length;

	if (!value->escaped)
	{
		size_t length = strlen(text);

		return value->length == length && memcmp(value->start, text, length) == 0;
	}
	while (next < end)
	{
		char utf8[4];
		unsigned length = 1;

		if (*next == '\\')
		{
			Escape escape = read_escape(next, (size_t) (end - next));

			if (escape.kind != ESCAPE_CHARACTER)
				return false;
			length = write_utf8(utf8, escape.code);
			next += escape.length;
		}
		else
			utf8[0] = (char) *next++;

		for (unsigned i = 0; i < length; i++)
			if (*text == '\0' || *text++ != utf8[i])
				return false;
	}
	return *text == '\0';
}

/*-------------------------------------------------------------------------
 * Checking the syntax
 *
 * Unlike a walk, this does not rely on zero bytes after the text.
 *-------------------------------------------------------------------------
 */
static inline const char *
skip_space_until(const char *next, const char *end)
{
	while (next < end && is_space(*next))
		next++;
	return next;
}

/*
 * Check the string whose content begins at next.  Returns what is after its
 * closing quote, or NULL with *stop and *problem set (NULL: told to give up).
 * Control characters are accepted if first_control is given, which is set to
 * the first one.
 */
static const char *
check_string(const char *next, const char *end, const char **first_control, const char **stop,
			 const char **problem, StreamStop *give_up)
{
	const char *start = next;

	for (;;)
	{
		unsigned char character;

		while (end - next >= STRING_STEP)
		{
			unsigned step = find_string_stop(next);

			next += step;
			if (step != STRING_STEP)
				break;
		}
		*stop = next;
		if (next >= end)
		{
			*problem = "string is not closed";
			return NULL;
		}
		character = (unsigned char) *next;
		if (character == '"')
			return next + 1;
		if (likely_false((size_t) (next - start) >= STREAM_WORK))
		{
			if (stream_stop_is_set(give_up))
			{
				*problem = NULL;
				return NULL;
			}
			start = next;
		}
		if (character == '\\')
		{
			Escape escape = read_escape((const unsigned char *) next, (size_t) (end - next));

			if (escape.kind == ESCAPE_MALFORMED)
			{
				*problem = "malformed escape";
				return NULL;
			}
			next += escape.length;
		}
		else if (character >= 0x20)
			next++;
		else if (first_control != NULL)
		{
			if (*first_control == NULL)
				*first_control = next;
			next++;
		}
		else
		{
			*problem = "control character in a string";
			return NULL;
		}
	}
}

/* first_control: see check_string. */
static bool
check_syntax(const char *text, size_t length, const char **first_control, StreamStop *give_up,
			 StreamError *error)
{
	const char *next = text;
	const char *looked = text; /* where next was when it was last to give up or not */
	const char *const end = text + length;
	uint64_t objects[JSON_MAX_DEPTH / 64]; /* per depth: 1 object, 0 array */
	unsigned depth = 0;
	bool in_object = false;
	const char *problem;
	const char *stop;
	char quoted[80];

	if (error != NULL)
		stream_error_clear(error);
	memset(objects, 0, sizeof(objects));

read_value:
	next = skip_space_until(next, end);
	stop = next;
	problem = "expected a value";
	if (next >= end)
		goto malformed;
	if (*next == '"')
	{
		next = check_string(next + 1, end, first_control, &stop, &problem, give_up);
		if (next == NULL)
			goto malformed;
	}
	else if (*next == '{' || *next == '[')
	{
		uint64_t bit = UINT64_C(1) << (depth % 64);

		if (depth == JSON_MAX_DEPTH)
		{
			stream_error_set(error, STREAM_ERROR_TOO_LARGE, (uint64_t) (next - text),
							 "JSON value is nested more than %d levels deep", JSON_MAX_DEPTH);
			return false;
		}
		in_object = *next == '{';
		if (in_object)
			objects[depth / 64] |= bit;
		else
			objects[depth / 64] &= ~bit;
		depth++;
		next = skip_space_until(next + 1, end);
		if (next < end && *next == (in_object ? '}' : ']'))
			goto leave_container;
		if (in_object)
			goto read_key;
		goto read_value;
	}
	else
	{
		while (next < end && (is_digit(*next) || *next == '-' || *next == '+' || *next == '.' ||
							  ((*next | 0x20) >= 'a' && (*next | 0x20) <= 'z')))
			next++;
		if (!is_number(stop, next) && literal_type(stop, (size_t) (next - stop)) == JSON_MISSING)
			goto malformed;
	}

after_value:
	next = skip_space_until(next, end);
	stop = next;
	if (depth == 0)
	{
		problem = "expected nothing after the value";
		if (next < end)
			goto malformed;
		return true;
	}
	if (likely_false((size_t) (next - looked) >= STREAM_WORK))
	{
		if (stream_stop_is_set(give_up))
			return stopped(error);
		looked = next;
	}
	problem = in_object ? "expected \",\" or \"}\"" : "expected \",\" or \"]\"";
	if (next >= end)
		goto malformed;
	if (*next == ',')
	{
		next = skip_space_until(next + 1, end);
		if (in_object)
			goto read_key;
		goto read_value;
	}
	if (*next != (in_object ? '}' : ']'))
		goto malformed;

leave_container:
	next++;
	depth--;
	if (depth > 0)
		in_object = (objects[(depth - 1) / 64] >> ((depth - 1) % 64)) & 1;
	goto after_value;

read_key:
	stop = next;
	problem = "expected a key";
	if (next >= end || *next != '"')
		goto malformed;
	next = check_string(next + 1, end, first_control, &stop, &problem, give_up);
	if (next == NULL)
		goto malformed;
	next = skip_space_until(next, end);
	stop = next;
	problem = "expected \":\"";
	if (next >= end || *next != ':')
		goto malformed;
	next++;
	goto read_value;

malformed:
	if (problem == NULL)
		return stopped(error);
	stream_escape(quoted, sizeof(quoted), stop, end - stop < 16 ? (size_t) (end - stop) : 16);
	stream_error_set(error, STREAM_ERROR_CORRUPT, (uint64_t) (stop - text),
					 "malformed JSON value: %s at \"%s\"", problem, quoted);
	return false;
}

bool
json_validate(const char *text, size_t length, StreamError *error)
{
	return check_syntax(text, length, NULL, NULL, error);
}

size_t
json_text_copied_size(const char *text, size_t length)
{
	size_t size = length;

	for (size_t i = 0; i < length; i++)
	{
		unsigned char character = (unsigned char) text[i];

		/* U+FFFD is three bytes long, the escape of a control character six. */
		size += (size_t) (character >= 0x80) * 2 + (size_t) (character < 0x20) * 5;
	}
	return size;
}

bool
json_text_copy(const char *text, size_t length, JsonTextPolicy policy, StreamStop *stop,
			   char *output, size_t *output_length, StreamError *error)
{
	const char *control = NULL;

	if (!check_syntax(text, length, &control, stop, error))
		return false;
	if (control != NULL && policy == JSON_TEXT_ERROR)
	{
		refuse_control_character((unsigned char) *control, (uint64_t) (control - text), error);
		return false;
	}

	/*
	 * Outside strings the syntax leaves ASCII only and no backslash, so the
	 * copy need not know where strings begin and end unless there are control
	 * characters in them.
	 */
	return copy_text(text, length, control != NULL ? COPY_JSON_CONTROLS : COPY_JSON, policy, stop,
					 output, output_length, error);
}
