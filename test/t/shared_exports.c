/*
 * The shared exports, compared with a model of them: which are found again, and
 * what of them.  See shared_table.c, with which it is built into one library.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "session/freshness.h"
#include "session/shared_exports.h"
#include "shared_checks.h"

#define KEYS 5000
#define HOLDS 40

/* What was asked for last under a key. */
typedef struct Known
{
	uint64 serial;
	int64 mark;  /* in its record; 0: it was never asked for */
	uint64 used; /* when last; in use as long as holds > 0 */
	int holds;
} Known;

/* As a session has one of an export. */
typedef struct Hold
{
	SharedExportRef ref;
	uint32 key;
} Hold;

static Known known[KEYS];
static Hold holds[HOLDS];
static uint64 ticks = 0;
static int64 marks = 0;

typedef struct Counts
{
	int exports;
	int in_use;
} Counts;

static void
count_one(const SharedExportCopy *copy, void *argument)
{
	Counts *counts = argument;

	counts->exports++;
	counts->in_use += copy->users.sessions;
}

static Counts
count(void)
{
	Counts counts = { 0 };

	shared_exports_visit(count_one, &counts);
	return counts;
}

/* Which place it has among those that nobody uses, the newest being the first. */
static int
rank_of(uint32 number)
{
	int rank = 0;

	for (uint32 i = 0; i < KEYS; i++)
		rank += known[i].mark != 0 && known[i].holds == 0 && known[i].used > known[number].used;
	return rank;
}

static int
count_held(void)
{
	int held = 0;

	for (uint32 i = 0; i < KEYS; i++)
		held += known[i].holds > 0;
	return held;
}

/* How many use what a session has; 0 once another one has its place. */
static int
sessions_of(const Hold *hold)
{
	SharedKey key = key_of_number(hold->key);
	SharedExportUsers users;
	ReadAmounts read;

	return shared_exports_users(&key, hold->ref.serial, &users, &read) ? users.sessions : 0;
}

/* One that nobody drives any more, so that it can be found as it is. */
static void
finish(Hold *hold, ExportRecord *record)
{
	SharedPlace place = { 0 };

	record->phase = EXPORT_REQUESTING;
	check(shared_exports_publish(&hold->ref, record, place));
	record->phase = EXPORT_COMPLETED;
	record->requests = ++marks;
	record->requested = moment_now();
	check(shared_exports_publish(&hold->ref, record, place));
	known[hold->key].serial = hold->ref.serial;
	known[hold->key].mark = marks;
}

/*
 * It is found if it is in use, or one of those that were used last, as many as
 * there is room for, unless it is too old; else it is new, and who uses the old
 * one does so alone.
 */
static void
join(Hold *hold, uint32 number, uint32 capacity, bool too_old)
{
	SharedKey key = key_of_number(number);
	SharedExportAbout about = { 0 };
	ExportRecord record = { 0 };
	Known *one = &known[number];
	bool expected = one->mark != 0 && !too_old &&
					(one->holds > 0 || rank_of(number) < (int) capacity - count_held());
	Moment oldest = too_old ? moment_now() + 1 : 1;
	bool found;

	check(shared_exports_join(&hold->ref, &key, &about, oldest, 0, &record, &found));
	check(found == expected);
	hold->key = number;
	if (found)
		check(record.requests == one->mark && hold->ref.serial == one->serial);
	else
	{
		check(record.requests == 0 && hold->ref.serial != one->serial);
		finish(hold, &record);
		one->holds = 0;
	}
	one->holds++;
	check(sessions_of(hold) == one->holds);
}

static void
leave(Hold *hold)
{
	Known *one = &known[hold->key];
	bool is_last = hold->ref.serial == one->serial;
	SharedKey key = key_of_number(hold->key);
	ReadAmounts more = { 1, 1, 1 };
	ReadAmounts all;

	if (hold->ref.serial == 0)
		return;
	check(sessions_of(hold) == (is_last ? one->holds : 0));
	check(shared_exports_note_read(&key, hold->ref.serial, &more, &all) == is_last);
	if (random_number() % 2 == 0)
		shared_exports_unuse(&hold->ref);
	shared_exports_leave(&hold->ref);
	if (is_last && --one->holds == 0)
		one->used = ++ticks;
}

/* New ones of keys that are not used elsewhere, until there is no room for another one; returns how many. */
static int
fill(Hold *all, int most)
{
	SharedExportAbout about = { 0 };
	int filled = 0;
	bool found;

	for (; filled < most; filled++)
	{
		SharedKey key = key_of_number(KEYS + filled);
		ExportRecord record = { 0 };

		all[filled].key = KEYS + filled;
		if (!shared_exports_join(&all[filled].ref, &key, &about, 1, 0, &record, &found))
			break;
	}
	return filled;
}

/* All the room there is can be used at once, and then given back. */
static int
check_room(void)
{
	int most = 100000;
	Hold *all = palloc0(most * sizeof(Hold));
	int filled = fill(all, most);
	Counts counts = count();

	check(filled < most && all[filled].ref.serial == 0);
	check(counts.exports == filled && counts.in_use == filled);
	for (int i = 0; i < filled; i++)
		shared_exports_leave(&all[i].ref);
	counts = count();
	check(counts.exports == filled && counts.in_use == 0);
	pfree(all);
	return filled;
}

PG_FUNCTION_INFO_V1(test_shared_exports);

/* So many are asked for; returns how many there is room for. */
Datum
test_shared_exports(PG_FUNCTION_ARGS)
{
	int steps = PG_GETARG_INT32(0);
	int capacity;

	check(shared_memory_available());
	capacity = check_room();
	memset(known, 0, sizeof(known));
	for (int step = 0; step < steps; step++)
	{
		Hold *hold = &holds[random_number() % HOLDS];
		/* Some are asked for again and again. */
		uint32 number = random_number() % (random_number() % 4 == 0 ? 100 : KEYS);

		CHECK_FOR_INTERRUPTS();
		leave(hold);
		join(hold, number, (uint32) capacity, random_number() % 20 == 0);
		if (step % 1000 == 0)
			check(count().exports <= capacity);
	}
	check(count().exports == capacity);
	check(count().in_use > HOLDS / 2);
	for (int i = 0; i < HOLDS; i++)
		leave(&holds[i]);
	check(count().exports == capacity && count().in_use == 0);
	check(check_room() == capacity);
	PG_RETURN_INT32(capacity);
}
