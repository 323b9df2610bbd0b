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
 * Nothing here throws, and nothing in net/ depends on PostgreSQL: memory is
 * malloc'd, results are status codes.  Signals are blocked around calls into
 * libcurl, so that threads it starts (name resolution) inherit a mask that
 * keeps the process's signal handlers out of them.
 *
 * One thread at a time (a download's reactor is handed to the one that reads
 * ahead); not for use across fork.
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

/* The most that one holds without transfers. */
#define DESCRIPTORS_OF_REACTOR 2

/* Returns NULL with errno set when memory or descriptors are short. */
extern Reactor *reactor_create(void);

/* Frees the requests that are still in it, too, without waiting for any I/O. */
extern void reactor_free(Reactor *reactor);

/*
 * Requests that are started in it from now on may share connections by HTTP/2
 * where a server offers it, so that one handshake is enough for all.  Its
 * transfers must not be held back then: one that is not read would starve the
 * others once its window is full.  A reactor must have transfers of one kind
 * only, sharing or not, so that they are not mixed on connections to the same
 * server.
 */
extern void reactor_share_connections(Reactor *reactor);

/*
 * Put it aside: it is no longer nested in another, has no alarm, and nobody
 * waits for it. Its connections stay, for requests that are started in it
 * later. False if something is in progress in it or its connections are
 * doubtful, so that it can only be freed.
 */
extern bool reactor_rest(Reactor *reactor);

/* Readable when reactor_drive has something to do. */
extern int reactor_descriptor(const Reactor *reactor);

/* Do what is due: sockets, libcurl's timers, requests that have waited too long. */
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
 * Timeouts of requests count only the time spent waiting for them: a cursor
 * may rest for an hour between two fetches.  A caller that waits brackets the
 * wait with these two; they may be nested.
 */
extern void reactor_wait_begins(Reactor *reactor);
extern void reactor_wait_ends(Reactor *reactor);

/* Count that much less, or, if it is negative, more. */
extern void reactor_discount(Reactor *reactor, int64_t milliseconds);

#endif /* ADSEXPORT_REACTOR_H */
