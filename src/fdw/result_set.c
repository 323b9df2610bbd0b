/*-------------------------------------------------------------------------
 *
 * result_set.c
 *		What a set-returning function returns, collected in a tuplestore.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/result_set.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"

void
result_set_begin(FunctionCallInfo fcinfo, ResultSet *result)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;

	if (info == NULL || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	old_context = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &result->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->store =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = result->store;
	info->setDesc = result->desc;
	MemoryContextSwitchTo(old_context);
}
