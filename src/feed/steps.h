/*-------------------------------------------------------------------------
 *
 * steps.h
 *		How the parts of a feed make progress, side by side.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_STEPS_H
#define ADSEXPORT_STEPS_H

#include "feed/part.h"

/* Advance everything that can make progress. Returns when something is due next. */
extern int64 step_parts(ExportFeed *feed);

/* The part that is to be read next, or NULL. */
extern FeedPart *find_readable(const ExportFeed *feed);

extern bool all_done(const ExportFeed *feed);

#endif /* ADSEXPORT_STEPS_H */
