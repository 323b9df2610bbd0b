/*-------------------------------------------------------------------------
 *
 * jsonb_builder.c
 *		JSON text to jsonb, without the input function and its tree of palloc'd
 *		values.
 *
 * One pass over the text checks the syntax and notes every value in a flat
 * array of nodes, in the order of the text.  A second pass over the nodes
 * writes the Jsonb, whose layout utils/jsonb.h describes: an object's keys
 * must be sorted before its first value can be written.  All memory is reused
 * for the next value.
 *
 * Memory for a large value: 16 bytes for each key and value in it, another 16
 * for each key, and the Jsonb, which is all that remains.  What cannot fit
 * into a Jsonb is refused before any of that is allocated.
 *
 * A fast builder has all the memory that it may ever use from the start, and
 * gives up instead of asking the server for more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "row/interruptible.h"
#include "row/jsonb_builder.h"
#include "row/jsonb_shapes.h"
#include "row/number.h"
#include "row/problem.h"
#include "row/text.h"

/* Insertion sort is best for the few keys that most objects have. */
#define INSERTION_SORT_KEYS 24

/* Copying strings may write this many bytes more. */
#define COPY_SLACK 16
StaticAssertDecl(SHAPE_WRITTEN_SLACK >= COPY_SLACK, "copies of keys read as far");

typedef enum NodeKind
{
	NODE_NULL,
	NODE_FALSE,
	NODE_TRUE,
	NODE_NUMBER,
	NODE_STRING,         /* in the text */
	NODE_DECODED_STRING, /* in decoded */
	NODE_ARRAY,
	NODE_OBJECT,
	NODE_SHAPED_OBJECT /* of which the keys are known */
} NodeKind;

/*
 * A container's node is followed by those of its children: keys and values in
 * turn for an object, only values for a shaped one.
 */
typedef struct ValueNode
{
	uint32 offset; /* of its bytes in the text or in decoded; shaped objects: their shape */
	uint32 length; /* of its bytes; containers: number of elements or pairs */
	uint32 next;   /* index of the node after this one and its children */
	uint8 kind;
} ValueNode;

struct JsonbBuilder
{
	ValueContext *context;
	bool is_fast;
	bool writes_numbers; /* numeric_format_is_known; a fast builder knows from the beginning */
	JsonbShapes *shapes;

	/* reading */
	const char *text;
	const char *next;
	const char *end;
	Scratch nodes;
	uint32 node_count;
	Scratch decoded;
	size_t decoded_length;
	bool uses_shapes;
	bool misses_shape; /* reading failed, but only because of that */

	/* writing */
	Scratch order; /* nodes of the keys of the objects being written, sorted */
	size_t order_count;
	Scratch output;
	size_t output_length;
};

/*
 * What a fast builder accepts: the length of the text, and levels of
 * containers.  All memory for the worst case is reserved beforehand, about
 * 250 kB, because none can be had in the thread; the vendors' objects have some
 * hundred bytes and a few levels.  Each level takes a frame of the thread's
 * stack.
 */
#define FAST_PATH_TEXT_LENGTH 8192
#define FAST_PATH_DEPTH 32

/*
 * What it can need for that: each value takes at least two bytes of the text
 * and becomes an entry, for a number with header and padding beside its bytes.
 * Sorting takes 16 bytes for each key.
 */
#define FAST_PATH_NODES (FAST_PATH_TEXT_LENGTH / 2 + 2)
#define FAST_PATH_ORDER (2 * sizeof(uint64) * FAST_PATH_NODES + MAXIMUM_ALIGNOF)
#define FAST_PATH_OUTPUT                                                                           \
	(COPY_SLACK + FAST_PATH_TEXT_LENGTH + FAST_PATH_NODES * (2 * sizeof(JEntry) + 12) +            \
	 NUMERIC_SHORT_SIZE)

JsonbBuilder *
jsonb_builder_create(ValueContext *context)
{
	JsonbBuilder *builder = MemoryContextAllocZero(context->memory, sizeof(JsonbBuilder));

	builder->context = context;
	builder->shapes = jsonb_shapes_create(context->memory);
	builder->nodes.context = context->memory;
	builder->decoded.context = context->memory;
	builder->order.context = context->memory;
	builder->output.context = context->memory;
	return builder;
}

