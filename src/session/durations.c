/*-------------------------------------------------------------------------
 *
 * durations.c
 *		How long exports take, by what the vendor said of earlier ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "session/durations.h"
#include "utils/hsearch.h"

/* At most this many are remembered; then it begins anew, which costs a few status calls. */
#define MAX_DURATIONS 20000

/* Found by fingerprint: if two had the same, a status call would come at a bad time. */
typedef struct Duration
{
	uint64 fingerprint; /* of endpoint, entity and profile ("": any) */
	double milliseconds;
} Duration;

static HTAB *durations = NULL;

static uint64
fingerprint_of(const char *endpoint, const Entity *entity, const char *profile_id)
{
	const char *texts[] = { endpoint, entity->name, profile_id };
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

		memset(&control, 0, sizeof(control));
		control.keysize = sizeof(uint64);
		control.entrysize = sizeof(Duration);
		durations = hash_create("adsexport_fdw durations", 256, &control, HASH_ELEM | HASH_BLOBS);
	}
	return hash_search(durations, &fingerprint, action, found);
}

void
durations_note(const char *endpoint, const Entity *entity, const char *profile_id,
			   int64 milliseconds)
{
	Duration *duration;
	bool found;

	if (milliseconds < 0)
		return;
	if (durations != NULL && hash_get_num_entries(durations) >= MAX_DURATIONS)
		durations_forget();

	/* Of the profile: what it takes of late. */
	duration = find_duration(fingerprint_of(endpoint, entity, profile_id), HASH_ENTER, &found);
	if (found)
		duration->milliseconds += (milliseconds - duration->milliseconds) / 2;
	else
		duration->milliseconds = milliseconds;

	/* Of all: the shortest, slowly forgotten. */
	duration = find_duration(fingerprint_of(endpoint, entity, ""), HASH_ENTER, &found);
	if (!found || milliseconds < duration->milliseconds)
		duration->milliseconds = milliseconds;
	else
		duration->milliseconds += (milliseconds - duration->milliseconds) / 16;
}

int64
durations_expected(const char *endpoint, const Entity *entity, const char *profile_id, bool *own)
{
	Duration *duration;

	*own = false;
	if (durations == NULL)
		return -1;
	duration = find_duration(fingerprint_of(endpoint, entity, profile_id), HASH_FIND, NULL);
	*own = duration != NULL;
	if (duration == NULL)
		duration = find_duration(fingerprint_of(endpoint, entity, ""), HASH_FIND, NULL);
	return duration != NULL ? (int64) duration->milliseconds : -1;
}

void
durations_forget(void)
{
	if (durations != NULL)
		hash_destroy(durations);
	durations = NULL;
}
