/*-------------------------------------------------------------------------
 *
 * reactor.h
 *		HTTP transfers and timers behind one pollable file descriptor.
 *
 * A reactor holds libcurl transfers and an alarm.  Its descriptor becomes
 * readable when there is something to do; reactor_drive does what is due and
 * never blocks.  To wait, poll the descriptor next to whatever
 * else can wake it (in a backend: the latch).  A reactor can be nested into
 * another one, so that one descriptor stands for several reactors, each of
 * which is driven by its owner only: not driving a reactor is how a transfer
 * is held back (TCP does the rest).
 *
 * Nothing here throws, and nothing in net/ knows PostgreSQL: memory is
 * malloc'd, results are status codes.  Signals are blocked around calls into
 * libcurl, so that threads it starts (name resolution) inherit a mask that
 * keeps the process's signal handlers out of them.
 *
 * One process, one thread; not for use across fork.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REACTOR_H
#define ADSEXPORT_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "net/clock.h"

typedef struct Reactor Reactor;

/* "No alarm", later than any time. */
#define REACTOR_NEVER INT64_MAX

/* That one holds without transfers, at most. */
#define DESCRIPTORS_OF_REACTOR 2

/* Returns NULL with errno set when memory or descriptors are short. */
extern Reactor *reactor_create(void);

/* Frees the requests that are still in it, too; no I/O is waited for. */
extern void reactor_free(Reactor *reactor);

/*
 * What is begun in it from now on may share connections by HTTP/2 where a server
 * offers it, so that one handshake does for all.  Its transfers are not to be
 * held back, then: one that nobody reads would starve those beside it once its
 * window is full.  A reactor whose transfers all are of the one or of the other
 * kind does not mix them on connections to the same server either.
 */
extern void reactor_share_connections(Reactor *reactor);

/*
 * It is nested in no other any more, has no alarm, and nobody waits for it.  Its
 * connections stay, for what is begun in it later.  False if something is under
 * way in it or its connections are doubtful, so that it can only be freed.
 */
extern bool reactor_rest(Reactor *reactor);

/* Readable when reactor_drive has something to do. */
extern int reactor_descriptor(const Reactor *reactor);

/* Do what is due: sockets, libcurl's timers, requests that waited too long. */
extern void reactor_drive(Reactor *reactor);

/*
 * Make the descriptor readable at that time (monotonic_milliseconds), or
 * REACTOR_NEVER.  Replaces the alarm set before.
 */
extern void reactor_set_alarm(Reactor *reactor, int64_t due);

/*
 * While nested, outer's descriptor is readable whenever inner's is.  Returns
 * false with errno set if the system refuses.  Nesting twice is harmless.
 * Freeing inner ends it.
 */
extern bool reactor_nest(Reactor *outer, Reactor *inner);
extern void reactor_unnest(Reactor *outer, Reactor *inner);

/*
 * While watched, the reactor's descriptor is readable whenever this one is.
 * The caller deals with what it watches, and stops watching it before closing it.
 */
extern bool reactor_watch(Reactor *reactor, int descriptor);
extern void reactor_unwatch(Reactor *reactor, int descriptor);

/*
 * Timeouts of requests count only the time in which somebody waits for them:
 * a cursor may rest for an hour between two fetches.  A caller that waits says so
 * with these two; they may be nested (waits within waits).
 */
extern void reactor_discount(Reactor *reactor, int64_t milliseconds); /* of what was counted */
extern void reactor_wait_begins(Reactor *reactor);
extern void reactor_wait_ends(Reactor *reactor);

#endif /* ADSEXPORT_REACTOR_H */
