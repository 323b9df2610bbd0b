/*-------------------------------------------------------------------------
 *
 * json_path.c
 *		The syntax of paths: keys joined by dots, alternatives by bars.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "stream/json_path.h"

/* The closing quote of a key, or NULL. */
static const char *
find_closing_quote(const char *next)
{
	for (;; next += 2)
	{
		next = strchr(next, '"');
		if (next == NULL || next[1] != '"')
			return next;
	}
}

static const char *
next_quoted_key(const char **path, JsonPathKey *key)
{
	const char *end = find_closing_quote(*path + 1);

	if (end == NULL)
		return "A double quote is not closed";
	key->start = *path + 1;
	key->length = (size_t) (end - key->start);
	key->quoted = true;
	*path = end + 1;
	if (**path != '.' && **path != '|' && **path != '\0')
		return "A quoted key must be followed by a dot, a bar or nothing";
	return NULL;
}

const char *
json_path_next_key(const char **path, JsonPathKey *key)
{
	if (**path == '"')
		return next_quoted_key(path, key);
	key->start = *path;
	key->length = strcspn(*path, ".|");
	key->quoted = false;
	if (key->length == 0)
		return "A key is empty";
	*path += key->length;
	return NULL;
}

/* One character of a key; false at its end. */
static bool
next_character(const JsonPathKey *key, size_t *position, char *character)
{
	if (*position >= key->length)
		return false;
	*character = key->start[*position];
	*position += key->quoted && *character == '"' ? 2 : 1;
	return true;
}

size_t
json_path_key_text(const JsonPathKey *key, char *output)
{
	size_t position = 0;
	size_t length = 0;
	char character;

	while (next_character(key, &position, &character))
		output[length++] = character;
	return length;
}

static bool
keys_equal(const JsonPathKey *a, const JsonPathKey *b)
{
	size_t a_position = 0;
	size_t b_position = 0;

	for (;;)
	{
		char a_character;
		char b_character;
		bool a_goes_on = next_character(a, &a_position, &a_character);
		bool b_goes_on = next_character(b, &b_position, &b_character);

		if (!a_goes_on || !b_goes_on)
			return a_goes_on == b_goes_on;
		if (a_character != b_character)
			return false;
	}
}

const char *
json_path_alternative_end(const char *path)
{
	JsonPathKey key;

	while (json_path_next_key(&path, &key) == NULL && *path == '.')
		path++;
	return path;
}

/* A lone "$", which is the record, is no key of that name. */
static bool
is_record(const JsonPathKey *key)
{
	return !key->quoted && key->length == 1 && key->start[0] == '$';
}

/* Move both past the keys that they have in common; false if one differs. */
static bool
skip_common_keys(const char **a, const char **b)
{
	for (;;)
	{
		JsonPathKey a_key;
		JsonPathKey b_key;

		if (json_path_next_key(a, &a_key) != NULL || json_path_next_key(b, &b_key) != NULL ||
			!keys_equal(&a_key, &b_key) || is_record(&a_key) != is_record(&b_key))
			return false;
		if (**a != '.' || **b != '.')
			return true;
		(*a)++;
		(*b)++;
	}
}

bool
json_path_equal(const char *a, const char *b)
{
	while (skip_common_keys(&a, &b) && *a == *b)
	{
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
	return false;
}

bool
json_path_leads_into(const char *longer, const char *shorter)
{
	return skip_common_keys(&longer, &shorter) && *longer == '.' && *shorter != '.';
}
