/*-------------------------------------------------------------------------
 *
 * reached.h
 *		Which servers this session has reached.
 *
 * A server that answered before deserves patience when it cannot be reached
 * for a while.  One that never answered is more likely to be misconfigured, so
 * the error should come soon.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_REACHED_H
#define ADSEXPORT_REACHED_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/policy.h"

/* An answer arrived, whatever it said. Does not throw. */
extern void reached_note(ApiCall call, const ForeignOptions *options);

extern bool reached_before(ApiCall call, const ForeignOptions *options);

#endif /* ADSEXPORT_REACHED_H */