JsonbBuilder *
jsonb_builder_create_fast(ValueContext *context)
{
	JsonbBuilder *builder = jsonb_builder_create(context);

	builder->is_fast = true;
	/* Calls the server's functions now for what another thread may only look up. */
	builder->writes_numbers = numeric_format_is_known();
	scratch_reserve(&builder->nodes, FAST_PATH_NODES * sizeof(ValueNode));
	scratch_reserve(&builder->decoded, 3 * (size_t) FAST_PATH_TEXT_LENGTH + COPY_SLACK);
	scratch_reserve(&builder->order, FAST_PATH_ORDER);
	scratch_reserve(&builder->output, FAST_PATH_OUTPUT);
	return builder;
}

/* For texts from this size on, memory is counted out instead of grown. */
#define LARGE_TEXT ((size_t) 1024 * 1024)

/* Not in another thread, where only fast builders run, which are done soon. */
static inline void
check_for_interrupts(const JsonbBuilder *builder)
{
	if (!builder->is_fast)
		CHECK_FOR_INTERRUPTS();
}

void
jsonb_builder_trim(JsonbBuilder *builder)
{
	scratch_trim(&builder->nodes);
	scratch_trim(&builder->decoded);
	scratch_trim(&builder->order);
	scratch_trim(&builder->output);
}

