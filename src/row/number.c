/*-------------------------------------------------------------------------
 *
 * number.c
 *		JSON numbers, and strings that hold numbers, to the number types.
 *
 * Integers and numerics are made from the digits as written; only float4 and
 * float8 ever see a floating-point value.  What is not a number in JSON (NaN,
 * infinities) is not one in a string either, for any of the types: one of them
 * in a million rows would silently make a sum NaN.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"
#include "compat.h"

#include <ctype.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "row/number.h"
#include "row/problem.h"
#include "row/text.h"

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */

/* A decimal number taken apart: whole.fraction times 10 to the exponent. */
typedef struct Decimal
{
	const char *whole;
	const char *fraction;
	size_t whole_length; /* without leading zeros */
	size_t fraction_length;
	int exponent; /* clamped to +-EXPONENT_LIMIT */
	bool negative;
} Decimal;

/* Far beyond what any type can hold, but far from overflowing an int. */
#define EXPONENT_LIMIT 100000000

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') <= 9;
}

/*
 * [+-] digits [. digits] [e [+-] digits], with a digit before or after the
 * point: JSON's grammar and a little more, as PostgreSQL's input functions
 * accept it.
 */
static bool
decimal_scan(const char *text, size_t length, Decimal *decimal)
{
	const char *next = text;
	const char *end = text + length;
	size_t digits;

	decimal->negative = false;
	if (next < end && (*next == '-' || *next == '+'))
		decimal->negative = *next++ == '-';

	decimal->whole = next;
	while (next < end && is_digit(*next))
		next++;
	digits = decimal->whole_length = next - decimal->whole;
	while (decimal->whole_length > 0 && *decimal->whole == '0')
	{
		decimal->whole++;
		decimal->whole_length--;
	}

	decimal->fraction = next;
	decimal->fraction_length = 0;
	if (next < end && *next == '.')
	{
		decimal->fraction = ++next;
		while (next < end && is_digit(*next))
			next++;
		decimal->fraction_length = next - decimal->fraction;
		digits += decimal->fraction_length;
	}
	if (digits == 0)
		return false;

	decimal->exponent = 0;
	if (next < end && (*next == 'e' || *next == 'E'))
	{
		bool negative = false;
		int exponent = 0;

		next++;
		if (next < end && (*next == '-' || *next == '+'))
			negative = *next++ == '-';
		if (next == end || !is_digit(*next))
			return false;
		for (; next < end && is_digit(*next); next++)
		{
			if (exponent < EXPONENT_LIMIT)
				exponent = exponent * 10 + (*next - '0');
		}
		exponent = Min(exponent, EXPONENT_LIMIT);
		decimal->exponent = negative ? -exponent : exponent;
	}
	return next == end;
}

/* Like isspace in the C locale, which is what the input functions skip. */
static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The text of a number, or of a string that should hold one, without spaces
 * around it.  VALUE_OK does not mean that it is a number.
 */
static ValueStatus
number_text(Converter *converter, const JsonValue *json, const char **text, size_t *length)
{
	if (json->type == JSON_NUMBER)
	{
		*text = json->start;
		*length = json->length;
		return VALUE_OK;
	}
	if (json->type != JSON_STRING)
		return problem_syntax(converter, json);
	if (json->length == 0)
		return VALUE_NULL;

	if (!json->escaped)
	{
		*text = json->start;
		*length = json->length;
	}
	else if (!text_from_string(converter->context, json, text, length))
		return VALUE_INVALID;
	while (*length > 0 && is_space(**text))
	{
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && is_space((*text)[*length - 1]))
		(*length)--;
	return VALUE_OK;
}

/*-------------------------------------------------------------------------
 * Integers
 *-------------------------------------------------------------------------
 */

typedef enum IntegerStatus
{
	INTEGER_OK,
	INTEGER_SYNTAX,
	INTEGER_RANGE
} IntegerStatus;

/* Append a digit; false if the result exceeds a uint64. */
static inline bool
append_digit(uint64 *value, char digit)
{
	if (*value > (PG_UINT64_MAX - (digit - '0')) / 10)
		return false;
	*value = *value * 10 + (digit - '0');
	return true;
}

