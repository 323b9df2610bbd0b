/*-------------------------------------------------------------------------
 *
 * quick.h
 *		The conversions that nearly every value needs, in plain memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_QUICK_H
#define ADSEXPORT_QUICK_H

#include "row/value.h"
#include "stream/records.h"

/* For one thread at a time. */
typedef struct QuickState
{
	bool keeps_utf8;      /* the database takes UTF-8 as it is */
	bool for_tuples;      /* all varlenas have short headers where they can, as in a tuple */
	int column;           /* whose value is converted */
	ShapeUse *shape_uses; /* of each column */
	JsonbBuilder *jsonb_builder;
} QuickState;

typedef enum QuickStatus
{
	QUICK_VALUE,
	QUICK_NULL,
	QUICK_CANNOT /* the column's converter has to see it */
} QuickStatus;

/*
 * Convert a value that is present.  One that is not by value is appended to the
 * arena.  Does without anything of the server.
 */
typedef QuickStatus (*QuickFunction)(QuickState *state, const JsonValue *json, RecordArena *arena,
									 Datum *result);

extern void
quick_state_init(QuickState *state, ValueContext *context, int columns, bool for_tuples);

/* NULL: there is none for the type. */
extern QuickFunction quick_function(Oid type, int32 typmod);

#endif /* ADSEXPORT_QUICK_H */
