/*-------------------------------------------------------------------------
 *
 * json_paths.c
 *		Which values of a record are wanted: paths, joined to a trie.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "stream/json_path.h"
#include "stream/json_paths.h"

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

/* The child of that key, which is created if there is none; NO_NODE when memory is short. */
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
