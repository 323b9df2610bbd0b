/*-------------------------------------------------------------------------
 *
 * json.c
 *		Cut records out of a stream of JSON and find the wanted values.
 *
 * How a record is read.  The wanted paths form a trie.  A record is walked
 * along it: in an object that has wanted keys below it each key is looked at,
 * and everything else is skipped as a whole, 64 bytes at a time
 * (skip_container).  Records of one export are alike, so each object of the
 * trie remembers the keys it has seen, wanted or not, and for each of them
 * which key came behind it last time.  As long as that prediction holds, a key
 * costs one masked comparison of 32 bytes and is not even measured; when it
 * fails, the key is looked up in a small hash table.
 *
 * No bounds are checked while walking: behind the data are zero bytes, which
 * no step can get past, so that every step that meets something unexpected
 * asks whether it stands at the end of the data.
 *
 * A record that is not complete yet is not walked again and again as its bytes
 * trickle in: the search for its end goes on where it stopped (find_end), and
 * only a record whose end is there is walked.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "stream/json.h"
#include "stream/json_path.h"
#include "stream/json_simd.h"
#include "stream/stream_error.h"

/*-------------------------------------------------------------------------
 * Paths
 *-------------------------------------------------------------------------
 */
#define NO_NODE (-1)
#define NO_SLOT (-1)

typedef struct PathNode
{
	char *key; /* JSON_PADDING zero bytes follow */
	size_t key_length;
	int slot;
	int first_child;
	int next_sibling;
	int children;
} PathNode;

struct JsonPaths
{
	PathNode *nodes; /* nodes[0] is the record itself */
	int count;
	int capacity;
	int slots;
};

/* Returns the new node or NO_NODE when memory is short. */
static int
add_node(JsonPaths *paths, const char *key, size_t key_length)
{
	PathNode *node;

	if (paths->count == paths->capacity)
	{
		int capacity = paths->capacity * 2;
		PathNode *nodes = realloc(paths->nodes, (size_t) capacity * sizeof(PathNode));

		if (nodes == NULL)
			return NO_NODE;
		paths->nodes = nodes;
		paths->capacity = capacity;
	}
	node = &paths->nodes[paths->count];
	node->key = calloc(1, key_length + JSON_PADDING);
	if (node->key == NULL)
		return NO_NODE;
	memcpy(node->key, key, key_length);
	node->key_length = key_length;
	node->slot = NO_SLOT;
	node->first_child = NO_NODE;
	node->next_sibling = NO_NODE;
	node->children = 0;
	return paths->count++;
}

JsonPaths *
json_paths_create(void)
{
	JsonPaths *paths = calloc(1, sizeof(JsonPaths));

	if (paths == NULL)
		return NULL;
	paths->capacity = 16;
	paths->nodes = malloc((size_t) paths->capacity * sizeof(PathNode));
	if (paths->nodes == NULL || add_node(paths, "", 0) == NO_NODE)
	{
		json_paths_free(paths);
		return NULL;
	}
	return paths;
}

void
json_paths_free(JsonPaths *paths)
{
	if (paths == NULL)
		return;
	for (int i = 0; i < paths->count; i++)
		free(paths->nodes[i].key);
	free(paths->nodes);
	free(paths);
}

/* Can the path be added?  A malformed one must leave no trace. */
static bool
path_is_right(const char *path)
{
	JsonPathKey key;

	for (int keys = 1; keys <= JSON_MAX_PATH_KEYS; keys++)
	{
		if (json_path_next_key(&path, &key) != NULL)
			return false;
		if (*path != '.')
			return *path == '\0';
		path++;
	}
	return false;
}

/* The child of that key, which is made if there is none; NO_NODE when memory is short. */
static int
child_of_key(JsonPaths *paths, int node, const char *key, size_t length)
{
	int child = paths->nodes[node].first_child;

	while (child != NO_NODE && (paths->nodes[child].key_length != length ||
								memcmp(paths->nodes[child].key, key, length) != 0))
		child = paths->nodes[child].next_sibling;
	if (child != NO_NODE)
		return child;
	child = add_node(paths, key, length);
	if (child == NO_NODE)
		return NO_NODE;
	paths->nodes[child].next_sibling = paths->nodes[node].first_child;
	paths->nodes[node].first_child = child;
	paths->nodes[node].children++;
	return child;
}

int
json_paths_add(JsonPaths *paths, const char *path)
{
	int node = 0;

	if (!path_is_right(path))
		return -2;
	if (strcmp(path, "$") != 0)
	{
		char *text = malloc(strlen(path));

		if (text == NULL)
			return -1;
		for (bool more = true; more && node != NO_NODE; path++)
		{
			JsonPathKey key;

			json_path_next_key(&path, &key);
			node = child_of_key(paths, node, text, json_path_key_text(&key, text));
			more = *path == '.';
		}
		free(text);
		if (node == NO_NODE)
			return -1;
	}
	if (paths->nodes[node].slot == NO_SLOT)
		paths->nodes[node].slot = paths->slots++;
	return paths->nodes[node].slot;
}

int
json_paths_count(const JsonPaths *paths)
{
	return paths->slots;
}

