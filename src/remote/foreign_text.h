/*-------------------------------------------------------------------------
 *
 * foreign_text.h
 *		The one door for words that come from outside.
 *
 * Whatever a server sent (or a library says, which may quote it) goes through
 * here before it is shown in an error, a notice, the log or a function: it is
 * cut to 512 bytes, what cannot be printed is escaped, our secrets and the
 * signatures of links are replaced by asterisks, and the result is in the
 * encoding of the database.  What goes into a column is only escaped, because
 * it is data (foreign_value).  Unless said otherwise, nothing is allocated or
 * raised.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FOREIGN_TEXT_H
#define ADSEXPORT_FOREIGN_TEXT_H

#include "postgres.h"

#include "option/foreign_options.h"
#include "remote/message.h"

/* Words that may be shown. */
typedef struct ForeignText
{
	char text[MESSAGE_MAX_TEXT];
} ForeignText;

/*
 * Each of these fills shown and returns its text.  token is the access token
 * that was sent to the server, to be redacted like the secrets in options, or
 * NULL.
 */
extern const char *foreign_text(ForeignText *shown, const char *words,
								const ForeignOptions *options, const char *token);

/* What an error's body says: see message_error_text. */
extern const char *foreign_body(ForeignText *shown, const char *body, size_t length,
								const ForeignOptions *options, const char *token);

/* What a body is that is not what was asked for: see body_words. */
extern const char *
foreign_body_words(ForeignText *shown, const char *body, size_t length, bool inflated,
				   const ForeignOptions *options, const char *token);

/* Like foreign_text, but cut to a buffer of another size. */
extern void foreign_name(char *shown, size_t size, const char *words, const ForeignOptions *options,
						 const char *token);

/*
 * For a message that repeats what came from outside, printable already and in
 * the encoding of the database: our secrets and signatures in it are replaced,
 * in place.  It has fewer than MESSAGE_MAX_TEXT bytes.
 */
extern void foreign_message(char *message, const ForeignOptions *options);

/*
 * For a column: what a server calls something, in full and with its white
 * space, as far as it can be printed; neither cut nor redacted.  Palloc'd.
 */
extern char *foreign_value(const char *words);

#endif /* ADSEXPORT_FOREIGN_TEXT_H */
