/*-------------------------------------------------------------------------
 *
 * message.c
 *		The small messages of the APIs: tokens, export status, errors.
 *
 *-------------------------------------------------------------------------
 */
#include "remote/message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stream/iso_time.h"
#include "stream/json_document.h"
#include "stream/printable.h"

#define MAX_TEXT 512

/*-------------------------------------------------------------------------
 * Text for people
 *-------------------------------------------------------------------------
 */

/*
 * Copy at most MAX_TEXT bytes; what cannot be printed becomes \xNN, and white
 * space a single space.
 */
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

/* Does the body begin like markup, after any white space? */
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
 * The error text in a JSON value, in any of the dialects; NULL if there is
 * none. The APIs say message, details, detail or error_description, some with
 * a capital; exports that failed have also been seen with failureReason and
 * statusDetails.  Any of these, error and errors[] may hold an error in turn.
 */
static JsonValue
dialect_text(const JsonValue *value, int wrapped)
{
	static const char *const names[] = { "message",      "details",       "detail",
										 "description",  "reason",        "error_description",
										 "errorMessage", "failureReason", "statusDetails",
										 "statusReason", "Message",       "error",
										 "errors" };
	JsonValue none = { 0 };

	if (value->type == JSON_STRING && value->length > 0)
		return *value;
	if (wrapped > MAX_WRAPPED)
		return none;
	if (value->type == JSON_ARRAY)
	{
		JsonValue first = json_document_first(value);

		return dialect_text(&first, wrapped + 1);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		JsonValue member = json_document_member(value, names[i]);
		JsonValue text = dialect_text(&member, wrapped + 1);

		if (text.type != JSON_MISSING)
			return text;
	}
	return none;
}

/* Write a string for people; nothing if memory is short. */
static void
print_string(const JsonValue *value, char *output, size_t output_size)
{
	char *text = json_document_text(value, JSON_TEXT_REPLACE);

	output[0] = '\0';
	if (text != NULL)
		message_printable(text, strlen(text), output, output_size);
	json_document_free_text(text);
}

/* Login with Amazon sends a code for the error in addition to a sentence. */
static void
print_dialect(const JsonValue *object, const JsonValue *text, char *output, size_t output_size)
{
	JsonValue word = json_document_member(object, "error");
	char printed_word[104];
	char printed_text[MESSAGE_MAX_TEXT];
	char both[sizeof(printed_word) + sizeof(printed_text) + 2];

	print_string(text, printed_text, sizeof(printed_text));
	print_string(&word, printed_word, sizeof(printed_word));
	if (printed_word[0] == '\0' || word.start == text->start)
		snprintf(output, output_size, "%s", printed_text);
	else
	{
		snprintf(both, sizeof(both), "%s: %s", printed_word, printed_text);
		message_printable(both, strlen(both), output, output_size);
	}
}

