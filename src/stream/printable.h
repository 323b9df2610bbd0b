/*-------------------------------------------------------------------------
 *
 * printable.h
 *		Which characters of foreign text may be shown as they are.
 *
 * What is invisible, or changes how the text around it looks (controls, marks
 * that reverse the direction, line separators), is escaped in messages, in the
 * log, and in columns that show a server's names for things.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PRINTABLE_H
#define ADSEXPORT_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An escaped byte: \xNN */
#define PRINTABLE_ESCAPE_LENGTH 4

/* Controls, formatting characters and noncharacters of Unicode. */
__attribute__((unused)) static bool
is_unseen_character(uint32_t code)
{
	static const struct
	{
		uint32_t first;
		uint32_t last;
	} unseen[] = { { 0x0, 0x1f },        { 0x7f, 0x9f },       { 0xad, 0xad },
				   { 0x600, 0x605 },     { 0x61c, 0x61c },     { 0x6dd, 0x6dd },
				   { 0x70f, 0x70f },     { 0x890, 0x891 },     { 0x8e2, 0x8e2 },
				   { 0x180e, 0x180e },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
				   { 0x2060, 0x206f },   { 0xd800, 0xdfff },   { 0xfdd0, 0xfdef },
				   { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },   { 0x110bd, 0x110bd },
				   { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
				   { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff } };

	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
	{
		if (code >= unseen[i].first && code <= unseen[i].last)
			return true;
	}
	return (code & 0xfffe) == 0xfffe;
}

/* Length of the UTF-8 character at text, or 0 if it is not one that may be shown. */
__attribute__((unused)) static size_t
printable_character(const unsigned char *text, size_t length)
{
	static const struct
	{
		unsigned char mask;
		unsigned char lead;
		uint32_t smallest;
	} forms[] = {
		{ 0x80, 0x00, 0x20 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};

	for (size_t size = 1; size <= 4; size++)
	{
		uint32_t code;

		if ((text[0] & forms[size - 1].mask) != forms[size - 1].lead)
			continue;
		if (size > length)
			return 0;
		code = text[0] & (unsigned char) ~forms[size - 1].mask;
		for (size_t i = 1; i < size; i++)
		{
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (text[i] & 0x3f);
		}
		if (code < forms[size - 1].smallest || code > 0x10ffff || is_unseen_character(code))
			return 0;
		return size;
	}
	return 0;
}

/*
 * The piece to show of a text at that place: a character, or its first byte
 * escaped in escaped.  Returns how many bytes of the text that is.
 */
__attribute__((unused)) static size_t
printable_piece(const char *text, size_t length, char escaped[PRINTABLE_ESCAPE_LENGTH + 1],
				const char **piece, size_t *piece_length)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char byte = (unsigned char) text[0];
	size_t size = printable_character((const unsigned char *) text, length);

	*piece = text;
	*piece_length = size;
	if (size > 0)
		return size;
	escaped[0] = '\\';
	escaped[1] = 'x';
	escaped[2] = digits[byte >> 4];
	escaped[3] = digits[byte & 0xf];
	escaped[4] = '\0';
	*piece = escaped;
	*piece_length = PRINTABLE_ESCAPE_LENGTH;
	return 1;
}

#endif /* ADSEXPORT_PRINTABLE_H */
