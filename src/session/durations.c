/*-------------------------------------------------------------------------
 *
 * durations.c
 *		How long exports take, judging by earlier ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "session/durations.h"
#include "session/seeded_hash.h"
#include "session/shared_table.h"
#include "utils/hsearch.h"

/* At most this many are remembered; then all are forgotten, which costs a few status calls. */
#define MAX_DURATIONS 20000

/* Looked up by fingerprint; a collision only mistimes a status call. */
typedef struct Duration
{
	uint64 fingerprint; /* of endpoint, entity, filter and profile ("": any) */
	double milliseconds;
} Duration;

/* In shared memory a value is the milliseconds alone. */
static SharedTable shared;
static HTAB *durations = NULL;

/* For the profile: what its exports have taken lately. */
static double
averaged(double known, double milliseconds)
{
	return known + (milliseconds - known) / 2;
}

/* For all profiles: the shortest, slowly forgotten. */
static double
shortest(double known, double milliseconds)
{
	return milliseconds < known ? milliseconds : known + (milliseconds - known) / 16;
}

/*-------------------------------------------------------------------------
 * Shared
 *-------------------------------------------------------------------------
 */

static SharedKey
shared_key_of(const char *endpoint, const Entity *entity, const char *body)
{
	SharedKey key = shared_key_begin();

	key = shared_key_of_text(&key, endpoint);
	key = shared_key_of_text(&key, entity->name);
	return shared_key_of_text(&key, body);
}

/* With the lock held. */
static void
note_shared(const SharedKey *key, double milliseconds, double (*join)(double, double))
{
	bool found;
	double *value = shared_table_enter(&shared, key, &found);

	if (value != NULL)
		*value = found ? join(*value, milliseconds) : milliseconds;
}

static void
note_in_shared_memory(const char *endpoint, const Entity *entity, const char *body,
					  const char *profile_id, double milliseconds)
{
	SharedKey of_any = shared_key_of(endpoint, entity, body);
	SharedKey of_profile = shared_key_of_text(&of_any, profile_id);

	shared_table_lock(&shared, LW_EXCLUSIVE);
	note_shared(&of_profile, milliseconds, averaged);
	note_shared(&of_any, milliseconds, shortest);
	shared_table_unlock(&shared);
}

static int64
expected_by_shared_memory(const char *endpoint, const Entity *entity, const char *body,
						  const char *profile_id, bool *own)
{
	SharedKey of_any = shared_key_of(endpoint, entity, body);
	SharedKey of_profile = shared_key_of_text(&of_any, profile_id);
	const double *value;
	int64 milliseconds;

	shared_table_lock(&shared, LW_SHARED);
	value = shared_table_find(&shared, &of_profile);
	*own = value != NULL;
	if (value == NULL)
		value = shared_table_find(&shared, &of_any);
	milliseconds = value != NULL ? (int64) *value : -1;
	shared_table_unlock(&shared);
	return milliseconds;
}

/*-------------------------------------------------------------------------
 * This session's
 *-------------------------------------------------------------------------
 */

static uint64
fingerprint_of(const char *endpoint, const Entity *entity, const char *body, const char *profile_id)
{
	const char *texts[] = { endpoint, entity->name, body, profile_id };
	uint64 fingerprint = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
		fingerprint =
			hash_bytes_extended((const unsigned char *) texts[i], strlen(texts[i]), fingerprint);
	return fingerprint;
}

static Duration *
find_duration(uint64 fingerprint, HASHACTION action, bool *found)
{
	if (durations == NULL)
	{
		HASHCTL control;

		seeded_hash_prepare();
		memset(&control, 0, sizeof(control));
		control.keysize = sizeof(uint64);
		control.entrysize = sizeof(Duration);
		control.hash = seeded_hash;
		durations =
			hash_create("adsexport_fdw durations", 256, &control, HASH_ELEM | HASH_FUNCTION);
	}
	return hash_search(durations, &fingerprint, action, found);
}

static void
note_in_session(uint64 fingerprint, double milliseconds, double (*join)(double, double))
{
	bool found;
	Duration *duration = find_duration(fingerprint, HASH_ENTER, &found);

	duration->milliseconds = found ? join(duration->milliseconds, milliseconds) : milliseconds;
}

void
durations_note(const char *endpoint, const Entity *entity, const char *body, const char *profile_id,
			   int64 milliseconds)
{
	if (milliseconds < 0)
		return;
	if (shared_table_open(&shared, SHARED_DURATIONS, sizeof(double)))
	{
		note_in_shared_memory(endpoint, entity, body, profile_id, milliseconds);
		return;
	}
	if (durations != NULL && hash_get_num_entries(durations) >= MAX_DURATIONS)
		durations_forget();
	note_in_session(fingerprint_of(endpoint, entity, body, profile_id), milliseconds, averaged);
	note_in_session(fingerprint_of(endpoint, entity, body, ""), milliseconds, shortest);
}

int64
durations_expected(const char *endpoint, const Entity *entity, const char *body,
				   const char *profile_id, bool *own)
{
	Duration *duration;

	*own = false;
	if (shared_table_open(&shared, SHARED_DURATIONS, sizeof(double)))
		return expected_by_shared_memory(endpoint, entity, body, profile_id, own);
	if (durations == NULL)
		return -1;
	duration = find_duration(fingerprint_of(endpoint, entity, body, profile_id), HASH_FIND, NULL);
	*own = duration != NULL;
	if (duration == NULL)
		duration = find_duration(fingerprint_of(endpoint, entity, body, ""), HASH_FIND, NULL);
	return duration != NULL ? (int64) duration->milliseconds : -1;
}

void
durations_forget(void)
{
	if (durations != NULL)
		hash_destroy(durations);
	durations = NULL;
}
