/*-------------------------------------------------------------------------
 *
 * statistics.c
 *		What was exported, by server, user and entity, for monitoring.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "remote/throttle.h"
#include "session/shared_table.h"
#include "session/statistics.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A session that shares nothing keeps at most this many. */
#define MAX_ALONE 1000

typedef struct AloneStatistics
{
	dlist_node node; /* newest first */
	Statistics statistics;
} AloneStatistics;

static SharedTable shared;
static dlist_head alone = DLIST_STATIC_INIT(alone);
static int alone_count = 0;

/*-------------------------------------------------------------------------
 * Counting
 *-------------------------------------------------------------------------
 */

static const char *
entity_name(const ForeignOptions *options)
{
	return options->entity != NULL ? options->entity->name : "";
}

/* As they are now: server and user may have been renamed. */
static void
take_names(Statistics *statistics, const ForeignOptions *options)
{
	strlcpy(statistics->server_name, options->server_name, NAMEDATALEN);
	strlcpy(statistics->user_name, options->user_name, NAMEDATALEN);
}

static void
fill(Statistics *statistics, const ForeignOptions *options, TimestampTz now)
{
	memset(statistics, 0, sizeof(*statistics));
	statistics->database_id = MyDatabaseId;
	statistics->server_id = options->server_id;
	statistics->user_id = options->user_id;
	take_names(statistics, options);
	strlcpy(statistics->entity, entity_name(options), sizeof(statistics->entity));
	statistics->since = now;
}

static void
add_counts(StatisticsCounts *sum, const StatisticsCounts *more)
{
	sum->exports_requested += more->exports_requested;
	sum->exports_reused += more->exports_reused;
	sum->exports_failed += more->exports_failed;
	sum->retries += more->retries;
	sum->throttled += more->throttled;
	sum->wait_time += more->wait_time;
	sum->bytes_downloaded += more->bytes_downloaded;
	sum->records += more->records;
}

static SharedKey
key_of(const ForeignOptions *options)
{
	SharedKey key = shared_key_begin();
	char text[64];

	snprintf(text, sizeof(text), "%u %u %u", MyDatabaseId, options->server_id, options->user_id);
	key = shared_key_of_text(&key, text);
	return shared_key_of_text(&key, entity_name(options));
}

static void
add_to_shared(const ForeignOptions *options, const StatisticsCounts *counts)
{
	SharedKey key = key_of(options);
	Statistics fresh;
	Statistics *statistics;
	bool found;

	fill(&fresh, options, GetCurrentTimestamp());
	shared_table_lock(&shared, LW_EXCLUSIVE);
	statistics = shared_table_enter(&shared, &key, &found);
	if (!found)
		*statistics = fresh;
	take_names(statistics, options);
	add_counts(&statistics->counts, counts);
	shared_table_unlock(&shared);
}

static Statistics *
find_alone(const ForeignOptions *options)
{
	dlist_iter iter;

	dlist_foreach(iter, &alone)
	{
		AloneStatistics *one = dlist_container(AloneStatistics, node, iter.cur);

		if (one->statistics.server_id == options->server_id &&
			one->statistics.user_id == options->user_id &&
			strcmp(one->statistics.entity, entity_name(options)) == 0)
			return &one->statistics;
	}
	return NULL;
}

static void
begin_alone(const ForeignOptions *options)
{
	AloneStatistics *one;

	if (find_alone(options) != NULL)
		return;
	if (alone_count >= MAX_ALONE)
		one = dlist_container(AloneStatistics, node, dlist_tail_node(&alone));
	else
	{
		one = MemoryContextAlloc(TopMemoryContext, sizeof(AloneStatistics));
		dlist_push_tail(&alone, &one->node);
		alone_count++;
	}
	dlist_move_head(&alone, &one->node);
	fill(&one->statistics, options, GetCurrentTimestamp());
}

static void
note_refusal(const ForeignOptions *options)
{
	StatisticsCounts counts = { .throttled = 1 };

	statistics_add(options, &counts);
}

void
statistics_begin(const ForeignOptions *options)
{
	throttle_observer = note_refusal;
	if (!shared_table_open(&shared, SHARED_STATISTICS, sizeof(Statistics)))
		begin_alone(options);
}

void
statistics_add(const ForeignOptions *options, const StatisticsCounts *counts)
{
	/* Even if sharing has been turned off, so that what was begun there is ended there. */
	if (shared.head != NULL && shared_memory_is_attached())
		add_to_shared(options, counts);
	else
	{
		Statistics *statistics = find_alone(options);

		if (statistics != NULL)
		{
			take_names(statistics, options);
			add_counts(&statistics->counts, counts);
		}
	}
}

/*-------------------------------------------------------------------------
 * All of them
 *-------------------------------------------------------------------------
 */

void
statistics_visit(void (*visit)(const Statistics *statistics, void *argument), void *argument)
{
	Statistics copy;
	dlist_iter iter;

	if (shared_table_open(&shared, SHARED_STATISTICS, sizeof(Statistics)))
	{
		for (uint32 place = 0; place < shared_table_count(&shared); place++)
		{
			CHECK_FOR_INTERRUPTS();
			if (shared_table_copy(&shared, place, &copy, sizeof(copy)))
				visit(&copy, argument);
		}
	}
	dlist_foreach(iter, &alone)
		visit(&dlist_container(AloneStatistics, node, iter.cur)->statistics, argument);
}

static void
reset_shared(void)
{
	for (uint32 place = 0; place < shared_table_count(&shared); place++)
	{
		void *value;

		CHECK_FOR_INTERRUPTS();
		shared_table_lock(&shared, LW_EXCLUSIVE);
		value = shared_table_at(&shared, place);
		if (value != NULL)
			shared_table_remove(&shared, value);
		shared_table_unlock(&shared);
	}
}

void
statistics_reset(void)
{
	dlist_mutable_iter iter;

	if (shared_table_open(&shared, SHARED_STATISTICS, sizeof(Statistics)))
		reset_shared();
	dlist_foreach_modify(iter, &alone)
	{
		dlist_delete(iter.cur);
		pfree(dlist_container(AloneStatistics, node, iter.cur));
	}
	alone_count = 0;
}
