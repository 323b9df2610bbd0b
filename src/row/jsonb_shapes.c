/*-------------------------------------------------------------------------
 *
 * jsonb_shapes.c
 *		What is remembered about objects with the same keys in the same order.
 *
 * Calls no function of the server, so that the read-ahead thread can use it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "utils/jsonb.h"

#include "row/jsonb_shapes.h"

/* At most this many values of a column are skipped in a row. */
#define MOST_SKIPPED 1024

/*
 * When there is no more room, and this many values had objects that would have
 * needed it, forget all shapes and start again.
 */
#define FAILURES_TO_FORGET 32

static void
forget(JsonbShapes *shapes)
{
	shapes->node_count = 1;
	memset(&shapes->nodes[0], 0, sizeof(ShapeNode));
	shapes->shape_count = 1;
	shapes->text_length = 0;
	shapes->written_length = 0;
	shapes->is_full = false;
	shapes->failures = 0;
}

JsonbShapes *
jsonb_shapes_create(MemoryContext memory)
{
	const size_t alignment = _Alignof(ShapeNode);
	char *space = MemoryContextAlloc(memory, sizeof(JsonbShapes) + alignment);
	JsonbShapes *shapes = (JsonbShapes *) TYPEALIGN(alignment, space);

	forget(shapes);
	return shapes;
}

void
jsonb_shapes_note(JsonbShapes *shapes, ShapeUse *use, bool known)
{
	if (known)
	{
		use->failures = 0;
		return;
	}
	if (shapes->is_full && ++shapes->failures >= FAILURES_TO_FORGET)
		forget(shapes);
	use->failures++;
	use->skipped = Min((1u << Min(use->failures, 16)) - 1, MOST_SKIPPED);
}

static bool
is_key(const JsonbShapes *shapes, const ShapeNode *node, const char *key, size_t length)
{
	return (size_t) node->length == length + 3 &&
		   memcmp(shapes->text + node->rest + 1, key, length) == 0;
}

uint16
jsonb_shapes_find_key(JsonbShapes *shapes, uint16 parent, const char *key, size_t length)
{
	uint16 *link = &shapes->nodes[parent].first_child;
	char *text = shapes->text + shapes->text_length;
	ShapeNode *node;
	uint16 index;
	int children = 0;

	for (; *link != 0; link = &shapes->nodes[*link].next_sibling)
	{
		if (is_key(shapes, &shapes->nodes[*link], key, length))
		{
			shapes->nodes[parent].predicted = *link;
			return *link;
		}
		children++;
	}
	if (shapes->nodes[parent].depth >= SHAPE_MAX_KEYS || length > SHAPE_MAX_TEXT / 4)
		return 0;
	if (children >= SHAPE_MAX_CHILDREN || shapes->node_count >= SHAPE_MAX_NODES ||
		length + 3 > SHAPE_MAX_TEXT - shapes->text_length)
	{
		shapes->is_full = true;
		return 0;
	}

	index = shapes->node_count++;
	node = &shapes->nodes[index];
	memset(node, 0, sizeof(ShapeNode));
	node->length = length + 3;
	node->parent = parent;
	node->depth = shapes->nodes[parent].depth + 1;
	node->rest = shapes->text_length;
	text[0] = '"';
	memcpy(text + 1, key, length);
	text[length + 1] = '"';
	text[length + 2] = ':';
	shapes->text_length += length + 3;
	memcpy(node->text, text, Min(length + 3, KEY_PREFIX));
	memset(node->mask, 0xff, Min(length + 3, KEY_PREFIX));

	*link = index;
	shapes->nodes[parent].predicted = index;
	return index;
}

/* jsonb's order of keys: the shorter first, then by their bytes. */
static int
compare_keys(const JsonbShapes *shapes, const ShapeNode *left, const ShapeNode *right)
{
	if (left->length != right->length)
		return left->length < right->length ? -1 : 1;
	return memcmp(shapes->text + left->rest + 1, shapes->text + right->rest + 1, left->length - 3);
}

/* Write the keys as jsonb does; false if there is no room for that. */
static bool
write_keys(JsonbShapes *shapes, Shape *shape, const ShapeNode *const *keys)
{
	size_t entries_size = shape->kept * sizeof(JEntry);
	char *entries;
	char *bytes;
	uint32 total = 0;

	for (int i = 0; i < shape->kept; i++)
		total += keys[shape->source[i]]->length - 3;
	if (entries_size + total > SHAPE_MAX_WRITTEN - shapes->written_length)
		return false;

	shape->written = shapes->written_length;
	shape->key_length = total;
	entries = shapes->written + shape->written;
	bytes = entries + entries_size;
	shapes->written_length += entries_size + total;

	total = 0;
	for (int i = 0; i < shape->kept; i++)
	{
		const ShapeNode *key = keys[shape->source[i]];
		uint32 length = key->length - 3;
		JEntry entry = JENTRY_ISSTRING | length;

		memcpy(bytes + total, shapes->text + key->rest + 1, length);
		total += length;
		if (i % JB_OFFSET_STRIDE == 0)
			entry = JENTRY_ISSTRING | JENTRY_HAS_OFF | total;
		memcpy(entries + i * sizeof(JEntry), &entry, sizeof(entry));
	}
	return true;
}

uint16
jsonb_shapes_find(JsonbShapes *shapes, uint16 end)
{
	const ShapeNode *keys[SHAPE_MAX_KEYS];
	uint16 count = shapes->nodes[end].depth;
	Shape *shape = &shapes->shapes[shapes->shape_count];

	if (shapes->nodes[end].shape != 0)
		return shapes->nodes[end].shape;
	if (shapes->shape_count >= SHAPE_MAX_SHAPES)
	{
		shapes->is_full = true;
		return 0;
	}

	for (uint16 i = count, node = end; i > 0; node = shapes->nodes[node].parent)
		keys[--i] = &shapes->nodes[node];
	shape->count = count;
	shape->kept = 0;
	for (int i = 0; i < count; i++)
	{
		int place = shape->kept;

		while (place > 0 && compare_keys(shapes, keys[shape->source[place - 1]], keys[i]) > 0)
			place--;
		/* Of equal ones the last counts. */
		if (place > 0 && compare_keys(shapes, keys[shape->source[place - 1]], keys[i]) == 0)
		{
			shape->source[place - 1] = i;
			continue;
		}
		memmove(shape->source + place + 1, shape->source + place, shape->kept - place);
		shape->source[place] = i;
		shape->kept++;
	}
	if (!write_keys(shapes, shape, keys))
	{
		shapes->is_full = true;
		return 0;
	}
	shapes->nodes[end].shape = shapes->shape_count++;
	return shapes->nodes[end].shape;
}
