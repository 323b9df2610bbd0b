/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The clock by which everything here is timed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOCK_H
#define ADSEXPORT_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that never goes back. */
extern int64_t monotonic_milliseconds(void);

/* Microseconds of the same one. */
extern int64_t monotonic_microseconds(void);

#endif /* ADSEXPORT_CLOCK_H */
