/*-------------------------------------------------------------------------
 *
 * recovery.h
 *		What is done about a download that did not bring what it should have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RECOVERY_H
#define ADSEXPORT_RECOVERY_H

#include "feed/part.h"

extern void count_retry(ExportFeed *feed, FeedPart *part);

/* The answer to a download was not content: decide how to continue. */
extern void handle_download_answer(ExportFeed *feed, FeedPart *part, Answer *answer);

typedef enum ContentState
{
	CONTENT_VERIFIED,
	CONTENT_CORRUPT,
	CONTENT_UNKNOWN, /* its checksum could not be reached */
	CONTENT_PENDING  /* its checksum comes later */
} ContentState;

/* The content has ended, or makes no sense from here on. */
extern void handle_stream_error(ExportFeed *feed, FeedPart *part, const StreamError *error,
								bool is_json, RecordPosition position, ContentState state);

/* Read on to the next checksum before the content is judged. */
extern void begin_verifying(ExportFeed *feed, FeedPart *part, bool about_value, bool may_go_on);

/* Is that checksum in what the records were given so far? */
extern ContentState verify_content(const ExportFeed *feed);

/* It is known whether the content is what the remote sent; true if a value is to be blamed. */
extern bool conclude_verifying(ExportFeed *feed, FeedPart *part, ContentState state);

/*
 * Is what arrived (at_end: all of it) shorter than the status of the export
 * announced, or already longer? Then that has been dealt with.
 */
extern bool handle_wrong_length(ExportFeed *feed, FeedPart *part, bool at_end);

/* The transfer ended before its content did. */
extern void handle_broken_transfer(ExportFeed *feed, FeedPart *part);

#endif /* ADSEXPORT_RECOVERY_H */
