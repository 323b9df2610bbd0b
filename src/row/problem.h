/*-------------------------------------------------------------------------
 *
 * problem.h
 *		What is wrong with a value, and memory for the next one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PROBLEM_H
#define ADSEXPORT_PROBLEM_H

#include "row/value.h"

/*
 * At least size bytes; keeps the first used bytes of what was there.  Raises
 * an error when memory is short.
 */
extern void scratch_grow(Scratch *scratch, size_t size, size_t used);

/* Free it if it is larger than SCRATCH_KEPT_SIZE. */
extern void scratch_trim(Scratch *scratch);

static inline char *
scratch_reserve(Scratch *scratch, size_t size)
{
	if (size > scratch->size)
		scratch_grow(scratch, size, 0);
	return scratch->data;
}

/* Likewise, keeping the first used bytes. */
static inline char *
scratch_extend(Scratch *scratch, size_t size, size_t used)
{
	if (size > scratch->size)
		scratch_grow(scratch, size, used);
	return scratch->data;
}

/* At most this many bytes of a value are shown. */
#define SHOWN_VALUE_LENGTH 64

/*
 * Escape and shorten bytes of unknown content for a message, in the server's
 * encoding, without the secrets in options; output needs SHOWN_VALUE_SIZE
 * bytes.
 */
#define SHOWN_VALUE_SIZE (SHOWN_VALUE_LENGTH * 4 + 4)
extern void
show_bytes(const ForeignOptions *options, const char *text, size_t length, char *output);

/*
 * Likewise for a problem.  To look for secrets takes long, compared with a
 * value, so that is only done where it will be shown.
 */
extern void show_value(const ValueContext *context, const char *text, size_t length, char *output);

/*
 * A message of the server, which may show a value as it arrived, made
 * printable, shortened, and without the secrets; palloc'd.
 */
extern char *printable_message(const char *message, const ForeignOptions *options);

/* All of these return VALUE_INVALID. */
extern ValueStatus problem_syntax(Converter *converter, const JsonValue *json);
extern ValueStatus problem_range(Converter *converter, const JsonValue *json);
extern ValueStatus problem_set(ValueContext *context, ProblemKind kind, int sqlstate,
							   const char *format, ...) pg_attribute_printf(4, 5);

/* Of an error that was caught. */
extern void problem_from_error(ValueContext *context, const ErrorData *error);

/*
 * Call function(argument) so that an error it raises is caught; then returns
 * false, with the error in the context's problem.  This takes a
 * subtransaction, which a parallel operation does not allow: there the error
 * propagates.
 */
extern bool run_protected(ValueContext *context, void (*function)(void *argument), void *argument);

/*
 * Is an error that was raised while a value was converted about the value, or
 * about the state of the server?  About the value are errors of data and
 * constraints, those of input functions that look something up, such as
 * regclass's, and values that are too large; a missing permission is not the
 * value's fault.
 */
extern bool is_value_error(int sqlstate);

#endif /* ADSEXPORT_PROBLEM_H */
