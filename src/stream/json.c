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
 * which key followed it the last time.  As long as that prediction holds, a
 * key costs one masked comparison of 32 bytes and is not even measured; when
 * it fails, the key is looked up in a small hash table.
 *
 * No bounds are checked while walking: the data is followed by zero bytes,
 * which no step can get past, so a step that meets something unexpected checks
 * whether it is at the end of the data.
 *
 * A record that is not complete yet is not walked again and again as its bytes
 * trickle in: the search for its end continues where it stopped (find_end),
 * and only a record whose end has arrived is walked.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "stream/json.h"
#include "stream/json_paths.h"
#include "stream/json_scan.h"
#include "stream/stream_error.h"

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
	unsigned char mask[KEY_PREFIX]; /* 0xff where text counts */
	const char *key;                /* without quotes */
	uint32_t key_length;
	uint16_t predicted; /* which key followed this one the last time */
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
	READER_FIRST_RECORD, /* after "[" */
	READER_NEXT_RECORD,  /* after "," */
	READER_AFTER_RECORD,
	READER_DONE, /* after "]" */
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

	/* A record that was not complete when it was last walked. */
	bool incomplete;
	bool search_over;     /* it has found the end, or was wrong about it */
	size_t walked_length; /* how much of it there was then */
	size_t searched;      /* how far its end has been looked for */
	SkipState search;

	StreamStop *stop;    /* set to make a walk give up; or NULL */
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

/* Make keys[index] recognizable by its text.  key must be padded. */
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

void
json_reader_stop_when(JsonReader *reader, StreamStop *stop)
{
	reader->stop = stop;
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
	WALK_STOPPED,
	WALK_ERROR
} WalkResult;

/* Note what a walk found wrong; the caller knows where. */
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
		case SKIP_STOPPED:
			return WALK_STOPPED;
		default:
			return WALK_NEED_INPUT;
	}
}

/*
 * Walk the record that begins at start with "{".  Sets *stop after its "}",
 * or to where the problem is.
 */
