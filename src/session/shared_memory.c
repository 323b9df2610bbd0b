/*-------------------------------------------------------------------------
 *
 * shared_memory.c
 *		What the sessions of a cluster share.
 *
 * What is found by name is a small control struct, which says where the
 * segment is: a segment of dynamic size would not fit into what the server
 * leaves free in its main shared memory, and one that is found by name (since
 * version 17) cannot be created later if that failed the first time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "common/hashfn.h"
#include "guc.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "session/digest.h"
#include "session/shared_memory.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/*
 * Sessions with an older library live on after an update. Each change to the
 * layout of the segment, here or in an area, needs another name.
 */
#ifndef CONTROL_NAME
#define CONTROL_NAME "adsexport_fdw 2"
#endif

#define MAX_CALLBACKS 4

typedef struct Control
{
	LWLock lock;
	int tranche;        /* of this lock and those of the areas */
	dsm_handle segment; /* DSM_HANDLE_INVALID: not made yet */
} Control;

typedef struct AreaHeader
{
	LWLockPadded lock;
	uint64 offset;
	uint64 size;
} AreaHeader;

/* Of a process of the server. */
typedef struct SessionSlot
{
	pg_atomic_uint64 serial; /* 0: its session has not attached */
	pg_atomic_uint64 wakes;
} SessionSlot;

typedef struct Segment
{
	char name[32]; /* CONTROL_NAME, for a debugger */
	uint64 salt[2];
	pg_atomic_uint64 next_serial;
	uint32 process_count;
	AreaHeader areas[SHARED_AREAS];
	SessionSlot sessions[FLEXIBLE_ARRAY_MEMBER]; /* by process */
} Segment;

/* How the memory is divided, in sixteenths. */
static const int sixteenths[SHARED_AREAS] = {
	[SHARED_EXPORTS] = 9,   [SHARED_LISTINGS] = 3,   [SHARED_RECORD_COUNTS] = 1,
	[SHARED_DURATIONS] = 1, [SHARED_STATISTICS] = 1, [SHARED_JOBS] = 1,
};

static Segment *segment = NULL;
static bool tried = false;
static SharedSession self;
static void (*callbacks[MAX_CALLBACKS])(void);
static int callback_count = 0;

/*-------------------------------------------------------------------------
 * The segment
 *-------------------------------------------------------------------------
 */

static void
init_control(void *memory)
{
	Control *control = memory;

	control->tranche = compat_new_tranche("adsexport_fdw");
	LWLockInitialize(&control->lock, control->tranche);
	control->segment = DSM_HANDLE_INVALID;
}

static size_t
size_of_head(void)
{
	return CACHELINEALIGN(offsetof(Segment, sessions) +
						  ProcGlobal->allProcCount * sizeof(SessionSlot));
}

