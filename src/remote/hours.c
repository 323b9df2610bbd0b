/*-------------------------------------------------------------------------
 *
 * hours.c
 *		Arithmetic on hours since 1970, UTC, by which Amplitude exports.
 *
 *-------------------------------------------------------------------------
 */
#include "remote/hours.h"

#include <stdio.h>
#include <time.h>

#define MICROSECONDS_PER_HOUR INT64_C(3600000000)
#define HOURS_1970_TO_2000 INT64_C(262968)

static int64_t
floor_divide(int64_t value, int64_t divisor)
{
	return value / divisor - (value % divisor < 0 ? 1 : 0);
}

int64_t
hours_of_microseconds(int64_t microseconds)
{
	return floor_divide(microseconds, MICROSECONDS_PER_HOUR);
}

int64_t
hours_of_timestamp(int64_t timestamp)
{
	/* Added as hours, because the microseconds might overflow. */
	return hours_of_microseconds(timestamp) + HOURS_1970_TO_2000;
}

bool
hours_format(int64_t hour, char *output, size_t output_size)
{
	time_t seconds;
	struct tm broken;
	int written;

	/* Years 1 to 9999. */
	if (hour < -17259888 || hour > 70389527)
		return false;
	seconds = (time_t) hour * 3600;
	if (gmtime_r(&seconds, &broken) == NULL)
		return false;
	written = snprintf(output, output_size, "%04d%02d%02dT%02d", broken.tm_year + 1900,
					   broken.tm_mon + 1, broken.tm_mday, broken.tm_hour);
	return written > 0 && (size_t) written < output_size;
}

void
hours_widen(int64_t *start, int64_t *end)
{
	if (*start < HOURS_FIRST_HOURLY)
		*start = floor_divide(*start, 24) * 24;
	if (*end < HOURS_FIRST_HOURLY)
		*end = floor_divide(*end, 24) * 24 + 23;
}

int64_t
hours_span_end(int64_t start, int64_t end, int64_t span)
{
	int64_t last;

	if (span > HOURS_LONGEST_SPAN)
		span = HOURS_LONGEST_SPAN;
	if (start < HOURS_FIRST_HOURLY)
	{
		span = span < 24 ? 24 : span / 24 * 24;
		if (end >= HOURS_FIRST_HOURLY)
			end = HOURS_FIRST_HOURLY - 1;
	}
	last = start + span - 1;
	return last < end ? last : end;
}

int64_t
hours_half(int64_t start, int64_t end)
{
	int64_t unit = start < HOURS_FIRST_HOURLY ? 24 : 1;
	int64_t units = (end - start + 1) / unit;

	return units < 2 ? 0 : (units + 1) / 2 * unit;
}
