/*-------------------------------------------------------------------------
 *
 * message.c
 *		The small messages of the APIs: tokens, export status, errors.
 *
 *-------------------------------------------------------------------------
 */
#include "export/message.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "stream/iso_time.h"
#include "stream/printable.h"

#define MAX_TEXT 512
#define MAX_DEPTH 32

/*
 * The JSON value in body, to be put back with json_object_put, or NULL.  Only
 * white space may follow it.
 */
static json_object *
parse(const char *body, size_t length)
{
	json_tokener *tokener;
	json_object *object;

	if (body == NULL || length > INT_MAX)
		return NULL;
	tokener = json_tokener_new_ex(MAX_DEPTH);
	if (tokener == NULL)
		return NULL;
	object = json_tokener_parse_ex(tokener, body, (int) length);
	for (size_t rest = (size_t) tokener->char_offset; object != NULL && rest < length; rest++)
	{
		if (body[rest] == '\0' || strchr(" \t\r\n", body[rest]) == NULL)
		{
			json_object_put(object);
			object = NULL;
		}
	}
	json_tokener_free(tokener);
	return object;
}

/* The member's string if it is one, without a NUL inside; else NULL. */
static const char *
string_member(json_object *object, const char *name)
{
	json_object *member;
	const char *text;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, name, &member) ||
		!json_object_is_type(member, json_type_string))
		return NULL;
	text = json_object_get_string(member);
	return strlen(text) == (size_t) json_object_get_string_len(member) ? text : NULL;
}

/* Copy a string that must fit and hold no NUL or control character. */
static bool
copy_exactly(const char *value, char *output, size_t output_size)
{
	size_t length = value != NULL ? strlen(value) : 0;

	output[0] = '\0';
	if (length == 0 || length >= output_size)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char) value[i] < 0x20 || value[i] == 0x7f)
			return false;
	memcpy(output, value, length + 1);
	return true;
}

/*-------------------------------------------------------------------------
 * Text for people
 *-------------------------------------------------------------------------
 */

/* Copy at most MAX_TEXT bytes; what can't be printed becomes \xNN, white space one space. */
void
message_printable(const char *input, size_t length, char *output, size_t output_size)
{
	size_t used = 0;
	size_t limit = output_size - 1 < MAX_TEXT ? output_size - 1 : MAX_TEXT;

	for (size_t i = 0; i < length;)
	{
		char escaped[PRINTABLE_ESCAPE_LENGTH + 1];
		const char *piece;
		size_t piece_length;
		size_t size = printable_piece(input + i, length - i, escaped, &piece, &piece_length);

		if (strchr(" \t\r\n", input[i]) != NULL && input[i] != '\0')
		{
			size = 1;
			piece = " ";
			piece_length = used > 0 && output[used - 1] != ' ' ? 1 : 0;
		}
		if (used + piece_length > limit)
			break;
		memcpy(output + used, piece, piece_length);
		used += piece_length;
		i += size;
	}
	while (used > 0 && output[used - 1] == ' ')
		used--;
	output[used] = '\0';
}

/* The text between <tag ...> and </tag>, letter case ignored; NULL if there is none. */
static const char *
element_text(const char *body, size_t length, const char *tag, size_t *text_length)
{
	size_t tag_length = strlen(tag);

	for (size_t i = 0; i + tag_length + 2 <= length; i++)
	{
		size_t start;

		if (body[i] != '<' || strncasecmp(body + i + 1, tag, tag_length) != 0)
			continue;
		start = i + 1 + tag_length;
		if (body[start] != '>' && strchr(" \t\r\n", body[start]) == NULL)
			continue;
		while (start < length && body[start] != '>')
			start++;
		start++;
		for (size_t end = start; end < length; end++)
		{
			if (body[end] == '<')
			{
				*text_length = end - start;
				return body + start;
			}
		}
		return NULL;
	}
	return NULL;
}

/* Does the body begin like markup, after white space? */
static bool
is_markup(const char *body, size_t length)
{
	size_t start = 0;

	while (start < length && strchr(" \t\r\n", body[start]) != NULL && body[start] != '\0')
		start++;
	return start < length && body[start] == '<';
}

/* Errors are wrapped in errors at most this often. */
#define MAX_WRAPPED 3

/*
 * The error text in a JSON value, in whichever dialect; NULL if there is none.
 * The APIs say message, details, detail or error_description, some with a
 * capital; exports that failed have also been seen with failureReason and
 * statusDetails.  Any of these, error and errors[] may hold an error in turn.
 */
