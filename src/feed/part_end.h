/*-------------------------------------------------------------------------
 *
 * part_end.h
 *		How a part ends: log line, counts, error, and what it releases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PART_END_H
#define ADSEXPORT_PART_END_H

#include "compat.h"
#include "feed/part.h"

/* Raise a failure as an error of this feed's table. */
extern void feed_fail(const ExportFeed *feed, const Failure *failure) pg_attribute_noreturn();

/* The same for one part, which is also logged. */
extern void feed_fail_part(const ExportFeed *feed, FeedPart *part, const Failure *failure)
	pg_attribute_noreturn();

/* What the remote sends is not what it sent before; detail says how, after the part's name. */
extern void feed_fail_changed(const ExportFeed *feed, FeedPart *part, const char *detail)
	pg_attribute_noreturn();

/*
 * The part has ended; log that if log_exports is on.  outcome is "read",
 * "empty", "left" (the scan was over before) or "failed"; failure is NULL
 * unless it failed.
 */
extern void
report_end(const ExportFeed *feed, FeedPart *part, const char *outcome, const Failure *failure);

/* Tell how far the current part was read, for adsexport_exports().  Does not throw. */
extern void note_read(ExportFeed *feed, FeedPart *part, bool over);

/* Count the bytes of the part that was read. */
extern void count_part(ExportFeed *feed, FeedPart *part);

/* Release what its adapter holds for it. Does not throw. */
extern void release_part(FeedPart *part);

/* Free the part, which is in no list and has no transfer. */
extern void free_part(FeedPart *part);

#endif /* ADSEXPORT_PART_END_H */
