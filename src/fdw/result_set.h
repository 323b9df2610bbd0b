/*-------------------------------------------------------------------------
 *
 * result_set.h
 *		What a set-returning function returns, collected in a tuplestore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RESULT_SET_H
#define ADSEXPORT_RESULT_SET_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/tuplestore.h"

typedef struct ResultSet
{
	Tuplestorestate *store;
	TupleDesc desc;
} ResultSet;

/* Make the store the function's result; rows can be put into it from then on. */
extern void result_set_begin(FunctionCallInfo fcinfo, ResultSet *result);

#endif /* ADSEXPORT_RESULT_SET_H */