/*-------------------------------------------------------------------------
 * Small steps
 *-------------------------------------------------------------------------
 */
static inline bool
is_space(char character)
{
	return character == ' ' || character == '\n' || character == '\t' || character == '\r';
}

/* Stops at the zero bytes behind the data at the latest. */
static inline const char *
skip_space(const char *next)
{
	while (is_space(*next))
		next++;
	return next;
}

/*
 * Go on with a string in which find_string_stop did not meet the closing quote
 * at once.  Returns the closing quote.  Returns NULL with *stop set to where
 * the data ended or a line break was met that lines framing does not allow.
 */
static __attribute__((noinline)) const char *
find_quote_slowly(const char *next, const char *end, bool lines, bool *escaped, const char **stop)
{
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
		/* Another control character: no text of its own, as an escape is none. */
		*escaped = true;
		next++;
	}
	*stop = next;
	return NULL;
}

/* next is the first byte of the string, behind its opening quote. */
static inline const char *
find_quote(const char *next, const char *end, bool lines, bool *escaped, const char **stop)
{
	unsigned step = find_string_stop(next);

	if (likely_true(next[step] == '"' && step < STRING_STEP))
		return next + step;
	return find_quote_slowly(next, end, lines, escaped, stop);
}

/* The first byte that belongs to no number or literal. */
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
static bool
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
static JsonType
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
	SKIP_LINE_BREAK
} SkipResult;

typedef struct SkipState
{
	uint64_t in_string;    /* all bits set inside a string, else 0 */
	uint64_t escape_first; /* 1 if the next byte is behind a backslash */
	uint64_t newlines;     /* all bits set if a string may hold no line break */
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

/* Which bytes of a block are behind a backslash that is not escaped itself? */
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
 * Look at one block.  *position is set (to the index behind the closing
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
	state->in_string = (uint64_t) ((int64_t) in_string >> 63);
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
 * Skip until depth falls to zero.  *next is moved behind the closing bracket,
 * or to the offending byte.  SKIP_GO_ON means that the data ended before.
 */
static __attribute__((noinline)) SkipResult
skip_blocks(SkipState *state, const char **next, const char *end)
{
	const char *block = *next;

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
	} while (block < end);
	*next = end;
	return SKIP_GO_ON;
}

/* Skip the array or object that begins at *next. */
static inline SkipResult
skip_container(const char **next, const char *end, bool lines, uint32_t depth_limit)
{
	SkipState state;

	/* [] and {}, which are common. */
	if ((*next)[1] == (*next)[0] + 2 && depth_limit > 0)
	{
		*next += 2;
		return SKIP_FOUND;
	}
	skip_begin(&state, lines, depth_limit);
	return skip_blocks(&state, next, end);
}

/* Skip to behind the "]" of an array whose beginning has been read. */
static inline SkipResult
skip_rest_of_array(const char **next, const char *end, bool lines, uint32_t depth_limit)
{
	SkipState state;

	skip_begin(&state, lines, depth_limit);
	state.depth = 1;
	state.objects[0] = 0;
	return skip_blocks(&state, next, end);
}

/*-------------------------------------------------------------------------
 * The reader
 *-------------------------------------------------------------------------
 */

/* Keys that an object of the trie remembers besides the wanted ones. */
#define LEARNED_KEYS 64
/* Longer keys are looked up each time. */
#define LEARNED_KEY_LENGTH (KEY_PREFIX - 2)

/* Entry 0 of each object stands for every key that is not remembered. */
#define UNKNOWN_KEY 0

typedef struct KnownKey
{
	unsigned char text[KEY_PREFIX]; /* with both quotes, if it fits */
	unsigned char mask[KEY_PREFIX]; /* ff where text counts */
	const char *key;                /* without quotes */
	uint32_t key_length;
	uint16_t predicted; /* which key came behind this one last time */
	int32_t slot;
	struct ObjectNode *child; /* set if something below it is wanted */
} __attribute__((aligned(32))) KnownKey;

/* An object (or what is expected to be one) in which keys are wanted. */
typedef struct ObjectNode
{
	KnownKey *keys;
	uint16_t *table; /* hash table of indexes into keys; 0 is a free place */
	uint32_t table_mask;
	uint32_t key_count;
	uint32_t wanted_count; /* keys[1 .. wanted_count] are wanted */
	uint32_t key_capacity;
	uint16_t first;   /* predicted first key */
	uint64_t met_in;  /* number of the last walk that met this node */
	int *slots_below; /* slots of all nodes below this one */
	int slots_below_count;
} ObjectNode;

/* An object or array that the walk has entered. */
typedef struct Frame
{
	ObjectNode *node; /* of the object around; NULL if an array is around */
	uint16_t *predict;
	const char *start; /* of the container entered */
	int32_t slot;      /* for the container as a whole */
	bool is_object;    /* the container entered */
} Frame;

typedef enum ReaderState
{
	READER_START,        /* nothing read yet */
	READER_FIRST_RECORD, /* behind "[" */
	READER_NEXT_RECORD,  /* behind "," */
	READER_AFTER_RECORD,
	READER_DONE, /* behind "]" */
	READER_FAILED
} ReaderState;

struct JsonReader
{
	ReaderState state;
	JsonFraming framing;
	ObjectNode *nodes; /* nodes[0] is the record */
	int node_count;
	int slot_count;
	int record_slot;
	uint64_t walks;

	uint64_t offset; /* bytes consumed since the reset */
	uint64_t records;
	uint64_t record_offset;
	uint64_t record_end; /* of the last one; or 0 */

	/* A record that was not complete when it was walked last. */
	bool incomplete;
	bool search_failed;   /* the search was wrong about its end */
	size_t walked_length; /* how much of it there was then */
	size_t searched;      /* how far its end has been looked for */
	SkipState search;

	const char *problem; /* what was wrong, when a walk fails */
	StreamErrorKind problem_kind;
	StreamError error;
	Frame frames[JSON_MAX_DEPTH + 1];
};

static inline uint32_t
hash_key(const char *key, size_t length)
{
	uint64_t head = load_word(key);
	uint64_t tail = 0;

	if (length < 8)
		head &= (UINT64_C(1) << (8 * length)) - 1;
	else
		tail = load_word(key + length - 8);
	head = (head ^ (tail << 29 | tail >> 35) ^ length) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t) (head >> 32) ^ (uint32_t) (head >> 52);
}

