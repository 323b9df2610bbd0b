/*-------------------------------------------------------------------------
 *
 * fuzz_in_server.c
 *		Fuzz what needs a server around it: numbers and times, which must come out
 *		as PostgreSQL's own input functions read them, and strings of options.
 *
 * A library for PostgreSQL in single-user mode, where an SQL function runs
 * libFuzzer in the backend: see run-in-server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include <signal.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/formatting.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "fuzz.h"
#include "option/check.h"
#include "remote/foreign_text.h"
#include "row/converter.h"
#include "row/problem.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fuzz_in_server);
extern PGDLLEXPORT Datum fuzz_in_server(PG_FUNCTION_ARGS);

/* libFuzzer as a library. */
extern int
LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#define MAX_TEXT 4096

static MemoryContext per_input;
static ValueContext values;
static JsonPaths *paths;
static JsonReader *reader;

/* The real one would bring all that words of servers go through. */
char *
foreign_value(const char *words)
{
	return pstrdup(words);
}

/*-------------------------------------------------------------------------
 * Calls that may raise errors
 *-------------------------------------------------------------------------
 */

typedef struct Attempt
{
	void (*call)(struct Attempt *attempt);
	PGFunction input; /* for call_input */
	const char *text;
	int32 typmod;
	Datum result;
	ErrorData *error; /* NULL: it succeeded */
} Attempt;