void
message_error_text(const char *body, size_t length, char *text, size_t text_size)
{
	JsonDocument document;
	JsonValue found_text = { 0 };
	const char *found = NULL;
	size_t found_length = 0;

	text[0] = '\0';
	if (body == NULL || length == 0)
		return;
	if (is_markup(body, length))
	{
		/* S3 sends <Error><Code>..</Code><Message>..</Message>; a page has a title. */
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
	(void) json_document_open(&document, body, length);
	if (document.root.type == JSON_OBJECT)
		found_text = dialect_text(&document.root, 0);
	if (found_text.type != JSON_MISSING)
		print_dialect(&document.root, &found_text, text, text_size);
	if (text[0] == '\0')
		message_printable(body, length, text, text_size);
	json_document_close(&document);
}

/*-------------------------------------------------------------------------
 * The messages
 *-------------------------------------------------------------------------
 */

/* A number, sent as such or as a string of its digits; NaN if it is neither. */
static double
number_of(const JsonValue *value)
{
	char text[64];
	char *end;
	double number;

	if ((value->type != JSON_NUMBER && value->type != JSON_STRING) ||
		value->length >= sizeof(text) || value->length == 0)
		return NAN;
	memcpy(text, value->start, value->length);
	text[value->length] = '\0';
	number = strtod(text, &end);
	return *end == '\0' ? number : NAN;
}

/* Seconds; -1 if not given. */
static int64_t
lifetime_member(const JsonValue *object)
{
	const int64_t longest = (int64_t) 366 * 24 * 3600;
	JsonValue member = json_document_member(object, "expires_in");
	double seconds = number_of(&member);

	if (isnan(seconds))
		return -1;
	if (seconds < 0)
		return 0;
	return seconds > (double) longest ? longest : (int64_t) seconds;
}

/* The errors of RFC 6749 (section 5.2) for which a retry is pointless. */
static bool
is_refusal(const JsonValue *word)
{
	static const char *const words[] = { "invalid_request",        "invalid_client",
										 "invalid_grant",          "unauthorized_client",
										 "unsupported_grant_type", "invalid_scope" };

	for (size_t i = 0; word->type == JSON_STRING && i < sizeof(words) / sizeof(words[0]); i++)
		if (json_string_equals(word, words[i]))
			return true;
	return false;
}

bool
message_parse_token(const char *body, size_t length, TokenMessage *message)
{
	JsonDocument document;
	JsonValue token;
	bool ok;

	(void) json_document_open(&document, body, length);
	token = json_document_member(&document.root, "access_token");
	ok = json_document_copy(&token, message->access_token, sizeof(message->access_token));
	message->expires_in = ok ? lifetime_member(&document.root) : -1;
	message->error_text[0] = '\0';
	message->refused = false;
	/* A body with a token that cannot be used is not shown. */
	if (!ok && document.root.type == JSON_OBJECT && token.type == JSON_MISSING)
	{
		JsonValue text = dialect_text(&document.root, 0);
		JsonValue word = json_document_member(&document.root, "error");

		if (text.type != JSON_MISSING)
			print_dialect(&document.root, &text, message->error_text, sizeof(message->error_text));
		message->refused = is_refusal(&word);
	}
	json_document_close(&document);
	return ok;
}

/* For an unknown word, has_link decides. */
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
copy_link(const JsonValue *object, char *url, size_t url_size)
{
	JsonValue member = json_document_member(object, "url");

	url[0] = '\0';
	if (member.type == JSON_MISSING || member.type == JSON_NULL ||
		(member.type == JSON_STRING && member.length == 0))
		return LINK_ABSENT;
	if (json_document_copy(&member, url, url_size))
		return LINK_PRESENT;
	return member.type == JSON_STRING && member.length >= url_size ? LINK_TOO_LONG : LINK_MALFORMED;
}

/*
 * Why an export failed.  The documented form is an object error with errorCode
 * and message, but others have been seen, so any dialect is looked for, first
 * in there.
 */
static void
copy_failure(const JsonValue *object, StatusMessage *message)
{
	JsonValue error = json_document_member(object, "error");
	JsonValue text = dialect_text(&error, 0);
	JsonValue code = json_document_member(&error, "errorCode");

	if (text.type == JSON_MISSING)
		text = dialect_text(object, 0);
	print_string(&text, message->error_text, sizeof(message->error_text));
	if (code.type != JSON_STRING)
		code = json_document_member(object, "errorCode");
	if (code.type != JSON_STRING)
		code = json_document_member(&error, "code");
	print_string(&code, message->error_code, sizeof(message->error_code));
}

/* A member that is a time. */
static bool
time_member(const JsonValue *object, const char *name, int64_t *microseconds)
{
	JsonValue member = json_document_member(object, name);
	char text[64];

	return json_document_copy(&member, text, sizeof(text)) &&
		   message_parse_time(text, microseconds);
}

static void
read_status(const JsonValue *object, const JsonValue *word, StatusMessage *message)
{
	JsonValue size = json_document_member(object, "fileSize");
	double bytes = size.type == JSON_NUMBER ? number_of(&size) : NAN;
	int64_t created;

	print_string(word, message->status_word, sizeof(message->status_word));
	message->link = copy_link(object, message->url, sizeof(message->url));
	message->status = status_of_word(message->status_word, message->link != LINK_ABSENT);
	/* Up to 2^53 a double is exact; no file is that large. */
	if (bytes >= 0 && bytes <= 9007199254740992.0)
		message->file_size = (int64_t) bytes;
	message->has_generated_at = time_member(object, "generatedAt", &message->generated_at);
	if (message->has_generated_at && time_member(object, "createdAt", &created) &&
		created <= message->generated_at)
		message->took = (message->generated_at - created) / 1000;
	if (message->status == EXPORT_STATUS_FAILED)
		copy_failure(object, message);
}

bool
message_parse_status(const char *body, size_t length, StatusMessage *message)
{
	JsonDocument document;
	JsonValue id;
	JsonValue word;
	bool ok;

	(void) json_document_open(&document, body, length);
	id = json_document_member(&document.root, "exportId");
	word = json_document_member(&document.root, "status");
	ok = json_document_copy(&id, message->export_id, sizeof(message->export_id)) &&
		 word.type == JSON_STRING;
	message->url[0] = message->status_word[0] = '\0';
	message->error_code[0] = message->error_text[0] = '\0';
	message->link = LINK_ABSENT;
	message->file_size = -1;
	message->has_generated_at = false;
	message->took = -1;
	if (ok)
		read_status(&document.root, &word, message);
	json_document_close(&document);
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

	/* A date alone is not a time. */
	if (length < to_fraction - 1 || length >= sizeof(time))
		return false;
	/* Drop the nanoseconds. */
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
