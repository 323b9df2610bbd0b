/*-------------------------------------------------------------------------
 *
 * jsonb_builder.h
 *		JSON to jsonb, without the detour through the input function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSONB_BUILDER_H
#define ADSEXPORT_JSONB_BUILDER_H

#include "row/value.h"

extern JsonbBuilder *jsonb_builder_create(ValueContext *context);
extern void jsonb_builder_trim(JsonbBuilder *builder);

/*
 * A builder that never allocates, raises errors or uses anything else of the
 * server, for one thread at a time.  For what is large or unusual it returns
 * NULL, else memory of its own, valid until the next call.
 */
extern JsonbBuilder *jsonb_builder_create_fast(ValueContext *context);
extern const char *
jsonb_builder_build_fast(JsonbBuilder *builder, ShapeUse *use, const JsonValue *json, size_t *size);
extern ValueStatus convert_jsonb(Converter *converter, const JsonValue *json, Datum *result);

#endif /* ADSEXPORT_JSONB_BUILDER_H */
