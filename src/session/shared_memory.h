/*-------------------------------------------------------------------------
 *
 * shared_memory.h
 *		What the sessions of a cluster share.
 *
 * A segment of a fixed size that the first session makes and all others find,
 * without any preloading.  It is divided into areas, each with a lock and with
 * a trade of its own, which knows what is in it (see shared_table.h for the
 * usual case).  Nothing in it grows, and a restart after a crash begins anew.
 *
 * Rules for the holder of a lock: for microseconds only, and no palloc,
 * ereport, CHECK_FOR_INTERRUPTS, system call or other lock meanwhile.  There
 * are no pointers in the segment, which is not at the same address everywhere,
 * and no secrets, nor what could be compared with one without the salt.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SHARED_MEMORY_H
#define ADSEXPORT_SHARED_MEMORY_H

#include "postgres.h"

#include "storage/lwlock.h"

typedef enum SharedAreaKind
{
	SHARED_EXPORTS,
	SHARED_LISTINGS,
	SHARED_RECORD_COUNTS,
	SHARED_DURATIONS,
	SHARED_STATISTICS,
	SHARED_JOBS,
	SHARED_AREAS
} SharedAreaKind;

typedef struct SharedArea
{
	LWLock *lock;
	void *memory; /* zeros at first */
	size_t size;
} SharedArea;

/*
 * Is anything shared?  False with adsexport_fdw.share_exports off, and where
 * there is no room for it: then each session works alone.  Attaches when it is
 * called first, which may palloc, but raises no error.
 */
extern bool shared_memory_available(void);

/*
 * Is there something of this session in it, that it can still give back?  Also
 * when the setting was turned off since then, but not once the session ends
 * (what is called back at its end has been called then).
 */
extern bool shared_memory_is_attached(void);

/* Only where it is available; the same each time. */
extern SharedArea shared_memory_area(SharedAreaKind kind);

/*
 * Call back when this session ends, however it does (but for a crash, after
 * which all is new): before its locks and transaction go.  To be registered by
 * who has attached; the callback must not throw.
 */
extern void shared_memory_at_exit(void (*callback)(void));

/*-------------------------------------------------------------------------
 * Sessions
 *-------------------------------------------------------------------------
 */

/* One that has attached.  No two ever have the same serial; zeroed it is nobody. */
typedef struct SharedSession
{
	uint64 serial;
	int32 process; /* its number among the server's processes */
	int32 pid;
} SharedSession;

/* This one; nobody before it has attached, and while it ends. */
extern SharedSession shared_session_self(void);

/* Without any lock; so a session that lives now may end at any time. */
extern bool shared_session_is_alive(const SharedSession *session);

/* Set its latch, if it still lives.  Not with a lock held. */
extern void shared_session_wake(const SharedSession *session);

/*-------------------------------------------------------------------------
 * Keys
 *-------------------------------------------------------------------------
 */

/* A hash (SHA-256, cut) of what it is a key of and of a salt that only this segment knows. */
typedef struct SharedKey
{
	uint64 words[2];
} SharedKey;

/*
 * Of numbers and texts, in this order (a text may be NULL).  May palloc: not with
 * a lock held.  Only where shared memory is available.
 */
extern SharedKey
shared_key(const uint64 *numbers, int number_count, const char *const *texts, int text_count);

/* That of nothing yet, to begin with. */
extern SharedKey shared_key_begin(void);

/* The key of something that belongs to what the other is a key of; cheap, and for no secrets. */
extern SharedKey shared_key_of_text(const SharedKey *key, const char *text);

static inline bool
shared_key_equal(const SharedKey *one, const SharedKey *other)
{
	return one->words[0] == other->words[0] && one->words[1] == other->words[1];
}

#endif /* ADSEXPORT_SHARED_MEMORY_H */
