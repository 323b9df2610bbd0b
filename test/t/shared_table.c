/*
 * Tables and places in shared memory, compared with a model of them.  It is
 * built with src/session/shared_*.c and jobs_shared.c into a library that has a
 * segment of its own, as a later version of the extension would.  And what hash
 * a session gives a number.
 */
#include "postgres.h"

#include "fmgr.h"
#include "guc.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "session/jobs.h"
#include "session/seeded_hash.h"
#include "session/shared_table.h"
#include "shared_checks.h"

PG_MODULE_MAGIC;

bool share_exports = true;
int shared_memory_kilobytes = 1024;

#define KEYS 20000

typedef struct Value
{
	uint32 number;
	uint32 version;
	char filler[40];
} Value;

typedef struct Model
{
	uint32 version; /* 0: never entered */
	uint64 used;    /* when last */
	int pins;
} Model;

static SharedTable table;
static Model model[KEYS];
static uint64 clock_ticks = 0;

/* What is there must be what was written last, and whatever is pinned must be there. */
static void
look(uint32 number)
{
	SharedKey key = key_of_number(number);
	const Value *value;

	shared_table_lock(&table, LW_SHARED);
	value = shared_table_find(&table, &key);
	check(value != NULL || model[number].pins == 0);
	check(value == NULL || (value->number == number && value->version == model[number].version));
	shared_table_unlock(&table);
}

static void
write_one(uint32 number)
{
	SharedKey key = key_of_number(number);
	bool found;
	Value *value;

	shared_table_lock(&table, LW_EXCLUSIVE);
	value = shared_table_enter(&table, &key, &found);
	check(value != NULL);
	check(found ? value->number == number && value->version == model[number].version
				: value->number == 0 && value->version == 0);
	value->number = number;
	value->version = ++model[number].version;
	model[number].used = ++clock_ticks;
	shared_table_unlock(&table);
}

static void
change_pins(uint32 number, int change)
{
	SharedKey key = key_of_number(number);
	Value *value;

	shared_table_lock(&table, LW_EXCLUSIVE);
	value = shared_table_find(&table, &key);
	if (value != NULL && change > 0)
	{
		shared_table_pin(&table, value);
		model[number].pins++;
	}
	else if (value != NULL && model[number].pins > 0)
	{
		shared_table_unpin(&table, value);
		if (--model[number].pins == 0)
			model[number].used = ++clock_ticks;
	}
	shared_table_unlock(&table);
}

static void
remove_one(uint32 number)
{
	SharedKey key = key_of_number(number);
	Value *value;

	shared_table_lock(&table, LW_EXCLUSIVE);
	value = shared_table_find(&table, &key);
	if (value != NULL && model[number].pins == 0)
		shared_table_remove(&table, value);
	shared_table_unlock(&table);
}

/* From the newest to the oldest; and by place, where those are that are pinned, too. */
static uint32
check_order(void)
{
	uint64 before = PG_UINT64_MAX;
	uint32 unpinned = 0;
	uint32 all = 0;
	const Value *value;

	shared_table_lock(&table, LW_SHARED);
	for (value = shared_table_newest(&table); value != NULL;
		 value = shared_table_older(&table, value))
	{
		check(model[value->number].pins == 0);
		check(model[value->number].used < before);
		before = model[value->number].used;
		unpinned++;
	}
	for (uint32 place = 0; place < shared_table_count(&table); place++)
	{
		value = shared_table_at(&table, place);
		if (value == NULL)
			continue;
		all++;
		if (model[value->number].pins > 0)
			unpinned++;
	}
	shared_table_unlock(&table);
	check(all == unpinned);
	check(all <= shared_table_capacity(&table));
	check(shared_table_count(&table) <= shared_table_capacity(&table));
	return all;
}

PG_FUNCTION_INFO_V1(test_shared_table);

static void
clear(void)
{
	for (uint32 place = 0; place < shared_table_count(&table); place++)
	{
		void *value;

		shared_table_lock(&table, LW_EXCLUSIVE);
		value = shared_table_at(&table, place);
		if (value != NULL)
			shared_table_remove(&table, value);
		shared_table_unlock(&table);
	}
	memset(model, 0, sizeof(model));
}

/* So many steps; returns how many entries fit. */
Datum
test_shared_table(PG_FUNCTION_ARGS)
{
	int steps = PG_GETARG_INT32(0);
	uint32 pinned[8] = { 0 };

	check(shared_table_open(&table, SHARED_STATISTICS, sizeof(Value)));
	clear();
	check(check_order() == 0);
	for (int step = 0; step < steps; step++)
	{
		uint32 number = random_number() % KEYS;
		uint32 *slot = &pinned[random_number() % lengthof(pinned)];

		CHECK_FOR_INTERRUPTS();
		write_one(number);
		look(random_number() % KEYS);
		if (step % 7 == 0)
			remove_one(random_number() % KEYS);
		if (step % 5 == 0)
		{
			change_pins(*slot, -1);
			*slot = number;
			change_pins(number, 1);
		}
		if (step % 1000 == 0)
			check_order();
	}
	check(check_order() > shared_table_capacity(&table) / 2);
	for (int i = 0; i < (int) lengthof(pinned); i++)
		change_pins(pinned[i], -1);
	PG_RETURN_INT32((int32) shared_table_capacity(&table));
}

PG_FUNCTION_INFO_V1(test_all_pinned);

