/*-------------------------------------------------------------------------
 *
 * failure.c
 *		Why an export cannot be had: noted where it happens, raised where it is
 *		needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "option/restore.h"
#include "remote/failure.h"

static void format_words(char *output, size_t size, const char *format, va_list arguments)
	pg_attribute_printf(3, 0);

/* Like vsnprintf, but never cuts within a character. */
static void
format_words(char *output, size_t size, const char *format, va_list arguments)
{
	if (vsnprintf(output, size, format, arguments) >= (int) size)
		output[pg_mbcliplen(output, (int) size - 1, (int) size - 1)] = '\0';
}

void
subject_set(Subject *subject, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	format_words(subject->text, sizeof(subject->text), format, arguments);
	va_end(arguments);
}

void
failure_set(Failure *failure, int sqlstate, const char *task, const char *reason, ...)
{
	va_list arguments;

	memset(failure, 0, sizeof(*failure));
	failure->sqlstate = sqlstate;
	strlcpy(failure->task, task, sizeof(failure->task));
	va_start(arguments, reason);
	format_words(failure->reason, sizeof(failure->reason), reason, arguments);
	va_end(arguments);
}

void
failure_add_detail(Failure *failure, const char *format, ...)
{
	size_t used = strlen(failure->detail);
	va_list arguments;

	if (used > 0 && used + 2 < sizeof(failure->detail))
		failure->detail[used++] = ' ';
	va_start(arguments, format);
	format_words(failure->detail + used, sizeof(failure->detail) - used, format, arguments);
	va_end(arguments);
}

void
failure_set_hint(Failure *failure, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	format_words(failure->hint, sizeof(failure->hint), format, arguments);
	va_end(arguments);
}

void
failure_summary(const Failure *failure, char *text, size_t size)
{
	/* For a network error the words are in the detail, after the subject. */
	const char *words =
		strncmp(failure->reason, "network error", 13) == 0 ? strstr(failure->detail, ": ") : NULL;

	snprintf(text, size, "could not %s: %s", failure->task,
			 words != NULL ? words + 2 : failure->reason);
	size = pg_mbcliplen(text, strlen(text), size - 1);
	while (size > 0 && text[size - 1] == '.')
		size--;
	text[size] = '\0';
}

char *
failure_text(const Failure *failure)
{
	return psprintf("%s%s%s", failure->reason, failure->detail[0] != '\0' ? ": " : "",
					failure->detail);
}

void
failure_raise(const Failure *failure, const char *table_name)
{
	const char *hint = with_restore_hint(failure->hint);

	/* A user who cancelled should be told that, and not its consequence. */
	CHECK_FOR_INTERRUPTS();
	ereport(ERROR, (errcode(failure->sqlstate),
					errmsg("could not %s for foreign table \"%s\": %s", failure->task, table_name,
						   failure->reason),
					failure->detail[0] != '\0' ? errdetail_internal("%s", failure->detail) : 0,
					hint[0] != '\0' ? errhint("%s", hint) : 0));
}
