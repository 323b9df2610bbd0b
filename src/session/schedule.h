/*-------------------------------------------------------------------------
 *
 * schedule.h
 *		Which export is to be looked at when.
 *
 * Thousands of exports may be known, of which few can do anything at a time.
 * Each stands in one place: in the queue of those that the vendor counts
 * together, by its alarm, among those whose request is under way or whose token
 * is being fetched, or nowhere.  So what an event costs does not depend on how
 * many there are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SCHEDULE_H
#define ADSEXPORT_SCHEDULE_H

#include "session/export.h"

/* A new one, or one that is to have a user: afterwards there is memory for all that follows. */
extern void schedule_prepare(const Export *export);

/*
 * Something changed that its own requests don't tell of: it has a first user,
 * or is to have a link.
 */
extern void schedule_export(Export *export);

/* Nobody uses it any more.  What is in progress is seen to its end.  Does not throw. */
extern void schedule_unused(Export *export);

/* It is dropped.  Does not throw. */
extern void schedule_forget(Export *export);

/*
 * One that nobody of this session has looked after for a while: find out what
 * other sessions did with it.
 */
extern void schedule_refresh(Export *export);

/* Do what is due; returns when something is due next. */
extern int64 schedule_step(Reactor *reactor, int64 now);

/* Is a request under way? */
extern bool schedule_any_request(void);

#endif /* ADSEXPORT_SCHEDULE_H */
