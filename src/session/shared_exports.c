/*-------------------------------------------------------------------------
 *
 * shared_exports.c
 *		The exports that the sessions of a cluster share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/clock.h"
#include "port/atomics.h"
#include "session/shared_exports.h"
#include "session/shared_table.h"

/*
 * A driver that has not renewed its lease for this long (milliseconds) is busy
 * otherwise: it sorts, or its cursor is not being read.
 */
#define LEASE 2000

/*
 * While its request is in progress, the lease is not taken from it that soon:
 * a second request would make another export.
 */
#define LEASE_OF_REQUEST 15000

typedef struct SharedExport
{
	uint64 serial;
	pg_atomic_uint64 version; /* changes with the record */
	pg_atomic_uint64 lease;   /* the driver's until then (monotonic milliseconds) */
	SharedSession driver;
	SharedPlace place; /* at the vendor, of the driver */
	SharedSession waiting[SHARED_EXPORT_MAX_WAITING];
	int sessions; /* that use it, for each of which it is pinned once */
	SharedExportAbout about;
	ExportRecord record;
} SharedExport;

static SharedTable table;

static bool
open_table(void)
{
	return shared_table_open(&table, SHARED_EXPORTS, sizeof(SharedExport));
}

/* May a hold be used?  Not once the session has detached. */
static bool
is_held(const SharedExportRef *ref)
{
	return ref->serial != 0 && shared_memory_is_attached();
}

static bool
is_self(const SharedSession *session)
{
	return session->serial != 0 && session->serial == shared_session_self().serial;
}

static bool
is_over(const ExportRecord *record)
{
	return record->phase == EXPORT_COMPLETED || record->phase == EXPORT_FAILED;
}

/* Called without the lock, so it is checked again with it. */
static bool
has_driver(SharedExport *export, int64 now)
{
	return shared_session_is_alive(&export->driver) &&
		   (int64) pg_atomic_read_u64(&export->lease) > now;
}

static void
take_lease(SharedExport *export, int64 now)
{
	int64 lease = export->record.phase == EXPORT_REQUESTING ? LEASE_OF_REQUEST : LEASE;

	export->driver = shared_session_self();
	pg_atomic_write_u64(&export->lease, (uint64) (now + lease));
}

static void
note_change(SharedExport *export)
{
	pg_atomic_write_u64(&export->version, pg_atomic_read_u64(&export->version) + 1);
}

/*-------------------------------------------------------------------------
 * Who waits
 *-------------------------------------------------------------------------
 */

static void
begin_to_wait(SharedExport *export)
{
	SharedSession *free = NULL;

	for (int i = 0; i < SHARED_EXPORT_MAX_WAITING; i++)
	{
		SharedSession *session = &export->waiting[i];

		if (is_self(session))
			return;
		if (free == NULL && !shared_session_is_alive(session))
			free = session;
	}
	if (free != NULL)
		*free = shared_session_self();
}

static void
end_to_wait(SharedExport *export)
{
	for (int i = 0; i < SHARED_EXPORT_MAX_WAITING; i++)
	{
		if (is_self(&export->waiting[i]))
			memset(&export->waiting[i], 0, sizeof(SharedSession));
	}
}

/* After the lock has been released, from a copy of the list of those who waited. */
static void
wake(const SharedSession *waiting)
{
	for (int i = 0; i < SHARED_EXPORT_MAX_WAITING; i++)
	{
		if (!is_self(&waiting[i]))
			shared_session_wake(&waiting[i]);
	}
}

/*-------------------------------------------------------------------------
 * To use one
 *-------------------------------------------------------------------------
 */

/*
 * An export that waits to be requested (again) counts as requested now.  One
 * without users has no retries left.
 */
static bool
is_to_be_requested(const SharedExport *export)
{
	return export->record.phase == EXPORT_QUEUED &&
		   (export->record.requests == 0 || export->sessions > 0);
}

