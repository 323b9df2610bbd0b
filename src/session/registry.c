/*-------------------------------------------------------------------------
 *
 * registry.c
 *		The exports that this session knows, and the control requests that
 *		make them progress.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "remote/throttle.h"
#include "session/durations.h"
#include "session/freshness.h"
#include "session/network.h"
#include "session/profile_listing.h"
#include "session/registry.h"
#include "session/schedule.h"
#include "session/spare_reactors.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/*
 * Besides those in use, at most this many are remembered: for the next
 * statement, which finds the exports of a join over two thousand profiles, and
 * for adsexport_exports().
 */
#define MAX_UNUSED 10000

/* Of those that were asked for alike, at most this many are looked at. */
#define MAX_ALIKE 8

/* Exports that were asked for alike, newest first. */
typedef struct ExportsAlike
{
	uint64 fingerprint;
	dlist_head exports;
} ExportsAlike;

static dlist_head exports = DLIST_STATIC_INIT(exports);
static dlist_head unused = DLIST_STATIC_INIT(unused); /* longest unused first */
static int unused_count = 0;
static HTAB *by_fingerprint = NULL;
static Reactor *reactor = NULL;
static int attached = 0;

static void register_invalidation(void);
static void forget_changed(void);

Reactor *
registry_reactor(void)
{
	if (reactor == NULL)
		reactor = spare_reactor_take(SPARE_FOR_CALLS);
	return reactor;
}

static bool
any_request(void)
{
	return schedule_any_request() || profile_listings_any_request() || credential_any_request();
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
	if (!any_request())
	{
		spare_reactor_give(SPARE_FOR_CALLS, reactor);
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
	foreign_options_wipe_changed();
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
		foreign_options_mark_changed(hash);
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
may_reuse(const Export *export, const ForeignOptions *options, const char *profile_id,
		  const char *body)
{
	/* One that waits for its place is as good as requested right now. */
	bool never_requested = export->phase == EXPORT_QUEUED && export->requests == 0;

	return !export->stale && export->phase != EXPORT_FAILED &&
		   export->options->mapping_id == options->mapping_id &&
		   export->options->server_id == options->server_id &&
		   strcmp(export->options->endpoint, options->endpoint) == 0 &&
		   export->credential == credential_get(options) && export->entity == options->entity &&
		   strcmp(export->profile_id, profile_id) == 0 && strcmp(export->body, body) == 0 &&
		   (never_requested ||
			recent_enough(export->requested, export->last_used, options->max_age));
}

/* What an export is found by; who finds one compares all of it. */
static uint64
fingerprint_of(const ForeignOptions *options, const char *profile_id, const char *body)
{
	const char *texts[] = { options->endpoint, options->entity->name, profile_id, body };
	uint64 fingerprint = hash_bytes_extended((const unsigned char *) &options->mapping_id,
											 sizeof(Oid), options->server_id);

	for (int i = 0; i < (int) lengthof(texts); i++)
		fingerprint =
			hash_bytes_extended((const unsigned char *) texts[i], strlen(texts[i]), fingerprint);
	return fingerprint;
}

static ExportsAlike *
find_alike(uint64 fingerprint, HASHACTION action)
{
	ExportsAlike *alike;
	bool found;

	if (by_fingerprint == NULL)
	{
		HASHCTL control;

		memset(&control, 0, sizeof(control));
		control.keysize = sizeof(uint64);
		control.entrysize = sizeof(ExportsAlike);
		by_fingerprint =
			hash_create("adsexport_fdw exports", 256, &control, HASH_ELEM | HASH_BLOBS);
	}
	alike = hash_search(by_fingerprint, &fingerprint, action, &found);
	if (action == HASH_ENTER && !found)
		dlist_init(&alike->exports);
	return alike;
}

static Export *
find_export(uint64 fingerprint, const ForeignOptions *options, const char *profile_id,
			const char *body)
{
	ExportsAlike *alike = find_alike(fingerprint, HASH_FIND);
	int left = MAX_ALIKE;
	dlist_iter iter;

	if (alike == NULL)
		return NULL;
	dlist_foreach(iter, &alike->exports)
	{
		Export *export = dlist_container(Export, key_node, iter.cur);

		if (may_reuse(export, options, profile_id, body))
			return export;
		if (--left == 0)
			break;
	}
	return NULL;
}

/* One that nobody uses. */
static void
forget_export(Export *export)
{
	ExportsAlike *alike = find_alike(export->fingerprint, HASH_FIND);

	schedule_forget(export);
	dlist_delete(&export->node);
	dlist_delete(&export->unused_node);
	unused_count--;
	dlist_delete(&export->key_node);
	if (dlist_is_empty(&alike->exports))
		find_alike(export->fingerprint, HASH_REMOVE);
	request_free(export->request);
	wipe_string(&export->token);
	wipe_string(&export->url);
	MemoryContextDelete(export->context);
}

static Export *
create_export(uint64 fingerprint, const ForeignOptions *options, const char *profile_id,
			  const char *body)
{
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "adsexport_fdw export", ALLOCSET_SMALL_SIZES);
	Export *export = MemoryContextAllocZero(context, sizeof(Export));

	export->context = context;
	export->fingerprint = fingerprint;
	export->options = foreign_options_keep(options, context);
	export->entity = options->entity;
	export->profile_id = MemoryContextStrdup(context, profile_id);
	export->body = MemoryContextStrdup(context, body);
	export->server_hash =
		GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(options->server_id));
	export->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(options->mapping_id));
	export->file_size = -1;
	export->took = -1;
	export->credential = credential_get(options);
	credential_want(export->credential);
	dlist_init(&export->uses);
	dlist_push_head(&find_alike(fingerprint, HASH_ENTER)->exports, &export->key_node);
	dlist_push_head(&exports, &export->node);
	dlist_push_tail(&unused, &export->unused_node);
	unused_count++;
	return export;
}

bool
exports_acquire(ExportUse *use, const ForeignOptions *options, const char *profile_id,
				const char *body)
{
	uint64 fingerprint = fingerprint_of(options, profile_id, body);
	Export *export = find_export(fingerprint, options, profile_id, body);
	bool known = export != NULL;

	if (!known)
	{
		if (unused_count >= MAX_UNUSED)
			forget_export(dlist_head_element(Export, unused_node, &unused));
		export = create_export(fingerprint, options, profile_id, body);
	}
	export->last_used = moment_now();
	if (export->users++ == 0)
	{
		dlist_delete(&export->unused_node);
		unused_count--;
	}
	use->export = export;
	dlist_push_tail(&export->uses, &use->node);
	schedule_export(export);
	return known;
}

void
exports_release(ExportUse *use)
{
	Export *export = use->export;

	if (export == NULL)
		return;
	use->export = NULL;
	dlist_delete(&use->node);
	if (--export->users > 0)
		return;
	dlist_push_tail(&unused, &export->unused_node);
	unused_count++;
	schedule_unused(export);
}

char *
exports_take_link(ExportUse *use)
{
	char *url = export_take_url(use->export);

	if (url == NULL)
		schedule_export(use->export);
	return url;
}

void
registry_forget(bool (*mine)(Oid user_id))
{
	dlist_mutable_iter iter;
	/* Whoever is attached may hold a listing or a credential. */
	bool in_use = attached > 0;

	spare_reactors_drop();
	dlist_foreach_modify(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if (!mine(export->options->user_id))
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
