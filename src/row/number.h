/*-------------------------------------------------------------------------
 *
 * number.h
 *		JSON numbers, and strings that hold numbers, to the number types.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_NUMBER_H
#define ADSEXPORT_NUMBER_H

#include "row/value.h"

extern ValueStatus convert_int2(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_int4(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_int8(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_float4(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_float8(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_numeric(Converter *converter, const JsonValue *json, Datum *result);

/* The double nearest to a number with few digits, rounded once only; false for others. */
extern bool double_from_short_number(const char *text, size_t length, double *result);

/* Split typmod into precision and scale. */
extern void numeric_converter_init(Converter *converter);

/*
 * Write a JSON number as a numeric, varlena header included, to output, which
 * is aligned as a numeric and has NUMERIC_SHORT_SIZE bytes.  Returns its size,
 * or 0 if the number needs numeric_from_number.  Valid only if
 * numeric_format_is_known.
 */
#define NUMERIC_SHORT_SIZE 64
extern size_t numeric_write_short(const char *text, size_t length, char *output);

/* Palloc'd; false if the number has more digits than the type can hold. */
extern bool numeric_from_number(const char *text, size_t length, Datum *result);

/* Does this server store what numeric_write_short writes? */
extern bool numeric_format_is_known(void);

#endif /* ADSEXPORT_NUMBER_H */
