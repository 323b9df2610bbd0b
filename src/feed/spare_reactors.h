/*-------------------------------------------------------------------------
 *
 * spare_reactors.h
 *		Reactors of large downloads, kept with their connections for the next.
 *
 * A large download has a reactor of its own, which is driven only as it is
 * read (a thread may take it over).  When it has come to its end, its connection
 * is good for another one from there, and a handshake is saved.  Nothing is
 * kept longer than there are scans.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SPARE_REACTORS_H
#define ADSEXPORT_SPARE_REACTORS_H

#include "postgres.h"

#include "net/reactor.h"

/* Scans come and go.  Does not throw. */
extern void spare_reactors_attach(void);
extern void spare_reactors_detach(void);

/* Their descriptors are needed: free those that are kept; false if there is none. */
extern bool spare_reactors_drop(void);

/* One that is kept, or a new one, or an error. */
extern Reactor *spare_reactor_take(void);

/* It is not needed any more.  NULL is allowed; does not throw. */
extern void spare_reactor_give(Reactor *reactor);

#endif /* ADSEXPORT_SPARE_REACTORS_H */
