/*-------------------------------------------------------------------------
 *
 * hour_range.h
 *		Which hours of uploads the clauses on times leave.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_HOUR_RANGE_H
#define ADSEXPORT_HOUR_RANGE_H

#include "filter/operands.h"

/* Hours, both inclusive; empty when start > end. */
typedef struct HourRange
{
	int64 start;
	int64 end;
} HourRange;

extern bool hours_are_empty(HourRange range);

/* From operands that have been evaluated. */
extern HourRange hours_of_trees(List *trees, const EvaluateContext *context);

#endif /* ADSEXPORT_HOUR_RANGE_H */