static bool
may_be_joined(const SharedExport *export, Moment oldest, uint64 refused)
{
	const ExportRecord *record = &export->record;

	return export->serial != refused && record->phase != EXPORT_FAILED &&
		   (is_to_be_requested(export) || record->requested >= oldest);
}

/*
 * At the vendor already: whoever uses it waits for this one.  As to one whose
 * request is in progress, they use what takes its place instead.
 */
static bool
is_awaited(const SharedExport *export)
{
	return export->record.phase == EXPORT_IN_PROGRESS && export->sessions > 0;
}

/* Of one that another has taken the place of while it was awaited. */
static SharedKey
key_set_aside(const SharedKey *key, uint64 serial)
{
	SharedKey aside = { { key->words[0] ^ serial, ~key->words[1] } };

	return aside;
}

/*
 * Make room for another one under its key.  Its users have references, so that
 * one of them still drives it for all.  NULL: there is no more room.
 */
static SharedExport *
set_aside(SharedExport *export, const SharedKey *key)
{
	SharedKey aside = key_set_aside(key, export->serial);
	SharedExport *other;
	bool found;

	shared_table_rename(&table, export, &aside);
	other = shared_table_enter(&table, key, &found);
	if (other == NULL)
		shared_table_rename(&table, export, key);
	return other;
}

/* The old users of one that was not set aside find another one in its place. */
static void
begin_export(SharedExport *export, const SharedExportAbout *about, const ExportRecord *record,
			 int64 now)
{
	static uint32 made = 0;
	uint64 version = export->serial != 0 ? pg_atomic_read_u64(&export->version) : 0;

	while (export->sessions > 0)
	{
		shared_table_unpin(&table, export);
		export->sessions--;
	}
	memset(export, 0, sizeof(*export));
	export->serial = (shared_session_self().serial << 32) + ++made;
	pg_atomic_init_u64(&export->version, version + 1);
	pg_atomic_init_u64(&export->lease, 0);
	export->about = *about;
	export->record = *record;
	take_lease(export, now);
}

static void
note_copied(SharedExportRef *ref)
{
	ref->version = pg_atomic_read_u64(&ref->export->version);
	ref->pid = ref->export->driver.pid;
}

static void
note_used(SharedExportRef *ref)
{
	if (ref->used)
		return;
	shared_table_pin(&table, ref->export);
	ref->export->sessions++;
	ref->used = true;
}

static void
note_unused(SharedExportRef *ref)
{
	end_to_wait(ref->export);
	if (!ref->used)
		return;
	ref->export->sessions--;
	shared_table_unpin(&table, ref->export);
	ref->used = false;
}

bool
shared_exports_join(SharedExportRef *ref, const SharedKey *key, const SharedExportAbout *about,
					Moment oldest, uint64 refused, ExportRecord *record, bool *found)
{
	int64 now = monotonic_milliseconds();
	SharedExport *export;

	if (!open_table())
		return false;
	shared_table_lock(&table, LW_EXCLUSIVE);
	export = shared_table_enter(&table, key, found);
	*found = export != NULL && *found && may_be_joined(export, oldest, refused);
	if (export != NULL && !*found && is_awaited(export))
		export = set_aside(export, key);
	if (export != NULL)
	{
		if (!*found)
			begin_export(export, about, record, now);
		/* Whoever tried in vain has left it: who wants it now has patience of its own. */
		else if (export->sessions == 0)
			memset(&export->record.retry, 0, sizeof(export->record.retry));
		*record = export->record;
		ref->export = export;
		ref->serial = export->serial;
		note_copied(ref);
		note_used(ref);
		if (*found && !is_over(record))
			begin_to_wait(export);
	}
	shared_table_unlock(&table);
	return export != NULL;
}

void
shared_exports_use(SharedExportRef *ref)
{
	if (!is_held(ref))
		return;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (ref->export->serial == ref->serial)
	{
		note_used(ref);
		if (!is_over(&ref->export->record) && !is_self(&ref->export->driver))
			begin_to_wait(ref->export);
	}
	shared_table_unlock(&table);
}

