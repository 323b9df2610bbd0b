/*-------------------------------------------------------------------------
 *
 * reading.h
 *		The part that is being read, from its first block to its last record.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_READING_H
#define ADSEXPORT_READING_H

#include "feed/part.h"
#include "feed/pump.h"

/* Make it the current part. */
extern void begin_reading(ExportFeed *feed, FeedPart *part);

/*
 * The next result of the records; STREAM_NEED_INPUT: more input is needed. The
 * part may have ended, successfully or not.
 */
extern StreamStatus next_record(ExportFeed *feed, FeedPart *part);

/* Give the records more to read. */
extern Supply supply_records(ExportFeed *feed, FeedPart *part);

/* The transfer is over before its content is; true if a value is to be blamed. */
extern bool end_broken(ExportFeed *feed, FeedPart *part);

/*
 * At the end of the scan: warn about the files in archives that have been
 * passed over since the last call.
 */
extern void warn_of_passed_over(ExportFeed *feed);

#endif /* ADSEXPORT_READING_H */
