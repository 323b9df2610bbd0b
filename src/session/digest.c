/*-------------------------------------------------------------------------
 *
 * digest.c
 *		SHA-256 of content that may include a secret.
 *
 *-------------------------------------------------------------------------
 */
#include "session/digest.h"

#include "compat.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"

bytea *
digest_make(bytea *content)
{
	MemoryContext context = CurrentMemoryContext;
	bytea *volatile hash = NULL;

	PG_TRY();
	{
		hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(content)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	explicit_bzero(VARDATA(content), VARSIZE(content) - VARHDRSZ);
	pfree(content);
	if (hash == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("Could not hash a shared memory key.")));
	return hash;
}
