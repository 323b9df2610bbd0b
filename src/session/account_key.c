/*-------------------------------------------------------------------------
 *
 * account_key.c
 *		As whom something is known, for what sessions share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "session/account_key.h"
#include "storage/itemptr.h"
#include "utils/syscache.h"

/* Which transaction wrote the row, and where it stands: each change makes another. */
static void
version_of(int cache, Oid id, uint64 version[2])
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

SharedKey
account_key(const ForeignOptions *options)
{
	uint64 numbers[7] = { MyDatabaseId, options->server_id, options->mapping_id };
	const char *texts[] = { options->endpoint,      options->client_id,    options->client_secret,
							options->refresh_token, options->access_token, options->api_key,
							options->secret_key };

	version_of(FOREIGNSERVEROID, options->server_id, &numbers[3]);
	version_of(USERMAPPINGOID, options->mapping_id, &numbers[5]);
	return shared_key(numbers, lengthof(numbers), texts, lengthof(texts));
}
