/*-------------------------------------------------------------------------
 *
 * export.h
 *		The life of one export of Amazon Ads: requested, in progress,
 *		completed, and a link to download it.
 *
 * An Export belongs to the session (see registry.h): a cancelled statement
 * leaves it behind, and the next one may continue with it.  Its control
 * requests progress in export_step, which never throws because of the remote:
 * what went wrong is left in its record for the scans that want the export.
 *
 * For session/ alone: others have an ExportUse.
 *
 * Facts: docs/vendors/amazon-ads-exports.md 1.1, 1.3, 1.4, 1.5, 1.6 and 1.7.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_EXPORT_H
#define ADSEXPORT_EXPORT_H

#include "postgres.h"

#include "lib/ilist.h"
#include "lib/pairingheap.h"

#include "session/credential.h"
#include "session/export_key.h"
#include "session/export_record.h"
#include "session/jobs.h"
#include "session/registry.h"
#include "session/shared_exports.h"

/* Where it is; see schedule.h. */
typedef enum ExportStation
{
	STATION_NONE,  /* there is nothing to be done */
	STATION_QUEUE, /* for a place at the vendor */
	STATION_ALARM, /* until it is due */
	STATION_REQUESTING,
	STATION_WITHOUT_TOKEN,
	STATION_FOLLOWING /* another session drives it */
} ExportStation;

/* What only the backend that drives an export has. */
typedef struct ExportWork
{
	MemoryContext context;         /* holds the Export and what it points to */
	Credential *credential;        /* NULL: it may have changed, and nobody uses the export */
	MemoryContext options_context; /* of later options than the first, or NULL */
	char *token;                   /* sent with the current request */
	bool reauthenticated;          /* since this session's last success, or since it drives it */
	Request *request;
	char *url; /* download link that has not been used yet, or NULL */
	int64 url_minted;
	bool url_wanted;
	bool failure_is_own;     /* so others, which may have more luck, are not told of it */
	ExportPhase left_in;     /* then they find it in this phase, */
	int64 left_until;        /* and do nothing for it until then (monotonic milliseconds) */
	bool failure_shows_link; /* so it is not shared with other sessions */
} ExportWork;

/* What it has to do with other sessions; see sharing.h. */
typedef struct ExportSharing
{
	SharedExportRef ref; /* zeroed: it is known to this session alone */
	SharedKey key;
	uint64 serial; /* of ref, or of the one that was left last */
	bool driving;
	int pid; /* of the session that drives it, or did last */
	dlist_node node;
} ExportSharing;

typedef struct Export
{
	dlist_node node;        /* in the registry: of all, newest first */
	dlist_node key_node;    /* of those with the same key, newest first */
	dlist_node unused_node; /* of those without users, by the time since */
	ExportKey key;
	ExportStation station;
	dlist_node station_node;
	pairingheap_node alarm_node;
	dlist_node guess_node; /* if guesses; see schedule.c */
	bool guesses;
	int64 alarm;
	JobPlace place;        /* one of max_jobs at the vendor */
	dlist_head uses;       /* of ExportUse */
	int64 polls_elsewhere; /* that were counted before its record became another's */
	int64 retries_elsewhere;
	const ForeignOptions *options; /* as they were when it was requested */
	const Entity *entity;
	char *profile_id;
	char *body;         /* of the request, JSON */
	int users;          /* how many hold it */
	int readers;        /* of these, how many have begun to read it */
	Moment last_used;   /* when a scan last asked for it */
	Moment read_at;     /* when a download of it was last begun; 0: never */
	uint32 server_hash; /* for invalidation */
	uint32 mapping_hash;
	bool stale;     /* server or mapping changed: not to be reused */
	bool forgotten; /* not to be kept any longer than it is used */

	ExportRecord record;
	ExportWork work;
	ExportSharing sharing;
} Export;

/* See registry.h. */
struct ExportUse
{
	dlist_node node;
	Export *export;
	bool reading;       /* counted in export->readers */
	ReadAmounts untold; /* of what it read: other sessions were not told of that yet */
	int64 told_at;      /* monotonic milliseconds */
	void (*changed)(void *owner);
	void *owner;
};

/* Drop the request in progress, which is of no use any more. Does not throw. */
extern void export_drop_request(Export *export);

/* Should its status be requested (when it is due)? */
extern bool export_wants_status(const Export *export);

/*
 * Do what is due; may_request says whether a place is free.  Returns when
 * something is due next, provided that no request is in progress.
 */
extern int64 export_step(Export *export, Reactor *reactor, int64 now, bool may_request);

/*
 * How long such exports take has become known: it may be asked about sooner.
 * Returns whether it is.
 */
extern bool export_expect(Export *export, int64 now);

/*
 * A link for one download.  export_take_url returns NULL while there is none,
 * and requests one (each status call mints one, and each is used once); the
 * result is to be freed with pfree.
 */
extern char *export_take_url(Export *export);

#endif /* ADSEXPORT_EXPORT_H */
