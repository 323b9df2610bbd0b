/*-------------------------------------------------------------------------
 *
 * clock.h
 *		The clock that everything here is timed by.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CLOCK_H
#define ADSEXPORT_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that is never set back. */
extern int64_t monotonic_milliseconds(void);

#endif /* ADSEXPORT_CLOCK_H */
