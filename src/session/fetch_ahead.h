/*-------------------------------------------------------------------------
 *
 * fetch_ahead.h
 *		Small downloads are made side by side, before their turn.
 *
 * The exports of an account's profiles are mostly small, and a store takes long
 * to begin with an answer: one after the other their downloads would take
 * longer than the exports.  So as soon as an export is completed whose file is
 * small, by what its status says, it is fetched whole into memory, whichever
 * scan is being read, in the registry's reactor, where connections are kept.
 * How much memory that takes is limited by constants.  What can't be had in this
 * way for any reason is downloaded in the ordinary way when its turn comes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FETCH_AHEAD_H
#define ADSEXPORT_FETCH_AHEAD_H

#include "lib/ilist.h"
#include "session/registry.h"

/* The largest file that is fetched ahead (bytes). */
#define FETCH_AHEAD_LARGEST ((int64) 1024 * 1024)

typedef enum FetchAheadState
{
	FETCH_AHEAD_NONE,
	FETCH_AHEAD_WANTED,  /* until there is room for it */
	FETCH_AHEAD_LINKING, /* its link is being asked for */
	FETCH_AHEAD_FETCHING,
	FETCH_AHEAD_FETCHED /* the request is over, whatever it brought */
} FetchAheadState;

/* What one scan has of the room for all; zeroed at first. */
typedef struct FetchAheadShare
{
	dlist_node node;
	bool linked; /* among those that want something */
	dlist_head wanted;
	int64 reserved; /* bytes */
	int running;    /* linking or fetching */
	int fetched;
} FetchAheadShare;

/* One download; zeroed at first. */
typedef struct FetchAhead FetchAhead;
struct FetchAhead
{
	dlist_node node;
	FetchAheadState state;
	FetchAheadShare *share;
	ExportUse *use;
	const ForeignOptions *options;
	int64 size;
	Request *request;
	/* It is fetched, or no longer to be waited for; must not throw. */
	void (*changed)(FetchAhead *ahead);
};

/* The export of use is completed: fetch it when there is room, with changed set. */
extern void fetch_ahead_want(FetchAhead *ahead, FetchAheadShare *share, ExportUse *use,
							 const ForeignOptions *options);

/* It is read, or not wanted any more; frees its request.  Does not throw; may be called for any. */
extern void fetch_ahead_end(FetchAhead *ahead);

/* Nothing of the scan is on its way or there to be read. */
extern bool fetch_ahead_is_idle(const FetchAheadShare *share);

/* The scan ends, after its downloads.  Does not throw. */
extern void fetch_ahead_leave(FetchAheadShare *share);

/* Begin what there is room for, and see what has come. */
extern void fetch_ahead_step(Reactor *reactor);

#endif /* ADSEXPORT_FETCH_AHEAD_H */