static const char *
dialect_text(json_object *value, int wrapped)
{
	static const char *const names[] = { "message",      "details",       "detail",
										 "description",  "reason",        "error_description",
										 "errorMessage", "failureReason", "statusDetails",
										 "statusReason", "Message",       "error",
										 "errors" };
	json_object *member;

	if (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) > 0)
		return json_object_get_string(value);
	if (wrapped > MAX_WRAPPED)
		return NULL;
	if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0)
		return dialect_text(json_object_array_get_idx(value, 0), wrapped + 1);
	if (!json_object_is_type(value, json_type_object))
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *text;

		if (!json_object_object_get_ex(value, names[i], &member))
			continue;
		text = dialect_text(member, wrapped + 1);
		if (text != NULL)
			return text;
	}
	return NULL;
}

/* Login with Amazon has a word for the error beside its sentence. */
static void
copy_dialect(json_object *object, const char *text, char *output, size_t output_size)
{
	const char *word = string_member(object, "error");
	char both[2 * MAX_TEXT];

	if (word == NULL || word == text || word[0] == '\0')
		message_printable(text, strlen(text), output, output_size);
	else
	{
		snprintf(both, sizeof(both), "%.100s: %s", word, text);
		message_printable(both, strlen(both), output, output_size);
	}
}

void
message_error_text(const char *body, size_t length, char *text, size_t text_size)
{
	json_object *object;
	const char *found = NULL;
	size_t found_length = 0;

	text[0] = '\0';
	if (body == NULL || length == 0)
		return;
	if (is_markup(body, length))
	{
		/* S3 says <Error><Code>..</Code><Message>..</Message>; a page has a title. */
		found = element_text(body, length, "Message", &found_length);
		if (found == NULL)
			found = element_text(body, length, "title", &found_length);
		if (found == NULL)
			found = element_text(body, length, "h1", &found_length);
		if (found != NULL)
			message_printable(found, found_length, text, text_size);
		else
			message_printable(MESSAGE_MARKUP, strlen(MESSAGE_MARKUP), text, text_size);
		return;
	}
	object = parse(body, length);
	if (json_object_is_type(object, json_type_object))
		found = dialect_text(object, 0);
	if (found != NULL)
		copy_dialect(object, found, text, text_size);
	else
		message_printable(body, length, text, text_size);
	json_object_put(object);
}

/*-------------------------------------------------------------------------
 * The messages
 *-------------------------------------------------------------------------
 */

/* Seconds, sent as a number or as its digits; -1 if it is neither. */
static int64_t
lifetime_member(json_object *object)
{
	const int64_t longest = 366 * 24 * 3600;
	json_object *member;
	double seconds;
	char *end;

	if (!json_object_object_get_ex(object, "expires_in", &member) ||
		json_object_is_type(member, json_type_null))
		return -1;
	seconds = strtod(json_object_get_string(member), &end);
	if (*end != '\0' || end == json_object_get_string(member) || seconds != seconds)
		return -1;
	if (seconds < 0)
		return 0;
	return seconds > (double) longest ? longest : (int64_t) seconds;
}

/* The errors of RFC 6749 (section 5.2) that asking again does not change. */
static bool
is_refusal(const char *word)
{
	static const char *const words[] = { "invalid_request",        "invalid_client",
										 "invalid_grant",          "unauthorized_client",
										 "unsupported_grant_type", "invalid_scope" };

	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

bool
message_parse_token(const char *body, size_t length, TokenMessage *message)
{
	json_object *object = parse(body, length);
	bool ok = copy_exactly(string_member(object, "access_token"), message->access_token,
						   sizeof(message->access_token));
	const char *text;

	message->expires_in = ok ? lifetime_member(object) : -1;
	message->error_text[0] = '\0';
	message->refused = false;
	/* What holds a token that can't be used is not shown. */
	if (!ok && json_object_is_type(object, json_type_object) &&
		!json_object_object_get_ex(object, "access_token", NULL))
	{
		text = dialect_text(object, 0);
		if (text != NULL)
			copy_dialect(object, text, message->error_text, sizeof(message->error_text));
		message->refused = is_refusal(string_member(object, "error"));
	}
	json_object_put(object);
	return ok;
}

/* has_link settles what a word means that is not known. */
static ExportStatus
status_of_word(const char *word, bool has_link)
{
	static const char *const running[] = { "IN_PROGRESS", "PROCESSING" };
	static const char *const failed[] = { "FAILED", "FAILURE", "CANCELLED", "CANCELED" };

	if (strcmp(word, "COMPLETED") == 0)
		return EXPORT_STATUS_COMPLETED;
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++)
		if (strcmp(word, failed[i]) == 0)
			return EXPORT_STATUS_FAILED;
	for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++)
		if (strcmp(word, running[i]) == 0)
			return EXPORT_STATUS_RUNNING;
	return has_link ? EXPORT_STATUS_COMPLETED : EXPORT_STATUS_RUNNING;
}

