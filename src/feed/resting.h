/*-------------------------------------------------------------------------
 *
 * resting.h
 *		Downloads of scans at rest, while another scan waits for their places.
 *
 * A scan that is not being read (a cursor, the outer side of a join) holds up
 * its download, which the vendor still counts.  When another scan of the
 * session waits for a place and can have none until such a download ends, the
 * rest of that download is written to a temporary file, where its scan finds
 * it when it is read again.  So no scan ever waits for one that can continue
 * only after it.  Likewise for the parts of one scan: those that are open when
 * the one before them proves to be broken rest until it was read again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RESTING_H
#define ADSEXPORT_RESTING_H

#include "feed/part.h"

/* A feed whose downloads hold places; until it is forgotten, which does not throw. */
extern void resting_register(ExportFeed *feed);
extern void resting_forget(ExportFeed *feed);

/*
 * The waits of all other feeds are over, even if nobody told them: an Append's
 * cursor may have been left in the middle of one.
 */
extern void resting_leave_waits(const ExportFeed *feed);

/*
 * Does feed wait for a place, without having one, that a download of a scan at
 * rest holds?  Then that download is continued a bit.  A scan rests when it
 * has not been read for idle_ms milliseconds.  Returns the reactor that wakes
 * when there is more of it, or NULL; waits_for_it says that the caller waits
 * for that, too, and does not just come back before long.
 */
extern Reactor *resting_step(ExportFeed *feed, int64 idle_ms, bool waits_for_it);

#endif /* ADSEXPORT_RESTING_H */
