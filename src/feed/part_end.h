/*-------------------------------------------------------------------------
 *
 * part_end.h
 *		How a part ends: log line, counts, error, and what it gives back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PART_END_H
#define ADSEXPORT_PART_END_H

#include "compat.h"
#include "feed/part.h"

/* Raise a failure as an error of this feed's table. */
extern void feed_fail(const ExportFeed *feed, const Failure *failure) pg_attribute_noreturn();

/* The same of one part, which the log tells of. */
extern void feed_fail_part(const ExportFeed *feed, FeedPart *part, const Failure *failure)
	pg_attribute_noreturn();

/*
 * The part has come to its end; tell the log if it wants to hear.  outcome is
 * "read", "empty", "left" (the scan was over before it) or "failed"; failure
 * is NULL unless it failed.
 */
extern void
report_end(const ExportFeed *feed, FeedPart *part, const char *outcome, const Failure *failure);

/* Count the bytes of the part that was read. */
extern void count_part(ExportFeed *feed, FeedPart *part);

/* What its adapter holds for it is needed no more.  Does not throw. */
extern void release_part(FeedPart *part);

/* The part, in no list and without a transfer, is needed no more. */
extern void free_part(FeedPart *part);

#endif /* ADSEXPORT_PART_END_H */
