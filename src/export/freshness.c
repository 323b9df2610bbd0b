/*-------------------------------------------------------------------------
 *
 * freshness.c
 *		May what was asked for before be used by the current statement?
 *
 *-------------------------------------------------------------------------
 */
#include "export/freshness.h"

#include "access/xact.h"

bool
in_current_statement(TimestampTz at)
{
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();

	return at >= Max(GetCurrentStatementStartTimestamp(), transaction) ||
		   (IsolationUsesXactSnapshot() && at >= transaction);
}

bool
recent_enough(TimestampTz requested_at, TimestampTz last_used, int64 max_age)
{
	TimestampTz begin =
		Max(GetCurrentStatementStartTimestamp(), GetCurrentTransactionStartTimestamp());

	return requested_at >= begin - max_age * 1000 ||
		   (IsolationUsesXactSnapshot() && in_current_statement(last_used));
}
