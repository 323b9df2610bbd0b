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
#include <time.h>

#include <json-c/json.h>

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

/* The member's string if it is one, else NULL. */
static const char *
string_member(json_object *object, const char *name)
{
	json_object *member;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, name, &member) ||
		!json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
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

/* The error text in a JSON body, in whichever dialect; NULL if there is none. */
static const char *
dialect_text(json_object *object)
{
	static const char *const names[] = { "message",           "details", "detail",
										 "error_description", "Message", "error" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *text = string_member(object, names[i]);

		if (text != NULL && text[0] != '\0')
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
		found = dialect_text(object);
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

bool
message_parse_token(const char *body, size_t length, TokenMessage *message)
{
	json_object *object = parse(body, length);
	json_object *member;
	bool ok = copy_exactly(string_member(object, "access_token"), message->access_token,
						   sizeof(message->access_token));

	message->expires_in = -1;
	if (ok && json_object_object_get_ex(object, "expires_in", &member) &&
		!json_object_is_type(member, json_type_null))
	{
		message->expires_in = json_object_get_int64(member);
		if (message->expires_in < 0 || message->expires_in > 366 * 24 * 3600)
			message->expires_in = -1;
	}
	json_object_put(object);
	return ok;
}

static ExportStatus
status_of_word(const char *word)
{
	static const char *const failed[] = { "FAILED", "FAILURE", "CANCELLED", "CANCELED" };

	if (strcmp(word, "COMPLETED") == 0)
		return EXPORT_STATUS_COMPLETED;
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++)
		if (strcmp(word, failed[i]) == 0)
			return EXPORT_STATUS_FAILED;
	return EXPORT_STATUS_RUNNING;
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
	message->file_size = -1;
	message->has_generated_at = false;
	message->took = -1;
	if (ok)
	{
		message_printable(word, strlen(word), message->status_word, sizeof(message->status_word));
		message->status = status_of_word(word);
		copy_exactly(string_member(object, "url"), message->url, sizeof(message->url));
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
		if (json_object_object_get_ex(object, "error", &member))
		{
			const char *text = dialect_text(member);
			const char *code = string_member(member, "errorCode");

			if (code != NULL)
				message_printable(code, strlen(code), message->error_code,
								  sizeof(message->error_code));
			if (text != NULL)
				message_printable(text, strlen(text), message->error_text,
								  sizeof(message->error_text));
		}
	}
	json_object_put(object);
	return ok;
}

/* The digits of a profile id, which the vendor sends as a number (maybe beyond 2^53). */
static bool
profile_id_of(json_object *profile, char *output, size_t output_size)
{
	json_object *member;
	const char *text;

	if (!json_object_is_type(profile, json_type_object) ||
		!json_object_object_get_ex(profile, "profileId", &member))
		return false;
	if (json_object_is_type(member, json_type_int))
	{
		if (json_object_get_int64(member) <= 0)
			return false;
		if (json_object_get_int64(member) < INT64_MAX)
			snprintf(output, output_size, "%lld", (long long) json_object_get_int64(member));
		else
			/* Either that number or a larger one that json-c keeps as unsigned. */
			snprintf(output, output_size, "%s", json_object_get_string(member));
		return true;
	}
	if (!json_object_is_type(member, json_type_string))
		return false;
	text = json_object_get_string(member);
	return text[strspn(text, "0123456789")] == '\0' && copy_exactly(text, output, output_size);
}

bool
message_parse_profiles(const char *body, size_t length, ProfileFound found, void *argument,
					   size_t *listed)
{
	json_object *list = parse(body, length);
	bool ok = json_object_is_type(list, json_type_array);

	*listed = ok ? json_object_array_length(list) : 0;
	for (size_t i = 0; ok && i < json_object_array_length(list); i++)
	{
		json_object *profile = json_object_array_get_idx(list, i);
		json_object *account = NULL;
		const char *type = NULL;
		char id[32];

		ok = profile_id_of(profile, id, sizeof(id));
		if (ok && json_object_object_get_ex(profile, "accountInfo", &account))
			type = string_member(account, "type");
		/* Agencies' (DSP) profiles have no exports. */
		if (ok && (type == NULL || strcmp(type, "agency") != 0))
			found(id, argument);
	}
	json_object_put(list);
	return ok;
}

bool
message_parse_time(const char *text, int64_t *microseconds)
{
	struct tm broken;
	int consumed = 0;
	int64_t fraction = 0;
	int64_t zone = 0;
	const char *rest;

	memset(&broken, 0, sizeof(broken));
	if (sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d%n", &broken.tm_year, &broken.tm_mon,
			   &broken.tm_mday, &broken.tm_hour, &broken.tm_min, &broken.tm_sec, &consumed) != 6 ||
		consumed == 0)
		return false;
	if (broken.tm_year < 1970 || broken.tm_mon < 1 || broken.tm_mon > 12 || broken.tm_mday < 1 ||
		broken.tm_mday > 31 || broken.tm_hour < 0 || broken.tm_hour > 23 || broken.tm_min < 0 ||
		broken.tm_min > 59 || broken.tm_sec < 0 || broken.tm_sec > 60)
		return false;
	rest = text + consumed;
	if (*rest == '.')
	{
		int64_t unit = 100000;

		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			fraction += (*rest - '0') * unit;
	}
	if (*rest == '+' || *rest == '-')
	{
		int hours;
		int minutes = 0;

		if (sscanf(rest + 1, "%2d:%2d", &hours, &minutes) < 1 || hours < 0 || minutes < 0)
			return false;
		zone = (hours * 60 + minutes) * 60 * (*rest == '-' ? -1 : 1);
	}
	else if (*rest != '\0' && strcmp(rest, "Z") != 0)
		return false;
	broken.tm_year -= 1900;
	broken.tm_mon -= 1;
	*microseconds = ((int64_t) timegm(&broken) - zone) * 1000000 + fraction;
	return true;
}
