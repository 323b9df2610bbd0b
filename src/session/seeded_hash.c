/*-------------------------------------------------------------------------
 *
 * seeded_hash.c
 *		A hash function for tables whose keys others choose.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "session/seeded_hash.h"

static uint64 seed;
static bool has_seed = false;

void
seeded_hash_prepare(void)
{
	if (!has_seed && !pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
	has_seed = true;
}

uint32
seeded_hash(const void *key, Size size)
{
	Assert(has_seed);
	return (uint32) hash_bytes_extended(key, (int) size, seed);
}
