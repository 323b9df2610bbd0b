/*-------------------------------------------------------------------------
 *
 * part.h
 *		A part of a feed, and the interface of the adapters for the APIs.
 *
 * Internal to feed/.  Everything here is common to all APIs; an adapter keeps
 * the rest in its own structs (own), which nothing else looks into, and
 * answers questions about it by a FeedApi.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PART_H
#define ADSEXPORT_PART_H

#include "postgres.h"

#include "feed/feed.h"
#include "feed/overflow.h"
#include "feed/pump.h"
#include "feed/read_ahead.h"
#include "feed/spool.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "remote/answer.h"
#include "remote/foreign_content.h"
#include "session/jobs.h"
#include "session/read_amounts.h"
#include "session/registry.h"
#include "stream/record_block.h"
#include "stream/record_stream.h"
#include "stream/record_walker.h"

typedef enum PartPhase
{
	PART_WAITING,   /* for an export, a link, a token */
	PART_READY,     /* its download can begin (not before due) */
	PART_OPENING,   /* requested, no answer yet */
	PART_READABLE,  /* content arrives */
	PART_VERIFYING, /* it is read on to its next checksum, before an error is raised */
	PART_SPOOLING,  /* the scan starts over: the rest of it is written to its file */
	PART_DONE
} PartPhase;

/* There may be thousands of parts; a feed looks only at those that can make progress. */
typedef enum PartStation
{
	PART_LIVE,   /* to be looked at each time */
	PART_ASLEEP, /* waits for its export, which wakes it when something changes */
	PART_STOCK,  /* ready, but others come first */
	PART_OVER
} PartStation;

typedef struct FeedPart
{
	dlist_node node; /* of all parts */
	PartStation station;
	dlist_node station_node; /* of those that are live, or in stock */
	ExportFeed *feed;
	PartPhase phase;
	int64 due; /* nothing to do before (monotonic milliseconds) */
	Retry retry;
	int64 began;            /* monotonic milliseconds */
	int64 bytes_downloaded; /* by transfers that have broken off */
	int64 retries;          /* of downloads */
	int64 noted_retries;    /* of its export */
	bool empty;             /* the remote said that there is nothing in it */
	bool split;             /* others took its place */
	void *own;              /* the adapter's, zeroed at first; NULL: it needs none */

	/* the download */
	ApiCall call;
	char *token;   /* sent with it */
	bool reminted; /* a link was refused already */
	bool reauthenticated;
	Reactor *reactor; /* for this download alone; NULL if it was fetched ahead */
	Request *request;
	bool is_lent;          /* the request is the adapter's */
	ReadAhead *read_ahead; /* is driving the transfer, or NULL */
	JobPlace place;        /* at the vendor, while the request is in flight */
	int64 expected;        /* when other sessions were told that it is needed, or 0 */
	int64 looked;          /* when it was driven for another scan (monotonic milliseconds) */
	Overflow *overflow;    /* what arrived while the scan rested, to be read next; or NULL */

	/*
	 * A download that broke off is resumed where it stopped: the unpacker has
	 * taken this many bytes of it, with this checksum.  If the server sends
	 * everything again, this many bytes are read and compared first.
	 */
	uint64 resume_from; /* 0: from the beginning */
	uint32 resume_checksum;
	char etag[256]; /* of the first download; empty: none */
	bool range_refused;
	bool from_start; /* the transfer under way began at the first byte */
	uint64 skip_left;
	uint32 skip_checksum;

	Spool *spool;            /* of what arrived, if it may be needed again; or NULL */
	bool from_spool;         /* it is read from there: there is no transfer */
	uint64 delivered;        /* records of it that were handed out */
	uint64 delivered_before; /* the same when it last broke off */
	ReadAmounts told;        /* of what is read of it now */
	bool sniffed;
	bool is_gzip;
	ContentCoding coding; /* of the download */
} FeedPart;

/* What a feed can wait for. */
typedef enum Awaited
{
	AWAIT_TOKEN,
	AWAIT_PROFILES,
	AWAIT_PLACE,
	AWAIT_EXPORT,
	AWAIT_RETRY,
	AWAIT_DOWNLOAD
} Awaited;

/* How far along a part's export is. */
typedef struct PartState
{
	bool is_queued;
	bool in_progress;
	int64 since; /* in progress since then (monotonic milliseconds); -1: not known yet */
} PartState;

/*
 * One of these for each way to get records. For functions that may be NULL,
 * the comment says what that means.
 */