/* Make keys[index] known by its text.  key must be padded. */
static void
remember_key(ObjectNode *node, uint32_t index, const char *key, size_t length)
{
	KnownKey *known = &node->keys[index];
	uint32_t place = hash_key(key, length) & node->table_mask;

	memset(known->text, 0, KEY_PREFIX);
	memset(known->mask, 0, KEY_PREFIX);
	if (length <= LEARNED_KEY_LENGTH)
	{
		known->text[0] = '"';
		memcpy(known->text + 1, key, length);
		known->text[length + 1] = '"';
		memset(known->mask, 0xff, length + 2);
	}
	else
		known->text[0] = 1; /* outside the mask: equals nothing */
	known->key = key;
	known->key_length = (uint32_t) length;
	known->predicted = UNKNOWN_KEY;
	while (node->table[place] != 0)
		place = (place + 1) & node->table_mask;
	node->table[place] = (uint16_t) index;
}

static void
collect_slots_below(const JsonPaths *paths, int path_node, ObjectNode *node)
{
	/* Depth is bounded by JSON_MAX_PATH_KEYS. */
	for (int child = paths->nodes[path_node].first_child; child != NO_NODE;
		 child = paths->nodes[child].next_sibling)
	{
		if (paths->nodes[child].slot != NO_SLOT)
			node->slots_below[node->slots_below_count++] = paths->nodes[child].slot;
		collect_slots_below(paths, child, node);
	}
}

/* Translate one inner node of the trie.  Returns false when memory is short. */
static bool
compile_node(JsonReader *reader, const JsonPaths *paths, int path_node, ObjectNode *node,
			 const int *node_of_path)
{
	uint32_t children = (uint32_t) paths->nodes[path_node].children;
	uint32_t table_size = 64;
	uint32_t index = 1;

	/* The indexes of keys must fit 16 bits. */
	if (children > 30000)
		return false;
	node->key_capacity = 1 + children + LEARNED_KEYS;
	while (table_size < 2 * node->key_capacity)
		table_size *= 2;
	node->table_mask = table_size - 1;
	node->keys = aligned_alloc(32, node->key_capacity * sizeof(KnownKey));
	node->table = calloc(table_size, sizeof(uint16_t));
	node->slots_below = malloc(((size_t) paths->slots + 1) * sizeof(int));
	if (node->keys == NULL || node->table == NULL || node->slots_below == NULL)
		return false;
	memset(node->keys, 0, node->key_capacity * sizeof(KnownKey));

	/* The key that no data equals. */
	node->keys[UNKNOWN_KEY].text[0] = 1;
	node->keys[UNKNOWN_KEY].slot = NO_SLOT;

	for (int child = paths->nodes[path_node].first_child; child != NO_NODE;
		 child = paths->nodes[child].next_sibling, index++)
	{
		const PathNode *source = &paths->nodes[child];

		remember_key(node, index, source->key, source->key_length);
		node->keys[index].slot = source->slot;
		if (source->children > 0)
			node->keys[index].child = &reader->nodes[node_of_path[child]];
	}
	node->wanted_count = children;
	node->key_count = index;
	collect_slots_below(paths, path_node, node);
	return true;
}

JsonReader *
json_reader_create(const JsonPaths *paths)
{
	JsonReader *reader = calloc(1, sizeof(JsonReader));
	int *node_of_path = NULL;
	bool done = false;

	if (reader == NULL)
		return NULL;
	reader->slot_count = paths->slots;
	reader->record_slot = paths->nodes[0].slot;

	/* Only the inner nodes of the trie become nodes of the reader. */
	node_of_path = calloc((size_t) paths->count, sizeof(int));
	reader->nodes = calloc((size_t) paths->count, sizeof(ObjectNode));
	if (node_of_path != NULL && reader->nodes != NULL)
	{
		done = true;
		for (int i = 0; i < paths->count; i++)
			if (paths->nodes[i].children > 0)
				node_of_path[i] = reader->node_count++;
		for (int i = 0; i < paths->count && done; i++)
			if (paths->nodes[i].children > 0)
				done =
					compile_node(reader, paths, i, &reader->nodes[node_of_path[i]], node_of_path);
	}
	free(node_of_path);
	if (!done)
	{
		json_reader_free(reader);
		return NULL;
	}
	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	return reader;
}