static inline ValueNode *
node_at(const JsonbBuilder *builder, uint32 index)
{
	return (ValueNode *) builder->nodes.data + index;
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */

static bool
read_failed(JsonbBuilder *builder, const char *expected)
{
	char shown[SHOWN_VALUE_SIZE];

	if (builder->is_fast)
		return false;
	if (builder->next >= builder->end)
		problem_set(builder->context, PROBLEM_VALUE, ERRCODE_INVALID_TEXT_REPRESENTATION,
					"invalid JSON: expected %s, but the value ends", expected);
	else
	{
		show_value(builder->context, builder->next, builder->end - builder->next, shown);
		problem_set(builder->context, PROBLEM_VALUE, ERRCODE_INVALID_TEXT_REPRESENTATION,
					"invalid JSON: expected %s, but found \"%s\"", expected, shown);
	}
	return false;
}

static bool
too_large(JsonbBuilder *builder)
{
	if (builder->is_fast)
		return false;
	problem_set(builder->context, PROBLEM_VALUE, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
				"total size of jsonb elements exceeds the maximum of %u bytes", JENTRY_OFFLENMASK);
	return false;
}

/*
 * The least that a Jsonb needs for a number: its entry, and its digits with
 * the padding before them.
 */
#define LEAST_NUMBER_SIZE (sizeof(JEntry) + 8)

/*
 * Allocate all the memory that a large text needs, so that it does not grow by
 * being copied.  False if it is more than a Jsonb can hold.  The count is
 * exact for well-formed text, and near enough for other text.
 */
static bool
reserve_for_large_text(JsonbBuilder *builder)
{
	size_t values = 1;
	size_t numbers = 0;
	size_t size;
	bool in_string = false;
	bool expects_value = true;
	const char *checked = builder->text;

	for (const char *next = builder->text; next < builder->end; next++)
	{
		if ((size_t) (next - checked) >= UNINTERRUPTED)
		{
			check_for_interrupts(builder);
			checked = next;
		}
		if (in_string)
		{
			if (*next == '\\')
				next++;
			else if (*next == '"')
				in_string = false;
			continue;
		}
		switch (*next)
		{
			case '"':
				in_string = true;
				expects_value = false;
				break;
			case ',':
			case ':':
			case '[':
			case '{':
				values++;
				expects_value = true;
				break;
			case ' ':
			case '\n':
			case '\r':
			case '\t':
				break;
			default:
				if (expects_value && *next <= '9')
					numbers++;
				expects_value = false;
				break;
		}
	}
	if ((values - numbers) / 2 * sizeof(JEntry) + numbers * LEAST_NUMBER_SIZE > JENTRY_OFFLENMASK)
		return too_large(builder);
	/* In addition to the bytes of strings, which are in the text, too. */
	size = Min((size_t) (builder->end - builder->text) + values * LEAST_NUMBER_SIZE,
			   JENTRY_OFFLENMASK);
	scratch_reserve(&builder->nodes, (values + 1) * sizeof(ValueNode));
	scratch_reserve(&builder->output, size + VARHDRSZ + COPY_SLACK);
	return true;
}

static inline uint32
add_node(JsonbBuilder *builder, NodeKind kind, uint32 offset, uint32 length)
{
	uint32 index = builder->node_count++;
	size_t used = index * sizeof(ValueNode);
	ValueNode *node;

	if (unlikely(used + sizeof(ValueNode) > builder->nodes.size))
		scratch_grow(&builder->nodes, used + sizeof(ValueNode), used);
	node = node_at(builder, index);
	node->offset = offset;
	node->length = length;
	node->next = index + 1;
	node->kind = kind;
	return index;
}

static inline void
skip_space(JsonbBuilder *builder)
{
	while (builder->next < builder->end && (*builder->next == ' ' || *builder->next == '\n' ||
											*builder->next == '\t' || *builder->next == '\r'))
		builder->next++;
}

/* The length of the beginning of a string that can be copied as it is. */
static inline size_t
plain_prefix_length(const char *text)
{
	const char *next = text;

	/* The text has JSON_PADDING after it and a quote before that. */
#if defined(__SSE2__)
	for (;; next += 16)
	{
		__m128i bytes = _mm_loadu_si128((const __m128i *) next);
		/* Compared as signed numbers, bytes beyond ASCII are less than a space, too. */
		__m128i stop = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
		int mask;

		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
		mask = _mm_movemask_epi8(stop);
		if (mask != 0)
			return next - text + pg_rightmost_one_pos32(mask);
	}
#elif !defined(WORDS_BIGENDIAN)
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 high_bits = UINT64CONST(0x8080808080808080);

	for (;;)
	{
		uint64 word;
		uint64 quotes;
		uint64 backslashes;
		uint64 found;

		memcpy(&word, next, sizeof(word));
		quotes = word ^ (ones * '"');
		backslashes = word ^ (ones * '\\');
		found = ((quotes - ones) & ~quotes) | ((backslashes - ones) & ~backslashes) |
				((word - ones * ' ') & ~word) | word;
		found &= high_bits;
		/* A borrow can only mark a byte after one that is marked rightly. */
		if (found != 0)
			return next - text + pg_rightmost_one_pos64(found) / 8;
		next += 8;
	}
#else
	while ((signed char) *next >= ' ' && *next != '"' && *next != '\\')
		next++;
	return next - text;
#endif
}

/* A string that is not plain ASCII: with escapes, or other bytes. */
static bool
read_special_string(JsonbBuilder *builder, const char *start)
{
	ValueContext *context = builder->context;
	const char *next = start;
	const char *checked = start;
	JsonValue string = { .start = start, .type = JSON_STRING };
	const char *text;
	size_t length;

	for (; next < builder->end && *next != '"'; next++)
	{
		if (unlikely((size_t) (next - checked) >= UNINTERRUPTED))
		{
			check_for_interrupts(builder);
			checked = next;
		}
		if (*next == '\\')
		{
			string.escaped = true;
			next++;
		}
		else if ((unsigned char) *next < ' ')
			string.escaped = true;
	}
	if (next >= builder->end)
	{
		builder->next = builder->end;
		return read_failed(builder, "the end of a string");
	}
	string.length = next - start;
	builder->next = next + 1;

	if (builder->is_fast)
	{
		char *decoded = builder->decoded.data + builder->decoded_length;
		StreamError error;

		if (context->needs_conversion ||
			!json_string_decode(&string, JSON_TEXT_ERROR, NULL, decoded, &length, &error))
			return false;
		add_node(builder, NODE_DECODED_STRING, builder->decoded_length, length);
		builder->decoded_length += length;
		return true;
	}
	if (!text_from_string(context, &string, &text, &length))
		return false;
	if (length > JENTRY_OFFLENMASK)
		return too_large(builder);
	if (text == start)
	{
		add_node(builder, NODE_STRING, start - builder->text, length);
		return true;
	}
	scratch_extend(&builder->decoded, builder->decoded_length + length + COPY_SLACK,
				   builder->decoded_length);
	interruptible_copy(builder->decoded.data + builder->decoded_length, text, length);
	add_node(builder, NODE_DECODED_STRING, builder->decoded_length, length);
	builder->decoded_length += length;
	return true;
}

static inline bool
read_string(JsonbBuilder *builder)
{
	const char *start = builder->next + 1;
	size_t length = plain_prefix_length(start);

	if (likely(start[length] == '"' && start + length < builder->end))
	{
		add_node(builder, NODE_STRING, start - builder->text, length);
		builder->next = start + length + 1;
		return true;
	}
	return read_special_string(builder, start);
}

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') <= 9;
}

/* After the text, zeros or a delimiter stop every loop. */
static bool
read_number(JsonbBuilder *builder)
{
	const char *start = builder->next;
	const char *next = start;

	if (*next == '-')
		next++;
	if (*next == '0')
		next++;
	else if (is_digit(*next))
	{
		while (is_digit(*next))
			next++;
	}
	else
		return read_failed(builder, "a JSON value");
	if (*next == '.')
	{
		next++;
		if (!is_digit(*next))
			return read_failed(builder, "a number");
		while (is_digit(*next))
			next++;
	}
	if (*next == 'e' || *next == 'E')
	{
		next++;
		if (*next == '+' || *next == '-')
			next++;
		if (!is_digit(*next))
			return read_failed(builder, "a number");
		while (is_digit(*next))
			next++;
	}
	if (next > builder->end)
		return read_failed(builder, "a number");
	add_node(builder, NODE_NUMBER, start - builder->text, next - start);
	builder->next = next;
	return true;
}

