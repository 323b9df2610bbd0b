/*-------------------------------------------------------------------------
 *
 * control.c
 *		Driving everything that the session has in progress.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/clock.h"
#include "session/control.h"
#include "session/fetch_ahead.h"
#include "session/network.h"
#include "session/profile_listing.h"
#include "session/registry.h"
#include "session/schedule.h"

static int64
step_once(Reactor *reactor, int64 now)
{
	int64 due = credential_step_all(reactor, now);
	int64 next = profile_listings_step(reactor, now);

	due = Min(due, next);
	next = schedule_step(reactor, now);
	return Min(due, next);
}

void
control_step(void)
{
	Reactor *reactor = registry_reactor();
	int64 due;

	network_announce();
	reactor_drive(reactor);

	/*
	 * Twice, because a token that has arrived, or a place that has become
	 * free, lets others continue that were looked at before.
	 */
	step_once(reactor, monotonic_milliseconds());
	fetch_ahead_step(reactor);
	due = step_once(reactor, monotonic_milliseconds());
	reactor_set_alarm(reactor, due);
}
