/*-------------------------------------------------------------------------
 *
 * transfer.h
 *		What a reactor knows about the transfers in it.  Internal to net/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_TRANSFER_H
#define ADSEXPORT_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "net/reactor.h"

typedef struct Transfer Transfer;

/* To be embedded in what the transfer is for. */
struct Transfer
{
	Reactor *reactor; /* NULL: not under way */
	Transfer *next;
	CURL *easy;

	/*
	 * It is no longer wanted, but taking it out now would mean waiting for
	 * libcurl. It stays, even if its reactor is freed, until it is finished.
	 */
	bool set_aside;

	/* libcurl says that it is over; it has left the reactor. */
	void (*finished)(Transfer *transfer, CURLcode code);

	/*
	 * End it if it has waited too long. Otherwise returns when to check again
	 * (monotonic_milliseconds).
	 */
	int64_t (*check_timeouts)(Transfer *transfer, int64_t now);

	/* The reactor is freed: free what the transfer is embedded in, or set it aside. */
	void (*abandon)(Transfer *transfer);
};

/* Put it into the reactor; false if libcurl refuses.  Signals are blocked by the caller. */
extern bool transfer_begin(Reactor *reactor, Transfer *transfer);

/* Take it out if it is in one; libcurl closes what is half done.  Signals likewise. */
extern void transfer_end(Transfer *transfer);

/* Changes with each drive. */
extern uint64_t reactor_drives(const Reactor *reactor);

/* May transfers that begin now share connections? */
extern bool reactor_shares_connections(const Reactor *reactor);

/*
 * A transfer has waited in vain. If its connection is shared, libcurl keeps
 * it, although it may be dead: transfers that begin from now on get new ones.
 */
extern void reactor_stop_sharing(Reactor *reactor);

/*
 * Was there a name lately that could not be resolved?  libcurl 8.16 and later
 * remember that, too, and a transfer that is a new try has to ask again.
 */
extern bool reactor_doubts_names(const Reactor *reactor);

/*
 * Tunnels through a proxy are opened with a user's password: are those of
 * the reactor this user's (NULL: nobody's)? They belong to the first user to
 * ask. False if not, or if memory is short.
 */
extern bool reactor_tunnels_for(Reactor *reactor, const char *user, const char *password);

/* Milliseconds in which somebody waited for this reactor. */
extern int64_t reactor_waited(const Reactor *reactor);

/* To be called after a change to what the timer depends on. */
extern void reactor_update_timer(Reactor *reactor);

#endif /* ADSEXPORT_TRANSFER_H */
