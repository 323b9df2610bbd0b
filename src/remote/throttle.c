/*-------------------------------------------------------------------------
 *
 * throttle.c
 *		What a server's 429 to one call means for other calls of its kind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "net/reactor.h"
#include "remote/answer.h"
#include "remote/jitter.h"
#include "remote/throttle.h"

void (*throttle_observer)(const ForeignOptions *options) = NULL;

/* At most this many limits are remembered; the one met longest ago is dropped first. */
#define MAX_LIMITS 64

/* After this many 429s in a row the interval is at its longest. */
#define MAX_LEVEL 10

typedef struct Throttle
{
	uint64 key; /* 0: unused */
	ApiCall call;
	int level;         /* 429s less other answers; 0: not throttled */
	bool probing;      /* a call began at the last due time, and has not been answered yet */
	int64 due;         /* the next call must not begin before */
	int64 last_change; /* of any of these */
} Throttle;

static Throttle limits[MAX_LIMITS];

static uint64
hash_text(const char *text, uint64 seed)
{
	return text == NULL
			   ? seed
			   : hash_bytes_extended((const unsigned char *) text, (int) strlen(text), seed);
}

/*
 * Whose limit is it?  Each kind of export has its own.  (Should two have the
 * same hash, they wait for each other.)
 */
static uint64
key_of(ApiCall call, const ForeignOptions *options)
{
	uint64 key = (uint64) call + 1;

	if (call == CALL_REQUEST && options->entity != NULL)
		key += ((uint64) options->entity->kind + 1) << 8;
	key = hash_text(call == CALL_TOKEN ? options->token_endpoint : options->endpoint, key);
	key = hash_text(options->client_id, key);
	key = hash_text(options->api_key, key);
	return key != 0 ? key : 1;
}

static Throttle *
find_limit(ApiCall call, const ForeignOptions *options)
{
	uint64 key = key_of(call, options);

	for (int i = 0; i < MAX_LIMITS; i++)
	{
		if (limits[i].key == key)
			return &limits[i];
	}
	return NULL;
}

static Throttle *
make_limit(ApiCall call, const ForeignOptions *options)
{
	Throttle *oldest = &limits[0];

	for (int i = 1; i < MAX_LIMITS; i++)
	{
		if (limits[i].last_change < oldest->last_change)
			oldest = &limits[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->key = key_of(call, options);
	oldest->call = call;
	return oldest;
}

/* The time between two calls at this level. */
static int64
distance(const Throttle *limit)
{
	return policy_backoff(limit->call, ACTION_THROTTLED, limit->level - 1, random_fraction());
}

int64
throttle_due(ApiCall call, const ForeignOptions *options, int64 now)
{
	const Throttle *limit = find_limit(call, options);

	return limit != NULL && limit->level > 0 ? limit->due : now;
}

void
throttle_begin(ApiCall call, const ForeignOptions *options, int64 now)
{
	Throttle *limit = find_limit(call, options);

	if (limit == NULL || limit->level == 0)
		return;
	limit->due = now + distance(limit);
	limit->probing = true;
	limit->last_change = now;
}

void
throttle_end(ApiCall call, const ForeignOptions *options, int64 now, int64 due)
{
	Throttle *limit = find_limit(call, options);

	if (due == REACTOR_NEVER)
	{
		if (limit == NULL || limit->level == 0)
			return;
		limit->level--;
		limit->probing = false;
		if (limit->level > 0)
			limit->due = Min(limit->due, now + distance(limit));
		limit->last_change = now;
		return;
	}
	if (limit == NULL)
		limit = make_limit(call, options);
	/* The due time from when the limit was last met no longer means anything. */
	if (limit->level == 0)
		limit->due = due;
	/* Several calls that were in progress together met the limit once. */
	if (limit->level == 0 || limit->probing)
		limit->level = Min(limit->level + 1, MAX_LEVEL);
	limit->probing = false;
	limit->due = Max(limit->due, due);
	limit->last_change = now;
}

void
throttle_give_up(ApiCall call, const ForeignOptions *options)
{
	Throttle *limit = find_limit(call, options);

	if (limit != NULL)
		limit->level = 0;
}

void
throttle_forget_all(void)
{
	memset(limits, 0, sizeof(limits));
}
