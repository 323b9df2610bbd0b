/*-------------------------------------------------------------------------
 *
 * json_path.h
 *		The syntax of paths: keys joined by dots, alternatives by bars.
 *
 * A key with a dot or a bar in it, or one that begins with a double quote, is
 * written in double quotes, inside which a double quote is doubled:
 * a."nested.key"."say ""hello""".  Only a quoted key can be empty.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_PATH_H
#define ADSEXPORT_JSON_PATH_H

#include "stream/stream.h"

/* A key as it is written, without the quotes around it. */
typedef struct JsonPathKey
{
	const char *start;
	size_t length;
	bool quoted;
} JsonPathKey;

/*
 * Read the key at *path, which is moved to what follows: a dot, a bar or the
 * end.  Returns NULL; or what is wrong, without a period, and *path is where.
 */
extern const char *json_path_next_key(const char **path, JsonPathKey *key);

/* The key itself: writes at most key->length bytes, and returns how many. */
extern size_t json_path_key_text(const JsonPathKey *key, char *output);

/* Where an alternative of a valid path ends. */
extern const char *json_path_alternative_end(const char *path);

/* Do both have the same keys, however they are written? Both must be valid. */
extern bool json_path_equal(const char *a, const char *b);

/* Does the first alternative of longer continue where that of shorter ends? */
extern bool json_path_leads_into(const char *longer, const char *shorter);

#endif /* ADSEXPORT_JSON_PATH_H */
