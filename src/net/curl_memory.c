/*-------------------------------------------------------------------------
 *
 * curl_memory.c
 *		libcurl's memory, which is overwritten when it is freed.
 *
 * The memory is malloc's all the same: what libcurl got before it was
 * initialized can be freed in here, and what it got in here by free.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "net/curl_memory.h"

static void
wipe_and_free(void *memory)
{
	if (memory == NULL)
		return;
	explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* realloc might move it, and leave a copy behind. */
static void *
wiping_realloc(void *memory, size_t size)
{
	size_t old_size = malloc_usable_size(memory);
	void *moved;

	if (memory != NULL && size <= old_size && size > old_size / 2)
		return memory;
	moved = malloc(size);
	if (moved == NULL || memory == NULL)
		return moved;
	memcpy(moved, memory, size < old_size ? size : old_size);
	wipe_and_free(memory);
	return moved;
}

bool
curl_initialize(void)
{
	static bool done = false;

	if (!done)
		done = curl_global_init_mem(CURL_GLOBAL_ALL, malloc, wipe_and_free, wiping_realloc, strdup,
									calloc) == CURLE_OK;
	return done;
}
