/*-------------------------------------------------------------------------
 *
 * account_key.c
 *		The account through which something is known, as a key for what
 *		sessions share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "option/row_version.h"
#include "session/account_key.h"
#include "utils/syscache.h"

SharedKey
account_key(const ForeignOptions *options)
{
	uint64 numbers[7] = { MyDatabaseId, options->server_id, options->mapping_id };
	const char *texts[] = { options->endpoint,      options->client_id,    options->client_secret,
							options->refresh_token, options->access_token, options->api_key,
							options->secret_key };

	row_version(FOREIGNSERVEROID, options->server_id, &numbers[3]);
	row_version(USERMAPPINGOID, options->mapping_id, &numbers[5]);
	return shared_key(numbers, lengthof(numbers), texts, lengthof(texts));
}
