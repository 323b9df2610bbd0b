/*-------------------------------------------------------------------------
 *
 * record_counts.c
 *		How many records the exports that were read had.
 *
 * Each session has its own list, from which it estimates. What is read is
 * noted in shared memory, too, with a number that grows, and before it makes
 * an estimate a session copies what is new there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "remote/amazon_ads.h"
#include "remote/amplitude_hours.h"
#include "session/record_counts.h"
#include "session/shared_table.h"
#include "utils/memutils.h"

/* At most this many are remembered. */
#define MAX_COUNTS 1000

/* At most this many of what others have read are copied while a lock is held. */
#define TAKEN_AT_ONCE 32

/* What was read, and how many records it had. */
typedef struct RecordCount
{
	Oid server_id;
	Oid mapping_id;
	Oid user_id;
	int32 entity;        /* EntityKind */
	uint64 body;         /* Amazon Ads: hash of the request; a collision only spoils an estimate */
	char profile_id[24]; /* Amazon Ads */
	int64 start_hour;    /* Amplitude */
	int64 end_hour;
	double records;
} RecordCount;

typedef struct CountInSession
{
	dlist_node node; /* newest first */
	RecordCount count;
} CountInSession;

typedef struct CountInMemory
{
	uint64 number; /* of the note: the newest has the largest one */
	Oid database_id;
	RecordCount count;
} CountInMemory;

static dlist_head counts = DLIST_STATIC_INIT(counts);
static int counted = 0;
static SharedTable shared;
static uint64 taken = 0; /* what has a larger number is not known in this session yet */

static const RecordCount *
count_of(const dlist_node *node)
{
	return &dlist_container(CountInSession, node, (dlist_node *) node)->count;
}

static void
forget_one(CountInSession *one)
{
	dlist_delete(&one->node);
	counted--;
	pfree(one);
}

void
record_counts_forget(bool (*mine)(Oid user_id))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &counts)
	{
		if (mine(count_of(iter.cur)->user_id))
			forget_one(dlist_container(CountInSession, node, iter.cur));
	}
}

static uint64
hash_body(const char *body)
{
	return hash_bytes_extended((const unsigned char *) body, (int) strlen(body), 0);
}

/* Is it about the same table of the same server, as the same account sees it? */
static bool
is_about(const RecordCount *count, const ForeignOptions *options)
{
	return count->server_id == options->server_id && count->mapping_id == options->mapping_id &&
		   count->entity == (int32) options->entity->kind;
}

/* Do they differ in nothing but the number of records? */
static bool
is_same(const RecordCount *one, const RecordCount *other)
{
	return one->body == other->body && one->start_hour == other->start_hour &&
		   one->end_hour == other->end_hour && one->server_id == other->server_id &&
		   one->mapping_id == other->mapping_id && one->entity == other->entity &&
		   strcmp(one->profile_id, other->profile_id) == 0;
}

static void
remember_in_session(const RecordCount *count)
{
	CountInSession *one;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &counts)
	{
		if (is_same(count_of(iter.cur), count))
			forget_one(dlist_container(CountInSession, node, iter.cur));
	}
	if (counted >= MAX_COUNTS)
		forget_one(dlist_container(CountInSession, node, dlist_tail_node(&counts)));
	one = MemoryContextAlloc(TopMemoryContext, sizeof(CountInSession));
	one->count = *count;
	dlist_push_head(&counts, &one->node);
	counted++;
}

/*-------------------------------------------------------------------------
 * Shared
 *-------------------------------------------------------------------------
 */

static SharedKey
shared_key_of(const RecordCount *count)
{
	char text[160];
	SharedKey key = shared_key_begin();

	snprintf(text, sizeof(text), "%u %u %u %d " UINT64_FORMAT " %s " INT64_FORMAT " " INT64_FORMAT,
			 MyDatabaseId, count->server_id, count->mapping_id, count->entity, count->body,
			 count->profile_id, count->start_hour, count->end_hour);
	return shared_key_of_text(&key, text);
}

static void
remember_in_shared_memory(const RecordCount *count)
{
	SharedKey key;
	CountInMemory *noted;
	const CountInMemory *newest;
	uint64 number;
	bool found;

	if (!shared_table_open(&shared, SHARED_RECORD_COUNTS, sizeof(CountInMemory)))
		return;
	key = shared_key_of(count);
	shared_table_lock(&shared, LW_EXCLUSIVE);
	newest = shared_table_newest(&shared);
	number = newest != NULL ? newest->number + 1 : 1;
	noted = shared_table_enter(&shared, &key, &found);
	noted->number = number;
	noted->database_id = MyDatabaseId;
	noted->count = *count;
	shared_table_unlock(&shared);
}

static void
take(const CountInMemory *noted)
{
	if (noted->number > taken && noted->database_id == MyDatabaseId)
		remember_in_session(&noted->count);
}

/*
 * Usually nothing or little is new. The newest comes last, as when the session
 * reads for itself.
 */
