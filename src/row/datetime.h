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

#endif /* ADSEXPORT_DATETIME_H */
