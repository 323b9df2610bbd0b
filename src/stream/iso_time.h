/*-------------------------------------------------------------------------
 *
 * iso_time.h
 *		Dates and times in the fixed format that both vendors use.
 *
 *	YYYY-MM-DD and YYYY-MM-DD[T ]HH:MM:SS[.ffffff][Z|+hh[[:]mm]|-hh[[:]mm]]
 *
 * The only reader of times, for records and control messages.  A time without
 * a zone is UTC.  Everything else is rejected, including a second of 60, more
 * than six digits of a fraction, and the year 0.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ISO_TIME_H
#define ADSEXPORT_ISO_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts. */
#define ISO_TIME_EPOCH_DAYS 10957

/* Days since 2000-01-01 of the YYYY-MM-DD that text, at least ten bytes, begins with. */
extern bool iso_date_read(const char *text, int *days);

/* Microseconds since 2000-01-01 00:00 UTC of all of text. */
extern bool iso_time_read(const char *text, size_t length, int64_t *microseconds);

#endif /* ADSEXPORT_ISO_TIME_H */