typedef struct FeedApi
{
	PackingKind packing;

	/* What is downloaded, as in "is not an archive". */
	const char *content_name;

	/* Sizes of what ExportFeed.own and FeedPart.own point to; 0: nothing. */
	size_t feed_size;
	size_t part_size;

	/*
	 * Can a download be resumed where it broke off? (The remote keeps the
	 * file.)  Then its parts must not hold places: see put_aside in resting.c.
	 */
	bool resumable;

	/* Can it be read again without the entries that were handed out before? */
	bool rereadable;

	/* Do parts that are done stay for the next start, even if no download is kept? */
	bool parts_are_kept;

	/* Does it depend on the registry's control requests? */
	bool uses_registry;

	/* Do exports wake parts with feed_wake, so that they may sleep while they wait? */
	bool wakes;

	/* --- The feed --- */

	/* Another query is set, and there are no parts.  NULL: nothing to do. */
	void (*restart)(ExportFeed *feed);

	/*
	 * Add the parts, as far as they are known. Called until it returns false: no
	 * more can be added now.  all_added says that none will follow.
	 */
	bool (*add_parts)(ExportFeed *feed);

	/* How many downloads may be open at once. */
	int (*max_open)(const ExportFeed *feed);

	/* What the feed waits for before there is a part, and the attempts at that. NULL: nothing. */
	Awaited (*await_parts)(const ExportFeed *feed, Retry *retry);

	/*
	 * The feed ends, after its parts. Must not throw, and may be called twice.
	 * NULL: nothing to do.
	 */
	void (*release_feed)(ExportFeed *feed);

	/* --- A part before its download --- */

	/* See whether a WAITING part is READY; returns when it is due next. */
	int64 (*step)(ExportFeed *feed, FeedPart *part, int64 now);

	/* May the download of a READY part begin now? */
	bool (*may_open)(ExportFeed *feed, FeedPart *part);

	/* Begin it: sets part->request (NULL: no memory). */
	void (*open)(ExportFeed *feed, FeedPart *part);

	/*
	 * It is too large for one request: make several parts of it.  False if it
	 * cannot be split any further; then answer says so.  NULL: parts cannot be
	 * split.
	 */
	bool (*split)(ExportFeed *feed, FeedPart *part, Answer *answer);

	/* The scan starts over.  NULL: nothing to do. */
	void (*rewind)(FeedPart *part);

	/* --- Its download --- */

	/* The download was requested. NULL: nothing to do. */
	void (*note_request)(const ExportFeed *feed, FeedPart *part);

	/* Its records are about to be read. NULL: nothing to do. */
	void (*begin_reading)(FeedPart *part);

	/* Size of the file that is downloaded; -1: not announced. NULL: never announced. */
	int64 (*file_size)(const FeedPart *part);

	/* Bytes of a download that is made before its turn; -1: there is none.  NULL: never. */
	int64 (*bytes_ahead)(const FeedPart *part);

	/* The transfer is over: drop a request that was lent. Must not throw. NULL: none is lent. */
	void (*end_transfer)(FeedPart *part);

	/* --- Its end --- */

	/* There was no record in it: should the remote be asked in another way? NULL: no. */
	bool (*ask_otherwise)(ExportFeed *feed, const FeedPart *part);

	/* This much more of it was read; over: to its end.  Must not throw.  NULL: nothing to do. */
	void (*note_read)(const ExportFeed *feed, FeedPart *part, const ReadAmounts *more, bool over);

	/* All records of the part were read: the planner may want to know how many. */
	void (*remember)(const ExportFeed *feed, const FeedPart *part);

	/* It was read (failure is NULL) or failed; or it was abandoned. NULL: nothing to do. */
	void (*note_end)(const ExportFeed *feed, FeedPart *part, const Failure *failure);
	void (*note_left)(const ExportFeed *feed, FeedPart *part);

	/* Release what own holds. Must not throw, and may be called twice. NULL: nothing to do. */
	void (*release)(FeedPart *part);

	/* --- What is said about it --- */

	/* The part's name in messages, with a capital letter. */
	void (*subject)(const FeedPart *part, Subject *subject);

	/* Its short name, as in "longest: profile 1111"; with state below. */
	char *(*short_name)(const FeedPart *part);

	/* How far along its export is. NULL: nothing is known of that. */
	void (*state)(const FeedPart *part, PartState *state);

	/* How many parts will be added, as far as that can be told. NULL: all are there. */
	int64 (*to_come)(const ExportFeed *feed);

	/* What it waits for, if that is not its turn or a place. */
	Awaited (*await)(const FeedPart *part);

	/* The attempts at what it waits for, other than its download. NULL: there are none. */
	void (*retry)(const FeedPart *part, Retry *retry);

	/* Where its records come from; origin is zeroed.  NULL: nothing is known. */
	void (*origin)(const FeedPart *part, RecordOrigin *origin);

	/* Add what its export took.  NULL: there is none. */
	void (*count)(const FeedPart *part, FeedCounters *counters);

	/* What EXPLAIN shows. */
	void (*describe)(const ForeignOptions *options, const ExportQuery *query, char **request,
					 char **filter);
} FeedApi;

/* Something seems wrong with the content of the current part, unless it arrived damaged. */
typedef struct Doubt
{
	bool about_value; /* else about the JSON: see error */
	bool may_go_on;   /* the record may be read once more */
	StreamError error;
	RecordPosition position; /* from where the content can be read again */
	uint64 began;            /* inflated bytes when it began */
} Doubt;

