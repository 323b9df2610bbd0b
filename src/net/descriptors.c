/*-------------------------------------------------------------------------
 *
 * descriptors.c
 *		How many file descriptors this layer, and libcurl for it, holds.
 *
 *-------------------------------------------------------------------------
 */
#include "net/descriptors.h"

#include <stdatomic.h>

static atomic_int held;

void
descriptors_count(int more)
{
	atomic_fetch_add(&held, more);
}

int
descriptors_held(void)
{
	return atomic_load(&held);
}
