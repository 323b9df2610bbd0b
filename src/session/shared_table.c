/*-------------------------------------------------------------------------
 *
 * shared_table.c
 *		An area of shared memory as a table of values of one size, found by key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session/shared_table.h"

/* Entries are numbered from 1, so that memory of zeros is an empty table. */
#define NOBODY 0

typedef struct SharedTableHead
{
	uint32 capacity; /* 0: not set up yet */
	uint32 bucket_count;
	uint32 entry_size;
	uint32 used; /* entries up to this one have been used */
	uint32 free; /* first of those that are free again, linked by next */
	uint32 newest;
	uint32 oldest;
} SharedTableHead;

typedef struct Entry
{
	SharedKey key;
	uint32 next; /* in its bucket */
	uint32 newer;
	uint32 older;
	uint32 pins;
	bool in_use;
} Entry;

/* Values may contain 64-bit atomics, which need this alignment on 32-bit machines, too. */
#define VALUE_ALIGN(size) TYPEALIGN(8, (size))
#define VALUE_OFFSET VALUE_ALIGN(sizeof(Entry))

static Entry *
entry_of(const void *value)
{
	return (Entry *) ((char *) value - VALUE_OFFSET);
}

static void *
value_of(Entry *entry)
{
	return (char *) entry + VALUE_OFFSET;
}

static Entry *
entry_at(const SharedTable *table, uint32 number)
{
	return (Entry *) (table->entries + (number - 1) * table->entry_size);
}

static uint32
number_of(const SharedTable *table, const Entry *entry)
{
	return (uint32) (((const char *) entry - table->entries) / table->entry_size) + 1;
}

static uint32 *
bucket_of(const SharedTable *table, const SharedKey *key)
{
	return &table->buckets[key->words[0] % table->head->bucket_count];
}

/* False: another library has set it up for entries of another size, and forgot to change the name of the segment. */
static bool
set_up(const SharedArea *area, uint32 capacity, size_t entry_size)
{
	SharedTableHead *head = area->memory;
	bool usable;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	if (head->capacity == 0)
	{
		head->capacity = head->bucket_count = capacity;
		head->entry_size = (uint32) entry_size;
	}
	usable = head->entry_size == entry_size;
	LWLockRelease(area->lock);
	return usable;
}

bool
shared_table_open(SharedTable *table, SharedAreaKind kind, size_t value_size)
{
	size_t head_size = VALUE_ALIGN(sizeof(SharedTableHead));
	size_t entry_size = VALUE_OFFSET + VALUE_ALIGN(value_size);
	SharedArea area;
	uint32 capacity;

	if (!shared_memory_available())
		return false;
	if (table->head != NULL)
		return true;
	area = shared_memory_area(kind);
	/* A bucket for each entry, and some room to align these. */
	capacity = (uint32) ((area.size - head_size - VALUE_ALIGN(1)) / (entry_size + sizeof(uint32)));
	if (!set_up(&area, capacity, entry_size))
		return false;
	table->area = area;
	table->entry_size = entry_size;
	table->buckets = (uint32 *) ((char *) area.memory + head_size);
	table->entries =
		(char *) area.memory + VALUE_ALIGN(head_size + (size_t) capacity * sizeof(uint32));
	table->head = area.memory;
	return true;
}

void
shared_table_lock(const SharedTable *table, LWLockMode mode)
{
	LWLockAcquire(table->area.lock, mode);
}

void
shared_table_unlock(const SharedTable *table)
{
	LWLockRelease(table->area.lock);
}

/*-------------------------------------------------------------------------
 * By age
 *-------------------------------------------------------------------------
 */

static void
push_newest(const SharedTable *table, Entry *entry)
{
	SharedTableHead *head = table->head;
	uint32 number = number_of(table, entry);

	entry->newer = NOBODY;
	entry->older = head->newest;
	if (head->newest != NOBODY)
		entry_at(table, head->newest)->newer = number;
	else
		head->oldest = number;
	head->newest = number;
}

static void
unlink_age(const SharedTable *table, Entry *entry)
{
	SharedTableHead *head = table->head;

	if (entry->newer != NOBODY)
		entry_at(table, entry->newer)->older = entry->older;
	else
		head->newest = entry->older;
	if (entry->older != NOBODY)
		entry_at(table, entry->older)->newer = entry->newer;
	else
		head->oldest = entry->newer;
}

