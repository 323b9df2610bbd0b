/*-------------------------------------------------------------------------
 *
 * durations.h
 *		How long exports take, judging by earlier ones.
 *
 * Remembered by endpoint, entity, body of the request (that is, its filter) and
 * profile: for all sessions of the cluster if they share memory, else for this
 * one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DURATIONS_H
#define ADSEXPORT_DURATIONS_H

#include "postgres.h"

#include "entity/entity.h"

/*
 * Instead of a request's body: exports with any filter, by which the places of
 * those are kept that nobody looks after any more.
 */
#define DURATIONS_ANY_BODY ""

/* An export was ready this many milliseconds after it was requested. */
extern void durations_note(const char *endpoint, const Entity *entity, const char *body,
						   const char *profile_id, int64 milliseconds);

/*
 * What to expect: from the profile's own earlier exports if there were any
 * (*own), else the shortest that other profiles' exports have taken lately.
 * -1: nothing is known.
 */
extern int64 durations_expected(const char *endpoint, const Entity *entity, const char *body,
								const char *profile_id, bool *own);

/* Forget what only this session knows. */
extern void durations_forget(void);

#endif /* ADSEXPORT_DURATIONS_H */