static WalkResult
walk_record(JsonReader *reader, const char *start, const char *end, JsonValue *values,
			const char **stop)
{
	const bool lines = reader->framing == JSON_FRAMING_LINES;
	const uint64_t walk = ++reader->walks;
	const char *next = start;
	const char *looked = start; /* where next was when it was last to give up or not */
	ObjectNode *node;           /* of the object around next; NULL inside an array */
	ObjectNode *child;          /* of the value at next */
	uint16_t *predict = NULL;   /* where the prediction of the next key is kept */
	int32_t slot;               /* of the value at next */
	uint32_t depth = 0;         /* frames in use, which is the nesting */
	const char *expected;
	const char *value_start;
	const char *value_end;
	bool escaped;
	SkipResult skipped;

	if (reader->node_count == 0)
	{
		skipped = skip_container(&next, end, lines, JSON_MAX_DEPTH, reader->stop);
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
	/* next is at the bracket of a container with wanted keys below. */
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
		value_end = find_quote(next + 1, end, lines, &escaped, &value_start, reader->stop);
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
		value_end = find_quote(value_start, end, lines, &escaped, &next, reader->stop);
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
		skipped = skip_container(&next, end, lines, JSON_MAX_DEPTH - depth, reader->stop);
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
			/* The syntax of a number matters only if it is read. */
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
		/* In an array, after its first element. */
		next = skip_space(next);
		expected = "expected \",\" or \"]\"";
		if (*next != ',' && *next != ']')
			goto unexpected;
		skipped = skip_rest_of_array(&next, end, lines, JSON_MAX_DEPTH - depth + 1, reader->stop);
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
		if (likely_false((size_t) (next - looked) >= STREAM_WORK))
		{
			if (stream_stop_is_set(reader->stop))
				return WALK_STOPPED;
			looked = next;
		}
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
	if (!lines || *next != '\n')
		return WALK_STOPPED;
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
 * reader->searched bytes were searched before.  SKIP_GO_ON: it is not there yet;
 * SKIP_STOPPED: nor has all been searched.  Otherwise it is time to walk the
 * record.
 */
static SkipResult
find_end(JsonReader *reader, const char *data, size_t length)
{
	const size_t began = reader->searched;
	SkipState rest;
	SkipResult result;
	unsigned position;

	if (reader->searched == 0)
		skip_begin(&reader->search, reader->framing == JSON_FRAMING_LINES, JSON_MAX_DEPTH);
	while (length - reader->searched >= SKIP_BLOCK)
	{
		result = skip_block(&reader->search, data + reader->searched, &position);
		if (result != SKIP_GO_ON)
			return result;
		reader->searched += SKIP_BLOCK;
		if (likely_false((reader->searched - began) % STREAM_WORK == 0) &&
			stream_stop_is_set(reader->stop))
			return SKIP_STOPPED;
	}

	/* The last, incomplete block is searched again when there is more of it. */
	rest = reader->search;
	return skip_block(&rest, data + reader->searched, &position);
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

/*
 * Length of the byte order mark that some programs write first, if the data
 * begins with one or (when it ends there) with a part of one. *incomplete says
 * that it may be one when more is there.
 */
static __attribute__((cold)) size_t
byte_order_mark(const char *data, size_t length, bool last, bool *incomplete)
{
	size_t here = length < BYTE_ORDER_MARK_LENGTH ? length : BYTE_ORDER_MARK_LENGTH;

	*incomplete = false;
	if (here == 0 || memcmp(data, BYTE_ORDER_MARK, here) != 0)
		return 0;
	*incomplete = here < BYTE_ORDER_MARK_LENGTH && !last;
	return here;
}

/*
 * Read what is between two records.  Returns true with *next on the "{" of the
 * next one; false when there is none, with *next where something else was
 * expected, which is the end of the data if that is used up.
 */
static inline __attribute__((always_inline)) bool
find_record(JsonReader *reader, bool lines, const char **next_byte, const char **expected)
{
	const char *next = *next_byte;

	for (;;)
	{
		if (lines && reader->state == READER_AFTER_RECORD)
		{
			while (*next == ' ' || *next == '\t' || *next == '\r')
				next++;
		}
		else
			next = skip_space(next);
		*next_byte = next;

		switch (reader->state)
		{
			case READER_START:
				*expected = "expected \"[\"";
				if (*next != '[')
					return false;
				reader->state = READER_FIRST_RECORD;
				break;
			case READER_FIRST_RECORD:
				*expected = "expected \"{\" or \"]\"";
				if (*next == '{')
					return true;
				if (*next != ']')
					return false;
				reader->state = READER_DONE;
				break;
			case READER_NEXT_RECORD:
				*expected = "expected \"{\"";
				return *next == '{';
			case READER_AFTER_RECORD:
				*expected = lines ? "expected a line break" : "expected \",\" or \"]\"";
				if (likely_true(*next == (lines ? '\n' : ',')))
					reader->state = READER_NEXT_RECORD;
				else if (*next == ']' && !lines)
					reader->state = READER_DONE;
				else
					return false;
				break;
			case READER_DONE:
				*expected = "expected nothing after the closing bracket";
				return false;
			case READER_FAILED:
				return false;
		}
		next++;
	}
}

/* The record at next is not done with: its bytes are to be given again. */
static StreamStatus
keep_record(JsonReader *reader, const char *data, const char *next, size_t *consumed,
			StreamStatus status)
{
	*consumed = (size_t) (next - data);
	reader->offset += *consumed;
	return status;
}

/* Walk the record that begins at next, where the reader has found its "{". */
static inline __attribute__((always_inline)) StreamStatus
read_record(JsonReader *reader, const char *data, const char *next, const char *end, bool last,
			size_t *consumed, JsonValue *values)
{
	size_t length = (size_t) (end - next);
	const char *stop = data;

	if (likely_false(reader->incomplete) && !last && length < JSON_MAX_RECORD &&
		length / 2 < reader->walked_length)
	{
		SkipResult found = reader->search_over ? SKIP_GO_ON : find_end(reader, next, length);

		if (found == SKIP_GO_ON || found == SKIP_STOPPED)
			return keep_record(reader, data, next, consumed,
							   found == SKIP_STOPPED ? STREAM_PAUSED : STREAM_NEED_INPUT);
		reader->search_over = true;
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
				reader->search_over = false;
				reader->searched = 0;
			}
			reader->walked_length = length;
			return keep_record(reader, data, next, consumed, STREAM_NEED_INPUT);

		case WALK_STOPPED:
			/* It is to be walked again at once. */
			reader->walked_length = 0;
			return keep_record(reader, data, next, consumed, STREAM_PAUSED);

		case WALK_ERROR:
			break;
	}
	return reader_fail(reader, data, stop, end, reader->problem_kind, reader->problem);
}

StreamStatus
json_reader_next(JsonReader *reader, const char *data, size_t length, bool last, size_t *consumed,
				 JsonValue *values)
{
	const bool lines = reader->framing == JSON_FRAMING_LINES;
	const char *const end = data + length;
	const char *next = data;
	const char *expected = NULL;

	*consumed = 0;
	if (likely_false(reader->state == READER_START))
	{
		bool incomplete = false;

		if (reader->offset == 0)
			next += byte_order_mark(data, length, last, &incomplete);
		if (incomplete)
			return STREAM_NEED_INPUT;
		/* While there is nothing at all, a byte order mark may still come. */
		if (lines && skip_space(next) != end)
			reader->state = READER_NEXT_RECORD;
	}
	if (likely_true(find_record(reader, lines, &next, &expected)))
		return read_record(reader, data, next, end, last, consumed, values);

	/* Nothing fits here, or the data has ended. */
	if (reader->state == READER_FAILED)
		return STREAM_ERROR;
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
