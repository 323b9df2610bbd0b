/*-------------------------------------------------------------------------
 *
 * json_scan.h
 *		The elementary steps of reading JSON (inside stream/ only).
 *
 * They are compiled into each file that uses them: a walk spends its time here,
 * and a call for each step would cost more than the step.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_SCAN_H
#define ADSEXPORT_JSON_SCAN_H

#include "stream/json.h"
#include "stream/json_simd.h"

/*-------------------------------------------------------------------------
 * Small steps
 *-------------------------------------------------------------------------
 */
static inline bool
is_space(char character)
{
	return character == ' ' || character == '\n' || character == '\t' || character == '\r';
}

/* Stops at the zero bytes after the data at the latest. */
static inline const char *
skip_space(const char *next)
{
	while (is_space(*next))
		next++;
	return next;
}

/*
 * Continue with a string in which find_string_stop did not find the closing
 * quote first.  Returns the closing quote.  Returns NULL with *stop set to
 * where the data ended or a line break was met that lines framing does not
 * allow; or, elsewhere, where the walk is to give up.
 */
static __attribute__((noinline, unused)) const char *
find_quote_slowly(const char *next, const char *end, bool lines, bool *escaped, const char **stop,
				  StreamStop *give_up)
{
	const char *start = next;

	for (;;)
	{
		unsigned step = find_string_stop(next);

		next += step;
		if (step == STRING_STEP)
			continue;
		if (next >= end)
			break;
		if (*next == '"')
			return next;
		if (likely_false((size_t) (next - start) >= STREAM_WORK) && !(lines && *next == '\n'))
		{
			if (stream_stop_is_set(give_up))
				break;
			start = next;
		}
		if (*next == '\\')
		{
			*escaped = true;
			if (next + 1 >= end)
			{
				next = end;
				break;
			}
			/* An escaped line break is a line break all the same. */
			next += lines && next[1] == '\n' ? 1 : 2;
			continue;
		}
		if (*next == '\n' && lines)
			break;
		/* Another control character: the string is not its own text, as with an escape. */
		*escaped = true;
		next++;
	}
	*stop = next;
	return NULL;
}

/* next is the first byte of the string, after its opening quote. */
static inline const char *
find_quote(const char *next, const char *end, bool lines, bool *escaped, const char **stop,
		   StreamStop *give_up)
{
	unsigned step = find_string_stop(next);

	if (likely_true(next[step] == '"' && step < STRING_STEP))
		return next + step;
	return find_quote_slowly(next, end, lines, escaped, stop, give_up);
}

/* The first byte that cannot belong to a number or literal. */
static inline const char *
find_scalar_end(const char *next)
{
	unsigned step;

	do
	{
		step = find_scalar_stop(next);
		next += step;
	} while (step == SCALAR_STEP);
	return next;
}

static inline bool
is_digit(char character)
{
	return (unsigned char) (character - '0') < 10;
}

/* Is next[0 .. end) a number of RFC 8259? */
static __attribute__((unused)) bool
is_number(const char *next, const char *end)
{
	if (next < end && *next == '-')
		next++;
	if (next >= end || !is_digit(*next))
		return false;
	if (*next == '0')
		next++;
	else
		while (next < end && is_digit(*next))
			next++;
	if (next < end && *next == '.')
	{
		next++;
		if (next >= end || !is_digit(*next))
			return false;
		while (next < end && is_digit(*next))
			next++;
	}
	if (next < end && (*next == 'e' || *next == 'E'))
	{
		next++;
		if (next < end && (*next == '+' || *next == '-'))
			next++;
		if (next >= end || !is_digit(*next))
			return false;
		while (next < end && is_digit(*next))
			next++;
	}
	return next == end;
}

/* Which of the three literals is next[0 .. length), or JSON_MISSING. */
static __attribute__((unused)) JsonType
literal_type(const char *next, size_t length)
{
	if (length == 4 && memcmp(next, "null", 4) == 0)
		return JSON_NULL;
	if (length == 4 && memcmp(next, "true", 4) == 0)
		return JSON_TRUE;
	if (length == 5 && memcmp(next, "false", 5) == 0)
		return JSON_FALSE;
	return JSON_MISSING;
}

static inline void
set_value(JsonValue *value, JsonType type, const char *start, const char *end, bool escaped)
{
	value->start = start;
	value->length = (uint32_t) (end - start);
	value->type = (uint8_t) type;
	value->escaped = escaped;
}

/*-------------------------------------------------------------------------
 * Skipping an array or object
 *-------------------------------------------------------------------------
 */
typedef enum SkipResult
{
	SKIP_GO_ON, /* the block was used up */
	SKIP_FOUND,
	SKIP_MISMATCH,
	SKIP_TOO_DEEP,
	SKIP_LINE_BREAK,
	SKIP_STOPPED
} SkipResult;

typedef struct SkipState
{
	uint64_t in_string;    /* all bits set inside a string, else 0 */
	uint64_t escape_first; /* 1 if the next byte is after a backslash */
	uint64_t newlines;     /* all bits set if strings must not contain line breaks */
	uint32_t depth;
	uint32_t depth_limit;
	uint64_t objects[JSON_MAX_DEPTH / 64]; /* per depth: 1 object, 0 array */
} SkipState;

static inline void
skip_begin(SkipState *state, bool lines, uint32_t depth_limit)
{
	state->in_string = 0;
	state->escape_first = 0;
	state->newlines = lines ? ~UINT64_C(0) : 0;
	state->depth = 0;
	state->depth_limit = depth_limit;
}