static void
take_over(void)
{
	CountInMemory found[TAKEN_AT_ONCE];
	const CountInMemory *noted;
	uint64 newest = taken;
	int count = 0;

	if (!shared_table_open(&shared, SHARED_RECORD_COUNTS, sizeof(CountInMemory)))
		return;
	shared_table_lock(&shared, LW_SHARED);
	noted = shared_table_newest(&shared);
	if (noted != NULL)
		newest = noted->number;
	while (noted != NULL && noted->number > taken && count < TAKEN_AT_ONCE)
	{
		found[count++] = *noted;
		noted = shared_table_older(&shared, noted);
	}
	shared_table_unlock(&shared);
	if (count == TAKEN_AT_ONCE)
	{
		for (uint32 place = 0; place < shared_table_count(&shared); place++)
		{
			CHECK_FOR_INTERRUPTS();
			if (shared_table_copy(&shared, place, &found[0], sizeof(CountInMemory)))
				take(&found[0]);
		}
	}
	else
	{
		while (count > 0)
			take(&found[--count]);
	}
	taken = newest;
}

/*-------------------------------------------------------------------------
 * Remembering
 *-------------------------------------------------------------------------
 */

static void
remember(const ForeignOptions *options, const char *profile_id, const char *body, int64 start_hour,
		 int64 end_hour, uint64 records)
{
	RecordCount count = { 0 };

	count.server_id = options->server_id;
	count.mapping_id = options->mapping_id;
	count.user_id = options->user_id;
	count.entity = (int32) options->entity->kind;
	count.body = hash_body(body);
	strlcpy(count.profile_id, profile_id, sizeof(count.profile_id));
	count.start_hour = start_hour;
	count.end_hour = end_hour;
	count.records = (double) records;
	remember_in_session(&count);
	remember_in_shared_memory(&count);
}

void
record_counts_remember_export(const ForeignOptions *options, const char *profile_id,
							  const char *body, uint64 records)
{
	remember(options, profile_id, body, 0, 0, records);
}

void
record_counts_remember_hours(const ForeignOptions *options, int64 start_hour, int64 end_hour,
							 uint64 records)
{
	remember(options, "", "", start_hour, end_hour, records);
}

/*-------------------------------------------------------------------------
 * Estimating
 *-------------------------------------------------------------------------
 */

/* An export that is looked up again is worth keeping. */
static const RecordCount *
find_export(const ForeignOptions *options, const char *profile_id, uint64 body)
{
	dlist_iter iter;

	dlist_foreach(iter, &counts)
	{
		const RecordCount *one = count_of(iter.cur);

		if (one->body == body && is_about(one, options) && strcmp(one->profile_id, profile_id) == 0)
		{
			dlist_move_head(&counts, iter.cur);
			return one;
		}
	}
	return NULL;
}

static double
seen_of_exports(const ForeignOptions *options, const ExportQuery *query)
{
	uint64 body = hash_body(amazon_request_body(options->entity, query));
	double records = 0;
	bool any = false;
	dlist_iter iter;

	for (int i = 0; i < query->profile_count; i++)
	{
		const RecordCount *one;

		CHECK_FOR_INTERRUPTS();
		one = find_export(options, query->profile_ids[i], body);
		if (one == NULL)
			return -1;
		records += one->records;
	}
	if (query->profile_count >= 0)
		return records;

	/* It is not known here which profiles there are: take those that were read. */
	dlist_foreach(iter, &counts)
	{
		const RecordCount *one = count_of(iter.cur);

		if (!is_about(one, options) || one->body != body ||
			!export_query_wants_profile(query, one->profile_id))
			continue;
		records += one->records;
		any = true;
	}
	return any ? records : -1;
}

static double
seen_of_hours(const ForeignOptions *options, const ExportQuery *query)
{
	int64 start;
	int64 end;
	double records = 0; /* of the hours asked for that were seen */
	double hours = 0;
	double all_records = 0; /* of all that were seen */
	double all_hours = 0;
	dlist_iter iter;

	if (!amplitude_hours(options, query, &start, &end))
		return -1;
	if (start > end)
		return 0;
	dlist_foreach(iter, &counts)
	{
		const RecordCount *one = count_of(iter.cur);
		double length = (double) (one->end_hour - one->start_hour + 1);

		if (!is_about(one, options))
			continue;
		all_records += one->records;
		all_hours += length;
		/* Spans may overlap, if request_span was changed: not more than all of it. */
		if (one->start_hour >= start && one->end_hour <= end &&
			hours + length <= (double) (end - start + 1))
		{
			records += one->records;
			hours += length;
		}
	}
	if (all_hours == 0)
		return -1;
	return records + ((double) (end - start + 1) - hours) * all_records / all_hours;
}

double
record_counts_estimate(const ForeignOptions *options, const ExportQuery *query)
{
	const RecordCount *one;

	if (query->nothing)
		return 0;
	take_over();
	if (options->entity->is_by_hours)
		return seen_of_hours(options, query);
	if (options->entity->is_by_profile)
		return seen_of_exports(options, query);
	one = find_export(options, "", hash_body(""));
	return one != NULL ? one->records : -1;
}
