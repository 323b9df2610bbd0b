/*-------------------------------------------------------------------------
 *
 * feed.h
 *		The records of one scan, whichever API they come from.
 *
 * A feed is a list of parts (a profile, a span of hours), each of which ends
 * in one download.  Parts progress side by side, within the vendor's and the
 * server's limits, and are read in the order in which they become ready.
 *
 * A feed belongs to the memory context that was current when it was created.
 * What it holds outside of that context (transfers, descriptors, malloc'd
 * buffers, uses of exports) is released by a callback of the context, without
 * any network traffic that would have to be waited for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FEED_H
#define ADSEXPORT_FEED_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/query.h"
#include "remote/record_origin.h"
#include "stream/record_block.h"

typedef struct ExportFeed ExportFeed;

/*
 * options (with the user mapping loaded), paths and preparer (or NULL) are
 * borrowed and must outlive the feed.  No network traffic.
 */
extern ExportFeed *
feed_create(const ForeignOptions *options, const JsonPaths *paths, const RecordPreparer *preparer);

/*
 * The feed may be started again, according to the plan: keep what is
 * downloaded in temporary files, so that it need not be downloaded again.
 */
extern void feed_keep(ExportFeed *feed);

/* Other feeds will be waited for at the same time. */
extern void feed_wait_beside_others(ExportFeed *feed);

/*
 * Request what query says (it is copied).  Requests may be sent, but none is
 * waited for. A feed that is started again continues with the same parts if
 * the query is the same, and drops them if not.
 */
extern void feed_start(ExportFeed *feed, const ExportQuery *query);

/* The query of the last start, or NULL before the first. */
extern const ExportQuery *feed_query(const ExportFeed *feed);

typedef enum FeedResult
{
	FEED_RECORD,    /* feed_values is filled */
	FEED_ORIGIN,    /* the records that follow have another origin */
	FEED_CONFIRMED, /* after feed_doubt: the record is what the remote sent */
	FEED_END,
	FEED_WOULD_BLOCK /* only when asked not to wait */
} FeedResult;

/*
 * The next record. If wait is set, waits as long as it takes, and can be
 * interrupted; raises an error if the data cannot be had.
 */
extern FeedResult feed_next(ExportFeed *feed, bool wait);

/*
 * After FEED_RECORD: the caller cannot make sense of its values.  The calls of
 * feed_next that follow read on to the next checksum to see whether the values
 * are what the remote sent.  FEED_CONFIRMED: they are, and the feed must not
 * be read any further.  If they are not, that is an error, or the content is
 * requested again as if the record had not been returned; the latter only
 * where the remote allows it, and if may_go_on is set.
 */
extern void feed_doubt(ExportFeed *feed, bool may_go_on);

/*
 * After FEED_WOULD_BLOCK: get ready for a wait that the caller does.  Returns
 * a descriptor that becomes readable when it is time to call feed_next again,
 * but after at most this many milliseconds (-1: no limit).  feed_end_wait says
 * that the wait is over; both may be called twice.
 */
extern int feed_begin_wait(ExportFeed *feed, int64 at_most);
extern void feed_end_wait(ExportFeed *feed);

/* Of the record: its values, and what was prepared of them (or NULL). */
extern const JsonValue *feed_values(const ExportFeed *feed);
extern void *const *feed_prepared(const ExportFeed *feed);
extern void feed_origin(const ExportFeed *feed, RecordOrigin *origin);
extern uint64 feed_record_number(const ExportFeed *feed);
extern uint64 feed_record_offset(const ExportFeed *feed);

/* Drop the transfers; the counters stay. */
extern void feed_close(ExportFeed *feed);

typedef struct FeedCounters
{
	int64 exports_requested;
	int64 exports_reused;
	double wait_time; /* milliseconds */
	int64 polls;
	int64 longest_export; /* milliseconds that the longest took at the vendor; -1: not known */
	int64 retries;
	int64 bytes_downloaded;
	int64 bytes_inflated;
	int64 records;
	int64 entries_passed_over; /* of archives, which are no exports */
} FeedCounters;

extern void feed_counters(const ExportFeed *feed, FeedCounters *counters);

/*
 * What EXPLAIN shows of a query: the request in one line ("POST
 * /campaigns/export", with its hours if it is by hours), and its filter (NULL
 * if there is none).  Palloc'd.  No network traffic.
 */
extern void feed_describe(const ForeignOptions *options, const ExportQuery *query, char **request,
						  char **filter);

#endif /* ADSEXPORT_FEED_H */