static LinkState
copy_link(json_object *object, char *url, size_t url_size)
{
	json_object *member;
	const char *text;

	url[0] = '\0';
	if (!json_object_object_get_ex(object, "url", &member) ||
		json_object_is_type(member, json_type_null))
		return LINK_ABSENT;
	text = string_member(object, "url");
	if (text == NULL)
		return LINK_MALFORMED;
	if (text[0] == '\0')
		return LINK_ABSENT;
	if (strlen(text) >= url_size)
		return LINK_TOO_LONG;
	return copy_exactly(text, url, url_size) ? LINK_PRESENT : LINK_MALFORMED;
}

/*
 * Why an export failed.  The documented form is an object error with errorCode
 * and message; others have been seen, so any dialect is looked for, there
 * first.
 */
static void
copy_failure(json_object *object, StatusMessage *message)
{
	json_object *error = NULL;
	const char *text = NULL;
	const char *code;

	if (json_object_object_get_ex(object, "error", &error))
		text = dialect_text(error, 0);
	if (text == NULL)
		text = dialect_text(object, 0);
	if (text != NULL)
		message_printable(text, strlen(text), message->error_text, sizeof(message->error_text));
	code = string_member(error, "errorCode");
	if (code == NULL)
		code = string_member(object, "errorCode");
	if (code == NULL)
		code = string_member(error, "code");
	if (code != NULL)
		message_printable(code, strlen(code), message->error_code, sizeof(message->error_code));
}

bool
message_parse_status(const char *body, size_t length, StatusMessage *message)
{
	json_object *object = parse(body, length);
	json_object *member;
	const char *word = string_member(object, "status");
	const char *generated_at;
	const char *created_at;
	int64_t created;
	bool ok = copy_exactly(string_member(object, "exportId"), message->export_id,
						   sizeof(message->export_id)) &&
			  word != NULL;

	message->url[0] = message->error_code[0] = message->error_text[0] = '\0';
	message->link = LINK_ABSENT;
	message->file_size = -1;
	message->has_generated_at = false;
	message->took = -1;
	if (ok)
	{
		message_printable(word, strlen(word), message->status_word, sizeof(message->status_word));
		message->link = copy_link(object, message->url, sizeof(message->url));
		message->status = status_of_word(word, message->link != LINK_ABSENT);
		if (json_object_object_get_ex(object, "fileSize", &member) &&
			(json_object_is_type(member, json_type_int) ||
			 json_object_is_type(member, json_type_double)))
			message->file_size = json_object_get_int64(member);
		generated_at = string_member(object, "generatedAt");
		message->has_generated_at =
			generated_at != NULL && message_parse_time(generated_at, &message->generated_at);
		created_at = string_member(object, "createdAt");
		if (message->has_generated_at && created_at != NULL &&
			message_parse_time(created_at, &created) && created <= message->generated_at)
			message->took = (message->generated_at - created) / 1000;
		if (message->status == EXPORT_STATUS_FAILED)
			copy_failure(object, message);
	}
	json_object_put(object);
	return ok;
}

bool
message_parse_time(const char *text, int64_t *microseconds)
{
	const size_t to_fraction = strlen("YYYY-MM-DDTHH:MM:SS.");
	size_t length = strlen(text);
	char time[64];
	size_t kept;
	size_t rest;

	/* A date alone is the time of nothing. */
	if (length < to_fraction - 1 || length >= sizeof(time))
		return false;
	/* Nanoseconds are more than is needed. */
	kept = rest = to_fraction - 1;
	if (text[kept] == '.')
	{
		rest = to_fraction + strspn(text + to_fraction, "0123456789");
		kept = rest - to_fraction > 6 ? to_fraction + 6 : rest;
	}
	memcpy(time, text, kept);
	memcpy(time + kept, text + rest, length - rest);
	if (!iso_time_read(time, kept + length - rest, microseconds))
		return false;
	*microseconds += ISO_TIME_EPOCH_DAYS * INT64_C(86400) * 1000000;
	return true;
}