/* A number with a point or an exponent, which may still be integral: 1.0, 1e3 */
static IntegerStatus
integer_from_decimal(const Decimal *decimal, uint64 *value)
{
	int64 point = (int64) decimal->whole_length + decimal->exponent; /* digits before it */
	int64 count = (int64) decimal->whole_length + decimal->fraction_length;
	bool in_range = true;

	*value = 0;
	for (int64 i = 0; i < count; i++)
	{
		char digit = i < (int64) decimal->whole_length
						 ? decimal->whole[i]
						 : decimal->fraction[i - decimal->whole_length];

		if (i < point)
			in_range = in_range && append_digit(value, digit);
		else if (digit != '0')
			return INTEGER_SYNTAX;
	}
	if (*value != 0)
	{
		for (int64 i = count; i < point && in_range; i++)
			in_range = append_digit(value, '0');
	}
	return in_range ? INTEGER_OK : INTEGER_RANGE;
}

static ValueStatus
convert_integer(Converter *converter, const JsonValue *json, int64 minimum, int64 maximum,
				int64 *result)
{
	const char *text;
	size_t length;
	const char *next;
	const char *end;
	uint64 value = 0;
	bool negative = false;
	bool has_digits = false;
	ValueStatus status = number_text(converter, json, &text, &length);

	if (status != VALUE_OK)
		return status;
	next = text;
	end = text + length;
	if (next < end && (*next == '-' || *next == '+'))
		negative = *next++ == '-';

	if (end - next >= 1 && end - next <= 18)
	{
		/* Cannot overflow: the usual case. */
		has_digits = true;
		while (next < end && is_digit(*next))
			value = value * 10 + (*next++ - '0');
	}
	if (next != end || !has_digits)
	{
		Decimal decimal;
		IntegerStatus integer_status = INTEGER_SYNTAX;

		if (decimal_scan(text, length, &decimal))
			integer_status = integer_from_decimal(&decimal, &value);
		if (integer_status == INTEGER_SYNTAX)
			return problem_syntax(converter, json);
		if (integer_status == INTEGER_RANGE)
			return problem_range(converter, json);
	}

	if (negative ? value > (uint64) maximum + 1 : value > (uint64) maximum)
		return problem_range(converter, json);
	*result = negative ? (int64) (0 - value) : (int64) value;
	return VALUE_OK;
}

ValueStatus
convert_int2(Converter *converter, const JsonValue *json, Datum *result)
{
	int64 value;
	ValueStatus status = convert_integer(converter, json, PG_INT16_MIN, PG_INT16_MAX, &value);

	if (status == VALUE_OK)
		*result = Int16GetDatum((int16) value);
	return status;
}

ValueStatus
convert_int4(Converter *converter, const JsonValue *json, Datum *result)
{
	int64 value;
	ValueStatus status = convert_integer(converter, json, PG_INT32_MIN, PG_INT32_MAX, &value);

	if (status == VALUE_OK)
		*result = Int32GetDatum((int32) value);
	return status;
}

ValueStatus
convert_int8(Converter *converter, const JsonValue *json, Datum *result)
{
	int64 value;
	ValueStatus status = convert_integer(converter, json, PG_INT64_MIN, PG_INT64_MAX, &value);

	if (status == VALUE_OK)
		*result = Int64GetDatum(value);
	return status;
}

/*-------------------------------------------------------------------------
 * Floating point
 *-------------------------------------------------------------------------
 */

/*
 * Up to 15 digits and a small power of ten are both exact in a double, so a
 * single correctly rounded operation gives the correctly rounded result.
 */
#define EXACT_DIGITS 15
#define EXACT_POWER 22

static const double powers_of_ten[EXACT_POWER + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,
													   1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
													   1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
													   1e18, 1e19, 1e20, 1e21, 1e22 };

static bool
double_from_short_decimal(const Decimal *decimal, double *result)
{
	int64 power = (int64) decimal->exponent - (int64) decimal->fraction_length;
	uint64 digits = 0;

	if (decimal->whole_length + decimal->fraction_length > EXACT_DIGITS || power > EXACT_POWER ||
		power < -EXACT_POWER)
		return false;
	for (size_t i = 0; i < decimal->whole_length; i++)
		digits = digits * 10 + (decimal->whole[i] - '0');
	for (size_t i = 0; i < decimal->fraction_length; i++)
		digits = digits * 10 + (decimal->fraction[i] - '0');

	*result = (double) digits;
	if (power < 0)
		*result /= powers_of_ten[-power];
	else
		*result *= powers_of_ten[power];
	if (decimal->negative)
		*result = -*result;
	return true;
}

bool
double_from_short_number(const char *text, size_t length, double *result)
{
	Decimal decimal;

	return decimal_scan(text, length, &decimal) && double_from_short_decimal(&decimal, result);
}

/*
 * What strtod or strtof gets must end after the number; the usual length of
 * a literal fits on the stack.
 */
