/*-------------------------------------------------------------------------
 *
 * delivered_entries.c
 *		What was handed out of an archive that broke.
 *
 * An open hash table with linear probing.  Nothing is ever removed from it,
 * and names may occur more than once, as in an archive.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/delivered_entries.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t) 256)

/*
 * No entry is put farther than this from where it belongs, so that an archive
 * in which all entries have the same name does not make each look at all
 * others. Different names come nowhere near that in a table that is three
 * quarters full.
 */
#define MAX_PROBES 1024

struct DeliveredEntries
{
	pthread_mutex_t mutex;
	DeliveredEntry *table;
	size_t capacity; /* a power of two */
	size_t count;
	size_t missing; /* not met yet */
	bool incomplete;
};

DeliveredEntries *
delivered_entries_create(void)
{
	DeliveredEntries *delivered = calloc(1, sizeof(DeliveredEntries));

	if (delivered != NULL)
		pthread_mutex_init(&delivered->mutex, NULL);
	return delivered;
}

void
delivered_entries_free(DeliveredEntries *delivered)
{
	if (delivered == NULL)
		return;
	pthread_mutex_destroy(&delivered->mutex);
	free(delivered->table);
	free(delivered);
}

void
delivered_entries_clear(DeliveredEntries *delivered)
{
	free(delivered->table);
	delivered->table = NULL;
	delivered->capacity = delivered->count = delivered->missing = 0;
	delivered->incomplete = false;
}

bool
delivered_entries_is_complete(const DeliveredEntries *delivered)
{
	return !delivered->incomplete;
}

/* FNV-1a, with its bits mixed for the table. */
static uint64_t
hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * UINT64_C(0x100000001b3);
	hash ^= hash >> 30;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ (hash >> 31);
}

/* False if too many others are in the places where it belongs. */
static bool
put(DeliveredEntry *table, size_t capacity, const DeliveredEntry *entry)
{
	size_t place = (size_t) entry->name & (capacity - 1);

	for (int others = 0; table[place].used; others++)
	{
		if (others >= MAX_PROBES)
			return false;
		place = (place + 1) & (capacity - 1);
	}
	table[place] = *entry;
	return true;
}

/* Make room for one more; false if there cannot be. */
static bool
grow(DeliveredEntries *delivered)
{
	size_t capacity = delivered->capacity > 0 ? delivered->capacity * 2 : FIRST_CAPACITY;
	DeliveredEntry *table;

	if (delivered->count >= DELIVERED_MAX_ENTRIES)
		return false;
	if (delivered->count + 1 <= delivered->capacity / 4 * 3)
		return true;
	table = calloc(capacity, sizeof(DeliveredEntry));
	if (table == NULL)
		return false;
	for (size_t i = 0; i < delivered->capacity; i++)
		if (delivered->table[i].used && !put(table, capacity, &delivered->table[i]))
		{
			free(table);
			return false;
		}
	free(delivered->table);
	delivered->table = table;
	delivered->capacity = capacity;
	return true;
}

/* The first entry of that name with these values of met and whole; NULL if there is none. */
static DeliveredEntry *
find(DeliveredEntries *delivered, uint64_t name, bool met, bool any_whole)
{
	size_t place;

	if (delivered->capacity == 0)
		return NULL;
	place = (size_t) name & (delivered->capacity - 1);
	for (int others = 0; others <= MAX_PROBES && delivered->table[place].used; others++)
	{
		DeliveredEntry *entry = &delivered->table[place];

		if (entry->name == name && entry->met == met && (any_whole || !entry->whole))
			return entry;
		place = (place + 1) & (delivered->capacity - 1);
	}
	return NULL;
}

void
delivered_entries_note(DeliveredEntries *delivered, const char *name, uint64_t length, uint32_t crc,
					   bool whole)
{
	DeliveredEntry entry = { hash_name(name), length, crc, true, whole, true };
	DeliveredEntry *beginning;

	/* Knowing only part of them is of no use. */
	if (delivered->incomplete)
		return;
	pthread_mutex_lock(&delivered->mutex);
	beginning = find(delivered, entry.name, true, false);
	if (beginning != NULL)
		*beginning = entry;
	else if (grow(delivered) && put(delivered->table, delivered->capacity, &entry))
		delivered->count++;
	else
		delivered->incomplete = true;
	pthread_mutex_unlock(&delivered->mutex);
}

void
delivered_entries_begin_again(DeliveredEntries *delivered)
{
	for (size_t i = 0; i < delivered->capacity; i++)
		delivered->table[i].met = false;
	delivered->missing = delivered->count;
}

bool
delivered_entries_meet(DeliveredEntries *delivered, const char *name, DeliveredEntry *entry)
{
	DeliveredEntry *found;

	pthread_mutex_lock(&delivered->mutex);
	found = find(delivered, hash_name(name), false, true);
	if (found != NULL)
	{
		found->met = true;
		delivered->missing--;
		*entry = *found;
	}
	pthread_mutex_unlock(&delivered->mutex);
	return found != NULL;
}

uint64_t
delivered_entries_missing(DeliveredEntries *delivered)
{
	uint64_t missing;

	pthread_mutex_lock(&delivered->mutex);
	missing = delivered->missing;
	pthread_mutex_unlock(&delivered->mutex);
	return missing;
}
