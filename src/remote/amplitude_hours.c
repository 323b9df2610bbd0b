/*-------------------------------------------------------------------------
 *
 * amplitude_hours.c
 *		What a query means in terms of Amplitude's hours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/amplitude_hours.h"
#include "remote/hours.h"

bool
amplitude_hours(const ForeignOptions *options, const ExportQuery *query, int64 *start, int64 *end)
{
	int64 now = hours_of_timestamp(query->now);

	*start = query->start_hour;
	*end = query->end_hour;
	if (*start == HOUR_UNBOUNDED_START)
	{
		if (options->default_start < 0)
			return false;
		*start = now - options->default_start;
	}
	/* There are no files for the future. */
	if (*end > now)
		*end = now;
	hours_widen(start, end);
	return true;
}
