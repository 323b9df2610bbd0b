/*-------------------------------------------------------------------------
 *
 * jsonb_shapes.h
 *		What is remembered about objects with the same keys in the same order;
 *		private to src/row.
 *
 * Objects of one export are alike.  For a sequence of keys that was seen
 * before, a shape holds how jsonb sorts them and what it writes for them. The
 * sequences form a trie, each node of which remembers which key came next the
 * last time.  As long as that prediction holds, a key is read by one masked
 * comparison.
 *
 * All memory is allocated at the start; when it is used up, new shapes stay
 * unknown for a while, and then all are forgotten.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_JSONB_SHAPES_H
#define ADSEXPORT_ROW_JSONB_SHAPES_H

#include "postgres.h"

#include "row/value.h"
#include "stream/json_simd.h"

/*
 * Memory of a fixed size, about 200 kB for each builder, which is small
 * enough for the processor's cache: the shapes of a table's few kinds of objects fit
 * many times over, and what does not fit is built without a shape, as it would
 * be anyway.
 */

/* Objects with more keys have no shape: their keys are rarely the same twice. */
#define SHAPE_MAX_KEYS 64

/* Keys that may follow the same keys; they are searched one by one. */
#define SHAPE_MAX_CHILDREN 16

#define SHAPE_MAX_NODES 1024
#define SHAPE_MAX_SHAPES 192
#define SHAPE_MAX_TEXT (32 * 1024)
#define SHAPE_MAX_WRITTEN (64 * 1024)

/* Room after everything that is written of a shape, so that it can be copied in steps. */
#define SHAPE_WRITTEN_SLACK 16

/* A key after those that lead to it; the first node is the start of an object. */
typedef struct ShapeNode
{
	unsigned char text[KEY_PREFIX] __attribute__((aligned(16))); /* with its quotes and colon */
	unsigned char mask[KEY_PREFIX];                              /* 0xff where text counts */
	uint16 length;                                               /* of all of the text */
	uint16 predicted; /* the child that came last; 0: none */
	uint16 first_child;
	uint16 next_sibling;
	uint16 parent;
	uint16 depth; /* number of keys so far */
	uint16 shape; /* of an object that ends here; 0: none yet */
	uint32 rest;  /* where all of the text is */
} ShapeNode;

typedef struct Shape
{
	uint16 count;   /* keys in the text */
	uint16 kept;    /* different ones */
	uint32 written; /* where, in the memory for that: entries of the kept keys, then their bytes */
	uint32 key_length; /* of those bytes */
	/* For each key of the object, in its order, the place in the text of the value that counts. */
	uint8 source[SHAPE_MAX_KEYS];
} Shape;

typedef struct JsonbShapes
{
	uint32 node_count; /* with the root */
	uint32 shape_count;
	uint32 text_length;
	uint32 written_length;
	bool is_full;    /* something did not fit */
	uint32 failures; /* since then */

	ShapeNode nodes[SHAPE_MAX_NODES];
	Shape shapes[SHAPE_MAX_SHAPES]; /* the first is none */
	char text[SHAPE_MAX_TEXT];
	char written[SHAPE_MAX_WRITTEN + SHAPE_WRITTEN_SLACK];
} JsonbShapes;

/* Palloc'd in a memory context; the other functions use nothing of the server. */
extern JsonbShapes *jsonb_shapes_create(MemoryContext memory);

/*
 * Before a column's value is read: should shapes be tried for its objects?
 * While all fail, some values are skipped.
 */
static inline bool
jsonb_shapes_are_worth_it(ShapeUse *use)
{
	if (likely(use->skipped == 0))
		return true;
	use->skipped--;
	return false;
}

/* Afterwards: were they all known or learned? */
extern void jsonb_shapes_note(JsonbShapes *shapes, ShapeUse *use, bool known);

/*
 * The node of a key (its bytes, which are plain ASCII) after node; 0 if it is
 * not known and there is no room for it.
 */
extern uint16
jsonb_shapes_find_key(JsonbShapes *shapes, uint16 node, const char *key, size_t length);

/* The shape of an object that ends after node; 0 if there is no room for it. */
extern uint16 jsonb_shapes_find(JsonbShapes *shapes, uint16 node);

/*
 * The node of the key at text, if it is one that is known there, written
 * without spaces; else 0.  Looks at KEY_PREFIX bytes, whatever is there.
 */
static inline uint16
jsonb_shapes_next(JsonbShapes *shapes, uint16 node, const char *text, const char *end)
{
	uint16 *predicted = &shapes->nodes[node].predicted;
	uint16 child = *predicted;
	uint16 other = 0;

	while (child != 0)
	{
		const ShapeNode *candidate = &shapes->nodes[child];

		if (key_prefix_equal(text, candidate->text, candidate->mask) &&
			end - text >= candidate->length &&
			(likely(candidate->length <= KEY_PREFIX) ||
			 memcmp(text, shapes->text + candidate->rest, candidate->length) == 0))
		{
			*predicted = child;
			return child;
		}
		/* First the one that came next the last time, then all. */
		child = other == 0 ? shapes->nodes[node].first_child : candidate->next_sibling;
		other = 1;
	}
	return 0;
}

#endif /* ADSEXPORT_ROW_JSONB_SHAPES_H */
