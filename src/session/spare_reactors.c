/*-------------------------------------------------------------------------
 *
 * spare_reactors.c
 *		Reactors that are not needed at the moment, kept with their
 *		connections.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "session/network.h"
#include "session/spare_reactors.h"
#include "utils/inval.h"
#include "utils/syscache.h"

/* At most this many for downloads: as many as a scan has open at a time. */
#define MAX_SPARE 4

/* Milliseconds.  Servers close connections that were idle for about as long. */
#define LONGEST_REST 60000

typedef struct Spares
{
	Reactor *reactors[MAX_SPARE];
	int count;
	int most;
} Spares;

static Spares spares[] = {
	[SPARE_FOR_CALLS] = { .most = 1 },
	[SPARE_FOR_DOWNLOAD] = { .most = MAX_SPARE },
};

static int attached = 0;
static Oid owner = InvalidOid;
static bool mixed = false; /* several users' scans were attached at once */
static bool stale = false; /* a server or a user mapping changed */
static int64 resting_since = 0;

static void
invalidate(Datum argument, int cache, uint32 hash)
{
	/* Nothing may be closed here. */
	stale = true;
}

static bool
are_good_for(Oid user_id)
{
	return !stale && owner == user_id && monotonic_milliseconds() - resting_since < LONGEST_REST;
}

static void
transaction_ends(XactEvent event, void *argument)
{
	if (attached == 0 && !are_good_for(owner))
		spare_reactors_drop();
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate, (Datum) 0);
	RegisterXactCallback(transaction_ends, NULL);
	registered = true;
}

void
spare_reactors_attach(Oid user_id)
{
	register_callbacks();
	if (attached++ > 0)
	{
		mixed = mixed || user_id != owner;
		return;
	}
	if (!are_good_for(user_id))
		spare_reactors_drop();
	owner = user_id;
	mixed = stale = false;
}

void
spare_reactors_detach(void)
{
	if (--attached > 0)
		return;
	resting_since = monotonic_milliseconds();
	if (mixed || stale)
		spare_reactors_drop();
}

bool
spare_reactors_drop(void)
{
	bool any = false;

	for (size_t kind = 0; kind < lengthof(spares); kind++)
	{
		for (; spares[kind].count > 0; any = true)
			reactor_free(spares[kind].reactors[--spares[kind].count]);
	}
	network_settle();
	return any;
}

void
spare_reactors_forget(void)
{
	stale = stale || attached > 0;
	spare_reactors_drop();
}

Reactor *
spare_reactor_take(SpareKind kind)
{
	Spares *some = &spares[kind];
	Reactor *reactor;

	if (some->count > 0)
		return some->reactors[--some->count];
	reactor = network_create_reactor();
	if (kind == SPARE_FOR_CALLS)
		reactor_share_connections(reactor);
	return reactor;
}

void
spare_reactor_give(SpareKind kind, Reactor *reactor)
{
	Spares *some = &spares[kind];

	if (reactor == NULL)
		return;
	if (attached > 0 && some->count < some->most && reactor_rest(reactor))
		some->reactors[some->count++] = reactor;
	else
		reactor_free(reactor);
}
