/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *		What the fuzz targets have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FUZZ_H
#define ADSEXPORT_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A finding: say what is wrong and let libFuzzer keep the input. */
#define EXPECT(condition, ...)                                                                     \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
			fprintf(stderr, __VA_ARGS__);                                                          \
			fprintf(stderr, "\n");                                                                 \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sizes of pieces, repeatable for one input. */
static uint64_t fuzz_state;

__attribute__((unused)) static size_t
fuzz_below(size_t limit)
{
	fuzz_state = fuzz_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t) (fuzz_state >> 33) % limit;
}

#endif /* ADSEXPORT_FUZZ_H */