void
shared_table_touch(const SharedTable *table, void *value)
{
	Entry *entry = entry_of(value);

	if (entry->pins > 0)
		return;
	unlink_age(table, entry);
	push_newest(table, entry);
}

void
shared_table_pin(const SharedTable *table, void *value)
{
	Entry *entry = entry_of(value);

	if (entry->pins++ == 0)
		unlink_age(table, entry);
}

void
shared_table_unpin(const SharedTable *table, void *value)
{
	Entry *entry = entry_of(value);

	Assert(entry->pins > 0);
	if (--entry->pins == 0)
		push_newest(table, entry);
}

void *
shared_table_newest(const SharedTable *table)
{
	uint32 number = table->head->newest;

	return number != NOBODY ? value_of(entry_at(table, number)) : NULL;
}

void *
shared_table_older(const SharedTable *table, const void *value)
{
	uint32 number = entry_of(value)->older;

	return number != NOBODY ? value_of(entry_at(table, number)) : NULL;
}

/*-------------------------------------------------------------------------
 * By key
 *-------------------------------------------------------------------------
 */

void *
shared_table_find(const SharedTable *table, const SharedKey *key)
{
	for (uint32 number = *bucket_of(table, key); number != NOBODY;)
	{
		Entry *entry = entry_at(table, number);

		if (shared_key_equal(&entry->key, key))
			return value_of(entry);
		number = entry->next;
	}
	return NULL;
}

static void
link_key(const SharedTable *table, Entry *entry, const SharedKey *key)
{
	uint32 *bucket = bucket_of(table, key);

	entry->key = *key;
	entry->next = *bucket;
	*bucket = number_of(table, entry);
}

static void
unlink_key(const SharedTable *table, Entry *entry)
{
	uint32 number = number_of(table, entry);
	uint32 *link = bucket_of(table, &entry->key);

	while (*link != number)
		link = &entry_at(table, *link)->next;
	*link = entry->next;
}

void
shared_table_rename(const SharedTable *table, void *value, const SharedKey *key)
{
	Entry *entry = entry_of(value);

	unlink_key(table, entry);
	link_key(table, entry, key);
}

void
shared_table_remove(const SharedTable *table, void *value)
{
	Entry *entry = entry_of(value);
	uint32 number = number_of(table, entry);

	unlink_key(table, entry);
	if (entry->pins == 0)
		unlink_age(table, entry);
	entry->in_use = false;
	entry->next = table->head->free;
	table->head->free = number;
}

/* A free entry, or else the oldest; NULL: all are pinned. */
static Entry *
take_entry(const SharedTable *table)
{
	SharedTableHead *head = table->head;
	Entry *entry;

	if (head->free == NOBODY && head->used < head->capacity)
		return entry_at(table, ++head->used);
	if (head->free == NOBODY && head->oldest != NOBODY)
		shared_table_remove(table, value_of(entry_at(table, head->oldest)));
	if (head->free == NOBODY)
		return NULL;
	entry = entry_at(table, head->free);
	head->free = entry->next;
	return entry;
}

void *
shared_table_enter(const SharedTable *table, const SharedKey *key, bool *found)
{
	void *value = shared_table_find(table, key);
	Entry *entry;

	*found = value != NULL;
	if (value != NULL)
	{
		shared_table_touch(table, value);
		return value;
	}
	entry = take_entry(table);
	if (entry == NULL)
		return NULL;
	memset(entry, 0, table->entry_size);
	entry->in_use = true;
	link_key(table, entry, key);
	push_newest(table, entry);
	return value_of(entry);
}

/*-------------------------------------------------------------------------
 * By place
 *-------------------------------------------------------------------------
 */

uint32
shared_table_count(const SharedTable *table)
{
	return *(volatile uint32 *) &table->head->used;
}

uint32
shared_table_capacity(const SharedTable *table)
{
	return table->head->capacity;
}

void *
shared_table_at(const SharedTable *table, uint32 place)
{
	Entry *entry = entry_at(table, place + 1);

	return place < table->head->used && entry->in_use ? value_of(entry) : NULL;
}

bool
shared_table_copy(const SharedTable *table, uint32 place, void *copy, size_t size)
{
	const void *value;

	shared_table_lock(table, LW_SHARED);
	value = shared_table_at(table, place);
	if (value != NULL)
		memcpy(copy, value, size);
	shared_table_unlock(table);
	return value != NULL;
}