void
shared_exports_unuse(SharedExportRef *ref)
{
	if (!is_held(ref))
		return;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (ref->export->serial == ref->serial)
		note_unused(ref);
	shared_table_unlock(&table);
	ref->used = false;
}

void
shared_exports_leave(SharedExportRef *ref)
{
	SharedExport *export = ref->export;
	SharedSession waiting[SHARED_EXPORT_MAX_WAITING];
	bool given_up = false;

	if (is_held(ref))
	{
		shared_table_lock(&table, LW_EXCLUSIVE);
		if (export->serial == ref->serial)
		{
			if (is_self(&export->driver))
			{
				given_up = !is_over(&export->record);
				pg_atomic_write_u64(&export->lease, 0);
				memcpy(waiting, export->waiting, sizeof(waiting));
			}
			note_unused(ref);
		}
		shared_table_unlock(&table);
		if (given_up)
			wake(waiting);
	}
	memset(ref, 0, sizeof(*ref));
}

/*-------------------------------------------------------------------------
 * To follow one
 *-------------------------------------------------------------------------
 */

/* Nobody will receive the answer to a request that is in progress. */
static void
take_over(SharedExport *export, int64 now)
{
	ExportRecord *record = &export->record;

	if (record->phase == EXPORT_REQUESTING)
	{
		record->phase = EXPORT_QUEUED;
		record->due = 0;
	}
	take_lease(export, now);
	end_to_wait(export);
	note_change(export);
}

SharedExportState
shared_exports_look(SharedExportRef *ref, bool wait, ExportRecord *record, SharedPlace *place)
{
	SharedExport *export = ref->export;
	SharedExportState state = SHARED_EXPORT_SAME;
	int64 now = monotonic_milliseconds();

	if (!is_held(ref))
		return SHARED_EXPORT_GONE;
	if (export->serial == ref->serial && pg_atomic_read_u64(&export->version) == ref->version &&
		(!wait || has_driver(export, now)))
		return SHARED_EXPORT_SAME;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (export->serial != ref->serial)
		state = SHARED_EXPORT_GONE;
	else
	{
		if (wait && !is_over(&export->record) && !has_driver(export, now))
		{
			take_over(export, now);
			state = SHARED_EXPORT_TAKEN;
			*place = export->place;
		}
		else if (wait)
			begin_to_wait(export);
		if (pg_atomic_read_u64(&export->version) != ref->version)
		{
			*record = export->record;
			note_copied(ref);
			if (state == SHARED_EXPORT_SAME)
				state = SHARED_EXPORT_CHANGED;
		}
	}
	shared_table_unlock(&table);
	return state;
}

/*-------------------------------------------------------------------------
 * To drive one
 *-------------------------------------------------------------------------
 */

bool
shared_exports_keep(const SharedExportRef *ref)
{
	SharedExport *export = ref->export;
	int64 now = monotonic_milliseconds();
	bool kept = true;

	if (!is_held(ref))
		return true;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (export->serial == ref->serial)
	{
		kept = is_self(&export->driver);
		if (kept)
			take_lease(export, now);
	}
	shared_table_unlock(&table);
	return kept;
}

/* Is it a change that others wait for? */
static bool
is_news(const ExportRecord *old, const ExportRecord *new)
{
	return old->phase != new->phase || strcmp(old->id, new->id) != 0;
}

