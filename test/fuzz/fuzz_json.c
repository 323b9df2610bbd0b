/*-------------------------------------------------------------------------
 *
 * fuzz_json.c
 *		Fuzz stream/json: in one piece and in many, its two variants against
 *		each other, and against json-c.
 *
 * The first byte chooses the framing and the wanted paths; the rest is text.
 *
 *-------------------------------------------------------------------------
 */
#include <json-c/json.h>
#include <math.h>

#include "check.h"
#include "fuzz.h"
#include "stream/json.h"

#define FUZZ_NAME(name) native_##name
#include "fuzz_json_walk.h"

extern void read_text_portably(const char *const *wanted, int wanted_count, JsonFraming framing,
							   const uint8_t *text, size_t length, Bytes *log);

/* What a path means in json-c's terms. */
static bool
find_by_json_c(json_object *object, const char *path, json_object **found)
{
	char key[100];
	size_t length = strcspn(path, ".");

	while (json_object_is_type(object, json_type_array) && json_object_array_length(object) > 0)
		object = json_object_array_get_idx(object, 0);
	if (!json_object_is_type(object, json_type_object))
		return false;
	memcpy(key, path, length);
	key[length] = '\0';
	if (!json_object_object_get_ex(object, key, found))
		return false;
	if (path[length] == '\0')
		return true;
	return find_by_json_c(*found, path + length + 1, found);
}

static void
compare_value(const JsonValue *value, json_object *object, int depth)
{
	char *text;
	size_t length;
	JsonCursor cursor;
	JsonValue key;
	JsonValue item;
	StreamError error;

	switch (json_object_get_type(object))
	{
		case json_type_null:
			EXPECT(value->type == JSON_NULL, "type %d", value->type);
			break;
		case json_type_boolean:
			EXPECT(value->type == (json_object_get_boolean(object) ? JSON_TRUE : JSON_FALSE),
				   "type %d", value->type);
			break;
		case json_type_int:
		case json_type_double:
			EXPECT(value->type == JSON_NUMBER, "type %d", value->type);
			/* json-c confines large integers to 64 bits. */
			if (value->length < 16)
			{
				char number[17] = "";
				double ours;
				double theirs = json_object_get_double(object);

				memcpy(number, value->start, value->length);
				ours = strtod(number, NULL);
				EXPECT(ours == theirs || fabs(ours - theirs) <= 1e-9 * fabs(ours), "%s is %g",
					   number, theirs);
			}
			break;
		case json_type_string:
			EXPECT(value->type == JSON_STRING, "type %d", value->type);
			text = malloc(json_string_decoded_size(value) + 1);
			EXPECT(json_string_decode(value, JSON_TEXT_ERROR, NULL, text, &length, &error), "%s",
				   error.message);
			EXPECT(length == (size_t) json_object_get_string_len(object) &&
					   memcmp(text, json_object_get_string(object), length) == 0,
				   "%.*s", (int) length, text);
			EXPECT(json_string_equals(value, json_object_get_string(object)), "not equal");
			free(text);
			break;
		case json_type_array:
			EXPECT(value->type == JSON_ARRAY, "type %d", value->type);
			if (depth > 20)
				break;
			length = 0;
			json_cursor_open(&cursor, value);
			while (json_cursor_next(&cursor, NULL, &item, &error))
			{
				EXPECT(length < json_object_array_length(object), "too many");
				compare_value(&item, json_object_array_get_idx(object, length++), depth + 1);
			}
			EXPECT(error.kind == STREAM_ERROR_NONE, "%s", error.message);
			EXPECT(length == json_object_array_length(object), "%zu", length);
			break;
		case json_type_object:
			EXPECT(value->type == JSON_OBJECT, "type %d", value->type);
			/* Only that each key is there; the last value of each is compared by path. */
			json_cursor_open(&cursor, value);
			while (json_cursor_next(&cursor, &key, &item, &error))
			{
				text = malloc(json_string_decoded_size(&key) + 1);
				EXPECT(json_string_decode(&key, JSON_TEXT_ERROR, NULL, text, &length, &error), "%s",
					   error.message);
				text[length] = '\0';
				EXPECT(json_object_object_get_ex(object, text, NULL), "%s is not there", text);
				free(text);
			}
			EXPECT(error.kind == STREAM_ERROR_NONE, "%s", error.message);
			break;
	}
}

