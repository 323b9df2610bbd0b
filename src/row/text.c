/*-------------------------------------------------------------------------
 *
 * text.c
 *		JSON to text, varchar and json, in the encoding of the database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "row/interruptible.h"
#include "row/problem.h"
#include "row/text.h"

/* What the type's input functions report for a value that is too large. */
static ValueStatus
problem_too_large(ValueContext *context)
{
	return problem_set(context, PROBLEM_VALUE, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					   "value is too large for a field of the database");
}

static Datum
make_text(const char *text, size_t length)
{
	char *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	interruptible_copy(VARDATA(result), text, length);
	return PointerGetDatum(result);
}

/*
 * Convert as much as possible of a UTF-8 text without NULs.  output has
 * MAX_CONVERSION_GROWTH bytes for each byte of the text, and one more. Returns
 * how many bytes of the text were converted.
 */
#ifdef COMPAT_ENCODING_CONVERSION_BUF

static size_t
convert_prefix(ValueContext *context, const char *text, size_t length, char *output,
			   size_t output_size, size_t *written)
{
	size_t done = pg_do_encoding_conversion_buf(context->conversion_procedure, PG_UTF8,
												context->encoding, (unsigned char *) text,
												(int) length, (unsigned char *) output,
												(int) Min(output_size, MaxAllocSize), true);

	*written = strlen(output);
	return done;
}

#else

typedef struct ConversionCall
{
	const ValueContext *context;
	const char *text;
	size_t length;
	char *output;
} ConversionCall;

static void
call_conversion(void *argument)
{
	ConversionCall *call = argument;

	OidFunctionCall5(call->context->conversion_procedure, Int32GetDatum(PG_UTF8),
					 Int32GetDatum(call->context->encoding), CStringGetDatum(call->text),
					 CStringGetDatum(call->output), Int32GetDatum((int) call->length));
}

/* This version's conversions can only raise an error, so find the place character by character. */
static size_t
convert_prefix(ValueContext *context, const char *text, size_t length, char *output,
			   size_t output_size, size_t *written)
{
	ConversionCall call = { .context = context, .text = text, .length = length, .output = output };
	size_t done = 0;

	*written = 0;
	if (run_protected(context, call_conversion, &call))
	{
		*written = strlen(output);
		return length;
	}
	while (done < length)
	{
		CHECK_FOR_INTERRUPTS();
		call.text = text + done;
		call.output = output + *written;
		call.length = Min((size_t) pg_utf_mblen((const unsigned char *) call.text), length - done);
		if (!run_protected(context, call_conversion, &call))
			break;
		done += call.length;
		*written += strlen(call.output);
	}
	return done;
}

#endif

/*
 * How much of a text to convert at a time: some encodings have one character
 * for two of UTF-8, of which none is ASCII, so it ends before an ASCII byte.
 */
static size_t
length_of_piece(const char *text, size_t length)
{
	size_t piece = UNINTERRUPTED;

	while (piece < length && IS_HIGHBIT_SET(text[piece]))
		piece++;
	return Min(piece, length);
}

/*
 * From UTF-8, which text has been checked to be, to the encoding of the
 * database.  What that encoding cannot represent becomes a question mark or a
 * problem.
 */
static bool
convert_encoding(ValueContext *context, const char **text, size_t *length)
{
	const char *source = *text;
	size_t source_left = *length;
	char *output;
	size_t output_length = 0;

	if (source_left > MaxAllocSize / MAX_CONVERSION_GROWTH - 1)
	{
		problem_too_large(context);
		return false;
	}
	output = scratch_reserve(&context->converted, source_left * MAX_CONVERSION_GROWTH + 1);

	for (;;)
	{
		size_t piece = length_of_piece(source, source_left);
		size_t written;
		size_t done = convert_prefix(context, source, piece, output + output_length,
									 context->converted.size - output_length, &written);
		int character_length;

		CHECK_FOR_INTERRUPTS();
		output_length += written;
		source += done;
		source_left -= done;
		if (source_left == 0)
			break;
		if (done == piece)
			continue;

		character_length = Min((size_t) pg_utf_mblen((const unsigned char *) source), source_left);
		if (context->invalid_text == JSON_TEXT_ERROR)
		{
			char shown[SHOWN_VALUE_SIZE];

			show_value(context, source, character_length, shown);
			problem_set(context, PROBLEM_TEXT, ERRCODE_UNTRANSLATABLE_CHARACTER,
						"character %s has no equivalent in encoding \"%s\"", shown,
						pg_encoding_to_char(context->encoding));
			return false;
		}
		output[output_length++] = '?';
		source += character_length;
		source_left -= character_length;
	}
	*text = output;
	*length = output_length;
	return true;
}

