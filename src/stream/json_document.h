/*-------------------------------------------------------------------------
 *
 * json_document.h
 *		A small JSON text as a whole: the control messages of an API.
 *
 * The text is checked completely and copied once; values point into the copy.
 * Looking up a member takes time in proportion to the size of its object,
 * which is fine for messages of at most about 64 kB.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_DOCUMENT_H
#define ADSEXPORT_JSON_DOCUMENT_H

#include "stream/json.h"

typedef struct JsonDocument
{
	char *text; /* malloc'd, or NULL */
	JsonValue root;
} JsonDocument;

/*
 * False, and the root is missing, unless text is a single JSON value with
 * nothing but white space around it (or a byte order mark before it), and
 * memory suffices.  Close it either way; closing wipes the copy, which may
 * hold a token.
 */
extern bool json_document_open(JsonDocument *document, const char *text, size_t length);
extern void json_document_close(JsonDocument *document);

/*
 * The member of that name (of the last one, if there are several); its type is
 * JSON_MISSING if object is not an object or has no such member.
 */
extern JsonValue json_document_member(const JsonValue *object, const char *name);

/* The first element of an array, else JSON_MISSING. */
extern JsonValue json_document_first(const JsonValue *array);

/*
 * A string that is not empty, decoded and NUL-terminated: malloc'd, to be
 * freed with json_document_free_text, or NULL.  The policy is for escapes that
 * no text can hold.  Bytes that are not valid UTF-8 are accepted if nothing is
 * escaped: what is shown of a message has to be made printable anyway.
 */
extern char *json_document_text(const JsonValue *value, JsonTextPolicy policy);
extern void json_document_free_text(char *text);

/*
 * Copy a string that must fit and have no control character in it.
 * False, and an empty output, if it is anything else, or empty.
 */
extern bool json_document_copy(const JsonValue *value, char *output, size_t output_size);

#endif /* ADSEXPORT_JSON_DOCUMENT_H */
