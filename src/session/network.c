/*-------------------------------------------------------------------------
 *
 * network.c
 *		Telling the server about the descriptors that the network needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "net/descriptors.h"
#include "session/network.h"
#include "storage/fd.h"

/* How many the server knows about. */
static int announced = 0;

static bool
acquire(int wanted)
{
	while (announced < wanted)
	{
		if (!AcquireExternalFD())
			return false;
		announced++;
	}
	return true;
}

void
network_settle(void)
{
	int held = descriptors_held();

	while (announced > held)
	{
		ReleaseExternalFD();
		announced--;
	}
}

void
network_announce(void)
{
	network_settle();
	if (!acquire(descriptors_held()))
		network_raise();
}

bool
network_has_room(int more)
{
	bool room = acquire(descriptors_held() + more);

	network_settle();
	return room;
}

Reactor *
network_create_reactor(void)
{
	Reactor *reactor;

	/* Before it is opened, so that the server can make room. */
	errno = EMFILE;
	if (!network_has_room(DESCRIPTORS_OF_REACTOR))
		network_raise();
	reactor = reactor_create();
	if (reactor == NULL)
		network_raise();
	(void) acquire(descriptors_held());
	return reactor;
}

void
network_raise(void)
{
	int error = errno;

	if (error != EMFILE && error != ENFILE)
		ereport(ERROR, (errcode(ERRCODE_FDW_OUT_OF_MEMORY),
						errmsg("could not set up network access: %m")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("could not set up network access: %m"),
			 errdetail("This session holds %d file descriptors for connections and waits; a third "
					   "of those that a process may have are for such use.",
					   descriptors_held()),
			 errhint("Raise max_files_per_process of the server (it is %d), and the limit of open "
					 "files that the system gives it (ulimit -n); or scan fewer foreign tables in "
					 "one statement.",
					 max_files_per_process)));
}