struct ExportFeed
{
	const FeedApi *api;
	void *own; /* the adapter's, zeroed at first; NULL: it needs none */
	const ForeignOptions *options;
	MemoryContext context;
	MemoryContextCallback callback;
	MemoryContext query_context; /* of query; reset before each start */
	ExportQuery *query;          /* NULL: not started */
	int64 warned_of_entries;     /* number of passed-over entries that were reported */
	char *first_passed_over;     /* the name of the first one, or NULL */
	bool all_added;
	bool is_starting;  /* it may never be read, so add_parts must not fail */
	bool keep;         /* downloads are spooled, for a rescan */
	char *file_buffer; /* of FILE_BUFFER bytes, for what is read from temporary files; or NULL */
	SpoolFile *spool_file; /* of all parts, or NULL */
	dlist_head parts;
	int64 parts_gone; /* done, and no longer in the list */
	dlist_head live;  /* of these, the ones that may make progress */
	dlist_head stock; /* ready ones that come after those */
	int ready;        /* live ones that are ready */
	int asleep;
	bool woken;              /* a part was woken, and is to be looked at */
	FeedPart *current;       /* being read, or NULL */
	FeedPart *broken;        /* half read, to be resumed before any other; or NULL */
	FeedPart *spooling;      /* the one that is PART_SPOOLING, or NULL */
	ResourceOwner owner;     /* of temporary files */
	dlist_node session_node; /* see resting.c */
	bool registered;         /* there */
	int64 visited;           /* when it was last read (monotonic milliseconds) */
	Reactor *reactor;        /* for waiting: the others are nested in it; NULL until then */
	bool is_async;           /* others are waited for at the same time */
	int64 room_wanted;       /* since when a download has been waiting for descriptors, or 0 */
	bool waiting;            /* feed_begin_wait was called */
	bool helping;            /* the registry is nested and waited for, too */
	instr_time wait_began;
	int64 wait_limit; /* the most milliseconds that the wait can have taken; -1: any */
	int64 due;        /* of the next step, if no event comes first */
	int64 stepped;    /* when its parts were last looked at */
	RegistryAttachment attachment;
	bool uses_spare; /* counted among those that use spare reactors */
	RecordWalker *walker;
	const RecordPreparer *preparer;
	RecordStream *records;
	Unpacker *unpacker;
	DeliveredEntries *delivered; /* of the current part, where it is rereadable */
	Doubt doubt;                 /* while it is VERIFYING */

	/* Without read-ahead: */
	Pump pump;
	RecordBlock *block;  /* being filled, or NULL */
	uint64 given;        /* blocks of the current part */
	size_t lent;         /* bytes of the request's body that input started with */
	bool lent_from_file; /* it is from a temporary file instead */
	ContentHead head;    /* the first bytes of the current part */
	size_t spooled;      /* bytes that come next and are already in the spool */

	int64 waiting_since; /* since when it has been waiting (monotonic milliseconds); 0: not known */
	FeedCounters counters;
	FeedCounters noted;  /* what has been added to the statistics */
	int64 noted_retries; /* of the exports of the parts: also added */
};

/* A zeroed part at the end of the list, or right after another part. */
extern FeedPart *feed_add_part(ExportFeed *feed);
extern FeedPart *feed_add_part_after(ExportFeed *feed, FeedPart *before);

/* For a part that is in no station's list: let it be looked at. */
extern void make_live(ExportFeed *feed, FeedPart *part);

/* Something happened to what the part waits for. Does not throw. */
extern void feed_wake(FeedPart *part);

/* Give it a reactor of its own for a download. */
extern void prepare_transfer(FeedPart *part);

/*
 * Drop what the part holds outside of the feed's memory, except its export.
 * Throws only if its overflow cannot be closed, when all is dropped.
 */
extern void close_transfer(FeedPart *part);

/* Give the transfer back to the reader, if a thread had it. */
extern void end_read_ahead(FeedPart *part);

/* How many parts have a reactor, in all feeds of the session. */
extern int count_open_transfers(void);

/* Bytes that the current transfer has received. */
extern uint64 bytes_of_transfer(const FeedPart *part);

/*
 * The vendor counts a request until all of its answer has been received: give
 * back the place if it has.  Otherwise other sessions are told that it is still
 * needed, which is so for as long as this is called.
 */
extern void feed_note_transfer(FeedPart *part);

/* When that has to be called next, or REACTOR_NEVER; while a thread reads, nothing else may wake us. */
extern int64 feed_place_due(const FeedPart *part);

/* Does it have a download of its own that is read, or will be? */
extern bool is_open(const FeedPart *part);

/* Does its transfer make progress now? */
extern bool is_driven(const ExportFeed *feed, const FeedPart *part);

#endif /* ADSEXPORT_PART_H */