/* Hold all records of a text against json-c, where it is valid text throughout. */
static void
compare_with_json_c(const char *const *wanted, int wanted_count, JsonFraming framing,
					const uint8_t *text, size_t length)
{
	JsonPaths *paths = json_paths_create();
	JsonReader *reader;
	JsonValue values[32];
	char *buffer = calloc(1, length + JSON_PADDING);
	char *copy = malloc(3 * length + 1);
	size_t position = 0;
	int record_slot;

	for (int i = 0; i < wanted_count; i++)
		json_paths_add(paths, wanted[i]);
	record_slot = json_paths_add(paths, "$");
	reader = json_reader_create(paths);
	json_reader_reset(reader, framing);
	memcpy(buffer, text, length);
	for (;;)
	{
		size_t consumed;
		size_t copy_length;
		const JsonValue *record = &values[record_slot];
		struct json_tokener *tokener;
		json_object *object;

		if (json_reader_next(reader, buffer + position, length - position, true, &consumed,
							 values) != STREAM_RECORD)
			break;
		position += consumed;
		if (!json_text_copy(record->start, record->length, JSON_TEXT_ERROR, NULL, copy,
							&copy_length, NULL))
		{
			/* What can be made text is valid, and stays as it is when it is copied once more. */
			char *valid = malloc(json_text_copied_size(record->start, record->length) + 1);
			size_t valid_length;

			if (json_text_copy(record->start, record->length, JSON_TEXT_REPLACE, NULL, valid,
							   &valid_length, NULL))
			{
				char *again = malloc(json_text_copied_size(valid, valid_length) + 1);

				EXPECT(json_text_copy(valid, valid_length, JSON_TEXT_ERROR, NULL, again,
									  &copy_length, NULL) &&
						   copy_length == valid_length && memcmp(again, valid, valid_length) == 0,
					   "%.*s is no text", (int) valid_length, valid);
				free(again);
			}
			free(valid);
			continue;
		}
		EXPECT(copy_length == record->length && memcmp(copy, record->start, copy_length) == 0,
			   "valid text was changed");

		tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 2);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
		object = json_tokener_parse_ex(tokener, record->start, (int) record->length);
		EXPECT(object != NULL, "json-c refuses %.*s: %s", (int) record->length, record->start,
			   json_tokener_error_desc(json_tokener_get_error(tokener)));
		for (int i = 0; i < wanted_count; i++)
		{
			json_object *found = NULL;

			if (find_by_json_c(object, wanted[i], &found))
			{
				EXPECT(values[i].type != JSON_MISSING, "%s is missing", wanted[i]);
				compare_value(&values[i], found, 0);
			}
			else
				EXPECT(values[i].type == JSON_MISSING, "%s is not missing", wanted[i]);
		}
		json_object_put(object);
		json_tokener_free(tokener);
	}
	free(buffer);
	free(copy);
	json_reader_free(reader);
	json_paths_free(paths);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const all_paths[] = { "a",
											 "b.c",
											 "a.b",
											 "bid.bid",
											 "a.b.c",
											 "\xc3\xa9",
											 "a_key_that_is_longer_than_32_bytes_by_far",
											 "targetDetails.keyword",
											 "b",
											 "a.a.a.a" };
	const char *wanted[16];
	int wanted_count = 0;
	JsonFraming framing;
	Bytes whole = { 0 };
	Bytes cut = { 0 };
	Bytes portable = { 0 };

	if (size < 2)
		return 0;
	fuzz_state = data[0] + size;
	framing = data[0] & 1 ? JSON_FRAMING_LINES : JSON_FRAMING_ARRAY;
	for (int i = 0; i < 10; i++)
		if ((data[0] >> (1 + i % 7)) & 1)
			wanted[wanted_count++] = all_paths[i];
	data++;
	size--;

	native_read_text(wanted, wanted_count, framing, data, size, false, &whole);
	native_read_text(wanted, wanted_count, framing, data, size, true, &cut);
	read_text_portably(wanted, wanted_count, framing, data, size, &portable);
	EXPECT(same_bytes(&whole, &portable), "native: %.*s\nportable: %.*s", (int) whole.length,
		   whole.data, (int) portable.length, portable.data);
	EXPECT(same_bytes(&whole, &cut), "whole: %.*s\nin pieces: %.*s", (int) whole.length, whole.data,
		   (int) cut.length, cut.data);
	compare_with_json_c(wanted, wanted_count, framing, data, size);
	free(whole.data);
	free(cut.data);
	free(portable.data);
	return 0;
}
