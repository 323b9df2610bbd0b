/*-------------------------------------------------------------------------
 *
 * download.h
 *		The bytes of a download: where they start, and how they reach the
 *		unpacker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DOWNLOAD_H
#define ADSEXPORT_DOWNLOAD_H

#include "feed/part.h"

/*
 * Where does the answer to a download begin?  A server may send the range it
 * was asked for, or all of it again.
 */
extern void check_range(const ExportFeed *feed, FeedPart *part, const RequestResult *result);

/* Lend the unpacker what has arrived. Returns false if there is nothing new. */
extern bool lend_input(ExportFeed *feed, FeedPart *part);

/* Likewise from what arrived while the scan rested. */
extern bool lend_from_overflow(ExportFeed *feed, FeedPart *part);

/* What the unpacker has taken is removed from the request's body. */
extern void consume_lent(ExportFeed *feed, FeedPart *part);

/* Take back what the unpacker was lent; what it has not used stays with the request. */
extern void feed_take_back_input(ExportFeed *feed, FeedPart *part);

#endif /* ADSEXPORT_DOWNLOAD_H */
