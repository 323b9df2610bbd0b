/*-------------------------------------------------------------------------
 *
 * hour_range.c
 *		Which hours of uploads the clauses on times leave.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "filter/closed_values.h"
#include "filter/hour_range.h"
#include "filter/tree.h"
#include "remote/hours.h"
#include "remote/query.h"

static const HourRange all_hours = { HOUR_UNBOUNDED_START, HOUR_UNBOUNDED_END };
static const HourRange no_hours = { HOUR_UNBOUNDED_END, HOUR_UNBOUNDED_START };

bool
hours_are_empty(HourRange range)
{
	return range.start > range.end;
}

static HourRange
hours_intersect(HourRange a, HourRange b)
{
	HourRange result = { Max(a.start, b.start), Min(a.end, b.end) };

	return result;
}

static HourRange
hours_hull(HourRange a, HourRange b)
{
	HourRange result = { Min(a.start, b.start), Max(a.end, b.end) };

	if (hours_are_empty(a))
		return b;
	return hours_are_empty(b) ? a : result;
}

/* The slack by which a bound is widened where the time zones of the two types differ. */
#define ZONE_SLACK USECS_PER_DAY

/* In another zone it may be beyond that end, about which the server's comparison does not complain. */
static bool
is_near_an_end(TimestampTz moment)
{
	return !TIMESTAMP_NOT_FINITE(moment) &&
		   (moment < MIN_TIMESTAMP + ZONE_SLACK || moment >= END_TIMESTAMP - ZONE_SLACK);
}

/*
 * The moment (microseconds since 2000, UTC) that a value means when compared
 * with the column, and the slack needed on both sides.
 */
static int64
moment_of(Datum value, Oid value_type, Oid column_type, int64 *slack)
{
	*slack = 0;
	if (column_type == TIMESTAMPTZOID)
	{
		/* The comparison assumes that values without a zone are in the session's zone. */
		switch (value_type)
		{
			case TIMESTAMPOID:
				return compat_timestamp_to_timestamptz(DatumGetTimestamp(value));
			case DATEOID:
				return compat_date_to_timestamptz(DatumGetDateADT(value));
			default:
				return DatumGetTimestampTz(value);
		}
	}
	/* The column holds UTC, although its type does not say so. */
	switch (value_type)
	{
		case TIMESTAMPTZOID:
			*slack = ZONE_SLACK;
			if (is_near_an_end(DatumGetTimestampTz(value)))
				return DatumGetTimestampTz(value);
			return DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, value));
		case DATEOID:
			return compat_date_to_timestamp(DatumGetDateADT(value));
		default:
			return DatumGetTimestamp(value);
	}
}

/* Shift without leaving the range of timestamps. */
static int64
shift_moment(int64 moment, int64 shift)
{
	int64 shifted = moment + shift;

	return IS_VALID_TIMESTAMP(shifted) ? shifted : moment;
}

/*
 * By how much a value may have been rounded up when it was converted for the
 * column.  (What is rounded down stays in its hour.)
 */
static int64
rounding_of(Oid column_type, int32 typmod)
{
	static const int64 units[] = { 1000000, 100000, 10000, 1000, 100, 10 };

	if (column_type == DATEOID || typmod < 0 || typmod >= (int32) lengthof(units))
		return 0;
	return units[typmod] / 2;
}

/* How far apart a column's time and the time of the upload can be (microseconds). */
typedef struct UploadDelay
{
	bool has_lead; /* uploaded at most this long before */
	bool has_lag;  /* or after it */
	int64 lead;
	int64 lag;
} UploadDelay;

static const UploadDelay no_delay = { true, true, 0, 0 };

/* Differences between clocks that the vendor ignores when it computes event_time. */
#define EVENT_TIME_SLACK (60 * USECS_PER_SEC)

static UploadDelay
event_time_delay(const ForeignOptions *options)
{
	UploadDelay delay = { options->event_time_max_lead >= 0, options->event_time_max_lag >= 0,
						  options->event_time_max_lead * 1000 + EVENT_TIME_SLACK,
						  options->event_time_max_lag * 1000 };

	return delay;
}