static bool
read_word(JsonbBuilder *builder, const char *word, size_t length, NodeKind kind)
{
	if ((size_t) (builder->end - builder->next) < length ||
		memcmp(builder->next, word, length) != 0)
		return read_failed(builder, "a JSON value");
	add_node(builder, kind, 0, 0);
	builder->next += length;
	return true;
}

static bool read_container(JsonbBuilder *builder, int depth);

static inline bool
read_value(JsonbBuilder *builder, int depth)
{
	skip_space(builder);
	if (builder->next >= builder->end)
		return read_failed(builder, "a JSON value");
	switch (*builder->next)
	{
		case '"':
			return read_string(builder);
		case '{':
		case '[':
			return read_container(builder, depth + 1);
		case 't':
			return read_word(builder, "true", 4, NODE_TRUE);
		case 'f':
			return read_word(builder, "false", 5, NODE_FALSE);
		case 'n':
			return read_word(builder, "null", 4, NODE_NULL);
		default:
			return read_number(builder);
	}
}

static bool
read_colon(JsonbBuilder *builder)
{
	skip_space(builder);
	if (builder->next >= builder->end || *builder->next != ':')
		return read_failed(builder, "\":\"");
	builder->next++;
	return true;
}

/* A key that was not predicted, or has spaces after it; 0 if it cannot be read. */
static uint16
read_other_key(JsonbBuilder *builder, uint16 parent)
{
	const char *start = builder->next + 1;
	size_t length;
	uint16 key;

	if (builder->next >= builder->end || *builder->next != '"')
	{
		read_failed(builder, "a key");
		return 0;
	}
	length = plain_prefix_length(start);
	if (start[length] != '"' || start + length >= builder->end ||
		(key = jsonb_shapes_find_key(builder->shapes, parent, start, length)) == 0)
	{
		builder->misses_shape = true;
		return 0;
	}
	builder->next = start + length + 1;
	return read_colon(builder) ? key : 0;
}

/* A key and the colon after it. */
static inline bool
read_key(JsonbBuilder *builder, uint16 *key)
{
	skip_space(builder);
	if (builder->uses_shapes)
	{
		uint16 known = jsonb_shapes_next(builder->shapes, *key, builder->next, builder->end);

		if (likely(known != 0))
			builder->next += builder->shapes->nodes[known].length;
		else
			known = read_other_key(builder, *key);
		*key = known;
		return known != 0;
	}
	if (builder->next >= builder->end || *builder->next != '"')
		return read_failed(builder, "a key");
	return read_string(builder) && read_colon(builder);
}

