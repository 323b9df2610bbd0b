/*-------------------------------------------------------------------------
 *
 * schedule.h
 *		Which export to look at, and when.
 *
 * Thousands of exports may be known, of which few can make progress at a time.
 * Each is in one place: in the queue of those that the vendor counts together,
 * in the heap of alarms, among those whose request is in progress, whose token
 * is being fetched or which another session drives, or nowhere. So the cost of
 * an event does not depend on how many there are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SCHEDULE_H
#define ADSEXPORT_SCHEDULE_H

#include "session/export.h"

/* A new one, or one that is to have a user: afterwards there is memory for all that follows. */
extern void schedule_prepare(const Export *export);

/*
 * Something changed other than by its own requests: it has its first user, or
 * needs a link.
 */
extern void schedule_export(Export *export);

/* It has no users any more.  What is in progress is completed. Does not throw. */
extern void schedule_unused(Export *export);

/* It is dropped.  Does not throw. */
extern void schedule_forget(Export *export);

/*
 * For an export that this session has not looked after for a while: find out
 * what other sessions did with it.
 */
extern void schedule_refresh(Export *export);

/* Do what is due; returns when something is due next. */
extern int64 schedule_step(Reactor *reactor, int64 now);

/* Is a request in progress? */
extern bool schedule_any_request(void);

#endif /* ADSEXPORT_SCHEDULE_H */
