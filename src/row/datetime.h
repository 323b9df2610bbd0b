/*-------------------------------------------------------------------------
 *
 * datetime.h
 *		JSON strings to dates and timestamps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DATETIME_H
#define ADSEXPORT_DATETIME_H

#include "datatype/timestamp.h"

#include "row/value.h"

extern ValueStatus convert_timestamp(Converter *converter, const JsonValue *json, Datum *result);
extern ValueStatus convert_date(Converter *converter, const JsonValue *json, Datum *result);

/*
 * YYYY-MM-DD, alone or with a time and a zone behind it.  False for everything
 * that is not just of this form.
 */
extern bool timestamp_from_fixed_format(const char *text, size_t length, Timestamp *result);

#endif /* ADSEXPORT_DATETIME_H */
