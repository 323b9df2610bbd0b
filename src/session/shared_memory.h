/*-------------------------------------------------------------------------
 *
 * shared_memory.h
 *		What the sessions of a cluster share.
 *
 * A segment of a fixed size that the first session makes and all others find,
 * without any preloading.  It is divided into areas, each with its own lock
 * and purpose; only the file that uses an area knows its layout (see
 * shared_table.h for the usual case). Nothing in it grows, and after a crash
 * of the server it starts out empty.
 *
 * A lock is held for microseconds only, without palloc, ereport,
 * CHECK_FOR_INTERRUPTS, system call or other lock meanwhile. There are no
 * pointers in the segment, which is not at the same address everywhere, and no
 * secrets, nor anything that could be compared with one without the salt.
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
 * Is anything shared? False with adsexport_fdw.share_exports off, or if there
 * is no room for it: then each session works alone. The first call attaches,
 * which may palloc, but raises no error.
 */
extern bool shared_memory_available(void);

/*
 * Does this session have something in it that it can still give back?  True
 * even if the parameter has been turned off since, but not once the callbacks
 * at the session's end have been called.
 */
extern bool shared_memory_is_attached(void);

/* Only if it is available; the same each time. */
extern SharedArea shared_memory_area(SharedAreaKind kind);

/*
 * Call back when this session ends, however that happens (except for a crash,
 * after which everything is new), before its locks and transaction are gone.
 * To be registered after attaching; the callback must not throw.
 */
extern void shared_memory_at_exit(void (*callback)(void));

/*-------------------------------------------------------------------------
 * Sessions
 *-------------------------------------------------------------------------
 */

/* A session that has attached. No two ever have the same serial; zeroed: nobody. */
typedef struct SharedSession
{
	uint64 serial;
	int32 process; /* its number among the server's processes */
	int32 pid;
} SharedSession;

/* This session; nobody before it has attached, and while it ends. */
extern SharedSession shared_session_self(void);

/* Without any lock, so a session that is alive may end at any time. */
extern bool shared_session_is_alive(const SharedSession *session);

/* Set its latch, if it is still alive. Not with a lock held. */
extern void shared_session_wake(const SharedSession *session);

/*
 * How often this session was woken like that: if it was not since some look,
 * there is nothing new to be seen of what wakes it.
 */
extern uint64 shared_session_wakes(void);

/*-------------------------------------------------------------------------
 * Keys
 *-------------------------------------------------------------------------
 */

/*
 * A truncated hash (SHA-256) of what it is the key of and of a salt that only
 * this segment knows.
 */
typedef struct SharedKey
{
	uint64 words[2];
} SharedKey;

/*
 * Of numbers and texts, in this order (a text may be NULL).  May palloc: not
 * with a lock held.  Only if shared memory is available.
 */
extern SharedKey
shared_key(const uint64 *numbers, int number_count, const char *const *texts, int text_count);

/* The empty key, to begin with. */
extern SharedKey shared_key_begin(void);

/* A key derived from another key and a text; cheap, but not for secrets. */
extern SharedKey shared_key_of_text(const SharedKey *key, const char *text);

static inline bool
shared_key_equal(const SharedKey *one, const SharedKey *other)
{
	return one->words[0] == other->words[0] && one->words[1] == other->words[1];
}

#endif /* ADSEXPORT_SHARED_MEMORY_H */
