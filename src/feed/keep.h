/*-------------------------------------------------------------------------
 *
 * keep.h
 *		Downloads that are kept in a file, for a scan that may start over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_KEEP_H
#define ADSEXPORT_KEEP_H

#include "feed/part.h"

/* A download begins: a place for what comes. */
extern void prepare_spool(ExportFeed *feed, FeedPart *part);

/*
 * The scan starts over before it came to the end of the current part: the rest
 * of it is brought to the file, so that it need not be asked for again.  The
 * part can be read when step_spooling has come to the end of it.
 */
extern void begin_spooling(ExportFeed *feed, FeedPart *part);
extern void step_spooling(ExportFeed *feed, FeedPart *part);

#endif /* ADSEXPORT_KEEP_H */
