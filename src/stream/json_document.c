/*-------------------------------------------------------------------------
 *
 * json_document.c
 *		A small JSON text as a whole: the control messages of an API.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/json_document.h"

#include <stdlib.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static JsonType
type_of(char first)
{
	switch (first)
	{
		case '{':
			return JSON_OBJECT;
		case '[':
			return JSON_ARRAY;
		case '"':
			return JSON_STRING;
		case 't':
			return JSON_TRUE;
		case 'f':
			return JSON_FALSE;
		case 'n':
			return JSON_NULL;
		default:
			return JSON_NUMBER;
	}
}

bool
json_document_open(JsonDocument *document, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	StreamError error;

	memset(document, 0, sizeof(*document));
	if (text == NULL)
		return false;
	if (length >= 3 && memcmp(text, mark, 3) == 0)
	{
		text += 3;
		length -= 3;
	}
	while (length > 0 && is_blank(text[0]))
	{
		text++;
		length--;
	}
	while (length > 0 && is_blank(text[length - 1]))
		length--;
	if (length == 0 || length > JSON_MAX_RECORD)
		return false;
	document->text = malloc(length + JSON_PADDING);
	if (document->text == NULL)
		return false;
	memcpy(document->text, text, length);
	memset(document->text + length, 0, JSON_PADDING);
	if (!json_validate(document->text, length, &error))
	{
		json_document_close(document);
		return false;
	}
	document->root.start = document->text;
	document->root.length = (uint32_t) length;
	document->root.type = type_of(document->text[0]);
	if (document->root.type == JSON_STRING)
	{
		document->root.start++;
		document->root.length -= 2;
		document->root.escaped = true; /* perhaps; decoding will find out */
	}
	return true;
}

void
json_document_close(JsonDocument *document)
{
	json_document_free_text(document->text);
	memset(document, 0, sizeof(*document));
}

JsonValue
json_document_member(const JsonValue *object, const char *name)
{
	JsonValue found = { 0 };
	JsonCursor cursor;
	JsonValue key;
	JsonValue value;

	if (object->type != JSON_OBJECT || !json_cursor_open(&cursor, object))
		return found;
	while (json_cursor_next(&cursor, &key, &value, NULL))
		if (json_string_equals(&key, name))
			found = value;
	return found;
}

JsonValue
json_document_first(const JsonValue *array)
{
	JsonValue first = { 0 };
	JsonCursor cursor;
	JsonValue value;

	if (array->type == JSON_ARRAY && json_cursor_open(&cursor, array) &&
		json_cursor_next(&cursor, NULL, &value, NULL))
		first = value;
	return first;
}

char *
json_document_text(const JsonValue *value, JsonTextPolicy policy)
{
	StreamError error;
	size_t length = 0;
	char *text;

	if (value->type != JSON_STRING || value->length == 0)
		return NULL;
	text = malloc(json_string_decoded_size(value) + 1);
	if (text == NULL)
		return NULL;
	/* It is its own text, whatever the bytes are. */
	if (!value->escaped)
	{
		memcpy(text, value->start, value->length);
		text[value->length] = '\0';
		return text;
	}
	if (!json_string_decode(value, policy, NULL, text, &length, &error))
	{
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

void
json_document_free_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

bool
json_document_copy(const JsonValue *value, char *output, size_t output_size)
{
	char *text = json_document_text(value, JSON_TEXT_ERROR);
	size_t length = text != NULL ? strlen(text) : 0;
	bool fits = length > 0 && length < output_size;

	for (size_t i = 0; fits && i < length; i++)
		fits = (unsigned char) text[i] >= 0x20 && text[i] != 0x7f;
	memcpy(output, fits ? text : "", fits ? length + 1 : 1);
	json_document_free_text(text);
	return fits;
}
