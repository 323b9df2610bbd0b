/*-------------------------------------------------------------------------
 *
 * text.h
 *		JSON to text, varchar and json, in the encoding of the database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_TEXT_H
#define ADSEXPORT_TEXT_H

#include "row/value.h"

/*
 * Is this ASCII without a NUL?  Reads up to seven bytes after the text, which
 * JSON_PADDING allows.
 */
static inline bool
is_plain_ascii(const char *text, size_t length)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 high_bits = UINT64CONST(0x8080808080808080);
	const char *end = text + length;

	for (; end - text >= 8; text += 8)
	{
		uint64 word;

		memcpy(&word, text, sizeof(word));
		/* the high bit is set already, or borrowed by subtracting from zero */
		if ((word | (word - ones)) & high_bits)
			return false;
	}
	for (; text < end; text++)
	{
		if ((signed char) *text <= 0)
			return false;
	}
	return true;
}

/*
 * The content of a string in the server's encoding: in place if nothing needs
 * to be changed, else in the context's scratch memory until the next call.
 */
extern bool
text_from_string(ValueContext *context, const JsonValue *string, const char **text, size_t *length);

/* What a column of a text type shows: a string's content, else JSON text. */
extern bool
text_from_value(ValueContext *context, const JsonValue *json, const char **text, size_t *length);

extern ValueStatus convert_text(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_varchar(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_json(Converter *converter, const JsonValue *json, Datum *result);

#endif /* ADSEXPORT_TEXT_H */
