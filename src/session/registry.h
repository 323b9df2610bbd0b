/*-------------------------------------------------------------------------
 *
 * registry.h
 *		The exports that this session knows, and the control requests that
 *		make them progress.
 *
 * Exports live in this backend.  The interface is made so that a registry in
 * shared memory can take its place: whoever finds an export here must not
 * assume that this backend requested it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REGISTRY_H
#define ADSEXPORT_REGISTRY_H

#include "session/export.h"

/*
 * Use an export of the options' entity for that profile and request body until
 * it is released.  One that is known is used again (true) if it was requested
 * in this statement, in this transaction at REPEATABLE READ or above, or at
 * most max_age before the statement began.  Needs options with the user
 * mapping loaded, and use->changed.
 */
extern bool exports_acquire(ExportUse *use, const ForeignOptions *options, const char *profile_id,
							const char *body);

/* Does not throw; nothing happens if nothing is used. */
extern void exports_release(ExportUse *use);

/* export_take_url, and sees to it that a link comes if there is none. */
extern char *exports_take_link(ExportUse *use);

/* Reactor of all control requests; raises an error when it can't be had. */
extern Reactor *registry_reactor(void);

/*
 * Whoever waits for control requests attaches for as long as it may.  When
 * the last one detaches, connections and descriptors are given back, unless a
 * request is under way: its answer (the id of an export) is worth waiting for
 * until the next statement.  Detaching does not throw.
 */
extern void registry_attach(void);
extern void registry_detach(void);

/* Is anybody attached, so that whoever waits for something else helps it along? */
extern bool registry_in_use(void);

/* reactor_wait_ends for its reactor, if there is one; does not throw. */
extern void registry_end_wait(void);

/* reactor_discount likewise. */
extern void registry_discount(int64 milliseconds);

/* Forget what is not in use of the users that mine says: exports, profiles, tokens. */
extern void registry_forget(bool (*mine)(Oid user_id));

/* For each export, newest first. */
extern void registry_visit(void (*visit)(const Export *export, void *argument), void *argument);

#endif /* ADSEXPORT_REGISTRY_H */
