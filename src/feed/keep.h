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

/* A download begins: make a place for what arrives. */
extern void prepare_spool(ExportFeed *feed, FeedPart *part);

/*
 * The scan starts over before the end of the current part: the rest of it is
 * written to the file, so that it need not be requested again. The part can be
 * read once step_spooling has reached its end.
 */
extern void begin_spooling(ExportFeed *feed, FeedPart *part);
extern void step_spooling(ExportFeed *feed, FeedPart *part);

#endif /* ADSEXPORT_KEEP_H */