static void
init_segment(Segment *made, size_t size, int tranche)
{
	size_t offset = size_of_head();
	size_t share = (size - offset) / 16;

	/* The memory may have been used before. */
	memset(made, 0, size);
	strlcpy(made->name, CONTROL_NAME, sizeof(made->name));
	if (!pg_strong_random(made->salt, sizeof(made->salt)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	pg_atomic_init_u64(&made->next_serial, 1);
	made->process_count = ProcGlobal->allProcCount;
	for (uint32 i = 0; i < made->process_count; i++)
	{
		pg_atomic_init_u64(&made->sessions[i].serial, 0);
		pg_atomic_init_u64(&made->sessions[i].wakes, 0);
	}
	for (int i = 0; i < SHARED_AREAS; i++)
	{
		AreaHeader *area = &made->areas[i];

		LWLockInitialize(&area->lock.lock, tranche);
		area->offset = offset;
		area->size = share * sixteenths[i] / PG_CACHE_LINE_SIZE * PG_CACHE_LINE_SIZE;
		offset += area->size;
	}
}

/* Make the segment; if another session was faster, use that one's. */
static dsm_handle
make_segment(Control *control)
{
	size_t size = size_of_head() + (size_t) shared_memory_kilobytes * 1024;
	dsm_segment *made = dsm_create(size, 0);
	dsm_handle handle = dsm_segment_handle(made);
	dsm_handle published;

	init_segment(dsm_segment_address(made), size, control->tranche);
	dsm_pin_segment(made);
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (control->segment == DSM_HANDLE_INVALID)
		control->segment = handle;
	published = control->segment;
	LWLockRelease(&control->lock);
	if (published == handle)
		segment = dsm_segment_address(made);
	else
	{
		dsm_unpin_segment(handle);
		dsm_detach(made);
	}
	return published;
}

static void
find_segment(void)
{
	Control *control = compat_named_struct(CONTROL_NAME, sizeof(Control), init_control);
	dsm_handle handle;
	dsm_segment *found;

	compat_register_tranche(control->tranche, "adsexport_fdw");
	LWLockAcquire(&control->lock, LW_SHARED);
	handle = control->segment;
	LWLockRelease(&control->lock);
	if (handle == DSM_HANDLE_INVALID)
		handle = make_segment(control);
	if (segment != NULL)
		return;
	found = dsm_attach(handle);
	if (found == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("shared memory segment is gone")));
	segment = dsm_segment_address(found);
}

/*
 * Without a resource owner, the mapping lives as long as the session. The
 * caller must not hold any lock, since after an error all are released.
 */
static void
try_to_find_segment(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	uint32 holdoff = InterruptHoldoffCount;

	CurrentResourceOwner = NULL;
	PG_TRY();
	{
		find_segment();
	}
	PG_CATCH();
	{
		ErrorData *problem;

		LWLockReleaseAll();
		InterruptHoldoffCount = holdoff;
		CurrentResourceOwner = owner;
		MemoryContextSwitchTo(context);
		problem = CopyErrorData();
		FlushErrorState();
		/* If a statement was cancelled, the next one may succeed. */
		tried = !QueryCancelPending;
		ereport(DEBUG1, (errmsg_internal("adsexport_fdw works without shared memory: %s",
										 problem->message)));
		FreeErrorData(problem);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(context);
}

static void
session_ends(int code, Datum argument)
{
	for (int i = callback_count; i-- > 0;)
		callbacks[i]();
	pg_atomic_write_u64(&segment->sessions[self.process].serial, 0);
	memset(&self, 0, sizeof(self));
	tried = true;
	segment = NULL;
}

static void
begin_session(void)
{
	self.process = (int32) (MyProc - ProcGlobal->allProcs);
	self.pid = MyProcPid;
	self.serial = pg_atomic_fetch_add_u64(&segment->next_serial, 1);
	before_shmem_exit(session_ends, (Datum) 0);
	pg_atomic_write_u64(&segment->sessions[self.process].serial, self.serial);
}

static void
attach(void)
{
	tried = true;
	if (!IsUnderPostmaster || MyProc == NULL)
	{
		ereport(DEBUG1, (errmsg_internal("adsexport_fdw works without shared memory: no server")));
		return;
	}
	try_to_find_segment();
	if (segment != NULL)
		begin_session();
}

bool
shared_memory_available(void)
{
	if (!share_exports)
		return false;
	if (segment == NULL && !tried)
		attach();
	return segment != NULL;
}

bool
shared_memory_is_attached(void)
{
	return segment != NULL;
}

SharedArea
shared_memory_area(SharedAreaKind kind)
{
	AreaHeader *header = &segment->areas[kind];
	SharedArea area = { &header->lock.lock, (char *) segment + header->offset, header->size };

	return area;
}

void
shared_memory_at_exit(void (*callback)(void))
{
	Assert(callback_count < MAX_CALLBACKS);
	callbacks[callback_count++] = callback;
}

/*-------------------------------------------------------------------------
 * Sessions
 *-------------------------------------------------------------------------
 */

SharedSession
shared_session_self(void)
{
	return self;
}

bool
shared_session_is_alive(const SharedSession *session)
{
	return session->serial != 0 && segment != NULL &&
		   (uint32) session->process < segment->process_count &&
		   pg_atomic_read_u64(&segment->sessions[session->process].serial) == session->serial;
}

void
shared_session_wake(const SharedSession *session)
{
	if (!shared_session_is_alive(session))
		return;
	pg_atomic_fetch_add_u64(&segment->sessions[session->process].wakes, 1);
	SetLatch(&GetPGProcByNumber(session->process)->procLatch);
}

uint64
shared_session_wakes(void)
{
	uint64 wakes;

	if (segment == NULL)
		return 0;
	wakes = pg_atomic_read_u64(&segment->sessions[self.process].wakes);
	/* What is looked at afterwards is no older. */
	pg_memory_barrier();
	return wakes;
}

/*-------------------------------------------------------------------------
 * Keys
 *-------------------------------------------------------------------------
 */

/* Each with its length, so that no two lists of texts give the same bytes. */
SharedKey
shared_key(const uint64 *numbers, int number_count, const char *const *texts, int text_count)
{
	size_t size = VARHDRSZ + sizeof(segment->salt) + number_count * sizeof(uint64);
	bytea *content;
	bytea *hash;
	char *end;
	SharedKey key;

	for (int i = 0; i < text_count; i++)
		size += sizeof(size_t) + (texts[i] != NULL ? strlen(texts[i]) : 0);
	content = palloc(size);
	SET_VARSIZE(content, size);
	end = VARDATA(content);
	memcpy(end, segment->salt, sizeof(segment->salt));
	end += sizeof(segment->salt);
	if (number_count > 0)
		memcpy(end, numbers, number_count * sizeof(uint64));
	end += number_count * sizeof(uint64);
	for (int i = 0; i < text_count; i++)
	{
		size_t length = texts[i] != NULL ? strlen(texts[i]) : SIZE_MAX;

		memcpy(end, &length, sizeof(length));
		end += sizeof(length);
		if (texts[i] == NULL)
			continue;
		memcpy(end, texts[i], length);
		end += length;
	}
	hash = digest_make(content);
	memcpy(&key, VARDATA_ANY(hash), sizeof(key));
	pfree(hash);
	return key;
}

SharedKey
shared_key_begin(void)
{
	SharedKey key = { { segment->salt[0], segment->salt[1] } };

	return key;
}

SharedKey
shared_key_of_text(const SharedKey *key, const char *text)
{
	int length = (int) strlen(text);
	SharedKey result;

	for (int i = 0; i < 2; i++)
		result.words[i] = hash_bytes_extended((const unsigned char *) text, length, key->words[i]);
	return result;
}
