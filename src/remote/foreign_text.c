/*-------------------------------------------------------------------------
 *
 * foreign_text.c
 *		The one door for words that come from outside.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "compat.h"
#include "mb/pg_wchar.h"
#include "remote/body_words.h"
#include "remote/foreign_text.h"
#include "remote/redact.h"
#include "stream/printable.h"

/* Room for a character of any encoding. */
#define CHARACTER_SIZE 16

/* Does the database's encoding accept UTF-8 as it is? */
static bool
database_takes_utf8(void)
{
	return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

/*
 * A character of UTF-8 in the encoding of the database; 0 if there is none.
 * Before version 14 a conversion can only raise an error, so none is tried.
 */
static size_t
convert_character(const char *character, size_t length, char *output)
{
#ifdef COMPAT_ENCODING_CONVERSION_BUF
	Oid procedure = IsTransactionState() ? FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding())
										 : InvalidOid;

	if (OidIsValid(procedure) &&
		pg_do_encoding_conversion_buf(
			procedure, PG_UTF8, GetDatabaseEncoding(), (unsigned char *) character, (int) length,
			(unsigned char *) output, CHARACTER_SIZE, true) == (int) length)
		return strlen(output);
#endif
	return 0;
}

/*
 * Copy a text of printable UTF-8, with what the database has no character for
 * escaped; in the database's encoding, or still in UTF-8.  Cut where output is
 * full.
 */
static void
copy_for_database(const char *text, char *output, size_t size, bool keep_utf8)
{
	bool as_it_is = database_takes_utf8();
	size_t used = 0;

	while (*text != '\0')
	{
		char piece[Max(CHARACTER_SIZE, 4 * PRINTABLE_ESCAPE_LENGTH + 1)];
		size_t length = Max(printable_character((const unsigned char *) text, strlen(text)), 1);
		size_t piece_length = length;

		memcpy(piece, text, length);
		if (length > 1 && !as_it_is)
		{
			piece_length = convert_character(text, length, piece);
			if (piece_length == 0)
			{
				for (size_t i = 0; i < length; i++)
					piece_length +=
						sprintf(piece + piece_length, "\\x%02x", (unsigned char) text[i]);
			}
			else if (keep_utf8)
			{
				memcpy(piece, text, length);
				piece_length = length;
			}
		}
		if (used + piece_length >= size)
			break;
		memcpy(output + used, piece, piece_length);
		used += piece_length;
		text += length;
	}
	output[used] = '\0';
}

/* Redact what is printable already. */
static void
finish(char *printable, char *shown, size_t size, const ForeignOptions *options, const char *token)
{
	redact_secrets(printable, options, token);
	copy_for_database(printable, shown, size, false);
}

const char *
foreign_text(ForeignText *shown, const char *words, const ForeignOptions *options,
			 const char *token)
{
	foreign_name(shown->text, sizeof(shown->text), words, options, token);
	return shown->text;
}

const char *
foreign_body(ForeignText *shown, const char *body, size_t length, const ForeignOptions *options,
			 const char *token)
{
	char printable[MESSAGE_MAX_TEXT];

	message_error_text(body, length, printable, sizeof(printable));
	finish(printable, shown->text, sizeof(shown->text), options, token);
	return shown->text;
}

const char *
foreign_body_words(ForeignText *shown, const char *body, size_t length, bool inflated,
				   const ForeignOptions *options, const char *token)
{
	char printable[MESSAGE_MAX_TEXT];

	body_words(body, length, inflated, printable, sizeof(printable));
	finish(printable, shown->text, sizeof(shown->text), options, token);
	return shown->text;
}

void
foreign_name(char *shown, size_t size, const char *words, const ForeignOptions *options,
			 const char *token)
{
	char printable[MESSAGE_MAX_TEXT];

	message_printable(words, strlen(words), printable, sizeof(printable));
	finish(printable, shown, size, options, token);
}

void
foreign_message(char *message, const ForeignOptions *options)
{
	Assert(strlen(message) < MESSAGE_MAX_TEXT);
	redact_secrets(message, options, NULL);
}

char *
foreign_value(const char *words)
{
	size_t left = strlen(words);
	size_t size = PRINTABLE_ESCAPE_LENGTH * left + 1;
	char *printable = palloc(size);
	char *value = palloc(size);
	char *next = printable;

	while (left > 0)
	{
		char escaped[PRINTABLE_ESCAPE_LENGTH + 1];
		const char *piece;
		size_t piece_length;
		size_t done = printable_piece(words, left, escaped, &piece, &piece_length);

		memcpy(next, piece, piece_length);
		next += piece_length;
		words += done;
		left -= done;
	}
	*next = '\0';
	copy_for_database(printable, value, size, true);
	pfree(printable);
	return value;
}
