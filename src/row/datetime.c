/*-------------------------------------------------------------------------
 *
 * datetime.c
 *		Dates and times: the vendors' fixed formats by hand, anything else as
 *		PostgreSQL reads it.
 *
 * A time without a zone is UTC, whatever the session's TimeZone is.  Nothing
 * here raises an error for a value that is not a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "row/datetime.h"
#include "row/problem.h"
#include "row/text.h"
#include "stream/iso_time.h"

/*-------------------------------------------------------------------------
 * What is not in the fixed format (stream/iso_time.h)
 *-------------------------------------------------------------------------
 */

/* The pieces into which PostgreSQL's own functions take a time apart. */
typedef struct DecodedTime
{
	int kind; /* DTK_* */
	struct pg_tm fields;
	fsec_t fraction;
	int zone; /* seconds west of Greenwich */
} DecodedTime;

/* A word that PostgreSQL accepts as a time, but that no record can mean. */
static bool
is_relative(const char *field)
{
	static const char *const words[] = { "now", "today", "tomorrow", "yesterday" };

	for (size_t i = 0; i < lengthof(words); i++)
	{
		if (strcmp(field, words[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Returns 0 or one of the codes DTERR_*.  The functions that read a time use
 * the session's time zone for one without a zone, so that is set to UTC
 * meanwhile.
 */
static int
decode_in_utc(const char *text, DecodedTime *decoded)
{
	char work[MAXDATELEN + MAXDATEFIELDS];
	char *fields[MAXDATEFIELDS];
	int field_types[MAXDATEFIELDS];
	int field_count;
	pg_tz *session_zone = session_timezone;
	int code =
		ParseDateTime(text, work, sizeof(work), fields, field_types, MAXDATEFIELDS, &field_count);

	if (code != 0)
		return code;
	for (int i = 0; i < field_count; i++)
	{
		if (is_relative(fields[i]))
			return DTERR_BAD_FORMAT;
	}

	PG_TRY();
	{
		session_timezone = pg_tzset_offset(0);
		code = compat_decode_datetime(fields, field_types, field_count, &decoded->kind,
									  &decoded->fields, &decoded->fraction, &decoded->zone);
	}
	PG_FINALLY();
	{
		session_timezone = session_zone;
	}
	PG_END_TRY();
	return code;
}

static ValueStatus
problem_datetime(Converter *converter, const JsonValue *json, int code)
{
	char shown[SHOWN_VALUE_SIZE];

	switch (code)
	{
		case DTERR_FIELD_OVERFLOW:
		case DTERR_MD_FIELD_OVERFLOW:
		case DTERR_INTERVAL_OVERFLOW:
		case DTERR_TZDISP_OVERFLOW:
			show_value(converter->context, json->start, json->length, shown);
			return problem_set(converter->context, PROBLEM_VALUE,
							   code == DTERR_TZDISP_OVERFLOW
								   ? ERRCODE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE
								   : ERRCODE_DATETIME_FIELD_OVERFLOW,
							   "date/time field value out of range: \"%s\"", shown);
		default:
			problem_syntax(converter, json);
			converter->context->problem.sqlstate = ERRCODE_INVALID_DATETIME_FORMAT;
			return VALUE_INVALID;
	}
}

static ValueStatus
problem_datetime_range(Converter *converter, const JsonValue *json)
{
	problem_range(converter, json);
	converter->context->problem.sqlstate = ERRCODE_DATETIME_VALUE_OUT_OF_RANGE;
	return VALUE_INVALID;
}

/*
 * The string of a value that should be a time.  A bare number is not one: its
 * unit would be unknown.
 */
static ValueStatus
datetime_text(Converter *converter, const JsonValue *json, const char **text, size_t *length)
{
	if (json->type != JSON_STRING)
		return problem_datetime(converter, json, DTERR_BAD_FORMAT);
	if (json->length == 0)
		return VALUE_NULL;
	*text = json->start;
	*length = json->length;
	if (json->escaped && !text_from_string(converter->context, json, text, length))
		return VALUE_INVALID;
	return VALUE_OK;
}

typedef struct DecodeCall
{
	const char *text;
	DecodedTime *decoded;
	int code;
} DecodeCall;

static void
call_decode(void *argument)
{
	DecodeCall *call = argument;

	call->code = decode_in_utc(call->text, call->decoded);
}

static ValueStatus
decode_slowly(Converter *converter, const JsonValue *json, const char *text, size_t length,
			  DecodedTime *decoded)
{
	ValueContext *context = converter->context;
	char copy[MAXDATELEN + 1];
	DecodeCall call = { copy, decoded, DTERR_BAD_FORMAT };

	if (length <= MAXDATELEN && memchr(text, '\0', length) == NULL)
	{
		bool succeeded = true;

		memcpy(copy, text, length);
		copy[length] = '\0';
		/* Before version 16 an unknown time zone makes the function raise an error. */
		context->in_input_function = true;
#ifndef COMPAT_SOFT_ERRORS
		if (context->on_invalid == ON_INVALID_NULL)
			succeeded = run_protected(context, call_decode, &call);
		else
#endif
			call_decode(&call);
		context->in_input_function = false;
		if (!succeeded)
			return VALUE_INVALID;
	}
	return call.code == 0 ? VALUE_OK : problem_datetime(converter, json, call.code);
}

/* Round to the digits that timestamp(n) keeps, halves away from zero. */
static Timestamp
round_timestamp(Timestamp value, int32 typmod)
{
	static const int64 units[MAX_TIMESTAMP_PRECISION + 1] = { 1000000, 100000, 10000, 1000,
															  100,     10,     1 };
	int64 unit;
	int64 rest;

	if (typmod < 0 || typmod >= MAX_TIMESTAMP_PRECISION || TIMESTAMP_NOT_FINITE(value))
		return value;
	unit = units[typmod];
	rest = value % unit;
	value -= rest;
	if (rest >= unit / 2)
		value += unit;
	else if (rest <= -(unit / 2))
		value -= unit;
	return value;
}

/* timestamptz, and timestamp, which gets the time in UTC. */
ValueStatus
convert_timestamp(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;
	Timestamp value;
	ValueStatus status = datetime_text(converter, json, &text, &length);

	if (status != VALUE_OK)
		return status;
	if (!iso_time_read(text, length, &value))
	{
		DecodedTime decoded;

		status = decode_slowly(converter, json, text, length, &decoded);
		if (status != VALUE_OK)
			return status;
		switch (decoded.kind)
		{
			case DTK_DATE:
				if (tm2timestamp(&decoded.fields, decoded.fraction, &decoded.zone, &value) != 0)
					return problem_datetime_range(converter, json);
				break;
			case DTK_EPOCH:
				value = SetEpochTimestamp();
				break;
			case DTK_LATE:
				TIMESTAMP_NOEND(value);
				break;
			case DTK_EARLY:
				TIMESTAMP_NOBEGIN(value);
				break;
			default:
				return problem_datetime(converter, json, DTERR_BAD_FORMAT);
		}
	}
	value = round_timestamp(value, converter->typmod);
	if (!TIMESTAMP_NOT_FINITE(value) && !IS_VALID_TIMESTAMP(value))
		return problem_datetime_range(converter, json);
	*result = TimestampTzGetDatum(value);
	return VALUE_OK;
}

/* The date in UTC. */
ValueStatus
convert_date(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;
	Timestamp value;
	int days;
	ValueStatus status = datetime_text(converter, json, &text, &length);

	if (status != VALUE_OK)
		return status;
	if (length == 10 && iso_date_read(text, &days))
	{
		*result = DateADTGetDatum(days);
		return VALUE_OK;
	}
	if (!iso_time_read(text, length, &value))
	{
		DecodedTime decoded;

		status = decode_slowly(converter, json, text, length, &decoded);
		if (status != VALUE_OK)
			return status;
		switch (decoded.kind)
		{
			case DTK_DATE:
				if (tm2timestamp(&decoded.fields, decoded.fraction, &decoded.zone, &value) == 0)
					break;
				/* A date has a wider range than a timestamp. */
				if (!IS_VALID_JULIAN(decoded.fields.tm_year, decoded.fields.tm_mon,
									 decoded.fields.tm_mday))
					return problem_datetime_range(converter, json);
				days =
					date2j(decoded.fields.tm_year, decoded.fields.tm_mon, decoded.fields.tm_mday) -
					POSTGRES_EPOCH_JDATE;
				if (!IS_VALID_DATE(days))
					return problem_datetime_range(converter, json);
				*result = DateADTGetDatum(days);
				return VALUE_OK;
			case DTK_EPOCH:
				value = SetEpochTimestamp();
				break;
			case DTK_LATE:
				DATE_NOEND(days);
				*result = DateADTGetDatum(days);
				return VALUE_OK;
			case DTK_EARLY:
				DATE_NOBEGIN(days);
				*result = DateADTGetDatum(days);
				return VALUE_OK;
			default:
				return problem_datetime(converter, json, DTERR_BAD_FORMAT);
		}
	}
	days = (int) (value / USECS_PER_DAY);
	if (value % USECS_PER_DAY < 0)
		days--;
	*result = DateADTGetDatum(days);
	return VALUE_OK;
}
