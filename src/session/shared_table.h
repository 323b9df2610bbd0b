/*-------------------------------------------------------------------------
 *
 * shared_table.h
 *		An area of shared memory as a table of values of one size, found by key.
 *
 * When it is full, the one that was written or touched longest ago is dropped,
 * unless it is pinned.  A value may be used only while the lock is held, so
 * copy it; to look at all of them, take the lock for each one separately.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SHARED_TABLE_H
#define ADSEXPORT_SHARED_TABLE_H

#include "session/shared_memory.h"

/* A session's access to the table; zeroed at first, and constant once opened. */
typedef struct SharedTable
{
	SharedArea area;
	struct SharedTableHead *head;
	uint32 *buckets;
	char *entries;
	size_t entry_size;
} SharedTable;

/*
 * False: there is no shared memory, or it was set up for values of another
 * size, so that this session works alone.
 */
extern bool shared_table_open(SharedTable *table, SharedAreaKind kind, size_t value_size);

extern void shared_table_lock(const SharedTable *table, LWLockMode mode);
extern void shared_table_unlock(const SharedTable *table);

/*
 * Everything that follows is done with the lock held, exclusively if something
 * changes, and does not throw.  Values are aligned for everything.
 */

/* NULL: there is none. */
extern void *shared_table_find(const SharedTable *table, const SharedKey *key);

/* Find or make it (zeroed), which makes it the newest.  NULL: all are pinned. */
extern void *shared_table_enter(const SharedTable *table, const SharedKey *key, bool *found);

/* From now on it is found by that key, which nothing else has. */
extern void shared_table_rename(const SharedTable *table, void *value, const SharedKey *key);

/* Make it the newest, which is dropped last. */
extern void shared_table_touch(const SharedTable *table, void *value);

/* A pinned value stays until it has been unpinned as often; then it is the newest. */
extern void shared_table_pin(const SharedTable *table, void *value);
extern void shared_table_unpin(const SharedTable *table, void *value);

/* Whether it is pinned or not. */
extern void shared_table_remove(const SharedTable *table, void *value);

/* From the newest to the oldest of those that are not pinned. */
extern void *shared_table_newest(const SharedTable *table);
extern void *shared_table_older(const SharedTable *table, const void *value);

/*
 * All values, by their places: from 0 to below the count (which needs no
 * lock); some are empty (NULL). A value keeps its place.
 */
extern uint32 shared_table_count(const SharedTable *table);
extern void *shared_table_at(const SharedTable *table, uint32 place);

/* How many fit. */
extern uint32 shared_table_capacity(const SharedTable *table);

/* Copy what is in that place; takes the lock itself. False: nothing is. */
extern bool shared_table_copy(const SharedTable *table, uint32 place, void *copy, size_t size);

#endif /* ADSEXPORT_SHARED_TABLE_H */
