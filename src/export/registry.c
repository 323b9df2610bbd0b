/*-------------------------------------------------------------------------
 *
 * registry.c
 *		The exports that this session knows, and the control requests that
 *		make them progress.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "export/durations.h"
#include "export/freshness.h"
#include "export/network.h"
#include "export/profile_listing.h"
#include "export/registry.h"
#include "export/throttle.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* So many are remembered for adsexport_exports(). */
#define MAX_REMEMBERED 1000

static dlist_head exports = DLIST_STATIC_INIT(exports);
static int export_count = 0;
static Reactor *reactor = NULL;
static int attached = 0;

static void register_invalidation(void);
static void forget_changed(void);

Reactor *
registry_reactor(void)
{
	if (reactor == NULL)
		reactor = network_create_reactor();
	return reactor;
}

static bool
any_request(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &exports)
	{
		if (dlist_container(Export, node, iter.cur)->request != NULL)
			return true;
	}
	return profile_listings_any_request() || credential_any_request();
}

void
registry_attach(void)
{
	register_invalidation();
	freshness_note_beginning();
	attached++;
}

void
registry_detach(void)
{
	if (--attached > 0)
		return;
	forget_changed();
	if (reactor != NULL && !any_request())
	{
		reactor_free(reactor);
		reactor = NULL;
	}
	network_settle();
}

bool
registry_in_use(void)
{
	return attached > 0;
}

void
registry_end_wait(void)
{
	if (reactor != NULL)
		reactor_wait_ends(reactor);
}

void
registry_discount(int64 milliseconds)
{
	if (reactor != NULL)
		reactor_discount(reactor, milliseconds);
}

/*-------------------------------------------------------------------------
 * Invalidation
 *-------------------------------------------------------------------------
 */

/*
 * Credentials of user mappings that changed are not left in memory.  Exports
 * that were made with them stay, for adsexport_exports(), but are never
 * looked at again.  Does not throw.
 */
static void
forget_changed(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if (export->credential != NULL && credential_has_changed(export->credential))
		{
			export->stale = true;
			export->credential = NULL;
			wipe_string(&export->url);
		}
	}
	profile_listings_forget_changed();
	credential_forget_changed();
	settings_wipe_changed();
}

/* A server or user mapping changed: what was exported through it may be
 * another account's now. */
static void
invalidate(Datum argument, int cache, uint32 hash)
{
	dlist_iter iter;

	/* All caches were flushed, which tells nothing: may_reuse looks for itself. */
	if (hash == 0)
		return;
	dlist_foreach(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if ((cache == FOREIGNSERVEROID && export->server_hash == hash) ||
			(cache == USERMAPPINGOID && export->mapping_hash == hash))
			export->stale = true;
	}
	/* Listings are cheap. */
	profile_listings_make_stale();
	if (cache == USERMAPPINGOID)
	{
		credential_mark_changed(hash);
		settings_mark_changed(hash);
		if (attached == 0)
			forget_changed();
	}
}

static void
register_invalidation(void)
{
	static bool registered = false;

	if (registered)
		return;
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate, (Datum) 0);
	registered = true;
}

/*-------------------------------------------------------------------------
 * Exports
 *-------------------------------------------------------------------------
 */

static bool
may_reuse(const Export *export, const Settings *settings, const char *profile_id, const char *body)
{
	/* One that waits for its place is as good as requested right now. */
	bool never_requested = export->phase == EXPORT_QUEUED && export->requests == 0;

	return !export->stale && export->phase != EXPORT_FAILED &&
		   export->settings->mapping_id == settings->mapping_id &&
		   export->settings->server_id == settings->server_id &&
		   strcmp(export->settings->endpoint, settings->endpoint) == 0 &&
		   export->credential == credential_get(settings) && export->entity == settings->entity &&
		   strcmp(export->profile_id, profile_id) == 0 && strcmp(export->body, body) == 0 &&
		   (never_requested ||
			recent_enough(export->requested, export->last_used, settings->max_age));
}

static void
forget_export(Export *export)
{
	dlist_delete(&export->node);
	export_count--;
	request_free(export->request);
	wipe_string(&export->token);
	wipe_string(&export->url);
	MemoryContextDelete(export->context);
}

/* Keep the list at a constant size: the oldest that nobody uses goes. */
static void
make_place(void)
{
	dlist_node *node;

	if (export_count < MAX_REMEMBERED)
		return;
	for (node = exports.head.prev; node != &exports.head; node = node->prev)
	{
		Export *export = dlist_container(Export, node, node);

		if (export->users == 0)
		{
			forget_export(export);
			return;
		}
	}
}

