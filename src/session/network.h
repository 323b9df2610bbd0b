/*-------------------------------------------------------------------------
 *
 * network.h
 *		Telling the server about the descriptors that the network needs.
 *
 * net/ counts them, wherever it opens and closes them; here the server is told
 * the count, at moments when an error may be raised. So the server closes some
 * of its own files in time, and the sum stays within what it allows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_NETWORK_H
#define ADSEXPORT_NETWORK_H

#include "postgres.h"

#include "compat.h"

#include "net/reactor.h"

/* A new reactor, or an error. */
extern Reactor *network_create_reactor(void);

/* Tell the server what is held now; an error if that is too much. */
extern void network_announce(void);

/* May this many more be opened? */
extern bool network_has_room(int more);

/* Tell the server what is no longer held. Never throws. */
extern void network_settle(void);

/* Raise the error for what could not be opened; errno says why. */
extern void network_raise(void) pg_attribute_noreturn();

#endif /* ADSEXPORT_NETWORK_H */
