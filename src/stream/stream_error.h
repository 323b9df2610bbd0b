/*-------------------------------------------------------------------------
 *
 * stream_error.h
 *		Composing the message of a StreamError (inside stream/ only).
 *
 * Messages may quote bytes of the input; they are escaped here, so that a
 * message is always printable ASCII.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_STREAM_ERROR_H
#define ADSEXPORT_STREAM_ERROR_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stream/stream.h"

/* The text of a constant, for a message. */
#define STRING_OF(constant) STRING_OF_TOKENS(constant)
#define STRING_OF_TOKENS(tokens) #tokens

/* Set an error. error may be NULL if the caller wants no message. */
__attribute__((format(printf, 4, 5), unused, cold)) static void
stream_error_set(StreamError *error, StreamErrorKind kind, uint64_t offset, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return;
	error->kind = kind;
	error->offset = offset;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
}

__attribute__((unused)) static void
stream_error_clear(StreamError *error)
{
	if (error == NULL)
		return;
	error->kind = STREAM_ERROR_NONE;
	error->offset = 0;
	error->message[0] = '\0';
}

/*
 * Write bytes to output (NUL terminated, never more than output_size with the
 * NUL), with everything that is not printable ASCII as \xNN and quotes and
 * backslashes escaped by a backslash.  What does not fit is cut, as three dots
 * at the end show.  Returns output.
 */
__attribute__((unused, cold)) static const char *
stream_escape(char *output, size_t output_size, const void *bytes, size_t length)
{
	const unsigned char *next = bytes;
	size_t used = 0;

	for (size_t i = 0; i < length; i++)
	{
		char piece[8];
		size_t piece_length;

		if (next[i] == '"' || next[i] == '\\')
			piece_length = (size_t) snprintf(piece, sizeof(piece), "\\%c", next[i]);
		else if (next[i] >= 0x20 && next[i] < 0x7f)
			piece_length = (size_t) snprintf(piece, sizeof(piece), "%c", next[i]);
		else
			piece_length = (size_t) snprintf(piece, sizeof(piece), "\\x%02x", next[i]);

		/* Keep room for the three dots, unless this is the last byte. */
		if (used + piece_length + (i + 1 < length ? 3 : 0) + 1 > output_size)
		{
			memcpy(output + used, "...", 3);
			used += 3;
			break;
		}
		memcpy(output + used, piece, piece_length);
		used += piece_length;
	}
	output[used] = '\0';
	return output;
}

#endif /* ADSEXPORT_STREAM_ERROR_H */