void
json_reader_free(JsonReader *reader)
{
	if (reader == NULL)
		return;
	if (reader->nodes != NULL)
	{
		for (int i = 0; i < reader->node_count; i++)
		{
			free(reader->nodes[i].keys);
			free(reader->nodes[i].table);
			free(reader->nodes[i].slots_below);
		}
		free(reader->nodes);
	}
	free(reader);
}

void
json_reader_reset(JsonReader *reader, JsonFraming framing)
{
	reader->state = READER_START;
	reader->framing = framing;
	reader->offset = 0;
	reader->records = 0;
	reader->record_offset = 0;
	reader->record_end = 0;
	reader->incomplete = false;
	stream_error_clear(&reader->error);
}

const StreamError *
json_reader_error(const JsonReader *reader)
{
	return &reader->error;
}

uint64_t
json_reader_records(const JsonReader *reader)
{
	return reader->records;
}

uint64_t
json_reader_record_offset(const JsonReader *reader)
{
	return reader->record_offset;
}

uint64_t
json_reader_offset(const JsonReader *reader)
{
	return reader->offset;
}

/*-------------------------------------------------------------------------
 * Walking a record
 *-------------------------------------------------------------------------
 */

/*
 * Find the key text[0 .. length), which holds escapes, among the wanted ones.
 * Such keys are not remembered.
 */
static __attribute__((noinline, cold)) uint32_t
look_up_escaped_key(const ObjectNode *node, const char *text, size_t length)
{
	JsonValue value;

	set_value(&value, JSON_STRING, text, text + length, true);
	for (uint32_t i = 1; i <= node->wanted_count; i++)
		if (json_string_equals(&value, node->keys[i].key))
			return i;
	return UNKNOWN_KEY;
}

/*
 * Find a key by its text, and remember it if it is new and there is room.
 * text is without quotes.
 */
static uint32_t
look_up_key(ObjectNode *node, const char *text, size_t length)
{
	uint32_t place = hash_key(text, length) & node->table_mask;
	uint32_t index;
	char *copy;

	while ((index = node->table[place]) != 0)
	{
		KnownKey *known = &node->keys[index];

		if (known->key_length == length && memcmp(known->key, text, length) == 0)
			return index;
		place = (place + 1) & node->table_mask;
	}
	if (length > LEARNED_KEY_LENGTH || node->key_count == node->key_capacity)
		return UNKNOWN_KEY;

	/* Its text lies between the quotes in the KnownKey itself. */
	index = node->key_count++;
	remember_key(node, index, text, length);
	copy = (char *) node->keys[index].text + 1;
	node->keys[index].key = copy;
	node->keys[index].slot = NO_SLOT;
	node->keys[index].child = NULL;
	return index;
}

typedef enum WalkResult
{
	WALK_RECORD,
	WALK_NEED_INPUT,
	WALK_ERROR
} WalkResult;

/* Note what a walk found wrong; where is known to its caller. */
static __attribute__((cold, noinline)) WalkResult
walk_problem(JsonReader *reader, StreamErrorKind kind, const char *problem)
{
	reader->problem_kind = kind;
	reader->problem = problem;
	return WALK_ERROR;
}

static __attribute__((cold, noinline)) WalkResult
walk_skip_problem(JsonReader *reader, SkipResult result)
{
	switch (result)
	{
		case SKIP_MISMATCH:
			return walk_problem(reader, STREAM_ERROR_CORRUPT, "brackets do not match");
		case SKIP_TOO_DEEP:
			return walk_problem(reader, STREAM_ERROR_TOO_LARGE, NULL);
		case SKIP_LINE_BREAK:
			return walk_problem(reader, STREAM_ERROR_CORRUPT, "line break in a string");
		default:
			return WALK_NEED_INPUT;
	}
}

/*
 * Walk the record that begins at start with "{".  Sets *stop behind its "}",
 * or to where the problem is.
 */