bool
shared_exports_publish(SharedExportRef *ref, const ExportRecord *record, SharedPlace place)
{
	SharedExport *export = ref->export;
	SharedSession waiting[SHARED_EXPORT_MAX_WAITING];
	int64 now = monotonic_milliseconds();
	bool published = true;
	bool news = false;

	if (!is_held(ref))
		return true;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (export->serial == ref->serial)
	{
		published = is_self(&export->driver);
		if (published)
		{
			ExportRecord *shared = &export->record;
			ReadAmounts read = shared->read; /* of all sessions */

			news = is_news(shared, record);
			*shared = *record;
			shared->read = read;
			/* The session that takes over asks again. */
			if (shared->phase == EXPORT_POLLING)
				shared->phase = EXPORT_IN_PROGRESS;
			export->place = place;
			take_lease(export, now);
			note_change(export);
			note_copied(ref);
			memcpy(waiting, export->waiting, sizeof(waiting));
		}
	}
	shared_table_unlock(&table);
	if (news)
		wake(waiting);
	return published;
}

void
shared_exports_yield(const SharedExportRef *ref)
{
	SharedExport *export = ref->export;
	SharedSession waiting[SHARED_EXPORT_MAX_WAITING];
	bool given_up = false;

	if (!is_held(ref))
		return;
	shared_table_lock(&table, LW_EXCLUSIVE);
	if (export->serial == ref->serial && is_self(&export->driver))
	{
		pg_atomic_write_u64(&export->lease, 0);
		given_up = !is_over(&export->record);
		memcpy(waiting, export->waiting, sizeof(waiting));
	}
	shared_table_unlock(&table);
	if (given_up)
		wake(waiting);
}

/*-------------------------------------------------------------------------
 * To read one, and about them
 *-------------------------------------------------------------------------
 */

static SharedExport *
find_by_serial(const SharedKey *key, uint64 serial)
{
	SharedExport *export = shared_table_find(&table, key);
	SharedKey aside;

	if (export != NULL && export->serial == serial)
		return export;
	aside = key_set_aside(key, serial);
	return shared_table_find(&table, &aside);
}

bool
shared_exports_note_read(const SharedKey *key, uint64 serial, const ReadAmounts *more,
						 ReadAmounts *all)
{
	SharedExport *export;

	if (serial == 0 || !shared_memory_is_attached())
		return false;
	shared_table_lock(&table, LW_EXCLUSIVE);
	export = find_by_serial(key, serial);
	if (export != NULL)
	{
		read_amounts_add(&export->record.read, more);
		*all = export->record.read;
	}
	shared_table_unlock(&table);
	return export != NULL;
}

/* Nobody waits any more for one that is over. */
static void
list_users(const SharedExport *export, SharedExportUsers *users)
{
	users->sessions = export->sessions;
	users->pid = shared_session_is_alive(&export->driver) ? export->driver.pid : 0;
	users->waiting_count = 0;
	for (int i = 0; i < SHARED_EXPORT_MAX_WAITING && !is_over(&export->record); i++)
	{
		const SharedSession *session = &export->waiting[i];

		if (shared_session_is_alive(session))
			users->waiting[users->waiting_count++] = session->pid;
	}
}

bool
shared_exports_users(const SharedKey *key, uint64 serial, SharedExportUsers *users,
					 ReadAmounts *read)
{
	const SharedExport *export;

	if (serial == 0 || !shared_memory_is_attached())
		return false;
	shared_table_lock(&table, LW_SHARED);
	export = find_by_serial(key, serial);
	if (export != NULL)
	{
		list_users(export, users);
		*read = export->record.read;
	}
	shared_table_unlock(&table);
	return export != NULL;
}

void
shared_exports_visit(void (*visit)(const SharedExportCopy *copy, void *argument), void *argument)
{
	SharedExport *export;
	SharedExportCopy *copy;

	if (!open_table())
		return;
	export = palloc(sizeof(*export));
	copy = palloc(sizeof(*copy));
	for (uint32 place = 0; place < shared_table_count(&table); place++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!shared_table_copy(&table, place, export, sizeof(*export)))
			continue;
		copy->serial = export->serial;
		copy->about = export->about;
		copy->record = export->record;
		list_users(export, &copy->users);
		visit(copy, argument);
	}
	pfree(copy);
	pfree(export);
}
