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
#include "miscadmin.h"
#include "net/clock.h"
#include "remote/throttle.h"
#include "session/durations.h"
#include "session/export.h"
#include "session/freshness.h"
#include "session/network.h"
#include "session/profile_listing.h"
#include "session/registry.h"
#include "session/schedule.h"
#include "session/seeded_hash.h"
#include "session/sharing.h"
#include "session/spare_reactors.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/*
 * At most this many that are not in use are remembered: for the next
 * statement, which then finds even the exports of a join over two thousand
 * profiles, and for adsexport_exports().
 */
#define MAX_UNUSED 10000

/* Other sessions are told at these intervals how far the reading of an export is (milliseconds). */
#define TELL_AFTER 500

/* At most this many of those with the same key are looked at. */
#define MAX_ALIKE 8

/* Exports with the same key, newest first. */
typedef struct ExportsAlike
{
	ExportKey key;
	dlist_head exports;
} ExportsAlike;

static dlist_head exports = DLIST_STATIC_INIT(exports);
static dlist_head unused = DLIST_STATIC_INIT(unused); /* longest unused first */
static int unused_count = 0;
static HTAB *by_key = NULL;
static Reactor *reactor = NULL;
static dlist_head attachments = DLIST_STATIC_INIT(attachments);

/* Something must be overwritten that a feed may still use. */
static bool sweep_needed = false;

/* registry_forget is running, so invalidations must free nothing. */
static bool forgetting = false;

/* This session does not use what other sessions requested before it was told to forget. */
static Moment forgotten = 0;

static void register_invalidation(void);
static bool is_held(Oid user_id);
static void sweep(void);

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
registry_attach(RegistryAttachment *attachment, Oid user_id)
{
	register_invalidation();
	freshness_note_beginning();
	attachment->user_id = user_id;
	attachment->attached = true;
	dlist_push_tail(&attachments, &attachment->node);
}

void
registry_detach(RegistryAttachment *attachment)
{
	if (!attachment->attached)
		return;
	attachment->attached = false;
	dlist_delete(&attachment->node);
	if (registry_in_use())
	{
		if (!is_held(attachment->user_id))
			sweep();
		return;
	}
	sharing_yield_all();
	sweep();
	profile_listings_settle();
	credential_settle();
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
	return !dlist_is_empty(&attachments);
}

void
registry_end_wait(void)
{
	if (reactor != NULL)
		reactor_wait_ends(reactor);
}

/* Many that wait side by side have the same time to discount, which counts once. */
void
registry_discount(int64 milliseconds)
{
	static int64 discounted = 0; /* everything before */
	int64 now = monotonic_milliseconds();

	if (reactor != NULL)
		reactor_discount(reactor, Min(milliseconds, now - discounted));
	discounted = now;
}

/*-------------------------------------------------------------------------
 * Secrets that are not to be kept
 *-------------------------------------------------------------------------
 */

/* May a feed of that user hold a listing or a credential? */
static bool
is_held(Oid user_id)
{
	dlist_iter iter;

	dlist_foreach(iter, &attachments)
	{
		if (dlist_container(RegistryAttachment, node, iter.cur)->user_id == user_id)
			return true;
	}
	return false;
}

/*
 * Remove its credential.  If it only went because all caches were flushed, the
 * export gets another when it is used again, but the answer to a current request is lost.
 */
static void
part_from_credential(Export *export)
{
	if (export->work.request != NULL)
		export->stale = true;
	if (export->stale)
		sharing_leave(export);
	export->work.credential = NULL;
	wipe_string(&export->work.url);
}

static void forget_export(Export *export);

/*
 * Credentials that are marked as changed are not left in memory once no feed of
 * their user is attached. Exports that were made with them stay, for
 * adsexport_exports(), unless they are to be forgotten; those whose mapping
 * changed are never used again.  Does not throw.
 */
static void
sweep(void)
{
	dlist_mutable_iter iter;

	if (!sweep_needed)
		return;
	sweep_needed = registry_in_use();
	dlist_foreach_modify(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);
		const Credential *credential = export->work.credential;

		if (is_held(export->options->user_id))
			continue;
		if (export->forgotten && export->users == 0)
			forget_export(export);
		else if (credential != NULL && credential_has_changed(credential))
			part_from_credential(export);
	}
	profile_listings_forget_changed(is_held);
	credential_forget_changed(is_held);
	foreign_options_wipe_changed(is_held);
}

/*-------------------------------------------------------------------------
 * Invalidation
 *-------------------------------------------------------------------------
 */

