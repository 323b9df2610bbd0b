/*
 * Who waits in shared memory is woken by its latch. See shared_table.c, with
 * which it is built into one library.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "session/shared_exports.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "shared_checks.h"

/* Shorter than a wish is kept in line (milliseconds). */
#define LOOK_AFTER 800

static SharedPlace place;
static SharedExportRef ref;
static ExportRecord record;

/* Of the pool and of the export, by the name of the test. */
static SharedKey
key_of(text *name)
{
	SharedKey key = shared_key_begin();

	return shared_key_of_text(&key, text_to_cstring(name));
}

static bool
is_place_free(void)
{
	return jobs_shared_reserve(&place, 1, PG_INT64_MAX);
}

static bool
has_export_changed(void)
{
	SharedPlace its_place;

	return shared_exports_look(&ref, true, &record, &its_place) != SHARED_EXPORT_SAME;
}

/* What ended the wait: the latch, or that it was looked after without it. */
static text *
wait_until(bool (*condition)(void))
{
	uint64 wakes = shared_session_wakes();
	int events = 0;

	for (;;)
	{
		ResetLatch(MyLatch);
		if (condition())
		{
			/* It is counted by the time that the latch is set. */
			check((events & WL_LATCH_SET) == 0 || shared_session_wakes() > wakes);
			return cstring_to_text((events & WL_LATCH_SET) != 0 ? "latch" : "no latch");
		}
		events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_AFTER,
						   PG_WAIT_EXTENSION);
		CHECK_FOR_INTERRUPTS();
	}
}

static bool
join(const SharedKey *key)
{
	static const SharedExportAbout about = { 0 };
	bool found;

	check(shared_exports_join(&ref, key, &about, 1, 0, &record, &found));
	return found;
}

PG_FUNCTION_INFO_V1(test_have);

/* The only place, and an export whose request is in progress. */
Datum
test_have(PG_FUNCTION_ARGS)
{
	SharedKey key;

	check(shared_memory_available());
	key = key_of(PG_GETARG_TEXT_PP(0));
	check(jobs_shared_ask(&place, &key) && is_place_free());
	check(!join(&key));
	record.phase = EXPORT_REQUESTING;
	record.requested = moment_now();
	check(shared_exports_publish(&ref, &record, place));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(test_wait_for);

/* For the one or the other that another session has; returns by what it was woken. */
Datum
test_wait_for(PG_FUNCTION_ARGS)
{
	bool for_place = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)), "place") == 0;
	SharedKey key;
	text *woken;

	check(shared_memory_available());
	key = key_of(PG_GETARG_TEXT_PP(0));
	if (for_place)
	{
		check(jobs_shared_ask(&place, &key));
		woken = wait_until(is_place_free);
		jobs_shared_release(&place);
	}
	else
	{
		check(join(&key));
		woken = wait_until(has_export_changed);
		shared_exports_leave(&ref);
	}
	PG_RETURN_TEXT_P(woken);
}

PG_FUNCTION_INFO_V1(test_let_go);

/* In one of several ways. */
Datum
test_let_go(PG_FUNCTION_ARGS)
{
	const char *how = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (strcmp(how, "publish") == 0)
	{
		record.phase = EXPORT_COMPLETED;
		check(shared_exports_publish(&ref, &record, place));
	}
	else if (strcmp(how, "yield") == 0)
		shared_exports_yield(&ref);
	else if (strcmp(how, "leave") == 0)
		shared_exports_leave(&ref);
	else
		jobs_shared_release(&place);
	PG_RETURN_VOID();
}
