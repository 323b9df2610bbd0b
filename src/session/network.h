/*-------------------------------------------------------------------------
 *
 * network.h
 *		What the server is told of the descriptors that the network needs.
 *
 * net/ counts them, wherever it opens and closes them; here the count is
 * brought before the server, at moments in which an error may be raised.  So
 * the server closes files of its own in time, and the sum keeps within what it
 * grants.
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

/* Tell what is held now; an error if that is too much. */
extern void network_announce(void);

/* May this many more be opened? */
extern bool network_has_room(int more);

/* Tell what is not held any more.  Never throws. */
extern void network_settle(void);

/* The error for what could not be opened; errno says why. */
extern void network_raise(void) pg_attribute_noreturn();

#endif /* ADSEXPORT_NETWORK_H */
