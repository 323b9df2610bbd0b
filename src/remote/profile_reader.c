/*-------------------------------------------------------------------------
 *
 * profile_reader.c
 *		Reads the answer of GET /v2/profiles as it arrives.
 *
 *-------------------------------------------------------------------------
 */
#include "remote/profile_reader.h"

#include <stdlib.h>
#include <string.h>

/* An entry has a few hundred bytes; one that is longer than this is not a profile. */
#define BUFFER_SIZE ((size_t) 256 * 1024)

#define PATH_COUNT 3

struct ProfileReader
{
	JsonPaths *paths;
	JsonReader *json;
	int entry; /* slots of the paths */
	int profile_id;
	int account_type;
	JsonValue values[PATH_COUNT];
	bool too_large;
	size_t start; /* of what was fed and has not been read */
	size_t end;
	char data[BUFFER_SIZE + JSON_PADDING];
};

ProfileReader *
profile_reader_create(void)
{
	ProfileReader *reader = calloc(1, sizeof(ProfileReader));

	if (reader == NULL)
		return NULL;
	reader->paths = json_paths_create();
	if (reader->paths != NULL)
	{
		reader->entry = json_paths_add(reader->paths, "$");
		reader->profile_id = json_paths_add(reader->paths, "profileId");
		reader->account_type = json_paths_add(reader->paths, "accountInfo.type");
		if (reader->entry >= 0 && reader->profile_id >= 0 && reader->account_type >= 0)
			reader->json = json_reader_create(reader->paths);
	}
	if (reader->json == NULL)
	{
		profile_reader_free(reader);
		return NULL;
	}
	json_reader_reset(reader->json, JSON_FRAMING_ARRAY);
	return reader;
}

void
profile_reader_free(ProfileReader *reader)
{
	if (reader == NULL)
		return;
	json_reader_free(reader->json);
	json_paths_free(reader->paths);
	free(reader);
}

size_t
profile_reader_feed(ProfileReader *reader, const char *data, size_t length)
{
	size_t taken;

	reader->end -= reader->start;
	memmove(reader->data, reader->data + reader->start, reader->end);
	reader->start = 0;
	taken = length < BUFFER_SIZE - reader->end ? length : BUFFER_SIZE - reader->end;
	memcpy(reader->data + reader->end, data, taken);
	reader->end += taken;
	memset(reader->data + reader->end, 0, JSON_PADDING);
	return taken;
}

/* An id is sent as a number (possibly beyond 2^53) or as a string of digits; 0 if it is neither. */
static uint64_t
id_of(const JsonValue *value)
{
	uint64_t id = 0;

	if ((value->type != JSON_NUMBER && value->type != JSON_STRING) || value->length == 0 ||
		value->start[0] == '0')
		return 0;
	for (uint32_t i = 0; i < value->length; i++)
	{
		unsigned digit = (unsigned char) (value->start[i] - '0');

		if (digit > 9 || id > (UINT64_MAX - digit) / 10)
			return 0;
		id = id * 10 + digit;
	}
	return id;
}

StreamStatus
profile_reader_next(ProfileReader *reader, bool last, ListedProfile *profile)
{
	size_t consumed = 0;
	StreamStatus status =
		json_reader_next(reader->json, reader->data + reader->start, reader->end - reader->start,
						 last, &consumed, reader->values);

	reader->start += consumed;
	if (status == STREAM_RECORD)
	{
		const JsonValue *type = &reader->values[reader->account_type];

		profile->id = id_of(&reader->values[reader->profile_id]);
		profile->is_agency = type->type == JSON_STRING && json_string_equals(type, "agency");
		profile->text = reader->values[reader->entry].start;
		profile->length = reader->values[reader->entry].length;
	}
	else if (status == STREAM_NEED_INPUT && reader->end - reader->start == BUFFER_SIZE)
	{
		reader->too_large = true;
		return STREAM_ERROR;
	}
	return status;
}

const char *
profile_reader_error(const ProfileReader *reader)
{
	return reader->too_large ? "an entry is too long" : json_reader_error(reader->json)->message;
}