/* Which bytes of a block are after a backslash that is not escaped itself? */
static inline uint64_t
find_escaped(uint64_t backslash, uint64_t *escape_first)
{
	const uint64_t odd_bits = UINT64_C(0xaaaaaaaaaaaaaaaa);
	uint64_t potential;
	uint64_t maybe_escaped;
	uint64_t code;

	if (likely_true(backslash == 0))
	{
		uint64_t escaped = *escape_first;

		*escape_first = 0;
		return escaped;
	}

	/*
	 * Subtracting each run of backslashes from the odd bits leaves, by the
	 * borrow, alternating bits in the run that start with its first byte.
	 */
	potential = backslash & ~*escape_first;
	maybe_escaped = potential << 1;
	code = ((maybe_escaped | odd_bits) - potential) ^ odd_bits;
	{
		uint64_t escaped = code ^ (backslash | *escape_first);

		*escape_first = (code & backslash) >> 63;
		return escaped;
	}
}

/* Bit n of the result: is the number of set bits among 0 .. n odd? */
static inline uint64_t
prefix_parity(uint64_t bits)
{
	bits ^= bits << 1;
	bits ^= bits << 2;
	bits ^= bits << 4;
	bits ^= bits << 8;
	bits ^= bits << 16;
	bits ^= bits << 32;
	return bits;
}

/*
 * Look at one block.  *position is set (to the index after the closing
 * bracket, or of the offending byte) unless the answer is SKIP_GO_ON.
 */
static inline __attribute__((always_inline)) SkipResult
skip_block(SkipState *state, const char *block, unsigned *position)
{
	BlockMasks masks;
	uint64_t quote;
	uint64_t in_string;
	uint64_t brackets;
	uint64_t line_breaks;

	classify_block(block, &masks);
	quote = masks.quote & ~find_escaped(masks.backslash, &state->escape_first);
	in_string = prefix_parity(quote) ^ state->in_string;
	state->in_string = -(in_string >> 63);
	brackets = masks.bracket & ~in_string;
	line_breaks = masks.newline & in_string & state->newlines;
	if (likely_false(line_breaks != 0))
		brackets &= (line_breaks & -line_breaks) - 1;

	while (brackets != 0)
	{
		unsigned i = (unsigned) __builtin_ctzll(brackets);
		unsigned char character = (unsigned char) block[i];
		/* 5b [  5d ]  7b {  7d }: bit 5 says object, bit 1 (with 2) says open. */
		uint64_t object = (character >> 5) & 1;

		brackets &= brackets - 1;
		if (character & 2)
		{
			uint64_t *word = &state->objects[state->depth / 64];
			unsigned shift = state->depth % 64;

			if (likely_false(state->depth >= state->depth_limit))
			{
				*position = i;
				return SKIP_TOO_DEEP;
			}
			*word = (*word & ~(UINT64_C(1) << shift)) | (object << shift);
			state->depth++;
		}
		else
		{
			uint32_t depth = state->depth - 1;

			if (likely_false(((state->objects[depth / 64] >> (depth % 64)) & 1) != object))
			{
				*position = i;
				return SKIP_MISMATCH;
			}
			state->depth = depth;
			if (depth == 0)
			{
				*position = i + 1;
				return SKIP_FOUND;
			}
		}
	}
	if (likely_false(line_breaks != 0))
	{
		*position = (unsigned) __builtin_ctzll(line_breaks);
		return SKIP_LINE_BREAK;
	}
	return SKIP_GO_ON;
}

/*
 * Skip until depth falls to zero.  *next is moved past the closing bracket,
 * or to the offending byte.  SKIP_GO_ON means that the data ended before.
 */
static __attribute__((noinline, unused)) SkipResult
skip_blocks(SkipState *state, const char **next, const char *end, StreamStop *stop)
{
	const char *block = *next;

	do
	{
		const char *limit =
			end > block && (size_t) (end - block) > STREAM_WORK ? block + STREAM_WORK : end;

		do
		{
			unsigned position;
			SkipResult result = skip_block(state, block, &position);

			if (result != SKIP_GO_ON)
			{
				*next = block + position;
				return result;
			}
			block += SKIP_BLOCK;
		} while (block < limit);
		if (block < end && stream_stop_is_set(stop))
			return SKIP_STOPPED;
	} while (block < end);
	*next = end;
	return SKIP_GO_ON;
}

/* Skip the array or object that begins at *next. */
static inline SkipResult
skip_container(const char **next, const char *end, bool lines, uint32_t depth_limit,
			   StreamStop *stop)
{
	SkipState state;

	/* [] and {}, which are common. */
	if ((*next)[1] == (*next)[0] + 2 && depth_limit > 0)
	{
		*next += 2;
		return SKIP_FOUND;
	}
	skip_begin(&state, lines, depth_limit);
	return skip_blocks(&state, next, end, stop);
}

/* Skip past the "]" of an array whose beginning has been read. */
static inline SkipResult
skip_rest_of_array(const char **next, const char *end, bool lines, uint32_t depth_limit,
				   StreamStop *stop)
{
	SkipState state;

	skip_begin(&state, lines, depth_limit);
	state.depth = 1;
	state.objects[0] = 0;
	return skip_blocks(&state, next, end, stop);
}

#endif /* ADSEXPORT_JSON_SCAN_H */