static WalkResult
walk_record(JsonReader *reader, const char *start, const char *end, JsonValue *values,
			const char **stop)
{
	const bool lines = reader->framing == JSON_FRAMING_LINES;
	const uint64_t walk = ++reader->walks;
	const char *next = start;
	ObjectNode *node;         /* of the object around next; NULL inside an array */
	ObjectNode *child;        /* of the value at next */
	uint16_t *predict = NULL; /* where the prediction of the next key is kept */
	int32_t slot;             /* of the value at next */
	uint32_t depth = 0;       /* frames in use, which is the nesting */
	const char *expected;
	const char *value_start;
	const char *value_end;
	bool escaped;
	SkipResult skipped;

	if (reader->node_count == 0)
	{
		skipped = skip_container(&next, end, lines, JSON_MAX_DEPTH);
		*stop = next;
		if (skipped != SKIP_FOUND)
			return walk_skip_problem(reader, skipped);
		if (reader->record_slot != NO_SLOT)
			set_value(&values[reader->record_slot], JSON_OBJECT, start, next, false);
		return WALK_RECORD;
	}

	node = NULL;
	child = &reader->nodes[0];
	slot = reader->record_slot;

enter_container:
	/* next stands on the bracket of a container with wanted keys below. */
	if (likely_false(depth >= JSON_MAX_DEPTH))
	{
		*stop = next;
		return walk_problem(reader, STREAM_ERROR_TOO_LARGE, NULL);
	}
	{
		Frame *frame = &reader->frames[depth++];

		frame->node = node;
		frame->predict = predict;
		frame->start = next;
		frame->slot = slot;
		frame->is_object = *next == '{';
	}
	if (*next == '[')
	{
		next = skip_space(next + 1);
		if (*next == ']')
		{
			next++;
			goto leave_container;
		}
		/* A key means "of the first element"; the element has no slot. */
		node = NULL;
		slot = NO_SLOT;
		goto read_value;
	}
	node = child;
	predict = &node->first;
	next = skip_space(next + 1);
	if (*next == '}')
	{
		next++;
		goto leave_container;
	}

read_key:
{
	KnownKey *known = &node->keys[*predict];

	if (likely_true(key_prefix_equal(next, known->text, known->mask)))
		next += known->key_length + 2;
	else
	{
		uint32_t index;

		expected = "expected a key";
		if (*next != '"')
			goto unexpected;
		escaped = false;
		value_end = find_quote(next + 1, end, lines, &escaped, &value_start);
		if (value_end == NULL)
		{
			next = value_start;
			goto unfinished_string;
		}
		if (likely_false(escaped))
			index = look_up_escaped_key(node, next + 1, (size_t) (value_end - next - 1));
		else
			index = look_up_key(node, next + 1, (size_t) (value_end - next - 1));
		next = value_end + 1;
		known = &node->keys[index];
		*predict = (uint16_t) index;
	}
	predict = &known->predicted;
	slot = known->slot;
	child = known->child;
	if (child != NULL)
	{
		/* The last of several equal keys counts, all of it. */
		if (likely_false(child->met_in == walk))
			for (int i = 0; i < child->slots_below_count; i++)
				values[child->slots_below[i]].type = JSON_MISSING;
		child->met_in = walk;
	}
}
	if (likely_false(*next != ':'))
	{
		next = skip_space(next);
		expected = "expected \":\"";
		if (*next != ':')
			goto unexpected;
	}
	next++;
	if (likely_false(is_space(*next)))
		next = skip_space(next);

read_value:
	if (*next == '"')
	{
		escaped = false;
		value_start = next + 1;
		value_end = find_quote(value_start, end, lines, &escaped, &next);
		if (likely_false(value_end == NULL))
			goto unfinished_string;
		if (slot != NO_SLOT)
			set_value(&values[slot], JSON_STRING, value_start, value_end, escaped);
		next = value_end + 1;
	}
	else if ((*next | 0x20) == '{')
	{
		if (child != NULL)
			goto enter_container;
		value_start = next;
		skipped = skip_container(&next, end, lines, JSON_MAX_DEPTH - depth);
		if (likely_false(skipped != SKIP_FOUND))
		{
			*stop = next;
			return walk_skip_problem(reader, skipped);
		}
		if (slot != NO_SLOT)
			set_value(&values[slot], *value_start == '{' ? JSON_OBJECT : JSON_ARRAY, value_start,
					  next, false);
	}
	else
	{
		JsonType type;

		value_start = next;
		next = find_scalar_end(next);
		expected = "expected a value";
		if (likely_false(next >= end))
			goto unexpected; /* more of it may follow */
		if (*value_start == '-' || is_digit(*value_start))
		{
			/* The syntax of a number matters only if somebody reads it. */
			type = JSON_NUMBER;
			if (slot != NO_SLOT && likely_false(!is_number(value_start, next)))
			{
				*stop = value_start;
				return walk_problem(reader, STREAM_ERROR_CORRUPT, "malformed number");
			}
		}
		else
		{
			type = literal_type(value_start, (size_t) (next - value_start));
			if (likely_false(type == JSON_MISSING))
			{
				next = value_start;
				goto unexpected;
			}
		}
		if (slot != NO_SLOT)
			set_value(&values[slot], type, value_start, next, false);
	}

after_value:
	if (likely_false(node == NULL))
	{
		/* In an array, behind its first element. */
		next = skip_space(next);
		expected = "expected \",\" or \"]\"";
		if (*next != ',' && *next != ']')
			goto unexpected;
		skipped = skip_rest_of_array(&next, end, lines, JSON_MAX_DEPTH - depth + 1);
		if (likely_false(skipped != SKIP_FOUND))
		{
			*stop = next;
			return walk_skip_problem(reader, skipped);
		}
		goto leave_container;
	}
	if (likely_false(is_space(*next)))
		next = skip_space(next);
	if (likely_true(*next == ','))
	{
		next++;
		if (likely_false(is_space(*next)))
			next = skip_space(next);
		goto read_key;
	}
	expected = "expected \",\" or \"}\"";
	if (likely_false(*next != '}'))
		goto unexpected;
	next++;

leave_container:
{
	Frame *frame = &reader->frames[--depth];

	if (frame->slot != NO_SLOT)
		set_value(&values[frame->slot], frame->is_object ? JSON_OBJECT : JSON_ARRAY, frame->start,
				  next, false);
	if (depth == 0)
	{
		*stop = next;
		return WALK_RECORD;
	}
	node = frame->node;
	predict = frame->predict;
	goto after_value;
}

unfinished_string:
	if (next >= end)
	{
		*stop = end;
		return WALK_NEED_INPUT;
	}
	*stop = next;
	return walk_problem(reader, STREAM_ERROR_CORRUPT, "line break in a string");

unexpected:
	*stop = next;
	if (next >= end)
	{
		*stop = end;
		return WALK_NEED_INPUT;
	}
	return walk_problem(reader, STREAM_ERROR_CORRUPT, expected);
}