/* Say why json_string_decode or json_text_copy failed. */
static void
problem_text(ValueContext *context, const StreamError *error, const char *start, size_t length,
			 bool curable)
{
	ProblemKind kind = PROBLEM_TEXT;
	int sqlstate = ERRCODE_UNTRANSLATABLE_CHARACTER;
	char shown[SHOWN_VALUE_SIZE];

	show_value(context, start, length, shown);
	if (!curable)
	{
		/* a malformed escape or other syntax: nothing can replace it */
		kind = PROBLEM_VALUE;
		sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
	else if (!interruptible_is_utf8(start, length))
		sqlstate = ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
	problem_set(context, kind, sqlstate, "%s: \"%s\"", error->message, shown);
}

bool
text_from_string(ValueContext *context, const JsonValue *string, const char **text, size_t *length)
{
	StreamError error;
	char *output;

	if (!string->escaped)
	{
		bool is_ascii = is_plain_ascii(string->start, string->length);

		*text = string->start;
		*length = string->length;
		if (is_ascii)
			return true;
		if (interruptible_is_utf8(string->start, string->length))
			return !context->needs_conversion || convert_encoding(context, text, length);
	}

	output = scratch_reserve(&context->decoded, json_string_decoded_size(string));
	if (!interruptible_decode(string, context->invalid_text, output, length, &error))
	{
		StreamError ignored;
		bool curable = context->invalid_text == JSON_TEXT_ERROR &&
					   interruptible_decode(string, JSON_TEXT_REPLACE, output, length, &ignored);

		problem_text(context, &error, string->start, string->length, curable);
		return false;
	}
	*text = output;
	return !context->needs_conversion || is_plain_ascii(output, *length) ||
		   convert_encoding(context, text, length);
}

/* The JSON text of any value. */
static bool
text_from_json(ValueContext *context, const JsonValue *json, const char **text, size_t *length)
{
	const char *start = json->start;
	size_t source_length = json->length;
	StreamError error;
	char *output;

	switch ((JsonType) json->type)
	{
		case JSON_MISSING:
		case JSON_NULL:
			*text = "null";
			*length = 4;
			return true;
		case JSON_FALSE:
			*text = "false";
			*length = 5;
			return true;
		case JSON_TRUE:
			*text = "true";
			*length = 4;
			return true;
		case JSON_NUMBER:
			*text = start;
			*length = source_length;
			return true;
		case JSON_STRING:
			/* with its quotes */
			start--;
			source_length += 2;
			break;
		case JSON_ARRAY:
		case JSON_OBJECT:
			break;
	}

	output = scratch_reserve(&context->decoded,
							 interruptible_copied_size(start, source_length) + JSON_PADDING);
	if (!interruptible_text_copy(start, source_length, context->invalid_text, output, length,
								 &error))
	{
		StreamError ignored;
		bool curable = context->invalid_text == JSON_TEXT_ERROR &&
					   interruptible_text_copy(start, source_length, JSON_TEXT_REPLACE, output,
											   length, &ignored);
		size_t shown_from = 0;

		/* Show only the surroundings of the place, since the value may be long. */
		if (error.offset < source_length)
			shown_from =
				error.offset > SHOWN_VALUE_LENGTH / 2 ? error.offset - SHOWN_VALUE_LENGTH / 2 : 0;
		problem_text(context, &error, start + shown_from, source_length - shown_from, curable);
		return false;
	}
	*text = output;
	return !context->needs_conversion || is_plain_ascii(output, *length) ||
		   convert_encoding(context, text, length);
}

bool
text_from_value(ValueContext *context, const JsonValue *json, const char **text, size_t *length)
{
	if (json->type == JSON_STRING)
		return text_from_string(context, json, text, length);
	return text_from_json(context, json, text, length);
}

ValueStatus
convert_text(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;

	if (!text_from_value(converter->context, json, &text, &length))
		return VALUE_INVALID;
	if (length > MaxAllocSize - VARHDRSZ)
		return problem_too_large(converter->context);
	*result = make_text(text, length);
	return VALUE_OK;
}

/* With a length: only spaces may be cut off, as in varchar's input function. */
ValueStatus
convert_varchar(Converter *converter, const JsonValue *json, Datum *result)
{
	size_t limit = converter->typmod - VARHDRSZ;
	const char *text;
	size_t length;

	if (!text_from_value(converter->context, json, &text, &length))
		return VALUE_INVALID;
	if (length > limit)
	{
		size_t kept = pg_mbcharcliplen(text, length, limit);

		for (size_t i = kept; i < length; i++)
		{
			if (text[i] != ' ')
			{
				char shown[SHOWN_VALUE_SIZE];

				show_value(converter->context, json->start, json->length, shown);
				return problem_set(converter->context, PROBLEM_VALUE,
								   ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
								   "value too long for type character varying(%d): \"%s\"",
								   (int) limit, shown);
			}
		}
		length = kept;
	}
	*result = make_text(text, length);
	return VALUE_OK;
}

ValueStatus
convert_json(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;

	if (json->type == JSON_STRING && json->length == 0)
		return VALUE_NULL;
	if (!text_from_json(converter->context, json, &text, &length))
		return VALUE_INVALID;
	if (length > MaxAllocSize - VARHDRSZ)
		return problem_too_large(converter->context);
	*result = make_text(text, length);
	return VALUE_OK;
}