static bool
succeeds(Attempt *attempt)
{
	MemoryContext context = CurrentMemoryContext;

	attempt->error = NULL;
	PG_TRY();
	{
		attempt->call(attempt);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		attempt->error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return attempt->error == NULL;
}

static void
call_input(Attempt *attempt)
{
	attempt->result =
		DirectFunctionCall3(attempt->input, CStringGetDatum(attempt->text),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(attempt->typmod));
}

/* What the type's own input function says. */
static bool
reads_as(PGFunction input, const char *text, int32 typmod, Datum *result)
{
	Attempt attempt = { .call = call_input, .input = input, .text = text, .typmod = typmod };
	bool succeeded = succeeds(&attempt);

	*result = attempt.result;
	return succeeded;
}

/*-------------------------------------------------------------------------
 * Values
 *-------------------------------------------------------------------------
 */

/* The input as a value of a record; false if that is no record, or no scalar. */
static bool
read_value(const uint8_t *data, size_t size, JsonValue *value, char **text)
{
	char *record = palloc0(size + 6 + JSON_PADDING);
	size_t consumed;

	if (size > MAX_TEXT || memchr(data, '\n', size) != NULL)
		return false;
	memcpy(record, "{\"v\":", 5);
	memcpy(record + 5, data, size);
	record[5 + size] = '}';
	json_reader_reset(reader, JSON_FRAMING_LINES);
	if (json_reader_next(reader, record, size + 6, true, &consumed, value) != STREAM_RECORD)
		return false;
	*text = pnstrdup(value->start, value->length);
	return value->type == JSON_NUMBER ||
		   (value->type == JSON_STRING && !value->escaped && strlen(*text) == value->length);
}

typedef struct ConvertAttempt
{
	Attempt attempt;
	Converter converter;
	const JsonValue *value;
	ValueStatus status;
} ConvertAttempt;

static void
call_convert(Attempt *attempt)
{
	ConvertAttempt *conversion = (ConvertAttempt *) attempt;

	conversion->status =
		conversion->converter.convert(&conversion->converter, conversion->value, &attempt->result);
}

static void
check_problem(const char *message, int sqlstate)
{
	EXPECT(message[0] != '\0', "nothing is said about it");
	EXPECT(pg_verifymbstr(message, strlen(message), true), "what is said is no text");
	EXPECT(ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION, "SQLSTATE %s: %s",
		   unpack_sql_state(sqlstate), message);
}

/* An error counts as an invalid value, too: an unknown time zone is one before PostgreSQL 16. */
static ValueStatus
convert(const JsonValue *value, Oid type, int32 typmod, Datum *result)
{
	ConvertAttempt conversion = { .attempt.call = call_convert, .value = value };

	converter_init(&conversion.converter, &values, type, typmod);
	values.problem.message[0] = '\0';
	if (!succeeds(&conversion.attempt))
	{
		values.in_input_function = false;
		check_problem(conversion.attempt.error->message, conversion.attempt.error->sqlerrcode);
		return VALUE_INVALID;
	}
	if (conversion.status == VALUE_INVALID)
		check_problem(values.problem.message, values.problem.sqlstate);
	*result = conversion.attempt.result;
	return conversion.status;
}

/*-------------------------------------------------------------------------
 * Numbers
 *-------------------------------------------------------------------------
 */

#define NUMERIC_TYPMOD(precision, scale) ((((precision) << 16) | ((scale) &0x7FF)) + VARHDRSZ)

static bool
numerics_equal(Datum a, Datum b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

/* Words, bases, digits in groups and spaces inside are not taken. */
static bool
is_plain(const char *text)
{
	return text[strspn(text, "0123456789+-.eE")] == '\0';
}

static void
check_integer(const JsonValue *value, const char *text, Oid type, int64 least, int64 most)
{
	Datum exact = (Datum) 0;
	Datum result = (Datum) 0;
	bool is_number = reads_as(numeric_in, text, -1, &exact);
	ValueStatus status = convert(value, type, -1, &result);
	int64 number = type == INT2OID   ? DatumGetInt16(result)
				   : type == INT4OID ? DatumGetInt32(result)
									 : DatumGetInt64(result);

	if (status == VALUE_OK && is_number)
		EXPECT(numerics_equal(NumericGetDatum(int64_to_numeric(number)), exact), "%s becomes %lld",
			   text, (long long) number);
	else if (status == VALUE_OK) /* an exponent that no numeric can have */
		EXPECT(number == 0, "%s becomes %lld", text, (long long) number);
	else if (status == VALUE_INVALID && is_number && is_plain(text))
	{
		Datum floor = DirectFunctionCall1(numeric_floor, exact);
		bool fits = numerics_equal(floor, exact) &&
					DatumGetBool(DirectFunctionCall2(numeric_ge, exact,
													 NumericGetDatum(int64_to_numeric(least)))) &&
					DatumGetBool(DirectFunctionCall2(numeric_le, exact,
													 NumericGetDatum(int64_to_numeric(most))));

		EXPECT(!fits, "%s is refused: %s", text, values.problem.message);
	}
}

static void
check_float(const JsonValue *value, const char *text)
{
	Datum expected = (Datum) 0;
	Datum result = (Datum) 0;
	bool is_number = reads_as(float8in, text, -1, &expected);
	ValueStatus status = convert(value, FLOAT8OID, -1, &result);

	EXPECT((status == VALUE_OK) <= is_number, "%s is taken", text);
	EXPECT((status == VALUE_INVALID) <= !(is_number && is_plain(text)), "%s is refused", text);
	if (status == VALUE_OK)
		EXPECT(DatumGetInt64(result) == DatumGetInt64(expected), "%s becomes %.17g, not %.17g",
			   text, DatumGetFloat8(result), DatumGetFloat8(expected));

	is_number = reads_as(float4in, text, -1, &expected);
	status = convert(value, FLOAT4OID, -1, &result);
	EXPECT((status == VALUE_OK) <= is_number, "%s is taken as float4", text);
	EXPECT((status == VALUE_INVALID) <= !(is_number && is_plain(text)), "%s is refused as float4",
		   text);
	if (status == VALUE_OK)
		EXPECT(DatumGetInt32(result) == DatumGetInt32(expected), "%s becomes %.9g, not %.9g", text,
			   DatumGetFloat4(result), DatumGetFloat4(expected));
}

/*
 * One that is refused without a look at the digits, although PostgreSQL makes 0
 * of it if they are zeros, or if there is a scale to be rounded to.
 */
static bool
has_extreme_exponent(const char *text)
{
	const char *exponent = strpbrk(text, "eE");
	long value = exponent != NULL ? strtol(exponent + 1, NULL, 10) : 0;

	return value < MAX_TEXT - 16383 || value >= 100000000;
}

static void
check_numeric(const JsonValue *value, const char *text, int32 typmod)
{
	Datum expected = (Datum) 0;
	Datum result = (Datum) 0;
	bool is_number = reads_as(numeric_in, text, typmod, &expected);
	ValueStatus status = convert(value, NUMERICOID, typmod, &result);

	EXPECT((status == VALUE_OK) <= is_number, "%s is taken", text);
	EXPECT((status == VALUE_INVALID) <= !(is_number && is_plain(text)) ||
			   has_extreme_exponent(text),
		   "%s is refused: %s", text, values.problem.message);
	if (status == VALUE_OK)
	{
		char *ours = DatumGetCString(DirectFunctionCall1(numeric_out, result));
		char *theirs = DatumGetCString(DirectFunctionCall1(numeric_out, expected));

		EXPECT(strcmp(ours, theirs) == 0, "%s becomes %s, not %s", text, ours, theirs);
	}
}

static void
try_number(const uint8_t *data, size_t size)
{
	JsonValue value;
	char *text;

	if (!read_value(data, size, &value, &text))
		return;
	check_integer(&value, text, INT2OID, PG_INT16_MIN, PG_INT16_MAX);
	check_integer(&value, text, INT4OID, PG_INT32_MIN, PG_INT32_MAX);
	check_integer(&value, text, INT8OID, PG_INT64_MIN, PG_INT64_MAX);
	check_float(&value, text);
	check_numeric(&value, text, -1);
	check_numeric(&value, text, NUMERIC_TYPMOD(12, 4));
	check_numeric(&value, text, NUMERIC_TYPMOD(40, 30));
}

/*-------------------------------------------------------------------------
 * Times
 *-------------------------------------------------------------------------
 */

/* Words that are times to PostgreSQL but to no record, or are read by the session's settings. */
static bool
is_relative_time(const char *text)
{
	char *lower = asc_tolower(text, strlen(text));

	return strstr(lower, "now") != NULL || strstr(lower, "to") != NULL ||
		   strstr(lower, "yesterday") != NULL;
}

static void
check_time(const JsonValue *value, const char *text, int32 typmod)
{
	pg_tz *zone = session_timezone;
	Datum expected = (Datum) 0;
	Datum result = (Datum) 0;
	ValueStatus status;
	bool is_time;

	session_timezone = pg_tzset("UTC");
	is_time = reads_as(timestamptz_in, text, typmod, &expected);
	session_timezone = zone;
	status = convert(value, TIMESTAMPTZOID, typmod, &result);
	EXPECT(session_timezone == zone, "the session has another time zone");

	EXPECT((status == VALUE_OK) <= is_time, "\"%s\" is taken", text);
	if (status == VALUE_OK)
		EXPECT(DatumGetInt64(result) == DatumGetInt64(expected), "\"%s\" becomes %lld, not %lld",
			   text, (long long) DatumGetInt64(result), (long long) DatumGetInt64(expected));
	else if (status == VALUE_INVALID && is_time)
		EXPECT(is_relative_time(text) || strlen(text) > MAXDATELEN, "\"%s\" is refused: %s", text,
			   values.problem.message);
}

/* The date is that of the time in UTC, or what is far beyond all times. */
static void
check_date(const JsonValue *value)
{
	Datum time = (Datum) 0;
	Datum date = (Datum) 0;
	ValueStatus as_time = convert(value, TIMESTAMPTZOID, -1, &time);
	ValueStatus as_date = convert(value, DATEOID, -1, &date);

	EXPECT((as_time == VALUE_OK) <= (as_date == VALUE_OK), "a time without a date: %s",
		   values.problem.message);
	EXPECT((as_time == VALUE_NULL) == (as_date == VALUE_NULL), "NULL as one of both");
	if (as_time == VALUE_OK && !TIMESTAMP_NOT_FINITE(DatumGetTimestamp(time)))
		EXPECT(DatumGetDateADT(date) == DatumGetDateADT(DirectFunctionCall1(timestamp_date, time)),
			   "day %d for time %lld", DatumGetDateADT(date), (long long) DatumGetTimestamp(time));
}

static void
try_time(const uint8_t *data, size_t size)
{
	JsonValue value;
	char *text;

	if (!read_value(data, size, &value, &text) || value.type != JSON_STRING)
		return;
	check_time(&value, text, -1);
	check_time(&value, text, 3);
	check_date(&value);
}

/*-------------------------------------------------------------------------
 * Options
 *-------------------------------------------------------------------------
 */

static const unsigned objects[] = { ON_WRAPPER, ON_SERVER, ON_TABLE, ON_COLUMN, ON_MAPPING };

typedef struct OptionsAttempt
{
	Attempt attempt;
	List *definitions;
	unsigned object;
} OptionsAttempt;

static void
call_apply(Attempt *attempt)
{
	OptionsAttempt *options = (OptionsAttempt *) attempt;

	options_apply(option_defaults(), options->definitions, options->object);
}

/* Does it stand in what may be shown: a name, or the value of an option that is no secret? */
static bool
is_shown_anyway(const char *secret, List *definitions)
{
	ListCell *cell;

	foreach (cell, definitions)
	{
		DefElem *definition = lfirst_node(DefElem, cell);
		const Option *option = option_by_name(definition->defname);

		if (strstr(definition->defname, secret) != NULL ||
			((option == NULL || !option->secret) &&
			 strstr(strVal(definition->arg), secret) != NULL))
			return true;
	}
	return false;
}

/* What an error says must be text, and tell no secret of some length. */
static void
check_words(const char *words, List *definitions)
{
	ListCell *cell;

	if (words == NULL)
		return;
	EXPECT(pg_verifymbstr(words, strlen(words), true), "words that are no text");
	/* Nothing but our own names, in which a value may be found by chance. */
	if (strncmp(words, "The options of ", strlen("The options of ")) == 0 ||
		strncmp(words, "Perhaps you meant the option ", strlen("Perhaps you meant the option ")) ==
			0)
		return;
	foreach (cell, definitions)
	{
		DefElem *definition = lfirst_node(DefElem, cell);
		const Option *option = option_by_name(definition->defname);
		const char *value = strVal(definition->arg);

		if (option != NULL && option->secret && strlen(value) >= 12 &&
			!is_shown_anyway(value, definitions))
			EXPECT(strstr(words, value) == NULL, "a secret is told: %s", words);
	}
}

/* Lines of "name=value", which stand on an object that the first byte chooses. */
static void
try_options(const uint8_t *data, size_t size)
{
	OptionsAttempt options = { .attempt.call = call_apply };
	char *text;

	if (size == 0 || size > MAX_TEXT)
		return;
	options.object = objects[data[0] % lengthof(objects)];
	text = pnstrdup((const char *) data + 1, size - 1);
	/* The parser lets nothing else come in. */
	if (!pg_verifymbstr(text, strlen(text), true))
		return;
	for (char *line = text, *next; line != NULL; line = next)
	{
		char *value = strchr(line, '=');

		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (value == NULL || (next != NULL && value >= next) || value - line >= NAMEDATALEN)
			continue;
		*value++ = '\0';
		if (!is_given(options.definitions, line))
			options.definitions =
				lappend(options.definitions, makeDefElem(line, (Node *) makeString(value), -1));
	}
	if (!succeeds(&options.attempt))
	{
		ErrorData *error = options.attempt.error;

		EXPECT(ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_FDW_ERROR, "SQLSTATE %s: %s",
			   unpack_sql_state(error->sqlerrcode), error->message);
		check_words(error->message, options.definitions);
		check_words(error->detail, options.definitions);
		check_words(error->hint, options.definitions);
	}
}

/*-------------------------------------------------------------------------
 * The driver
 *-------------------------------------------------------------------------
 */

static void (*try_input)(const uint8_t *data, size_t size);

static int
run_input(const uint8_t *data, size_t size)
{
	MemoryContext context = MemoryContextSwitchTo(per_input);

	try_input(data, size);
	MemoryContextSwitchTo(context);
	value_context_trim(&values);
	MemoryContextReset(per_input);
	return 0;
}

static void
prepare_values(void)
{
	per_input = AllocSetContextCreate(CurrentMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	value_context_init(&values, option_defaults());
	paths = json_paths_create();
	json_paths_add(paths, "v");
	reader = json_reader_create(paths);
}

/* fuzz_in_server(target, arguments for libFuzzer, separated by spaces): does not return. */
Datum
fuzz_in_server(PG_FUNCTION_ARGS)
{
	static const struct
	{
		const char *name;
		void (*try_input)(const uint8_t *data, size_t size);
	} targets[] = { { "numbers", try_number }, { "times", try_time }, { "options", try_options } };
	char *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *argument = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *arguments[32] = { target };
	char **start = arguments;
	int count = 1;

	for (argument = strtok(argument, " ");
		 argument != NULL && count < (int) lengthof(arguments) - 1; argument = strtok(NULL, " "))
		arguments[count++] = argument;
	for (size_t i = 0; i < lengthof(targets); i++)
	{
		if (strcmp(targets[i].name, target) == 0)
			try_input = targets[i].try_input;
	}
	if (try_input == NULL)
		elog(ERROR, "there is no target %s", target);
	prepare_values();
	/* Those of libFuzzer are to be told of a crash, and of time. */
	for (int number = 1; number < 32; number++)
		pqsignal(number, SIG_DFL);
	LLVMFuzzerRunDriver(&count, &start, run_input);
	exit(0);
}