/*
 * Look for the end of the incomplete record data[0 .. length), of which
 * searched bytes were looked at before.  Returns true when it is time to walk
 * the record.
 */
static bool
find_end(JsonReader *reader, const char *data, size_t length)
{
	SkipState rest;
	unsigned position;

	if (reader->searched == 0)
		skip_begin(&reader->search, reader->framing == JSON_FRAMING_LINES, JSON_MAX_DEPTH);
	while (length - reader->searched >= SKIP_BLOCK)
	{
		if (skip_block(&reader->search, data + reader->searched, &position) != SKIP_GO_ON)
			return true;
		reader->searched += SKIP_BLOCK;
	}

	/* The last piece of a block is looked at again when more of it is there. */
	rest = reader->search;
	return skip_block(&rest, data + reader->searched, &position) != SKIP_GO_ON;
}

/*-------------------------------------------------------------------------
 * From record to record
 *-------------------------------------------------------------------------
 */

/*
 * Fail at a position of the data, which begins at reader->offset.  problem is
 * a phrase like "expected a key", or NULL if the nesting is too deep.
 */
static __attribute__((cold, noinline)) StreamStatus
reader_fail(JsonReader *reader, const char *data, const char *position, const char *end,
			StreamErrorKind kind, const char *problem)
{
	char quoted[80];
	uint64_t offset = reader->offset + (uint64_t) (position - data);
	unsigned long long record = (unsigned long long) reader->records + 1;
	size_t rest = (size_t) (end - position);

	if (kind == STREAM_ERROR_TRUNCATED)
		stream_error_set(&reader->error, kind, offset, "JSON data ends too early: %s (record %llu)",
						 problem, record);
	else if (kind == STREAM_ERROR_TOO_LARGE && problem == NULL)
		stream_error_set(&reader->error, kind, offset,
						 "record %llu is nested more than %d levels deep", record, JSON_MAX_DEPTH);
	else if (kind == STREAM_ERROR_TOO_LARGE && *problem != '\0')
		stream_error_set(&reader->error, kind, offset,
						 "more than %zu bytes of %s before record %llu", JSON_MAX_RECORD, problem,
						 record);
	else if (kind == STREAM_ERROR_TOO_LARGE)
		stream_error_set(&reader->error, kind, offset, "record %llu is larger than %zu bytes",
						 record, JSON_MAX_RECORD);
	else
	{
		stream_escape(quoted, sizeof(quoted), position, rest < 16 ? rest : 16);
		stream_error_set(&reader->error, kind, offset,
						 "malformed JSON in record %llu: %s at \"%s\"", record, problem, quoted);
	}
	reader->state = READER_FAILED;
	return STREAM_ERROR;
}

