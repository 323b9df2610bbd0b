/*-------------------------------------------------------------------------
 *
 * export.h
 *		The life of one export of Amazon Ads: requested, in progress,
 *		completed, and a link to download it.
 *
 * An Export belongs to the session (see registry.h): a cancelled statement
 * leaves it behind, and the next one may go on with it.  Its control requests
 * progress in export_step, which never throws because of the remote: what
 * went wrong is left in failure for whoever wants the export.
 *
 * Facts: docs/vendors/amazon-ads-exports.md 1.1, 1.3, 1.4, 1.5, 1.6 and 1.7.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_EXPORT_H
#define ADSEXPORT_EXPORT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"

#include "remote/answer.h"
#include "remote/message.h"
#include "session/credential.h"
#include "session/freshness.h"
#include "session/jobs.h"

typedef enum ExportPhase
{
	EXPORT_QUEUED, /* for a free slot (max_jobs), a token, or a retry */
	EXPORT_REQUESTING,
	EXPORT_IN_PROGRESS, /* between two polls */
	EXPORT_POLLING,
	EXPORT_COMPLETED,
	EXPORT_FAILED
} ExportPhase;

/* Where it stands; see schedule.h. */
typedef enum ExportStation
{
	STATION_NONE,  /* there is nothing to be done */
	STATION_QUEUE, /* for a place at the vendor */
	STATION_ALARM, /* until it is due */
	STATION_REQUESTING,
	STATION_WITHOUT_TOKEN
} ExportStation;

typedef struct Export
{
	dlist_node node;        /* in the registry: of all, newest first */
	dlist_node key_node;    /* of those that were asked for alike, newest first */
	dlist_node unused_node; /* of those without users, by the time since */
	uint64 fingerprint;     /* of what was asked for, and by whom */
	ExportStation station;
	dlist_node station_node;
	pairingheap_node alarm_node;
	int64 alarm;
	JobPlace place;                /* one of max_jobs at the vendor */
	dlist_head uses;               /* of ExportUse */
	MemoryContext context;         /* holds the struct and what it points to */
	const ForeignOptions *options; /* as they were when it was requested */
	const Entity *entity;
	char *profile_id;
	char *body;         /* of the request, JSON */
	int users;          /* how many hold it */
	int readers;        /* of these, how many began to read it */
	uint32 server_hash; /* for invalidation */
	uint32 mapping_hash;
	bool stale; /* server or mapping changed: not to be reused */

	ExportPhase phase;
	char id[MESSAGE_MAX_EXPORT_ID];       /* empty until requested */
	char shown_id[MESSAGE_MAX_EXPORT_ID]; /* the same for messages and functions */
	char status_word[64];
	TimestampTz requested_at;
	Moment requested;         /* the same */
	Moment last_used;         /* when a scan asked for it last */
	Moment read_at;           /* when a download of it was begun last; 0: never */
	TimestampTz completed_at; /* when we learned of it; 0: not yet */
	bool has_generated_at;
	TimestampTz generated_at; /* the vendor's */
	int64 file_size;          /* compressed bytes; -1: not told */

	Credential *credential; /* NULL: its user mapping changed, and nobody uses the export */
	char *token;            /* that the request under way carries */
	Request *request;
	Retry retry;
	bool reauthenticated;    /* since the last success */
	int64 due;               /* nothing to do before (monotonic milliseconds) */
	int64 in_progress_since; /* monotonic milliseconds */
	int64 poll_gap;          /* before the last status call; 0: there was none */
	int64 next_gap;
	int64 took; /* milliseconds until it was ready; -1: not known */
	char *url;  /* download link that nobody used yet, or NULL */
	int64 url_minted;
	bool url_wanted;
	bool without_link; /* completed by its last status, which had no link */
	int renewals;      /* requested anew so often */
	Failure failure;
	bool timed_out; /* it failed because it was too much at once */

	/* for adsexport_exports() */
	int64 polls;
	int64 requests;
	int64 retries;
	int64 bytes_downloaded;
	int64 bytes_inflated;
	int64 records;
} Export;

/*
 * Somebody's use of an export.  changed is called whenever something became of
 * it, whichever scan is being read: it must not throw, and do next to nothing.
 */
typedef struct ExportUse ExportUse;
struct ExportUse
{
	dlist_node node;
	Export *export; /* NULL: none */
	void (*changed)(ExportUse *use);
};

/* Does it hold one of the max_jobs places at the vendor? */
extern bool export_is_in_progress(const Export *export);

/* Is its status to be asked for (when it is due)? */
extern bool export_wants_status(const Export *export);

/*
 * Do what is due; may_request says whether a place is free.  Returns when
 * something is due next, as long as no request is under way.
 */
extern int64 export_step(Export *export, Reactor *reactor, int64 now, bool may_request);

/*
 * A link for one download.  export_take_url returns NULL while none is there
 * and asks for one (each status call mints one, and each is used once); the
 * result is to be freed with pfree.
 */
extern char *export_take_url(Export *export);

#endif /* ADSEXPORT_EXPORT_H */
