/*-------------------------------------------------------------------------
 *
 * progress.h
 *		What a feed reports about itself while it works.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PROGRESS_H
#define ADSEXPORT_PROGRESS_H

#include "feed/part.h"

/* Tell the user what a long wait is for, if a notice is due. */
extern void report_progress(ExportFeed *feed);

/* When the next notice is due (monotonic milliseconds). */
extern int64 report_due(void);

/* The wait event of the wait that begins. */
extern uint32 report_wait_event(const ExportFeed *feed);

#endif /* ADSEXPORT_PROGRESS_H */
