/*-------------------------------------------------------------------------
 *
 * json_paths.h
 *		The wanted paths as a trie (inside stream/ only; see json.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_PATHS_H
#define ADSEXPORT_JSON_PATHS_H

#include "stream/json.h"

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

#endif /* ADSEXPORT_JSON_PATHS_H */
