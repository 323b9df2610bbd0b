/*-------------------------------------------------------------------------
 *
 * spare_reactors.h
 *		Reactors that are not needed at the moment, kept with their
 *		connections.
 *
 * A large download has a reactor of its own, which is driven only as it is
 * read (a thread may take it over); control calls and small downloads share
 * one. When these are done, their connections can be used for others, even of
 * a later statement, which saves handshakes.
 *
 * They are kept for the same user, as long as no server or user mapping
 * changes: a tunnel through a proxy was opened with a user's password. Those
 * that were unused for a minute are closed at the end of the session's next
 * transaction, since none of our code runs in an idle session.
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

/* A scan begins or ends. Neither throws, except for the first call. */
extern void spare_reactors_attach(Oid user_id);
extern void spare_reactors_detach(void);

/*
 * Free the reactors that are kept, because their descriptors are needed or they
 * are no longer wanted. Returns false if there were none.
 */
extern bool spare_reactors_drop(void);

/* Free those that are kept, and keep none of those in use now. */
extern void spare_reactors_forget(void);

/* One that is kept, or else a new one; raises an error if there is none. */
extern Reactor *spare_reactor_take(SpareKind kind);

/* Give it back when it is no longer needed. NULL is allowed; does not throw. */
extern void spare_reactor_give(SpareKind kind, Reactor *reactor);

#endif /* ADSEXPORT_SPARE_REACTORS_H */