/* A user mapping changed; 0: any of them may have. */
static void
mark_credentials(uint32 mapping_hash)
{
	credential_mark_changed(mapping_hash);
	foreign_options_mark_changed(mapping_hash);
	sweep_needed = true;
	if (!registry_in_use() && !forgetting)
		sweep();
}

/* A server or user mapping changed: what was exported through it may be
 * another account's now. */
static void
invalidate(Datum argument, int cache, uint32 hash)
{
	dlist_iter iter;

	/*
	 * All caches were flushed, which does not say what changed. Exports are found
	 * by a digest of their credentials, so they can be used again; but the
	 * credentials themselves may be outdated and must not stay in memory.
	 */
	if (hash == 0)
	{
		if (cache == USERMAPPINGOID)
			mark_credentials(hash);
		return;
	}
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
		mark_credentials(hash);
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
may_reuse(const Export *export, int64 max_age)
{
	const ExportRecord *record = &export->record;
	/* One that is waiting to be requested (again) counts as requested now. */
	bool to_be_requested =
		record->phase == EXPORT_QUEUED && (record->requests == 0 || export->users > 0);

	return !export->stale && record->phase != EXPORT_FAILED &&
		   (to_be_requested || recent_enough(record->requested, export->last_used, max_age));
}

/* An earlier statement meant to request it or its status, but had no memory for that. */
static bool
is_unasked(const Export *export)
{
	return export->users == 0 && export->work.request != NULL &&
		   request_was_not_made(export->work.request);
}

static ExportsAlike *
find_alike(const ExportKey *key, HASHACTION action)
{
	ExportsAlike *alike;
	bool found;

	if (by_key == NULL)
	{
		HASHCTL control;

		seeded_hash_prepare();
		memset(&control, 0, sizeof(control));
		control.keysize = sizeof(ExportKey);
		control.entrysize = sizeof(ExportsAlike);
		control.hash = seeded_hash;
		by_key = hash_create("adsexport_fdw exports", 256, &control, HASH_ELEM | HASH_FUNCTION);
	}
	alike = hash_search(by_key, key, action, &found);
	if (action == HASH_ENTER && !found)
		dlist_init(&alike->exports);
	return alike;
}

static Export *
find_export(const ExportKey *key, int64 max_age)
{
	ExportsAlike *alike = find_alike(key, HASH_FIND);
	int left = MAX_ALIKE;
	dlist_iter iter;

	if (alike == NULL)
		return NULL;
	dlist_foreach(iter, &alike->exports)
	{
		Export *export = dlist_container(Export, key_node, iter.cur);

		/* Other sessions may have continued it. */
		schedule_refresh(export);
		if (is_unasked(export))
			sharing_leave(export);
		else if (may_reuse(export, max_age))
			return export;
		if (--left == 0)
			break;
	}
	return NULL;
}

/* Forget an export that is not in use. */
static void
forget_export(Export *export)
{
	ExportsAlike *alike = find_alike(&export->key, HASH_FIND);

	schedule_forget(export);
	dlist_delete(&export->node);
	dlist_delete(&export->unused_node);
	unused_count--;
	dlist_delete(&export->key_node);
	if (dlist_is_empty(&alike->exports))
		find_alike(&export->key, HASH_REMOVE);
	request_free(export->work.request);
	wipe_string(&export->work.token);
	wipe_string(&export->work.url);
	MemoryContextDelete(export->work.context);
}

static Export *
create_export(const ExportKey *key, const ForeignOptions *options, const char *profile_id,
			  const char *body)
{
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "adsexport_fdw export", ALLOCSET_SMALL_SIZES);
	Export *export = MemoryContextAllocZero(context, sizeof(Export));

	export->work.context = context;
	export->key = *key;
	export->options = foreign_options_keep(options, context);
	export->entity = options->entity;
	export->profile_id = MemoryContextStrdup(context, profile_id);
	export->body = MemoryContextStrdup(context, body);
	export->server_hash =
		GetSysCacheHashValue1(FOREIGNSERVEROID, ObjectIdGetDatum(options->server_id));
	export->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(options->mapping_id));
	export->record.file_size = -1;
	export->record.took = -1;
	export->work.credential = credential_get(options);
	credential_want(export->work.credential);
	dlist_init(&export->uses);
	dlist_push_head(&find_alike(key, HASH_ENTER)->exports, &export->key_node);
	dlist_push_head(&exports, &export->node);
	dlist_push_tail(&unused, &export->unused_node);
	unused_count++;
	return export;
}