/* Then there is no room for another one, until one is unpinned. */
Datum
test_all_pinned(PG_FUNCTION_ARGS)
{
	uint32 capacity;
	SharedKey key;
	bool found;

	check(shared_table_open(&table, SHARED_DURATIONS, sizeof(Value)));
	capacity = shared_table_capacity(&table);
	shared_table_lock(&table, LW_EXCLUSIVE);
	for (uint32 i = 0; i < capacity; i++)
	{
		key = key_of_number(i);
		shared_table_pin(&table, shared_table_enter(&table, &key, &found));
	}
	key = key_of_number(capacity);
	check(shared_table_enter(&table, &key, &found) == NULL);
	key = key_of_number(7);
	shared_table_unpin(&table, shared_table_find(&table, &key));
	key = key_of_number(capacity);
	check(shared_table_enter(&table, &key, &found) != NULL && !found);
	key = key_of_number(7);
	check(shared_table_find(&table, &key) == NULL);
	shared_table_unlock(&table);
	PG_RETURN_INT32((int32) capacity);
}

PG_FUNCTION_INFO_V1(test_other_layout);

/* A library with values of another size, but the same name of the segment, finds no table. */
Datum
test_other_layout(PG_FUNCTION_ARGS)
{
	SharedTable same = { 0 };
	SharedTable other = { 0 };

	check(shared_table_open(&table, SHARED_STATISTICS, sizeof(Value)));
	check(!shared_table_open(&other, SHARED_STATISTICS, sizeof(Value) + 8));
	check(!shared_table_open(&other, SHARED_STATISTICS, sizeof(Value) + 8));
	check(shared_table_open(&same, SHARED_STATISTICS, sizeof(Value)));
	check(shared_table_capacity(&same) == shared_table_capacity(&table));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(test_places);

/* So many places are asked for, held, and given back; as many as there is room for at once. */
Datum
test_places(PG_FUNCTION_ARGS)
{
	int rounds = PG_GETARG_INT32(0);
	int most = PG_GETARG_INT32(1);
	SharedPlace *places = palloc0(most * sizeof(SharedPlace));
	int held = 0;

	check(shared_memory_available());
	for (int i = 0; i < rounds; i++)
	{
		SharedPlace *place = &places[i % most];
		SharedKey pool = key_of_number(i % 300);

		CHECK_FOR_INTERRUPTS();
		jobs_shared_release(place);
		if (!jobs_shared_ask(place, &pool))
			continue;
		check(jobs_shared_reserve(place, most, monotonic_milliseconds() + 1000000));
		check(!jobs_shared_reserve(place, most, 0));
		held = Max(held, i % most + 1);
	}
	for (int i = 0; i < most; i++)
	{
		SharedPlace old = places[i];

		jobs_shared_release(&places[i]);
		jobs_shared_release(&old); /* which is not there any more */
	}
	pfree(places);
	PG_RETURN_INT32(held);
}

PG_FUNCTION_INFO_V1(test_kept_places);

/* So many that outlive this session, by that many milliseconds from now. */
Datum
test_kept_places(PG_FUNCTION_ARGS)
{
	int64 lapses = monotonic_milliseconds() + PG_GETARG_INT32(1);

	check(shared_memory_available());
	for (int i = 0; i < PG_GETARG_INT32(0); i++)
	{
		SharedPlace place = { 0 };
		SharedKey pool = key_of_number(KEYS + i);

		check(jobs_shared_ask(&place, &pool));
		check(jobs_shared_reserve(&place, 1, lapses));
		jobs_shared_expect(&place, lapses, true);
	}
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(test_lapsed_place);

/* One that its session did not look after in time is another's; it asks for one anew. */
Datum
test_lapsed_place(PG_FUNCTION_ARGS)
{
	JobPool pool = { "https://lapsed.example", "account", "" };
	JobPlace first = { 0 };
	JobPlace second = { 0 };
	int64 never = PG_INT64_MAX;

	check(jobs_reserve(&first, &pool, 1, never));
	check(jobs_reserve(&first, &pool, 1, never));
	check(!jobs_reserve(&second, &pool, 1, never));
	jobs_expect(&first, monotonic_milliseconds());
	check(jobs_reserve(&second, &pool, 1, never));
	check(!jobs_reserve(&first, &pool, 1, never));
	check(!jobs_is_held(&first) && jobs_is_waiting(&first));
	jobs_release(&second);
	check(jobs_reserve(&first, &pool, 1, never));
	jobs_release(&first);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(test_session);

/* Is there a session with that serial, or (0) which has this one? */
Datum
test_session(PG_FUNCTION_ARGS)
{
	SharedSession session;

	check(shared_memory_available());
	session = shared_session_self();
	check(shared_session_is_alive(&session));
	if (PG_GETARG_INT64(0) == 0)
		PG_RETURN_INT64((int64) session.serial);
	session.serial = (uint64) PG_GETARG_INT64(0);
	session.process = PG_GETARG_INT32(1);
	PG_RETURN_INT64(shared_session_is_alive(&session));
}

PG_FUNCTION_INFO_V1(test_seeded_hash);

Datum
test_seeded_hash(PG_FUNCTION_ARGS)
{
	int64 number = PG_GETARG_INT64(0);

	seeded_hash_prepare();
	PG_RETURN_INT32((int32) seeded_hash(&number, sizeof(number)));
}