static const char *
terminated_copy(ValueContext *context, const char *text, size_t length, char *buffer, size_t size)
{
	if (length >= size)
		buffer = scratch_reserve(&context->converted, length + 1);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	return buffer;
}

static ValueStatus
scan_float(Converter *converter, const JsonValue *json, const char **text, size_t *length,
		   Decimal *decimal)
{
	ValueStatus status = number_text(converter, json, text, length);

	if (status == VALUE_OK && !decimal_scan(*text, *length, decimal))
		status = problem_syntax(converter, json);
	return status;
}

ValueStatus
convert_float8(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;
	Decimal decimal;
	double value;
	ValueStatus status = scan_float(converter, json, &text, &length, &decimal);

	if (status != VALUE_OK)
		return status;
	if (!double_from_short_decimal(&decimal, &value))
	{
		char buffer[64];

		errno = 0;
		value =
			strtod(terminated_copy(converter->context, text, length, buffer, sizeof(buffer)), NULL);
		/* Too large, or so small that it became zero: an error, as in float8's input function. */
		if (errno == ERANGE && (value == 0 || isinf(value)))
			return problem_range(converter, json);
	}
	*result = Float8GetDatum(value);
	return VALUE_OK;
}

ValueStatus
convert_float4(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;
	Decimal decimal;
	float value;
	char buffer[64];
	ValueStatus status = scan_float(converter, json, &text, &length, &decimal);

	if (status != VALUE_OK)
		return status;
	errno = 0;
	value = strtof(terminated_copy(converter->context, text, length, buffer, sizeof(buffer)), NULL);
	if (errno == ERANGE && (value == 0 || isinf(value)))
		return problem_range(converter, json);
	*result = Float4GetDatum(value);
	return VALUE_OK;
}

/*-------------------------------------------------------------------------
 * numeric
 *
 * The on-disk format of a short numeric has been the same since PostgreSQL
 * 9.1, and pg_upgrade keeps it from changing: a header word with sign, display
 * scale and weight, then digits of base 10000.  It is not in a header file, so
 * the first use compares what is written here with what numeric_in makes of
 * the same literals; should they ever differ, numeric_in does all the work.
 *-------------------------------------------------------------------------
 */

#define NUMERIC_BASE_DIGITS 4 /* decimal digits in a digit */
#define NUMERIC_HEADER_SHORT 0x8000
#define NUMERIC_HEADER_NEGATIVE 0x2000
#define NUMERIC_HEADER_SCALE_SHIFT 7
#define NUMERIC_HEADER_SCALE_MAX 63
#define NUMERIC_HEADER_WEIGHT_MASK 0x7F
#define NUMERIC_HEADER_SIZE (VARHDRSZ + sizeof(uint16))

/* Decimal digits that are sure to fit into NUMERIC_SHORT_SIZE. */
#define NUMERIC_SHORT_DIGITS 48

/* The most that numeric can hold, to refuse more without raising an error. */
#define NUMERIC_DIGITS_BEFORE_POINT 131072
#define NUMERIC_DIGITS_BEHIND_POINT 16383

