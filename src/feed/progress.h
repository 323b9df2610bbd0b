/*-------------------------------------------------------------------------
 *
 * progress.h
 *		What a feed tells about itself while it works.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PROGRESS_H
#define ADSEXPORT_PROGRESS_H

#include "feed/part.h"

/* Tell the user what a long wait is for, if it is time to. */
extern void report_progress(ExportFeed *feed);

/* When it is (monotonic milliseconds). */
extern int64 report_due(void);

/* What the wait that begins is called in pg_stat_activity. */
extern uint32 report_wait_event(const ExportFeed *feed);

#endif /* ADSEXPORT_PROGRESS_H */
