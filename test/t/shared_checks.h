/*
 * What the files of the library that test_shared_memory builds have in common.
 */
#ifndef SHARED_CHECKS_H
#define SHARED_CHECKS_H

#include "postgres.h"

#include "session/shared_memory.h"

#define check(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			elog(ERROR, "%s, line %d: %s", __FILE__, __LINE__, #condition);                        \
	} while (0)

static inline SharedKey
key_of_number(uint32 number)
{
	SharedKey key = shared_key_begin();
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return shared_key_of_text(&key, text);
}

/* The same numbers in each run. */
static inline uint32
random_number(void)
{
	static uint64 state = 1;

	state = state * UINT64CONST(6364136223846793005) + 1442695040888963407;
	return (uint32) (state >> 33);
}

#endif /* SHARED_CHECKS_H */