/* All caches were flushed since it was used. */
static void
find_credential(Export *export, const ForeignOptions *options)
{
	MemoryContext context = AllocSetContextCreate(
		export->work.context, "adsexport_fdw options of an export", ALLOCSET_SMALL_SIZES);
	const ForeignOptions *kept = foreign_options_keep(options, context);
	Credential *credential = credential_get(options);

	credential_want(credential);
	if (export->work.options_context != NULL)
		MemoryContextDelete(export->work.options_context);
	export->work.options_context = context;
	export->options = kept;
	export->work.credential = credential;
}

ExportUse *
exports_acquire(const ForeignOptions *options, const char *profile_id, const char *body,
				void (*changed)(void *owner), void *owner, bool *reused)
{
	Moment oldest = Max(oldest_recent(options->max_age), forgotten);
	ExportKey key;
	ExportUse *use;
	Export *export;

	export_key_make(&key, options, profile_id, body);
	export = find_export(&key, options->max_age);
	*reused = export != NULL;
	if (export == NULL)
	{
		if (unused_count >= MAX_UNUSED)
			forget_export(dlist_head_element(Export, unused_node, &unused));
		export = create_export(&key, options, profile_id, body);
	}
	if (export->work.credential == NULL)
		find_credential(export, options);
	/* What there may be no memory for comes before what other sessions see. */
	schedule_prepare(export);
	use = MemoryContextAllocZero(export->work.context, sizeof(ExportUse));
	if (export->users == 0 && export->record.phase == EXPORT_QUEUED &&
		export->work.request == NULL && export->sharing.ref.serial == 0)
		*reused |= sharing_begin(export, oldest, 0);
	use->export = export;
	use->changed = changed;
	use->owner = owner;
	dlist_push_tail(&export->uses, &use->node);
	export->last_used = moment_now();
	if (export->users++ == 0)
	{
		dlist_delete(&export->unused_node);
		unused_count--;
		/* The tries of a statement that was cancelled are not this one's. */
		if (!sharing_follows(export))
			memset(&export->record.retry, 0, sizeof(export->record.retry));
	}
	sharing_use(export);
	schedule_export(export);
	return use;
}

/* Does not throw. */
static void
tell_what_was_read(ExportUse *use, int64 now)
{
	const ReadAmounts *untold = &use->untold;

	if (untold->downloaded == 0 && untold->inflated == 0 && untold->records == 0)
		return;
	shared_exports_note_read(&use->export->sharing.key, use->export->sharing.serial, untold,
							 &use->export->record.read);
	memset(&use->untold, 0, sizeof(use->untold));
	use->told_at = now;
}

void
exports_release(ExportUse *use)
{
	Export *export;

	if (use == NULL)
		return;
	export = use->export;
	tell_what_was_read(use, 0);
	if (use->reading)
		export->readers--;
	dlist_delete(&use->node);
	pfree(use);
	if (--export->users > 0)
		return;
	dlist_push_tail(&unused, &export->unused_node);
	unused_count++;
	schedule_unused(export);
}

void
exports_view(const ExportUse *use, ExportView *view)
{
	const Export *export = use->export;
	const ExportRecord *record = &export->record;
	const Credential *credential = export->work.credential;
	bool no_token = credential != NULL && credential_state(credential) == CREDENTIAL_PENDING;

	view->phase = record->phase;
	view->in_progress = export_record_is_in_progress(record);
	view->awaits_token = no_token && record->phase != EXPORT_COMPLETED;
	view->is_completed = record->completed_at != 0;
	view->without_link = record->without_link;
	view->timed_out = record->timed_out;
	view->is_read = export->readers > 0;
	view->due = record->due;
	view->in_progress_since = record->in_progress_since;
	view->took = record->took;
	view->file_size = record->file_size;
	view->polls = export->polls_elsewhere + record->polls;
	view->retries = export->retries_elsewhere + record->retries;
	view->retry = no_token ? *credential_retry(credential) : record->retry;
	strlcpy(view->shown_id, record->shown_id, sizeof(view->shown_id));
	strlcpy(view->shown_status, record->shown_status, sizeof(view->shown_status));
}

void
exports_failure(const ExportUse *use, Failure *failure)
{
	*failure = use->export->record.failure;
}

const char *
exports_body(const ExportUse *use)
{
	return use->export->body;
}

void
exports_tell_origin(const ExportUse *use, RecordOrigin *origin)
{
	const ExportRecord *record = &use->export->record;

	origin->export_id = record->id;
	origin->has_exported_at = record->has_generated_at;
	origin->exported_at = record->generated_at;
}

void
exports_begin_reading(ExportUse *use)
{
	if (!use->reading)
		use->export->readers++;
	use->reading = true;
	use->export->read_at = moment_now();
}