static bool
read_container(JsonbBuilder *builder, int depth)
{
	bool is_object = *builder->next == '{';
	char closing = is_object ? '}' : ']';
	uint32 index = add_node(builder, is_object ? NODE_OBJECT : NODE_ARRAY, 0, 0);
	uint32 count = 0;
	uint16 key = 0;

	if (builder->is_fast)
	{
		if (depth > FAST_PATH_DEPTH)
			return false;
	}
	else
		check_stack_depth();
	if (depth > JSON_MAX_DEPTH)
	{
		problem_set(builder->context, PROBLEM_VALUE, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					"JSON is nested deeper than %d levels", JSON_MAX_DEPTH);
		return false;
	}

	builder->next++;
	skip_space(builder);
	if (builder->next < builder->end && *builder->next == closing)
		builder->next++;
	else
	{
		for (;;)
		{
			if (is_object && !read_key(builder, &key))
				return false;
			if (!read_value(builder, depth))
				return false;
			count++;
			check_for_interrupts(builder);

			skip_space(builder);
			if (builder->next >= builder->end)
				return read_failed(builder, is_object ? "\"}\"" : "\"]\"");
			if (*builder->next == closing)
			{
				builder->next++;
				break;
			}
			if (*builder->next != ',')
				return read_failed(builder, is_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
			builder->next++;
		}
	}
	if (key != 0)
	{
		uint16 shape = jsonb_shapes_find(builder->shapes, key);

		if (shape == 0)
		{
			builder->misses_shape = true;
			return false;
		}
		node_at(builder, index)->kind = NODE_SHAPED_OBJECT;
		node_at(builder, index)->offset = shape;
	}
	node_at(builder, index)->length = count;
	node_at(builder, index)->next = builder->node_count;
	return true;
}

static void
begin_reading(JsonbBuilder *builder, const JsonValue *json)
{
	/* a string with its quotes */
	builder->text = json->type == JSON_STRING ? json->start - 1 : json->start;
	builder->next = builder->text;
	builder->end = json->start + json->length + (json->type == JSON_STRING ? 1 : 0);
	builder->node_count = 0;
	builder->decoded_length = 0;
}

/* All nodes of a value. */
static bool
read_all(JsonbBuilder *builder, ShapeUse *use, const JsonValue *json)
{
	bool ok;

	builder->uses_shapes = json->type >= JSON_ARRAY && jsonb_shapes_are_worth_it(use);
	builder->misses_shape = false;
	begin_reading(builder, json);
	if ((size_t) (builder->end - builder->text) >= LARGE_TEXT && !reserve_for_large_text(builder))
		return false;
	ok = read_value(builder, 0);
	if (builder->uses_shapes)
		jsonb_shapes_note(builder->shapes, use, !builder->misses_shape);
	if (builder->misses_shape)
	{
		builder->uses_shapes = false;
		begin_reading(builder, json);
		ok = read_value(builder, 0);
	}
	if (!ok)
		return false;
	if (builder->next != builder->end)
		return read_failed(builder, "the end of the value");
	return true;
}

/*-------------------------------------------------------------------------
 * Writing
 *-------------------------------------------------------------------------
 */

static inline const char *
string_bytes(const JsonbBuilder *builder, const ValueNode *node)
{
	return (node->kind == NODE_STRING ? builder->text : builder->decoded.data) + node->offset;
}

/* Make room for length more bytes and return where they begin. */
static inline char *
reserve_output(JsonbBuilder *builder, size_t length)
{
	if (unlikely(builder->output_length + length + COPY_SLACK > builder->output.size))
		scratch_grow(&builder->output, builder->output_length + length + COPY_SLACK,
					 builder->output_length);
	return builder->output.data + builder->output_length;
}

static inline void
align_output(JsonbBuilder *builder)
{
	size_t aligned = INTALIGN(builder->output_length);

	/* The bytes between count as part of the value that needs the alignment. */
	memset(reserve_output(builder, sizeof(int32)), 0, sizeof(int32));
	builder->output_length = aligned;
}

/* jsonb's order of keys: the shorter first, then by their bytes. */
static inline int
compare_keys(const JsonbBuilder *builder, uint32 left, uint32 right)
{
	const ValueNode *left_node = node_at(builder, left);
	const ValueNode *right_node = node_at(builder, right);

	if (left_node->length != right_node->length)
		return left_node->length < right_node->length ? -1 : 1;
	return memcmp(string_bytes(builder, left_node), string_bytes(builder, right_node),
				  left_node->length);
}

/*
 * The length and the first bytes of a key as a number.  Numbers that differ
 * are in the order of their keys.
 */
static inline uint64
key_prefix(const JsonbBuilder *builder, uint32 index)
{
	const ValueNode *node = node_at(builder, index);
	const uint32 prefix_bytes = 7;
	uint64 bytes = 0;

	/* Of long keys the length decides first, which does not fit. */
	if (node->length >= 255)
		return ~UINT64CONST(0) << 8 * prefix_bytes;
	if (node->kind == NODE_STRING)
	{
		/* JSON_PADDING is after the text. */
		memcpy(&bytes, string_bytes(builder, node), sizeof(bytes));
		bytes = pg_ntoh64(bytes) >> 8;
		if (node->length < prefix_bytes)
			bytes &= ~UINT64CONST(0) << 8 * (prefix_bytes - node->length);
	}
	else
	{
		const unsigned char *text = (const unsigned char *) string_bytes(builder, node);

		for (uint32 i = 0; i < prefix_bytes; i++)
			bytes = bytes << 8 | (i < node->length ? text[i] : 0);
	}
	return (uint64) node->length << 8 * prefix_bytes | bytes;
}

/* One key of many, with the prefix that mostly decides. */
typedef struct SortedKey
{
	uint64 prefix;
	uint32 index;
} SortedKey;

static int
compare_sorted_keys(const void *left_pointer, const void *right_pointer, void *builder)
{
	const SortedKey *left = left_pointer;
	const SortedKey *right = right_pointer;
	int result = 0;

	/* Sorting millions of keys takes seconds. */
	check_for_interrupts(builder);
	if (left->prefix != right->prefix)
		return left->prefix < right->prefix ? -1 : 1;
	/* The prefix has all of a short key, length and bytes. */
	if (left->prefix >> 56 > 7)
		result = compare_keys(builder, left->index, right->index);
	/* Equal keys stay in the order of the text. */
	if (result == 0)
		result = left->index < right->index ? -1 : 1;
	return result;
}

/* Sort keys by insertion; prefixes holds their prefixes. */
static void
sort_few_keys(const JsonbBuilder *builder, uint32 *order, uint64 *prefixes, uint32 count)
{
	for (uint32 i = 1; i < count; i++)
	{
		uint32 key = order[i];
		uint64 prefix = prefixes[i];
		uint32 place = i;

		while (place > 0 &&
			   (prefixes[place - 1] > prefix || (prefixes[place - 1] == prefix &&
												 compare_keys(builder, order[place - 1], key) > 0)))
		{
			order[place] = order[place - 1];
			prefixes[place] = prefixes[place - 1];
			place--;
		}
		order[place] = key;
		prefixes[place] = prefix;
	}
}

/*
 * Sort the keys of an object, starting with the node key.  Returns how many of
 * them are different; of equal ones the last is kept.
 */
static uint32
order_few_keys(JsonbBuilder *builder, uint32 key, uint32 *order, uint32 count)
{
	uint64 prefixes[INSERTION_SORT_KEYS];
	uint32 kept = 0;

	for (uint32 i = 0; i < count; i++)
	{
		order[i] = key;
		prefixes[i] = key_prefix(builder, key);
		key = node_at(builder, key + 1)->next;
	}
	sort_few_keys(builder, order, prefixes, count);
	for (uint32 i = 0; i < count; i++)
	{
		if (i + 1 < count && prefixes[i] == prefixes[i + 1] &&
			compare_keys(builder, order[i], order[i + 1]) == 0)
			continue;
		order[kept++] = order[i];
	}
	return kept;
}

/*
 * Likewise for any number of keys, with order on top of the order stack, of
 * which used bytes are taken.
 */
static uint32
order_many_keys(JsonbBuilder *builder, uint32 key, size_t used, uint32 count)
{
	size_t begin = MAXALIGN(used);
	SortedKey *keys;
	uint32 *order;
	uint32 kept = 0;

	scratch_extend(&builder->order, begin + (size_t) count * sizeof(SortedKey), used);
	keys = (SortedKey *) (builder->order.data + begin);
	for (uint32 i = 0; i < count; i++)
	{
		check_for_interrupts(builder);
		keys[i].prefix = key_prefix(builder, key);
		keys[i].index = key;
		key = node_at(builder, key + 1)->next;
	}
	qsort_arg(keys, count, sizeof(SortedKey), compare_sorted_keys, builder);

	/* Sorted keys are larger, so they are read before they are overwritten. */
	order = (uint32 *) (builder->order.data + used);
	for (uint32 i = 0; i < count; i++)
	{
		check_for_interrupts(builder);
		if (i + 1 < count && keys[i].prefix == keys[i + 1].prefix &&
			compare_keys(builder, keys[i].index, keys[i + 1].index) == 0)
			continue;
		order[kept++] = keys[i].index;
	}
	return kept;
}

/*
 * Put an object's keys on top of the order stack, sorted, and of equal ones
 * only the last.  Returns how many there are.
 */
static uint32
sort_keys(JsonbBuilder *builder, uint32 object)
{
	uint32 count = node_at(builder, object)->length;
	size_t used = builder->order_count * sizeof(uint32);
	uint32 kept;

	if (count > INSERTION_SORT_KEYS)
		kept = order_many_keys(builder, object + 1, used, count);
	else
	{
		scratch_extend(&builder->order, used + (size_t) count * sizeof(uint32), used);
		kept = order_few_keys(builder, object + 1, (uint32 *) (builder->order.data + used), count);
	}
	builder->order_count += kept;
	return kept;
}

static bool write_container(JsonbBuilder *builder, uint32 index, JEntry *entry);
static bool write_shaped_object(JsonbBuilder *builder, uint32 index, JEntry *entry);

static bool
write_number(JsonbBuilder *builder, const ValueNode *node, JEntry *entry)
{
	size_t begin = builder->output_length;
	const char *text = builder->text + node->offset;
	size_t size = 0;

	align_output(builder);
	if (builder->is_fast ? builder->writes_numbers : numeric_format_is_known())
		size = numeric_write_short(text, node->length, reserve_output(builder, NUMERIC_SHORT_SIZE));
	if (size == 0)
	{
		Datum number;

		if (builder->is_fast)
			return false;

		if (!numeric_from_number(text, node->length, &number))
		{
			char shown[SHOWN_VALUE_SIZE];

			show_value(builder->context, text, node->length, shown);
			problem_set(builder->context, PROBLEM_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						"value \"%s\" is out of range for type numeric", shown);
			return false;
		}
		size = VARSIZE_ANY(DatumGetPointer(number));
		memcpy(reserve_output(builder, size), DatumGetPointer(number), size);
		pfree(DatumGetPointer(number));
	}
	builder->output_length += size;
	*entry = JENTRY_ISNUMERIC | (builder->output_length - begin);
	return true;
}

/* Reads and writes up to COPY_SLACK bytes more than length. */
static inline void
copy_string(char *output, const char *text, uint32 length)
{
	const char *end = text + length;

	for (; text < end; text += COPY_SLACK, output += COPY_SLACK)
		memcpy(output, text, COPY_SLACK);
}

/* Append a value's bytes; entry gets its type and length. */
static inline bool
write_value(JsonbBuilder *builder, uint32 index, JEntry *entry)
{
	const ValueNode *node = node_at(builder, index);

	switch ((NodeKind) node->kind)
	{
		case NODE_NULL:
			*entry = JENTRY_ISNULL;
			return true;
		case NODE_FALSE:
			*entry = JENTRY_ISBOOL_FALSE;
			return true;
		case NODE_TRUE:
			*entry = JENTRY_ISBOOL_TRUE;
			return true;
		case NODE_STRING:
		case NODE_DECODED_STRING:
			copy_string(reserve_output(builder, node->length), string_bytes(builder, node),
						node->length);
			builder->output_length += node->length;
			*entry = JENTRY_ISSTRING | node->length;
			return true;
		case NODE_NUMBER:
			return write_number(builder, node, entry);
		case NODE_ARRAY:
		case NODE_OBJECT:
			return write_container(builder, index, entry);
		case NODE_SHAPED_OBJECT:
			return write_shaped_object(builder, index, entry);
	}
	return false;
}

/* The entries of one container, which are written along with its children. */
typedef struct EntryWriter
{
	size_t offset; /* of the first entry in the output */
	uint32 count;
	size_t total; /* length of the children so far */
} EntryWriter;

/* Every JB_OFFSET_STRIDE'th entry holds an end offset instead of a length. */
static inline bool
write_entry(JsonbBuilder *builder, EntryWriter *writer, JEntry entry)
{
	writer->total += JBE_OFFLENFLD(entry);
	if (writer->total > JENTRY_OFFLENMASK)
		return too_large(builder);
	if (writer->count % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | (uint32) writer->total | JENTRY_HAS_OFF;
	memcpy(builder->output.data + writer->offset + writer->count * sizeof(JEntry), &entry,
		   sizeof(entry));
	writer->count++;
	return true;
}

/* Append a container's header and room for its entries. */
static void
begin_container(JsonbBuilder *builder, uint32 header, size_t entries, EntryWriter *writer)
{
	char *output;

	align_output(builder);
	output = reserve_output(builder, sizeof(header) + entries * sizeof(JEntry));
	memcpy(output, &header, sizeof(header));
	writer->offset = builder->output_length + sizeof(header);
	writer->count = 0;
	writer->total = 0;
	builder->output_length = writer->offset + entries * sizeof(JEntry);
}

static bool
write_container(JsonbBuilder *builder, uint32 index, JEntry *entry)
{
	size_t begin = builder->output_length;
	const ValueNode *node = node_at(builder, index);
	EntryWriter writer;
	JEntry child_entry;

	if (!builder->is_fast)
		check_stack_depth();
	check_for_interrupts(builder);
	if (node->kind == NODE_ARRAY)
	{
		uint32 child = index + 1;
		uint32 count = node->length;

		/* so that the room for entries stays bounded */
		if (count > JENTRY_OFFLENMASK / sizeof(JEntry))
			return too_large(builder);
		begin_container(builder, count | JB_FARRAY, count, &writer);
		for (uint32 i = 0; i < count; i++)
		{
			if (!write_value(builder, child, &child_entry) ||
				!write_entry(builder, &writer, child_entry))
				return false;
			check_for_interrupts(builder);
			child = node_at(builder, child)->next;
		}
	}
	else
	{
		size_t first_key = builder->order_count;
		uint32 count = sort_keys(builder, index);

		if (count > JENTRY_OFFLENMASK / (2 * sizeof(JEntry)))
			return too_large(builder);
		begin_container(builder, count | JB_FOBJECT, 2 * (size_t) count, &writer);
		for (uint32 i = 0; i < count; i++)
		{
			uint32 key = ((uint32 *) builder->order.data)[first_key + i];

			check_for_interrupts(builder);
			if (!write_value(builder, key, &child_entry) ||
				!write_entry(builder, &writer, child_entry))
				return false;
		}
		for (uint32 i = 0; i < count; i++)
		{
			uint32 key = ((uint32 *) builder->order.data)[first_key + i];

			check_for_interrupts(builder);
			if (!write_value(builder, key + 1, &child_entry) ||
				!write_entry(builder, &writer, child_entry))
				return false;
		}
		builder->order_count = first_key;
	}

	if (builder->output_length - begin > JENTRY_OFFLENMASK)
		return too_large(builder);
	*entry = JENTRY_ISCONTAINER | (uint32) (builder->output_length - begin);
	return true;
}

/* Its keys, sorted and written, are copied; the values follow in that order. */
static bool
write_shaped_object(JsonbBuilder *builder, uint32 index, JEntry *entry)
{
	size_t begin = builder->output_length;
	const Shape *shape = &builder->shapes->shapes[node_at(builder, index)->offset];
	const char *written = builder->shapes->written + shape->written;
	size_t entries_size = shape->kept * sizeof(JEntry);
	uint32 values[SHAPE_MAX_KEYS];
	uint32 value = index + 1;
	EntryWriter writer;
	JEntry value_entry;

	if (!builder->is_fast)
		check_stack_depth();
	check_for_interrupts(builder);
	for (uint32 i = 0; i < shape->count; i++)
	{
		values[i] = value;
		value = node_at(builder, value)->next;
	}
	begin_container(builder, shape->kept | JB_FOBJECT, 2 * (size_t) shape->kept, &writer);
	copy_string(builder->output.data + writer.offset, written, entries_size);
	copy_string(reserve_output(builder, shape->key_length), written + entries_size,
				shape->key_length);
	builder->output_length += shape->key_length;
	writer.count = shape->kept;
	writer.total = shape->key_length;

	for (uint32 i = 0; i < shape->kept; i++)
	{
		if (!write_value(builder, values[shape->source[i]], &value_entry) ||
			!write_entry(builder, &writer, value_entry))
			return false;
	}
	if (builder->output_length - begin > JENTRY_OFFLENMASK)
		return too_large(builder);
	*entry = JENTRY_ISCONTAINER | (uint32) (builder->output_length - begin);
	return true;
}

/* A scalar on its own is stored as an array of one element. */
static bool
write_root(JsonbBuilder *builder)
{
	EntryWriter writer;
	JEntry entry;

	if (node_at(builder, 0)->kind >= NODE_ARRAY)
		return write_value(builder, 0, &entry);
	begin_container(builder, 1 | JB_FARRAY | JB_FSCALAR, 1, &writer);
	return write_value(builder, 0, &entry) && write_entry(builder, &writer, entry);
}

/* Leaves the Jsonb in output. */
static bool
build(JsonbBuilder *builder, ShapeUse *use, const JsonValue *json)
{
	if (!read_all(builder, use, json))
		return false;

	builder->order_count = 0;
	builder->output_length = 0;
	reserve_output(builder, VARHDRSZ);
	builder->output_length = VARHDRSZ;
	if (!write_root(builder))
		return false;
	SET_VARSIZE(builder->output.data, builder->output_length);
	return true;
}

const char *
jsonb_builder_build_fast(JsonbBuilder *builder, ShapeUse *use, const JsonValue *json, size_t *size)
{
	/* Two bytes are for a string's quotes. */
	if (json->length > FAST_PATH_TEXT_LENGTH - 2 ||
		(json->type == JSON_STRING && json->length == 0) || !build(builder, use, json))
		return NULL;
	*size = builder->output_length;
	return builder->output.data;
}

ValueStatus
convert_jsonb(Converter *converter, const JsonValue *json, Datum *result)
{
	JsonbBuilder *builder = converter->context->jsonb_builder;
	char *jsonb;

	if (json->type == JSON_STRING && json->length == 0)
		return VALUE_NULL;
	if (!build(builder, &converter->shape_use, json))
		return VALUE_INVALID;
	/* Nothing else is needed of a large value. */
	scratch_trim(&builder->nodes);
	scratch_trim(&builder->decoded);
	scratch_trim(&builder->order);
	jsonb = palloc(builder->output_length);
	interruptible_copy(jsonb, builder->output.data, builder->output_length);
	*result = PointerGetDatum(jsonb);
	return VALUE_OK;
}
