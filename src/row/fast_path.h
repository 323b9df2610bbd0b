/*-------------------------------------------------------------------------
 *
 * fast_path.h
 *		The conversions that nearly every value needs, in plain memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FAST_PATH_H
#define ADSEXPORT_FAST_PATH_H

#include "row/value.h"
#include "stream/record_block.h"

/* For one thread at a time. */
typedef struct FastPathState
{
	bool keeps_utf8;      /* the database's encoding accepts UTF-8 as it is */
	bool for_tuples;      /* varlenas have short headers where possible, as in a tuple */
	int column;           /* whose value is converted */
	ShapeUse *shape_uses; /* of each column */
	JsonbBuilder *jsonb_builder;
} FastPathState;

typedef enum FastPathStatus
{
	FAST_PATH_VALUE,
	FAST_PATH_NULL,
	FAST_PATH_CANNOT /* the column's converter has to see it */
} FastPathStatus;

/*
 * Convert a value that is present.  A value that is not passed by value is
 * appended to the arena.  Uses nothing of the server.
 */
typedef FastPathStatus (*FastPathFunction)(FastPathState *state, const JsonValue *json,
										   RecordArena *arena, Datum *result);

extern void
fast_path_state_init(FastPathState *state, ValueContext *context, int columns, bool for_tuples);

/* NULL: there is none for the type. */
extern FastPathFunction fast_path_function(Oid type, int32 typmod);

#endif /* ADSEXPORT_FAST_PATH_H */