/* U+FEFF in UTF-8. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_LENGTH ((size_t) 3)

StreamStatus
json_reader_next(JsonReader *reader, const char *data, size_t length, bool last, size_t *consumed,
				 JsonValue *values)
{
	const bool lines = reader->framing == JSON_FRAMING_LINES;
	const char *const end = data + length;
	const char *next = data;
	const char *stop = data;
	const char *expected = NULL;

	*consumed = 0;

	/* What stands between records, up to the "{" of the next one. */
	for (;;)
	{
		if (lines && reader->state == READER_AFTER_RECORD)
		{
			while (*next == ' ' || *next == '\t' || *next == '\r')
				next++;
		}
		else
			next = skip_space(next);

		switch (reader->state)
		{
			case READER_START:
				/* Some programs write a mark of their encoding before all else. */
				if (next == data && reader->offset == 0 && next < end &&
					*next == BYTE_ORDER_MARK[0])
				{
					size_t here = (size_t) (end - next);

					if (here > BYTE_ORDER_MARK_LENGTH)
						here = BYTE_ORDER_MARK_LENGTH;

					if (memcmp(next, BYTE_ORDER_MARK, here) == 0)
					{
						if (here < BYTE_ORDER_MARK_LENGTH && !last)
							return STREAM_NEED_INPUT;
						next += here;
						continue;
					}
				}
				if (lines)
				{
					/* While there is nothing at all, a mark may still come. */
					if (next == end)
						break;
					reader->state = READER_NEXT_RECORD;
					continue;
				}
				expected = "expected \"[\"";
				if (*next == '[')
				{
					next++;
					reader->state = READER_FIRST_RECORD;
					continue;
				}
				break;
			case READER_FIRST_RECORD:
				expected = "expected \"{\" or \"]\"";
				if (*next == '{')
					goto found;
				if (*next == ']')
				{
					next++;
					reader->state = READER_DONE;
					continue;
				}
				break;
			case READER_NEXT_RECORD:
				expected = "expected \"{\"";
				if (likely_true(*next == '{'))
					goto found;
				break;
			case READER_AFTER_RECORD:
				if (lines)
				{
					expected = "expected a line break";
					if (likely_true(*next == '\n'))
					{
						next++;
						reader->state = READER_NEXT_RECORD;
						continue;
					}
				}
				else
				{
					expected = "expected \",\" or \"]\"";
					if (likely_true(*next == ','))
					{
						next++;
						reader->state = READER_NEXT_RECORD;
						continue;
					}
					if (*next == ']')
					{
						next++;
						reader->state = READER_DONE;
						continue;
					}
				}
				break;
			case READER_DONE:
				expected = "expected nothing after the closing bracket";
				break;
			case READER_FAILED:
				return STREAM_ERROR;
		}

		/* Nothing fits here, or the data has ended. */
		if (next < end)
			return reader_fail(reader, data, next, end, STREAM_ERROR_CORRUPT, expected);
		if (last && !lines && reader->state != READER_DONE)
			return reader_fail(reader, data, next, end, STREAM_ERROR_TRUNCATED, expected);
		if (reader->offset + length - reader->record_end > JSON_MAX_RECORD)
			return reader_fail(reader, data, next, end, STREAM_ERROR_TOO_LARGE, "white space");
		*consumed = length;
		reader->offset += length;
		return last ? STREAM_END : STREAM_NEED_INPUT;
	}

found:
	length = (size_t) (end - next);
	if (likely_false(reader->incomplete) && !last && length < JSON_MAX_RECORD &&
		length / 2 < reader->walked_length &&
		(reader->search_failed || !find_end(reader, next, length)))
	{
		*consumed = (size_t) (next - data);
		reader->offset += *consumed;
		return STREAM_NEED_INPUT;
	}

	memset(values, 0, (size_t) reader->slot_count * sizeof(JsonValue));
	switch (walk_record(reader, next, end, values, &stop))
	{
		case WALK_RECORD:
			if (likely_false((size_t) (stop - next) > JSON_MAX_RECORD))
				return reader_fail(reader, data, next, end, STREAM_ERROR_TOO_LARGE, "");
			reader->state = READER_AFTER_RECORD;
			reader->incomplete = false;
			reader->records++;
			reader->record_offset = reader->offset + (uint64_t) (next - data);
			*consumed = (size_t) (stop - data);
			reader->offset += *consumed;
			reader->record_end = reader->offset;
			return STREAM_RECORD;

		case WALK_NEED_INPUT:
			if (length >= JSON_MAX_RECORD)
				return reader_fail(reader, data, next, end, STREAM_ERROR_TOO_LARGE, "");
			if (last)
				return reader_fail(reader, data, end, end, STREAM_ERROR_TRUNCATED,
								   "expected the rest of a record");
			if (!reader->incomplete)
			{
				reader->incomplete = true;
				reader->search_failed = false;
				reader->searched = 0;
			}
			else if (length / 2 < reader->walked_length)
				reader->search_failed = true;
			reader->walked_length = length;
			*consumed = (size_t) (next - data);
			reader->offset += *consumed;
			return STREAM_NEED_INPUT;

		case WALK_ERROR:
			break;
	}
	return reader_fail(reader, data, stop, end, reader->problem_kind, reader->problem);
}

/*-------------------------------------------------------------------------
 * Inside a value
 *-------------------------------------------------------------------------
 */
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

/*
 * A walk has matched the brackets and strings of the container, so that no step
 * gets past its end unnoticed; the checks against end are for what was inside.
 */
