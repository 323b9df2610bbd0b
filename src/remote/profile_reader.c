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

/* An entry has a few hundred bytes; one that is longer than the buffer is not a profile. */
#define BUFFER_SIZE PROFILE_READER_BUFFER

#define PATH_COUNT 3

struct ProfileReader
{
	ContentDecoder *decoder; /* NULL: the body is not encoded, or in an unknown way */
	JsonPaths *paths;
	JsonReader *json;
	int entry; /* slots of the paths */
	int profile_id;
	int account_type;
	JsonValue values[PATH_COUNT];
	bool complete; /* everything was fed */
	bool too_large;
	bool undecodable;
	size_t start; /* of what was fed and has not been read */
	size_t end;
	char data[BUFFER_SIZE + JSON_PADDING];
};

ProfileReader *
profile_reader_create(ContentCoding coding)
{
	ProfileReader *reader = calloc(1, sizeof(ProfileReader));
	bool encoded = coding == CODING_GZIP || coding == CODING_DEFLATE;

	if (reader == NULL)
		return NULL;
	if (encoded)
		reader->decoder = content_decoder_create(coding);
	if (!encoded || reader->decoder != NULL)
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
	content_decoder_free(reader->decoder);
	free(reader);
}

static size_t
copy(ProfileReader *reader, const char *data, size_t length, bool last)
{
	size_t taken = length < BUFFER_SIZE - reader->end ? length : BUFFER_SIZE - reader->end;

	if (taken > 0)
		memcpy(reader->data + reader->end, data, taken);
	reader->end += taken;
	reader->complete = last && taken == length;
	return taken;
}

static size_t
decode(ProfileReader *reader, const char *data, size_t length, bool last)
{
	StreamInput input = { (const unsigned char *) data, length, last };
	StreamStatus status = STREAM_DATA;
	uint64_t enough = content_decoder_work(reader->decoder) + STREAM_WORK;

	/* What comes out may be little: the caller looks at interrupts, and calls again. */
	while (status == STREAM_DATA && reader->end < BUFFER_SIZE &&
		   content_decoder_work(reader->decoder) < enough)
	{
		size_t produced;

		status = content_decoder_read(reader->decoder, &input,
									  (unsigned char *) reader->data + reader->end,
									  BUFFER_SIZE - reader->end, &produced);
		reader->end += produced;
	}
	reader->complete = status == STREAM_END;
	reader->undecodable = status == STREAM_ERROR;
	return length - input.available;
}

size_t
profile_reader_feed(ProfileReader *reader, const char *data, size_t length, bool last)
{
	size_t taken;

	reader->end -= reader->start;
	memmove(reader->data, reader->data + reader->start, reader->end);
	reader->start = 0;
	if (reader->decoder != NULL)
		taken = decode(reader, data, length, last);
	else
		taken = copy(reader, data, length, last);
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
profile_reader_next(ProfileReader *reader, ListedProfile *profile)
{
	size_t consumed = 0;
	StreamStatus status =
		json_reader_next(reader->json, reader->data + reader->start, reader->end - reader->start,
						 reader->complete, &consumed, reader->values);

	reader->start += consumed;
	if (status == STREAM_RECORD)
	{
		const JsonValue *type = &reader->values[reader->account_type];

		profile->id = id_of(&reader->values[reader->profile_id]);
		profile->is_agency = type->type == JSON_STRING && json_string_equals(type, "agency");
		profile->text = reader->values[reader->entry].start;
		profile->length = reader->values[reader->entry].length;
	}
	else if (status == STREAM_NEED_INPUT && reader->undecodable)
		return STREAM_ERROR;
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
	if (reader->undecodable)
		return content_decoder_error(reader->decoder)->message;
	return reader->too_large ? "an entry is too long" : json_reader_error(reader->json)->message;
}
