/*-------------------------------------------------------------------------
 *
 * body_words.h
 *		Describing, in words, a body that is not what it should be.
 *
 * Plain C, no PostgreSQL header.  The result is foreign text: foreign_text.h
 * has the same for messages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_BODY_WORDS_H
#define ADSEXPORT_BODY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * From its first bytes (a few kB are enough): "an HTML page titled \"...\"",
 * "JSON that says \"...\"", "a zip archive".  At most MESSAGE_MAX_TEXT - 1
 * bytes, no markup, nothing that cannot be printed.  words_size is at least 64
 * and at most MESSAGE_MAX_TEXT.  inflated: they came out of gzip data.
 */
extern void
body_words(const char *body, size_t length, bool inflated, char *words, size_t words_size);

#endif /* ADSEXPORT_BODY_WORDS_H */
