/*-------------------------------------------------------------------------
 *
 * problem.c
 *		What is wrong with a value, and memory for the next one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdarg.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "remote/foreign_text.h"
#include "row/interruptible.h"
#include "row/problem.h"
#include "stream/printable.h"

/* An input function may show all of a long value. */
#define SHOWN_MESSAGE_LENGTH (sizeof(((Problem *) NULL)->message) - sizeof("..."))

void
scratch_grow(Scratch *scratch, size_t size, size_t used)
{
	/* Doubling is for many small steps; what is large mostly comes in a single one. */
	size_t wanted = scratch->size + Min(scratch->size, 64 * SCRATCH_KEPT_SIZE);
	char *data;

	wanted = Max(Max(wanted, size), 1024);
	data = MemoryContextAllocHuge(scratch->context, wanted);
	interruptible_copy(data, scratch->data, used);
	if (scratch->data != NULL)
		pfree(scratch->data);
	scratch->data = data;
	scratch->size = wanted;
}

void
scratch_trim(Scratch *scratch)
{
	if (scratch->size > SCRATCH_KEPT_SIZE)
	{
		pfree(scratch->data);
		scratch->data = NULL;
		scratch->size = 0;
	}
}

/* Escape and shorten; true if there is more than that. */
static bool
escape_beginning(const char *text, size_t length, char *output)
{
	const unsigned char *next = (const unsigned char *) text;
	const unsigned char *end = next + length;
	size_t shown = 0;

	while (next < end)
	{
		char escaped[PRINTABLE_ESCAPE_LENGTH + 1];
		const char *piece;
		size_t piece_length;
		/* Other encodings share only ASCII with UTF-8. */
		size_t left = GetDatabaseEncoding() == PG_UTF8 ? end - next : 1;
		size_t character_length =
			printable_piece((const char *) next, left, escaped, &piece, &piece_length);

		if (shown + character_length > SHOWN_VALUE_LENGTH)
			break;
		memcpy(output, piece, piece_length);
		output += piece_length;
		next += character_length;
		shown += character_length;
	}
	*output = '\0';
	return next < end;
}

void
show_bytes(const ForeignOptions *options, const char *text, size_t length, char *output)
{
	bool cut = escape_beginning(text, length, output);

	foreign_message(output, options);
	if (cut)
		strcat(output, "...");
}

void
show_value(const ValueContext *context, const char *text, size_t length, char *output)
{
	if (context->only_counted)
		strcpy(output, "...");
	else
		show_bytes(context->options, text, length, output);
}

ValueStatus
problem_set(ValueContext *context, ProblemKind kind, int sqlstate, const char *format, ...)
{
	const int size = sizeof(context->problem.message);
	char *message = context->problem.message;
	va_list arguments;

	context->problem.kind = kind;
	context->problem.sqlstate = sqlstate;
	va_start(arguments, format);
	if (vsnprintf(message, size, format, arguments) >= size)
	{
		/* An input function may have shown all of a long value; do not leave half a character. */
		int kept = pg_mbcliplen(message, size - 1, size - 4);

		strcpy(message + kept, "...");
	}
	va_end(arguments);
	return VALUE_INVALID;
}

ValueStatus
problem_syntax(Converter *converter, const JsonValue *json)
{
	char shown[SHOWN_VALUE_SIZE];
	const char *type = format_type_be(converter->type);

	show_value(converter->context, json->start, json->length, shown);
	switch ((JsonType) json->type)
	{
		case JSON_ARRAY:
		case JSON_OBJECT:
			return problem_set(converter->context, PROBLEM_VALUE,
							   ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "a JSON %s is not a value of type %s: %s",
							   json->type == JSON_ARRAY ? "array" : "object", type, shown);
		default:
			return problem_set(converter->context, PROBLEM_VALUE,
							   ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "invalid input syntax for type %s: \"%s\"", type, shown);
	}
}

ValueStatus
problem_range(Converter *converter, const JsonValue *json)
{
	char shown[SHOWN_VALUE_SIZE];

	show_value(converter->context, json->start, json->length, shown);
	return problem_set(converter->context, PROBLEM_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
					   "value \"%s\" is out of range for type %s", shown,
					   format_type_with_typemod(converter->type, converter->typmod));
}

char *
printable_message(const char *message, const ForeignOptions *options)
{
	bool is_utf8 = GetDatabaseEncoding() == PG_UTF8;
	size_t left = strlen(message);
	char *printable = palloc(SHOWN_MESSAGE_LENGTH + sizeof("..."));
	size_t length = 0;

	while (left > 0)
	{
		char escaped[PRINTABLE_ESCAPE_LENGTH + 1];
		const char *piece = message;
		size_t piece_length = 1;
		size_t done = 1;

		/* It is in the encoding of the database already. */
		if (is_utf8 || !IS_HIGHBIT_SET(*message))
			done = printable_piece(message, is_utf8 ? left : 1, escaped, &piece, &piece_length);
		if (length + piece_length > SHOWN_MESSAGE_LENGTH)
			break;
		memcpy(printable + length, piece, piece_length);
		length += piece_length;
		message += done;
		left -= done;
	}
	/* Do not leave half a character. */
	if (left > 0)
		length = pg_mbcliplen(printable, length, length);
	printable[length] = '\0';
	foreign_message(printable, options);
	if (left > 0)
		strcat(printable, "...");
	return printable;
}

void
problem_from_error(ValueContext *context, const ErrorData *error)
{
	char *message = context->only_counted ? pstrdup("...")
										  : printable_message(error->message, context->options);

	problem_set(context, PROBLEM_VALUE, error->sqlerrcode, "%s", message);
	pfree(message);
}

bool
is_value_error(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
			return true;
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
			return sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE;
		default:
			return false;
	}
}

bool
run_protected(ValueContext *context, void (*function)(void *argument), void *argument)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool succeeded = true;

	if (IsInParallelMode())
	{
		function(argument);
		return true;
	}

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		function(argument);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(memory);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(memory);
		CurrentResourceOwner = owner;
		if (!is_value_error(error->sqlerrcode))
			ReThrowError(error);
		problem_from_error(context, error);
		FreeErrorData(error);
		succeeded = false;
	}
	PG_END_TRY();
	return succeeded;
}
