/*-------------------------------------------------------------------------
 *
 * body_words.c
 *		Describing, in words, a body that is not what it should be.
 *
 *-------------------------------------------------------------------------
 */
#include "remote/body_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "remote/message.h"

/* At most this much of binary data is shown. */
#define SHOWN_BINARY 24

/* The longest text before the quoted words, with the quotes. */
#define AROUND 32

/* An HTML page is recognizable within this many bytes. */
#define HTML_WITHIN 1024

/* How the data of well-known formats begin. */
static const struct
{
	const char *beginning;
	size_t length;
	const char *words;
} formats[] = {
	{ "\x1f\x8b", 2, "gzip data" },
	{ "PK\x03\x04", 4, "a zip archive" },
	{ "PK\x05\x06", 4, "an empty zip archive" },
	{ "\x28\xb5\x2f\xfd", 4, "Zstandard data" },
	{ "BZh", 3, "bzip2 data" },
	{ "\xfd"
	  "7zXZ",
	  5, "xz data" },
	{ "PAR1", 4, "a Parquet file" },
	{ "%PDF", 4, "a PDF document" },
	{ "\xff\xfe", 2, "text in UTF-16" },
	{ "\xfe\xff", 2, "text in UTF-16" },
};

static bool
begins_with(const char *body, size_t length, const char *beginning)
{
	size_t wanted = strlen(beginning);

	return length >= wanted && strncasecmp(body, beginning, wanted) == 0;
}

/* Skip what may precede text: a byte order mark and white space. */
static void
skip_margin(const char **body, size_t *length)
{
	size_t start = begins_with(*body, *length, "\xef\xbb\xbf") ? 3 : 0;

	while (start < *length && (*body)[start] != '\0' && strchr(" \t\r\n", (*body)[start]) != NULL)
		start++;
	*body += start;
	*length -= start;
}

/* Is there a byte that no text has? */
static bool
is_binary(const char *body, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) body[i];

		if (byte == 0x7f ||
			(byte < 0x20 && (byte == '\0' || strchr("\t\n\v\f\r\x1b", byte) == NULL)))
			return true;
	}
	return false;
}

/* Also after a declaration of XML, or a comment. */
static bool
is_html(const char *body, size_t length)
{
	static const char *const beginnings[] = { "<!doctype html", "<html", "<head>", "<body",
											  "<title",         "<h1",   "<p>",    "<center>" };

	for (size_t place = 0; place < length && place < HTML_WITHIN; place++)
	{
		for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		{
			if (begins_with(body + place, length - place, beginnings[i]))
				return true;
		}
	}
	return false;
}

/* What comes before the words that are quoted from it. */
static const char *
kind_of_text(const char *body, size_t length)
{
	if (body[0] == '<')
		return is_html(body, length) ? "an HTML page titled" : "an XML document that says";
	if (body[0] == '{' || body[0] == '[')
		return "JSON that says";
	return "the text";
}

void
body_words(const char *body, size_t length, bool inflated, char *words, size_t words_size)
{
	char text[MESSAGE_MAX_TEXT];
	char shorter[MESSAGE_MAX_TEXT];

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		if (length >= formats[i].length &&
			memcmp(body, formats[i].beginning, formats[i].length) == 0)
		{
			/* The first is gzip. */
			snprintf(words, words_size, "%s%s", formats[i].words,
					 inflated && i == 0 ? " again: it is compressed twice" : "");
			return;
		}
	}
	skip_margin(&body, &length);
	if (length == 0)
	{
		snprintf(words, words_size, "nothing");
		return;
	}
	if (is_binary(body, length))
	{
		message_printable(body, length < SHOWN_BINARY ? length : SHOWN_BINARY, text, sizeof(text));
		snprintf(words, words_size, "binary data that begins \"%s\"", text);
		return;
	}
	message_error_text(body, length, text, sizeof(text));
	if (strcmp(text, MESSAGE_MARKUP) == 0 || text[0] == '\0')
		snprintf(words, words_size,
				 is_html(body, length) ? "an HTML page without a title" : "an XML document");
	else
	{
		/* Cut the quotation if it is too long, not what surrounds it. */
		message_printable(text, strlen(text), shorter, words_size - AROUND);
		snprintf(words, words_size, "%s \"%s\"", kind_of_text(body, length), shorter);
	}
}