static inline int16
base_digit(const char *digits, int count)
{
	int16 value = 0;

	for (int i = 0; i < count; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

/* display_scale is at least the length of the fraction. */
static size_t
numeric_write_decimal(const Decimal *decimal, size_t display_scale, char *output)
{
	int16 digits[NUMERIC_SHORT_DIGITS / NUMERIC_BASE_DIGITS + 2];
	int count = 0;
	int first = 0;
	int weight;
	uint16 header;
	const char *next;
	size_t left;
	size_t size;

	if (decimal->exponent != 0 || display_scale > NUMERIC_HEADER_SCALE_MAX ||
		decimal->whole_length > NUMERIC_SHORT_DIGITS ||
		decimal->whole_length + decimal->fraction_length > NUMERIC_SHORT_DIGITS)
		return 0;

	next = decimal->whole;
	left = decimal->whole_length;
	if (left % NUMERIC_BASE_DIGITS != 0)
	{
		digits[count++] = base_digit(next, left % NUMERIC_BASE_DIGITS);
		next += left % NUMERIC_BASE_DIGITS;
		left -= left % NUMERIC_BASE_DIGITS;
	}
	for (; left > 0; left -= NUMERIC_BASE_DIGITS, next += NUMERIC_BASE_DIGITS)
		digits[count++] = base_digit(next, NUMERIC_BASE_DIGITS);
	weight = count - 1;

	next = decimal->fraction;
	left = decimal->fraction_length;
	for (; left >= NUMERIC_BASE_DIGITS; left -= NUMERIC_BASE_DIGITS, next += NUMERIC_BASE_DIGITS)
		digits[count++] = base_digit(next, NUMERIC_BASE_DIGITS);
	if (left > 0)
	{
		static const int16 fill[NUMERIC_BASE_DIGITS] = { 1, 1000, 100, 10 };

		digits[count++] = base_digit(next, left) * fill[left];
	}

	/* Zeros at either end are not stored. */
	while (count > 0 && digits[count - 1] == 0)
		count--;
	while (first < count && digits[first] == 0)
	{
		first++;
		weight--;
	}
	if (first == count)
		weight = 0;

	header = NUMERIC_HEADER_SHORT | (display_scale << NUMERIC_HEADER_SCALE_SHIFT) |
			 ((uint16) weight & NUMERIC_HEADER_WEIGHT_MASK);
	if (decimal->negative && first < count)
		header |= NUMERIC_HEADER_NEGATIVE;

	size = NUMERIC_HEADER_SIZE + (count - first) * sizeof(int16);
	SET_VARSIZE(output, size);
	memcpy(output + VARHDRSZ, &header, sizeof(header));
	memcpy(output + NUMERIC_HEADER_SIZE, digits + first, (count - first) * sizeof(int16));
	return size;
}

/*
 * The same for a number with at most four digits before the point and four
 * after it, which most have; 0 for any other.
 */
static size_t
numeric_write_small(const char *text, size_t length, char *output)
{
	static const int16 fill[NUMERIC_BASE_DIGITS + 1] = { 0, 1000, 100, 10, 1 };
	const char *end = text + length;
	const char *next = text;
	const char *point;
	int whole = 0;
	int fraction = 0;
	int scale = 0;
	int count = 0;
	int weight = 0;
	int16 digits[2] = { 0, 0 };
	uint16 header;

	while (next < end && is_digit(*next) && next - text < NUMERIC_BASE_DIGITS)
		whole = whole * 10 + (*next++ - '0');
	if (next == text)
		return 0;
	if (next < end)
	{
		if (*next != '.')
			return 0;
		point = next++;
		while (next < end && is_digit(*next) && next - point <= NUMERIC_BASE_DIGITS)
			fraction = fraction * 10 + (*next++ - '0');
		scale = next - point - 1;
		if (next != end || scale == 0)
			return 0;
		fraction *= fill[scale];
	}
	if (whole != 0)
		digits[count++] = whole;
	else if (fraction != 0)
		weight = -1;
	if (fraction != 0)
		digits[count++] = fraction;
	header = NUMERIC_HEADER_SHORT | (scale << NUMERIC_HEADER_SCALE_SHIFT) |
			 ((uint16) weight & NUMERIC_HEADER_WEIGHT_MASK);
	SET_VARSIZE(output, NUMERIC_HEADER_SIZE + count * sizeof(int16));
	memcpy(output + VARHDRSZ, &header, sizeof(header));
	memcpy(output + NUMERIC_HEADER_SIZE, digits, sizeof(digits));
	return NUMERIC_HEADER_SIZE + count * sizeof(int16);
}

static Datum
numeric_from_cstring(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

bool
numeric_format_is_known(void)
{
	static const char *const samples[] = { "0",
										   "-0.00",
										   "1",
										   "9999",
										   "10000",
										   "-10001",
										   "100000000",
										   "0.1",
										   "0.0001",
										   "0.00001",
										   "1.120",
										   "-0.000012",
										   "12345.678900",
										   "1.00000000",
										   "1234567",
										   "-99999999",
										   "0.00000000",
										   "50.0000",
										   "1.00010",
										   "123456789012345678901234.5",
										   "0.5",
										   "12.34",
										   "7.0" };
	static enum
	{
		UNKNOWN,
		SAME,
		DIFFERENT
	} state = UNKNOWN;

	if (state == UNKNOWN)
	{
		bool same = true;

		for (size_t i = 0; i < lengthof(samples); i++)
		{
			union
			{
				char bytes[NUMERIC_SHORT_SIZE];
				uint32 alignment;
			} written;
			Decimal decimal;
			size_t size;
			Datum expected = numeric_from_cstring(samples[i]);

			if (!decimal_scan(samples[i], strlen(samples[i]), &decimal))
				elog(ERROR, "could not read the sample number %s", samples[i]);
			size = numeric_write_decimal(&decimal, decimal.fraction_length, written.bytes);
			if (size != VARSIZE_ANY(DatumGetPointer(expected)) ||
				memcmp(written.bytes, DatumGetPointer(expected), size) != 0)
				same = false;
			size = numeric_write_small(samples[i], strlen(samples[i]), written.bytes);
			if (size != 0 && (size != VARSIZE_ANY(DatumGetPointer(expected)) ||
							  memcmp(written.bytes, DatumGetPointer(expected), size) != 0))
				same = false;
			pfree(DatumGetPointer(expected));
		}
		state = same ? SAME : DIFFERENT;
	}
	return state == SAME;
}

size_t
numeric_write_short(const char *text, size_t length, char *output)
{
	Decimal decimal;
	size_t size = numeric_write_small(text, length, output);

	if (size > 0)
		return size;

	if (!decimal_scan(text, length, &decimal))
		return 0;
	return numeric_write_decimal(&decimal, decimal.fraction_length, output);
}

static bool
numeric_is_in_range(const Decimal *decimal)
{
	int64 whole_length = decimal->whole_length;
	int64 scale = (int64) decimal->fraction_length - decimal->exponent;

	if (whole_length == 0)
	{
		/* The first nonzero digit is in the fraction, if anywhere. */
		const char *fraction = decimal->fraction;
		size_t left = decimal->fraction_length;

		for (; left > 0 && *fraction == '0'; left--, fraction++)
			whole_length--;
		if (left == 0)
			whole_length = PG_INT32_MIN;
	}
	return abs(decimal->exponent) < EXPONENT_LIMIT &&
		   whole_length + decimal->exponent <= NUMERIC_DIGITS_BEFORE_POINT &&
		   scale <= NUMERIC_DIGITS_BEHIND_POINT;
}

static Datum
numeric_from_text(const char *text, size_t length)
{
	char buffer[256];
	char *copy = length < sizeof(buffer) ? buffer : palloc(length + 1);
	Datum result;

	memcpy(copy, text, length);
	copy[length] = '\0';
	result = numeric_from_cstring(copy);
	if (copy != buffer)
		pfree(copy);
	return result;
}

bool
numeric_from_number(const char *text, size_t length, Datum *result)
{
	Decimal decimal;

	if (!decimal_scan(text, length, &decimal) || !numeric_is_in_range(&decimal))
		return false;
	*result = numeric_from_text(text, length);
	return true;
}

void
numeric_converter_init(Converter *converter)
{
	int32 typmod = converter->typmod - VARHDRSZ;
	char limit[16];

	if (converter->typmod < (int32) VARHDRSZ)
		return;
	converter->precision = (typmod >> 16) & 0xFFFF;
	/*
	 * 11 bits with a sign since version 15; before that, a scale from 0 to
	 * 1000 in the same bits.
	 */
	converter->scale = ((typmod & 0x7FF) ^ 0x400) - 0x400;
	snprintf(limit, sizeof(limit), "1e%d", converter->precision - converter->scale);
	converter->limit = numeric_from_cstring(limit);
}

ValueStatus
convert_numeric(Converter *converter, const JsonValue *json, Datum *result)
{
	const char *text;
	size_t length;
	Decimal decimal;
	ValueStatus status = number_text(converter, json, &text, &length);

	if (status != VALUE_OK)
		return status;
	if (!decimal_scan(text, length, &decimal))
		return problem_syntax(converter, json);

	if (numeric_format_is_known())
	{
		union
		{
			char bytes[NUMERIC_SHORT_SIZE];
			uint32 alignment;
		} written;
		size_t size = 0;

		if (converter->precision == 0)
			size = numeric_write_decimal(&decimal, decimal.fraction_length, written.bytes);
		else if (converter->scale >= (int) decimal.fraction_length &&
				 converter->precision - converter->scale >= (int) decimal.whole_length)
			size = numeric_write_decimal(&decimal, converter->scale, written.bytes);
		if (size > 0)
		{
			*result = PointerGetDatum(memcpy(palloc(size), written.bytes, size));
			return VALUE_OK;
		}
	}

	if (!numeric_is_in_range(&decimal))
		return problem_range(converter, json);
	*result = numeric_from_text(text, length);
	if (converter->precision > 0)
	{
		/* Round first: 9.99 does not fit numeric(2,1), although 9.94 does. */
		Datum rounded =
			DirectFunctionCall2(numeric_round, *result, Int32GetDatum(converter->scale));
		Datum absolute = DirectFunctionCall1(numeric_abs, rounded);

		if (DatumGetBool(DirectFunctionCall2(numeric_ge, absolute, converter->limit)))
			return problem_range(converter, json);
		*result = DirectFunctionCall2(numeric, *result, Int32GetDatum(converter->typmod));
	}
	return VALUE_OK;
}
