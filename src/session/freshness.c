/*-------------------------------------------------------------------------
 *
 * freshness.c
 *		May the current statement use what was requested earlier?
 *
 *-------------------------------------------------------------------------
 */
#include "session/freshness.h"

#include "access/xact.h"
#include "net/clock.h"
#include "utils/timestamp.h"

/* The same moment as wall-clock time and as monotonic time. */
typedef struct Beginning
{
	TimestampTz clock;
	Moment moment;
} Beginning;

Moment
moment_now(void)
{
	/* Not instr_time, whose clock is, from PostgreSQL 19 on, what each session chooses. */
	return monotonic_microseconds();
}

/*
 * Determined once, shortly after it began, so that it stays right if the clock
 * is set later.
 */
static Moment
moment_of(Beginning *known, TimestampTz clock)
{
	if (known->moment == 0 || known->clock != clock)
	{
		TimestampTz elapsed = GetCurrentTimestamp() - clock;

		known->clock = clock;
		known->moment = moment_now() - Max(elapsed, 0);
	}
	return known->moment;
}

static Moment
transaction_began(void)
{
	static Beginning known;

	return moment_of(&known, GetCurrentTransactionStartTimestamp());
}

static Moment
statement_began(void)
{
	static Beginning known;
	Moment statement = moment_of(&known, GetCurrentStatementStartTimestamp());

	return Max(statement, transaction_began());
}

void
freshness_note_beginning(void)
{
	(void) statement_began();
}

bool
in_current_statement(Moment at)
{
	return at >= statement_began() || (IsolationUsesXactSnapshot() && at >= transaction_began());
}

Moment
oldest_recent(int64 max_age)
{
	/* 0 would be one that was never requested. */
	return Max(statement_began() - max_age * 1000, 1);
}

bool
recent_enough(Moment requested, Moment last_used, int64 max_age)
{
	return requested >= oldest_recent(max_age) ||
		   (IsolationUsesXactSnapshot() && in_current_statement(last_used));
}
