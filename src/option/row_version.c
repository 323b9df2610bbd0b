/*-------------------------------------------------------------------------
 *
 * row_version.c
 *		Which version of a server or user mapping is it?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "option/row_version.h"
#include "storage/itemptr.h"
#include "utils/syscache.h"

void
row_version(int cache, Oid id, uint64 version[2])
{
	HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(id));

	version[0] = version[1] = 0;
	if (!HeapTupleIsValid(tuple))
		return;
	version[0] = HeapTupleHeaderGetRawXmin(tuple->t_data);
	version[1] = ((uint64) ItemPointerGetBlockNumberNoCheck(&tuple->t_self) << 16) |
				 ItemPointerGetOffsetNumberNoCheck(&tuple->t_self);
	ReleaseSysCache(tuple);
}
