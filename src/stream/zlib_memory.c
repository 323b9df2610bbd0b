/*-------------------------------------------------------------------------
 *
 * zlib_memory.c
 *		Memory for zlib that is overwritten when it is freed.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/zlib_memory.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Before each piece, as zlib does not say how large it was. */
typedef union Head
{
	size_t size;
	max_align_t alignment;
} Head;

void *
zlib_allocate(void *unused, unsigned count, unsigned size)
{
	Head *head;

	(void) unused;
	if (size != 0 && count > (SIZE_MAX - sizeof(Head)) / size)
		return NULL;
	head = malloc(sizeof(Head) + (size_t) count * size);
	if (head == NULL)
		return NULL;
	head->size = (size_t) count * size;
	return head + 1;
}

void
zlib_wipe(void *unused, void *address)
{
	Head *head = address;

	(void) unused;
	if (head == NULL)
		return;
	head--;
	explicit_bzero(head + 1, head->size);
	free(head);
}
