/*-------------------------------------------------------------------------
 *
 * converter.h
 *		The conversion of a column, by its type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CONVERTER_H
#define ADSEXPORT_CONVERTER_H

#include "row/value.h"

/* Allocates in the current memory context, as do conversions. */
extern void value_context_init(ValueContext *context, const ForeignOptions *options);
extern void converter_init(Converter *converter, ValueContext *context, Oid type, int32 typmod);

/* Free what an unusually large record needed. */
extern void value_context_trim(ValueContext *context);

/* Does NULL in the column need to be checked too? */
extern bool converter_checks_null(const Converter *converter);
extern ValueStatus converter_check_null(Converter *converter);

/* Writes 16 bytes; accepts what uuid's input function does. */
extern bool uuid_from_text(const char *text, size_t length, unsigned char *uuid);

#endif /* ADSEXPORT_CONVERTER_H */