static HourRange
compare_hours(int strategy, Datum value, Oid value_type, Oid column_type, int32 typmod,
			  const UploadDelay *delay)
{
	HourRange range = all_hours;
	int64 slack;
	int64 moment = moment_of(value, value_type, column_type, &slack);
	int64 rounding = rounding_of(column_type, typmod);
	int64 lowest = moment;
	int64 highest = moment;
	bool exact = column_type == TIMESTAMPTZOID ||
				 (column_type == TIMESTAMPOID && value_type != TIMESTAMPTZOID);

	if (strategy == STRATEGY_NOT_EQUAL)
		return all_hours;
	if (TIMESTAMP_IS_NOBEGIN(moment))
		return strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber
				   ? all_hours
				   : no_hours;
	if (TIMESTAMP_IS_NOEND(moment))
		return strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber ? all_hours
																						 : no_hours;

	lowest = shift_moment(lowest, -slack - rounding);
	/* A date stands for the whole of its day. */
	highest = shift_moment(highest, slack + (column_type == DATEOID ? USECS_PER_DAY : 0));
	/* What is rounded down stays in its hour, unless the lag is finer than the rounding. */
	if (rounding > 0 && delay->lag % (2 * rounding) != 0)
		highest = shift_moment(highest, rounding);

	lowest = shift_moment(lowest, -delay->lead);
	highest = shift_moment(highest, delay->lag);

	if (delay->has_lead)
	{
		if (strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber ||
			strategy == BTEqualStrategyNumber)
			range.start = hours_of_timestamp(lowest);
		/* After the last moment of an hour comes the next hour. */
		if (strategy == BTGreaterStrategyNumber && exact)
			range.start = hours_of_timestamp(shift_moment(lowest, 1));
	}
	if (!delay->has_lag)
		return range;
	if (strategy == BTLessStrategyNumber || strategy == BTLessEqualStrategyNumber ||
		strategy == BTEqualStrategyNumber)
		range.end = hours_of_timestamp(highest);
	/* Up to the full hour, but not into it. */
	if (strategy == BTLessStrategyNumber && exact && highest % USECS_PER_HOUR == 0)
		range.end--;
	return range;
}

static int
negated_strategy(int strategy)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return BTGreaterEqualStrategyNumber;
		case BTLessEqualStrategyNumber:
			return BTGreaterStrategyNumber;
		case BTGreaterEqualStrategyNumber:
			return BTLessStrategyNumber;
		case BTGreaterStrategyNumber:
			return BTLessEqualStrategyNumber;
		case BTEqualStrategyNumber:
			return STRATEGY_NOT_EQUAL;
		default:
			return BTEqualStrategyNumber;
	}
}

static HourRange
hours_of_compare(const List *tree, const Operand *operand, bool negated, const UploadDelay *delay)
{
	ArrayUse array = tree_field(tree, COMPARE_ARRAY);
	int strategy = tree_field(tree, COMPARE_STRATEGY);
	bool any = (array == ARRAY_ANY) != negated;
	HourRange result = any ? no_hours : all_hours;

	if (!operand->known)
		return all_hours;
	if (operand->is_null)
		return no_hours;
	if (negated)
		strategy = negated_strategy(strategy);
	if (array == ARRAY_NOT)
		any = false;
	if (array == ARRAY_NOT)
		result = all_hours;
	for (int i = 0; i < operand->count; i++)
	{
		HourRange one = no_hours;

		if (!operand->nulls[i])
			one =
				compare_hours(strategy, operand->values[i], tree_oid(tree, COMPARE_EXPRESSION_TYPE),
							  tree_oid(tree, COMPARE_TYPE), tree_field(tree, COMPARE_TYPMOD),
							  delay);
		result = any ? hours_hull(result, one) : hours_intersect(result, one);
	}
	return result;
}

static HourRange
hours_of(const List *tree, const EvaluateContext *context, bool negated)
{
	TreeKind kind = tree_field(tree, 0);
	bool any = (kind == TREE_OR) != negated;
	HourRange result;
	Outcome outcome;

	switch (kind)
	{
		case TREE_AND:
		case TREE_OR:
			/* A negation turns any into all, and all into any. */
			result = any ? no_hours : all_hours;
			for (int i = 1; i < list_length(tree); i++)
			{
				HourRange one = hours_of(list_nth(tree, i), context, negated);

				result = any ? hours_hull(result, one) : hours_intersect(result, one);
			}
			return result;
		case TREE_NOT:
			return hours_of(list_nth(tree, 1), context, !negated);
		case TREE_FIXED:
			outcome = try_value(tree, context, FILTER_NONE, "");
			return (negated ? outcome.can_be_false : outcome.can_be_true) ? all_hours : no_hours;
		case TREE_COMPARE:
			if (tree_field(tree, COMPARE_FILTER) == FILTER_UPLOAD_TIME)
				return hours_of_compare(tree,
										&context->operands[tree_field(tree, COMPARE_EXPRESSION)],
										negated, &no_delay);
			if (tree_field(tree, COMPARE_FILTER) == FILTER_EVENT_TIME)
			{
				UploadDelay delay = event_time_delay(context->options);

				if (!delay.has_lead && !delay.has_lag)
					return all_hours;
				return hours_of_compare(tree,
										&context->operands[tree_field(tree, COMPARE_EXPRESSION)],
										negated, &delay);
			}
			return all_hours;
		default:
			return all_hours;
	}
}

HourRange
hours_of_trees(List *trees, const EvaluateContext *context)
{
	HourRange hours = all_hours;
	ListCell *cell;

	foreach (cell, trees)
		hours = hours_intersect(hours, hours_of(lfirst(cell), context, false));
	return hours;
}
