/*-------------------------------------------------------------------------
 *
 * record_counts.c
 *		How many records the exports had that this session has read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "remote/amazon_ads.h"
#include "remote/amplitude_hours.h"
#include "session/record_counts.h"
#include "utils/memutils.h"

/* So much is remembered; an entry takes some hundred bytes. */
#define MAX_SEEN 1000

typedef struct Seen
{
	dlist_node node; /* newest first */
	Oid server_id;
	Oid mapping_id;
	Oid user_id;
	const Entity *entity;
	int64 start_hour; /* Amplitude */
	int64 end_hour;
	double records;
	char *body;                             /* behind profile_id, in the same chunk */
	char profile_id[FLEXIBLE_ARRAY_MEMBER]; /* Amazon Ads */
} Seen;

static dlist_head seen = DLIST_STATIC_INIT(seen);
static int seen_count = 0;

static void
forget_one(Seen *one)
{
	dlist_delete(&one->node);
	seen_count--;
	pfree(one);
}

void
record_counts_forget(bool (*mine)(Oid user_id))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &seen)
	{
		Seen *one = dlist_container(Seen, node, iter.cur);

		if (mine(one->user_id))
			forget_one(one);
	}
}

/* Is it about the same table of the same server, as the same account sees it? */
static bool
is_about(const Seen *one, const ForeignOptions *options)
{
	return one->server_id == options->server_id && one->mapping_id == options->mapping_id &&
		   one->entity == options->entity;
}

static void
remember(const ForeignOptions *options, const char *profile_id, const char *body, int64 start_hour,
		 int64 end_hour, uint64 records)
{
	size_t profile_size = strlen(profile_id) + 1;
	size_t body_size = strlen(body) + 1;
	Seen *one;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &seen)
	{
		one = dlist_container(Seen, node, iter.cur);
		if (is_about(one, options) && strcmp(one->profile_id, profile_id) == 0 &&
			strcmp(one->body, body) == 0 && one->start_hour == start_hour &&
			one->end_hour == end_hour)
			forget_one(one);
	}
	if (seen_count >= MAX_SEEN)
		forget_one(dlist_container(Seen, node, dlist_tail_node(&seen)));
	one = MemoryContextAllocZero(TopMemoryContext,
								 offsetof(Seen, profile_id) + profile_size + body_size);
	one->server_id = options->server_id;
	one->mapping_id = options->mapping_id;
	one->user_id = options->user_id;
	one->entity = options->entity;
	one->start_hour = start_hour;
	one->end_hour = end_hour;
	one->records = (double) records;
	one->body = one->profile_id + profile_size;
	memcpy(one->profile_id, profile_id, profile_size);
	memcpy(one->body, body, body_size);
	dlist_push_head(&seen, &one->node);
	seen_count++;
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

/* An export that is looked for again is worth keeping. */
static Seen *
find_export(const ForeignOptions *options, const char *profile_id, const char *body)
{
	dlist_iter iter;

	dlist_foreach(iter, &seen)
	{
		Seen *one = dlist_container(Seen, node, iter.cur);

		if (is_about(one, options) && strcmp(one->profile_id, profile_id) == 0 &&
			strcmp(one->body, body) == 0)
		{
			dlist_move_head(&seen, &one->node);
			return one;
		}
	}
	return NULL;
}

static double
seen_of_exports(const ForeignOptions *options, const ExportQuery *query)
{
	char *body = amazon_request_body(options->entity, query);
	double records = 0;
	bool any = false;
	dlist_iter iter;

	for (int i = 0; i < query->profile_count; i++)
	{
		const Seen *one;

		CHECK_FOR_INTERRUPTS();
		one = find_export(options, query->profile_ids[i], body);
		if (one == NULL)
			return -1;
		records += one->records;
	}
	if (query->profile_count >= 0)
		return records;

	/* Which profiles there are is not known here: take those that were read. */
	dlist_foreach(iter, &seen)
	{
		const Seen *one = dlist_container(Seen, node, iter.cur);

		if (!is_about(one, options) || strcmp(one->body, body) != 0 ||
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
	dlist_foreach(iter, &seen)
	{
		const Seen *one = dlist_container(Seen, node, iter.cur);
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
	const Seen *one;

	if (query->nothing)
		return 0;
	if (options->entity->is_by_hours)
		return seen_of_hours(options, query);
	if (options->entity->kind != ENTITY_PROFILES)
		return seen_of_exports(options, query);
	one = find_export(options, "", "");
	return one != NULL ? one->records : -1;
}
