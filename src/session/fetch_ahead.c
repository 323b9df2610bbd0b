/*-------------------------------------------------------------------------
 *
 * fetch_ahead.c
 *		Making small downloads side by side, before their turn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/amazon_ads.h"
#include "remote/throttle.h"
#include "session/fetch_ahead.h"
#include "session/network.h"
#include "session/registry.h"

/*
 * Room for all scans of the session: little, as there may be hundreds of
 * sessions.  It pays if reaching the server takes longer than the transfer,
 * which is so for small files, of which this holds many; a larger one is read
 * as it arrives.
 */
#define ROOM ((int64) 8 * 1024 * 1024)

/*
 * A file may be this much longer than its status said, which is an error in
 * the end.  It is left to the reader to raise that: giving up at the first
 * excess byte would make it download the same again. A file that is far longer
 * would not fit.
 */
#define EXCESS ((int64) 256 * 1024)

/* Other waits and connections need some file descriptors. */
#define SPARE_DESCRIPTORS 16

/* This many of one scan are in progress at a time. */
#define SIDE_BY_SIDE 4

static dlist_head shares = DLIST_STATIC_INIT(shares);
static dlist_head running = DLIST_STATIC_INIT(running);
static int64 reserved = 0;

void
fetch_ahead_want(FetchAhead *ahead, FetchAheadShare *share, ExportUse *use,
				 const ForeignOptions *options)
{
	ExportView view;

	Assert(ahead->state == FETCH_AHEAD_NONE);
	exports_view(use, &view);
	if (!share->linked)
	{
		dlist_init(&share->wanted);
		dlist_push_tail(&shares, &share->node);
		share->linked = true;
	}
	ahead->share = share;
	ahead->use = use;
	ahead->options = options;
	/* An empty file takes up room, too. */
	ahead->size = Max(view.file_size, 1);
	ahead->state = FETCH_AHEAD_WANTED;
	dlist_push_tail(&share->wanted, &ahead->node);
}

static bool
is_running(const FetchAhead *ahead)
{
	return ahead->state == FETCH_AHEAD_LINKING || ahead->state == FETCH_AHEAD_FETCHING;
}

void
fetch_ahead_end(FetchAhead *ahead)
{
	if (ahead->state == FETCH_AHEAD_NONE)
		return;
	if (ahead->state != FETCH_AHEAD_FETCHED)
		dlist_delete(&ahead->node);
	if (is_running(ahead))
		ahead->share->running--;
	else if (ahead->state == FETCH_AHEAD_FETCHED)
		ahead->share->fetched--;
	if (ahead->state != FETCH_AHEAD_WANTED)
	{
		ahead->share->reserved -= ahead->size;
		reserved -= ahead->size;
	}
	request_free(ahead->request);
	ahead->request = NULL;
	ahead->state = FETCH_AHEAD_NONE;
}

bool
fetch_ahead_is_idle(const FetchAheadShare *share)
{
	return share->running == 0 && share->fetched == 0;
}

void
fetch_ahead_leave(FetchAheadShare *share)
{
	if (share->linked)
		dlist_delete(&share->node);
	share->linked = false;
}

/* Leave it to the ordinary way. */
static void
give_up(FetchAhead *ahead)
{
	fetch_ahead_end(ahead);
	ahead->changed(ahead);
}

/* Begin the download if its link, which is minted just before, has arrived. */
static void
begin(FetchAhead *ahead, Reactor *reactor)
{
	ExportView view;
	char *url;

	exports_view(ahead->use, &view);
	if (view.phase == EXPORT_POLLING)
		return;
	if (view.phase != EXPORT_COMPLETED)
	{
		give_up(ahead); /* it was lost */
		return;
	}
	url = exports_take_link(ahead->use);
	if (url == NULL)
		return;
	throttle_begin(CALL_DOWNLOAD, ahead->options, monotonic_milliseconds());
	ahead->request = amazon_start_download(reactor, ahead->options, url, 0, "");
	wipe_string(&url);
	if (ahead->request == NULL)
		give_up(ahead);
	else
		ahead->state = FETCH_AHEAD_FETCHING;
}

static void
step_running(FetchAhead *ahead, Reactor *reactor)
{
	if (ahead->state == FETCH_AHEAD_LINKING)
		begin(ahead, reactor);
	if (ahead->state != FETCH_AHEAD_FETCHING)
		return;
	if (request_state(ahead->request) >= REQUEST_DONE)
	{
		dlist_delete(&ahead->node);
		ahead->state = FETCH_AHEAD_FETCHED;
		ahead->share->running--;
		ahead->share->fetched++;
		ahead->changed(ahead);
	}
	/* Far longer than announced, so that there is no room: it is read as it arrives. */
	else if ((int64) request_bytes_received(ahead->request) > ahead->size + EXCESS)
		give_up(ahead);
}

/* A scan may take half of the room that is left, so that there is always some for others. */
static bool
has_room(const FetchAhead *ahead)
{
	const FetchAheadShare *share = ahead->share;
	int64 now = monotonic_milliseconds();

	return share->running < SIDE_BY_SIDE && share->reserved + ahead->size <= ROOM - reserved &&
		   throttle_due(CALL_DOWNLOAD, ahead->options, now) <= now &&
		   network_has_room(SPARE_DESCRIPTORS);
}

static void
step_share(FetchAheadShare *share, Reactor *reactor)
{
	FetchAhead *ahead;

	while (!dlist_is_empty(&share->wanted))
	{
		ahead = dlist_head_element(FetchAhead, node, &share->wanted);
		if (!has_room(ahead))
			break;
		dlist_delete(&ahead->node);
		ahead->state = FETCH_AHEAD_LINKING;
		share->running++;
		share->reserved += ahead->size;
		reserved += ahead->size;
		dlist_push_tail(&running, &ahead->node);
		step_running(ahead, reactor);
	}
	/* Other scans have all the room: do not wait for it. */
	if (!dlist_is_empty(&share->wanted) && fetch_ahead_is_idle(share))
	{
		ahead = dlist_head_element(FetchAhead, node, &share->wanted);
		ahead->changed(ahead);
	}
}

void
fetch_ahead_step(Reactor *reactor)
{
	dlist_mutable_iter iter;
	dlist_iter share;

	dlist_foreach_modify(iter, &running)
		step_running(dlist_container(FetchAhead, node, iter.cur), reactor);
	dlist_foreach(share, &shares)
		step_share(dlist_container(FetchAheadShare, node, share.cur), reactor);
}
