/*-------------------------------------------------------------------------
 *
 * spare_reactors.h
 *		Reactors that nobody needs at the moment, kept with their connections.
 *
 * A large download has a reactor of its own, which is driven only as it is
 * read (a thread may take it over); control calls and small downloads share one.
 * When they have come to their end, their connections are good for others, also
 * of a later statement, and handshakes are saved.
 *
 * They are kept for the same user, as long as no server or user mapping changes:
 * a tunnel through a proxy was paid for with somebody's password.  Those that
 * were of no use for a minute are closed at the end of the session's next
 * transaction: nothing of ours runs in an idle session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SPARE_REACTORS_H
#define ADSEXPORT_SPARE_REACTORS_H

#include "postgres.h"

#include "net/reactor.h"

typedef enum SpareKind
{
	SPARE_FOR_CALLS, /* control calls and small downloads */
	SPARE_FOR_DOWNLOAD
} SpareKind;

/* Scans come and go.  Do not throw, but for the first time. */
extern void spare_reactors_attach(Oid user_id);
extern void spare_reactors_detach(void);

/* Their descriptors are needed, or they are unwanted: free those that are kept; false if there is none. */
extern bool spare_reactors_drop(void);

/* One that is kept, or a new one, or an error. */
extern Reactor *spare_reactor_take(SpareKind kind);

/* It is not needed any more.  NULL is allowed; does not throw. */
extern void spare_reactor_give(SpareKind kind, Reactor *reactor);

#endif /* ADSEXPORT_SPARE_REACTORS_H */
