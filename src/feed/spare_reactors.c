/*-------------------------------------------------------------------------
 *
 * spare_reactors.c
 *		Reactors of large downloads, kept with their connections for the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/spare_reactors.h"
#include "session/network.h"

/* At most this many are kept: as many as a scan has open at once, mostly. */
#define MAX_SPARE 2

static Reactor *spare[MAX_SPARE];
static int count = 0;
static int attached = 0;

void
spare_reactors_attach(void)
{
	attached++;
}

void
spare_reactors_detach(void)
{
	if (--attached == 0)
		spare_reactors_drop();
}

bool
spare_reactors_drop(void)
{
	bool any = count > 0;

	while (count > 0)
		reactor_free(spare[--count]);
	network_settle();
	return any;
}

Reactor *
spare_reactor_take(void)
{
	return count > 0 ? spare[--count] : network_create_reactor();
}

void
spare_reactor_give(Reactor *reactor)
{
	if (reactor == NULL)
		return;
	if (attached > 0 && count < MAX_SPARE && reactor_rest(reactor))
		spare[count++] = reactor;
	else
		reactor_free(reactor);
}
