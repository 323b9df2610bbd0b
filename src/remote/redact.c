/*-------------------------------------------------------------------------
 *
 * redact.c
 *		Removing our secrets from text that came from outside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "compat.h"
#include "net/url.h"
#include "option/option.h"
#include "remote/message.h"
#include "remote/redact.h"

/* A shorter one would blot out ordinary words, and reveals little. */
#define SHORTEST_SECRET 4

/*
 * Replace each occurrence of secret with asterisks of the same length; also
 * its beginning at the very end of the text, which may have been cut there.
 */
static void
redact(char *text, const char *secret)
{
	size_t length = strlen(secret);
	size_t text_length = strlen(text);

	if (length < SHORTEST_SECRET)
		return;
	for (char *found = strstr(text, secret); found != NULL; found = strstr(found + length, secret))
		memset(found, '*', length);
	for (size_t part = Min(length - 1, text_length); part >= SHORTEST_SECRET; part--)
	{
		if (memcmp(text + text_length - part, secret, part) == 0)
		{
			memset(text + text_length - part, '*', part);
			break;
		}
	}
}

/* The secret as it is, and as it is encoded in a form. */
static void
redact_forms(char *text, const char *secret)
{
	char beginning[MESSAGE_MAX_TEXT];
	char encoded[3 * MESSAGE_MAX_TEXT];

	if (secret == NULL)
		return;
	/* Texts are no longer than that. */
	strlcpy(beginning, secret, sizeof(beginning));
	redact(text, beginning);
	if (url_encode(beginning, encoded, sizeof(encoded)))
		redact(text, encoded);
	explicit_bzero(beginning, sizeof(beginning));
	explicit_bzero(encoded, sizeof(encoded));
}

/* Basic authentication sends the two as one word. */
static void
redact_basic(char *text, const char *user, const char *password)
{
	char pair[MESSAGE_MAX_TEXT];
	char encoded[2 * MESSAGE_MAX_TEXT];
	int length;

	if (user == NULL || password == NULL)
		return;
	snprintf(pair, sizeof(pair), "%s:%s", user, password);
	length = pg_b64_encode((const void *) pair, (int) strlen(pair), encoded, sizeof(encoded) - 1);
	if (length > 0)
	{
		encoded[length] = '\0';
		redact_forms(text, encoded);
	}
	explicit_bzero(pair, sizeof(pair));
	explicit_bzero(encoded, sizeof(encoded));
}

/* Shorter pieces of a secret are ordinary words, or reveal little. */
#define SHORTEST_PIECE 10

/*
 * Replace what a text has in common with a secret. A server may repeat it in
 * one of many spellings (escapes of JSON, HTML and URLs), or in part; what is
 * between the characters that are spelled differently is the same in all of
 * them.
 */
static void
redact_pieces(char *text, const char *secret)
{
	if (secret == NULL)
		return;
	while (*text != '\0')
	{
		size_t longest = 0;

		for (const char *start = secret; *start != '\0'; start++)
		{
			size_t length = 0;

			while (text[length] != '\0' && text[length] == start[length])
				length++;
			longest = Max(longest, length);
		}
		if (longest >= SHORTEST_PIECE)
			memset(text, '*', longest);
		text += Max(longest >= SHORTEST_PIECE ? longest : 1, 1);
	}
}

/*
 * The queries of links, which may be signed, wherever a server repeats them,
 * with or without the link.
 */
static void
redact_links(char *text)
{
	for (char *found = text; *found != '\0'; found++)
	{
		if (*found != '?' && pg_strncasecmp(found, "x-amz-", strlen("x-amz-")) != 0)
			continue;
		/* The beginning of XML is not a link. */
		if (found > text && pg_strncasecmp(found - 1, "<?xml ", strlen("<?xml ")) == 0)
			continue;
		if (*found == '?')
			found++;
		for (; *found != '\0' && strchr(" \"'<>", *found) == NULL; found++)
			*found = '*';
		if (*found == '\0')
			break;
	}
}

void
redact_secrets(char *text, const ForeignOptions *options, const char *token)
{
	redact_links(text);
	redact_forms(text, token);
	redact_pieces(text, token);
	redact_basic(text, options->api_key, options->secret_key);
	redact_basic(text, options->proxy_user, options->proxy_password);
	for (int i = 0; option_at(i) != NULL; i++)
	{
		if (option_at(i)->secret)
		{
			redact_forms(text, option_string(option_at(i), options));
			redact_pieces(text, option_string(option_at(i), options));
		}
	}
}
