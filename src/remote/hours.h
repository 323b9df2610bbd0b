/*-------------------------------------------------------------------------
 *
 * hours.h
 *		Arithmetic on hours since 1970, UTC, by which Amplitude exports.
 *
 * Plain C, no PostgreSQL header.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_HOURS_H
#define ADSEXPORT_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * From 2014-11-12T00 on, files are by the hour; before that, by the day
 * (docs/vendors/amplitude-export.md 1).
 */
#define HOURS_FIRST_HOURLY INT64_C(393264)

/* The vendor accepts at most 365 days at once. */
#define HOURS_LONGEST_SPAN INT64_C(8760)

/* The hour that contains the moment (microseconds since 1970). */
extern int64_t hours_of_microseconds(int64_t microseconds);

/* The same for the server's timestamps, which count from 2000; any value will do. */
extern int64_t hours_of_timestamp(int64_t timestamp);

/* For this many hours after its end an hour may still be incomplete (the same section). */
#define HOURS_INCOMPLETE 2

/* "YYYYMMDDTHH" as the vendor wants it; false for years outside of 0001..9999. */
extern bool hours_format(int64_t hour, char *output, size_t output_size);

/* Widen a range to whole days where the vendor's files are by the day. */
extern void hours_widen(int64_t *start, int64_t *end);

/*
 * End of the request that begins at start: at most span hours, not beyond
 * end, whole days among the daily files, and never across the change from
 * daily to hourly files.
 */
extern int64_t hours_span_end(int64_t start, int64_t end, int64_t span);

/*
 * A span that was too much: how many hours of it to request first.  0: it is
 * the smallest there is, an hour, or a day among the daily files.
 */
extern int64_t hours_half(int64_t start, int64_t end);

#endif /* ADSEXPORT_HOURS_H */
