/*-------------------------------------------------------------------------
 *
 * clock.c
 *		The clock by which everything here is timed.
 *
 *-------------------------------------------------------------------------
 */
#include "net/clock.h"

#include <time.h>

int64_t
monotonic_microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
monotonic_milliseconds(void)
{
	return monotonic_microseconds() / 1000;
}