static Export *
create_export(const Settings *settings, const char *profile_id, const char *body)
{
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "adsexport_fdw export", ALLOCSET_SMALL_SIZES);
	Export *export = MemoryContextAllocZero(context, sizeof(Export));

	export->context = context;
	export->settings = settings_keep(settings, context);
	export->entity = settings->entity;
	export->profile_id = MemoryContextStrdup(context, profile_id);
	export->body = MemoryContextStrdup(context, body);
	export->server_hash =
		GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(settings->server_id));
	export->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(settings->mapping_id));
	export->file_size = -1;
	export->took = -1;
	export->credential = credential_get(settings);
	credential_want(export->credential);
	dlist_push_head(&exports, &export->node);
	export_count++;
	return export;
}

Export *
registry_acquire(const Settings *settings, const char *profile_id, const char *body, bool *reused)
{
	dlist_iter iter;
	Export *export;

	dlist_foreach(iter, &exports)
	{
		export = dlist_container(Export, node, iter.cur);
		if (may_reuse(export, settings, profile_id, body))
		{
			*reused = true;
			export->last_used = moment_now();
			export->users++;
			return export;
		}
	}
	make_place();
	export = create_export(settings, profile_id, body);
	*reused = false;
	export->last_used = moment_now();
	export->users++;
	return export;
}

void
registry_release(Export *export)
{
	export->users--;
}

/*
 * In progress for so long, as far as we know, that it must not hold up others:
 * it was left behind, or whoever wants it rests.
 */
static bool
is_given_up(const Export *export)
{
	return moment_now() - export->requested > export->settings->export_timeout * 1000;
}

/* Is a place free at that endpoint for one more export of that developer? */
static bool
place_is_free(const Export *wanted)
{
	int in_progress = 0;
	dlist_iter iter;

	dlist_foreach(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if (export_is_in_progress(export) && !is_given_up(export) &&
			export->entity == wanted->entity &&
			strcmp(export->settings->endpoint, wanted->settings->endpoint) == 0 &&
			strcmp(export->settings->client_id, wanted->settings->client_id) == 0)
			in_progress++;
	}
	return in_progress < wanted->settings->max_jobs;
}

/*-------------------------------------------------------------------------
 * Progress
 *-------------------------------------------------------------------------
 */

/*
 * One round over everything.  Oldest exports first, so that places are given
 * in the order of asking.
 */
static int64
step_once(int64 now)
{
	int64 due = credential_step_all(reactor, now);
	int64 next = profile_listings_step(reactor, now);
	dlist_node *node;

	due = Min(due, next);
	for (node = exports.head.prev; node != NULL && node != &exports.head; node = node->prev)
	{
		Export *export = dlist_container(Export, node, node);
		bool may_request = false;

		/* A place in the queue that nobody waits in any more is given up. */
		if (export->phase == EXPORT_QUEUED)
			may_request = export->users > 0 && place_is_free(export);
		next = export_step(export, reactor, now, may_request);
		due = Min(due, next);
	}
	return due;
}

void
registry_step(void)
{
	int64 due;

	registry_reactor();
	network_announce();
	reactor_drive(reactor);

	/*
	 * Twice, because a token that arrived, or a place that became free, lets
	 * others go on that were looked at before.
	 */
	step_once(monotonic_milliseconds());
	due = step_once(monotonic_milliseconds());
	reactor_set_alarm(reactor, due);
}

void
registry_forget(bool (*mine)(Oid user_id))
{
	dlist_mutable_iter iter;
	/* Whoever is attached may hold a listing or a credential. */
	bool in_use = attached > 0;

	dlist_foreach_modify(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if (!mine(export->settings->user_id))
			continue;
		if (export->users == 0)
			forget_export(export);
		else
		{
			export->stale = true;
			in_use = true;
		}
	}
	profile_listings_make_stale();
	if (in_use)
		return;
	profile_listings_forget(mine);
	credential_forget(mine);
	durations_forget();
	throttle_forget_all();
	if (any_request())
		return; /* of another user of the session */
	reactor_free(reactor);
	reactor = NULL;
	network_settle();
}

void
registry_visit(void (*visit)(const Export *export, void *argument), void *argument)
{
	dlist_iter iter;

	dlist_foreach(iter, &exports) visit(dlist_container(Export, node, iter.cur), argument);
}