bool
json_cursor_next(JsonCursor *cursor, JsonValue *key, JsonValue *value, StreamError *error)
{
	const char *next = cursor->next;
	const char *const end = cursor->end;
	const char *value_start;
	const char *value_end;
	const char *stop;
	const char *expected;
	char quoted[80];
	bool escaped = false;

	if (error != NULL)
		stream_error_clear(error);
	if (next >= end)
		return false;
	next = skip_space(next);
	if (*next == (cursor->in_object ? '}' : ']'))
	{
		expected = "the end";
		if (next + 1 != end)
			goto malformed;
		cursor->next = end;
		return false;
	}
	if (!cursor->first)
	{
		expected = "\",\"";
		if (*next != ',')
			goto malformed;
		next = skip_space(next + 1);
	}
	cursor->first = false;

	if (cursor->in_object)
	{
		expected = "a key";
		if (*next != '"')
			goto malformed;
		value_start = next + 1;
		value_end = find_quote(value_start, end, false, &escaped, &stop);
		if (value_end == NULL || value_end >= end)
			goto malformed;
		if (key != NULL)
			set_value(key, JSON_STRING, value_start, value_end, escaped);
		next = skip_space(value_end + 1);
		expected = "\":\"";
		if (*next != ':')
			goto malformed;
		next = skip_space(next + 1);
	}

	expected = "a value";
	if (next >= end)
		goto malformed;
	if (*next == '"')
	{
		escaped = false;
		value_start = next + 1;
		value_end = find_quote(value_start, end, false, &escaped, &stop);
		if (value_end == NULL || value_end >= end)
			goto malformed;
		set_value(value, JSON_STRING, value_start, value_end, escaped);
		next = value_end + 1;
	}
	else if (*next == '{' || *next == '[')
	{
		value_start = next;
		if (skip_container(&next, end, false, JSON_MAX_DEPTH) != SKIP_FOUND || next >= end)
		{
			next = value_start;
			goto malformed;
		}
		set_value(value, *value_start == '{' ? JSON_OBJECT : JSON_ARRAY, value_start, next, false);
	}
	else
	{
		JsonType type;

		value_end = find_scalar_end(next);
		if (value_end >= end)
			goto malformed;
		if (*next == '-' || is_digit(*next))
			type = is_number(next, value_end) ? JSON_NUMBER : JSON_MISSING;
		else
			type = literal_type(next, (size_t) (value_end - next));
		if (type == JSON_MISSING)
			goto malformed;
		set_value(value, type, next, value_end, false);
		next = value_end;
	}
	cursor->next = next;
	return true;

malformed:
	cursor->next = end;
	stream_escape(quoted, sizeof(quoted), next,
				  next >= end ? 0 : (end - next < 16 ? (size_t) (end - next) : 16));
	stream_error_set(error, STREAM_ERROR_CORRUPT, 0, "malformed JSON value: expected %s at \"%s\"",
					 expected, quoted);
	return false;
}

/*-------------------------------------------------------------------------
 * Text
 *-------------------------------------------------------------------------
 */
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Length of the UTF-8 sequence at next, which is no ASCII, or 0 with *bad set
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

/* What a backslash with this letter stands for, or 0 if it is no escape. */
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

/* next stands on a backslash. */
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

/* Is it ASCII, and no control character or backslash? */
static inline bool
is_plain(char character)
{
	return (signed char) character >= ' ' && character != '\\';
}

/* Are the eight bytes of a word plain?  Says no now and then although they are. */
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
 * stores overlap in the middle instead of running over the end.
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

/* What a copy makes of the text. */
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
 * Copy the escape at *next, which is moved behind it.  Returns false with
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

/* Write a control character as JSON has it. */
static char *
write_control_escape(char *written, unsigned char character)
{
	static const char digits[] = "0123456789abcdef";

	memcpy(written, "\\u00", 4);
	written[4] = digits[character >> 4];
	written[5] = digits[character & 15];
	return written + 6;
}

/*
 * Copy text[0 .. length) to output as text that any column could hold.
 * Returns false with *error set where the policy does not allow what is there.
 */
static bool
copy_text(const char *text, size_t length, CopyMode mode, JsonTextPolicy policy, char *output,
		  size_t *output_length, StreamError *error)
{
	const char *next = text;
	const char *const end = text + length;
	char *written = output;
	bool in_string = false; /* with COPY_JSON_CONTROLS */

	if (error != NULL)
		stream_error_clear(error);
	while (next < end)
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
	*output_length = (size_t) (written - output);
	return true;
}

size_t
json_string_decoded_size(const JsonValue *value)
{
	/* One bad byte becomes the three bytes of U+FFFD. */
	return (size_t) value->length * 3;
}

bool
json_string_decode(const JsonValue *value, JsonTextPolicy policy, char *output,
				   size_t *output_length, StreamError *error)
{
	return copy_text(value->start, value->length, COPY_DECODED, policy, output, output_length,
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
 * Unlike a walk this does not count on zero bytes behind the text.
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
 * Check the string whose content begins at next.  Returns what is behind its
 * closing quote, or NULL with *stop and *problem set.  Control characters are
 * let pass if first_control is given, which is set to the first one.
 */
static const char *
check_string(const char *next, const char *end, const char **first_control, const char **stop,
			 const char **problem)
{
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
check_syntax(const char *text, size_t length, const char **first_control, StreamError *error)
{
	const char *next = text;
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
		next = check_string(next + 1, end, first_control, &stop, &problem);
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
	next = check_string(next + 1, end, first_control, &stop, &problem);
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
	stream_escape(quoted, sizeof(quoted), stop, end - stop < 16 ? (size_t) (end - stop) : 16);
	stream_error_set(error, STREAM_ERROR_CORRUPT, (uint64_t) (stop - text),
					 "malformed JSON value: %s at \"%s\"", problem, quoted);
	return false;
}

bool
json_validate(const char *text, size_t length, StreamError *error)
{
	return check_syntax(text, length, NULL, error);
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
json_text_copy(const char *text, size_t length, JsonTextPolicy policy, char *output,
			   size_t *output_length, StreamError *error)
{
	const char *control = NULL;

	if (!check_syntax(text, length, &control, error))
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
	return copy_text(text, length, control != NULL ? COPY_JSON_CONTROLS : COPY_JSON, policy, output,
					 output_length, error);
}