void
exports_note_read(ExportUse *use, const ReadAmounts *more, bool over)
{
	int64 now = monotonic_milliseconds();

	read_amounts_add(&use->export->record.read, more);
	read_amounts_add(&use->untold, more);
	if (over || now - use->told_at >= TELL_AFTER)
		tell_what_was_read(use, now);
}

char *
exports_take_link(ExportUse *use)
{
	char *url = export_take_url(use->export);

	if (url == NULL)
		schedule_export(use->export);
	return url;
}

/* What a feed holds is forgotten when that is released. */
static void
mark_exports(bool (*mine)(Oid user_id))
{
	dlist_iter iter;

	dlist_foreach(iter, &exports)
	{
		Export *export = dlist_container(Export, node, iter.cur);

		if (mine(export->options->user_id))
			export->stale = export->forgotten = true;
	}
}

static void
forget_unused(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &unused)
	{
		Export *export = dlist_container(Export, unused_node, iter.cur);

		if (export->forgotten)
			forget_export(export);
	}
}

void
registry_forget(bool (*mine)(Oid user_id))
{
	spare_reactors_forget();
	forgotten = moment_now();
	/* Asking whose it is can bring an invalidation. */
	forgetting = true;
	mark_exports(mine);
	profile_listings_mark_forgotten();
	credential_mark_forgotten(mine);
	forgetting = false;
	forget_unused();
	sweep_needed = true;
	sweep();
	if (registry_in_use())
		return;
	durations_forget();
	throttle_forget_all();
	if (any_request())
		return; /* of another user of the session */
	reactor_free(reactor);
	reactor = NULL;
	network_settle();
}

/* For whom registry_visit is called. */
typedef struct Visitor
{
	void (*visit)(const ExportAbout *about, const ExportRecord *record, void *argument);
	void *argument;
} Visitor;

static void
take_users(ExportAbout *about, const SharedExportUsers *users)
{
	about->sessions = users->sessions;
	about->waiting = users->waiting;
	about->waiting_count = users->waiting_count;
	about->pid = users->pid;
}

static void
visit_own(const Export *export, const Visitor *visitor)
{
	const ForeignOptions *options = export->options;
	ExportRecord record = export->record;
	SharedExportUsers users;
	ExportAbout about = {
		.user_id = options->user_id,
		.server_name = options->server_name,
		.user_name = options->user_name,
		.entity = export->entity->name,
		.profile_id = export->profile_id,
		.body = export->body,
		.sessions = export->users > 0,
		.pid = export->sharing.pid,
	};

	if (shared_exports_users(&export->sharing.key, export->sharing.serial, &users, &record.read))
	{
		dlist_iter iter;

		take_users(&about, &users);
		dlist_foreach(iter, (dlist_head *) &export->uses)
			read_amounts_add(&record.read, &dlist_container(ExportUse, node, iter.cur)->untold);
	}
	visitor->visit(&about, &record, visitor->argument);
}

static bool
is_known(uint64 serial)
{
	dlist_iter iter;

	dlist_foreach(iter, &exports)
	{
		if (dlist_container(Export, node, iter.cur)->sharing.serial == serial)
			return true;
	}
	return false;
}

/*
 * Should it be shown here?  What this session was told to forget is not,
 * although others may use it.
 */
static bool
is_visible(const SharedExportCopy *copy)
{
	const SharedExportAbout *shared = &copy->about;

	return shared->database_id == MyDatabaseId &&
		   SearchSysCacheExists1(USERMAPPINGOID, ObjectIdGetDatum(shared->mapping_id)) &&
		   !(copy->users.pid == MyProcPid && copy->record.requested < forgotten) &&
		   !is_known(copy->serial);
}

static void
visit_other(const SharedExportCopy *copy, void *argument)
{
	const Visitor *visitor = argument;
	const SharedExportAbout *shared = &copy->about;
	ExportAbout about = {
		.user_id = shared->user_id,
		.server_name = NameStr(shared->server_name),
		.user_name = NameStr(shared->user_name),
		.entity = shared->entity,
		.profile_id = shared->profile_id,
		.body = shared->body,
	};

	take_users(&about, &copy->users);
	if (is_visible(copy))
		visitor->visit(&about, &copy->record, visitor->argument);
}

void
registry_visit(void (*visit)(const ExportAbout *about, const ExportRecord *record, void *argument),
			   void *argument, bool others)
{
	Visitor visitor = { visit, argument };
	dlist_iter iter;

	dlist_foreach(iter, &exports) visit_own(dlist_container(Export, node, iter.cur), &visitor);
	if (others)
		shared_exports_visit(visit_other, &visitor);
}
