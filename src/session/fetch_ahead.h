/*-------------------------------------------------------------------------
 *
 * fetch_ahead.h
 *		Making small downloads side by side, before their turn.
 *
 * Most exports of an account's profiles are small, and a store takes long to
 * begin an answer: one after the other, their downloads would take longer than
 * the exports. So as soon as an export is completed whose file is small
 * according to its status, all of it is fetched into memory, whichever scan is
 * being read, in the registry's reactor, where connections are kept. The
 * memory for that is limited by constants. What cannot be fetched like this,
 * for whatever reason, is downloaded in the ordinary way when its turn comes.
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
	FETCH_AHEAD_LINKING, /* its link is being requested */
	FETCH_AHEAD_FETCHING,
	FETCH_AHEAD_FETCHED /* the request is over, whatever it brought */
} FetchAheadState;

/* One scan's share of the room; zeroed at first. */
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
	/* Called when it has been fetched, or is no longer worth waiting for; must not throw. */
	void (*changed)(FetchAhead *ahead);
};

/* The export of use is completed: fetch it when there is room, with changed set. */
extern void fetch_ahead_want(FetchAhead *ahead, FetchAheadShare *share, ExportUse *use,
							 const ForeignOptions *options);

/*
 * It has been read, or is no longer wanted; frees its request. Does not throw;
 * may be called in any state.
 */
extern void fetch_ahead_end(FetchAhead *ahead);

/* Is nothing of the scan on its way, or waiting to be read? */
extern bool fetch_ahead_is_idle(const FetchAheadShare *share);

/* The scan ends, after its downloads.  Does not throw. */
extern void fetch_ahead_leave(FetchAheadShare *share);

/* Begin what there is room for, and see what has arrived. */
extern void fetch_ahead_step(Reactor *reactor);

#endif /* ADSEXPORT_FETCH_AHEAD_H */
