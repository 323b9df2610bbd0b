/*-------------------------------------------------------------------------
 *
 * export_key.c
 *		What makes two exports the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "session/digest.h"
#include "session/export_key.h"

#define SALT_SIZE 32

/* Made when it is first needed; differs from session to session. */
static const uint8 *
salt(void)
{
	static uint8 bytes[SALT_SIZE];
	static bool made = false;

	if (!made && !pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
	made = true;
	return bytes;
}

/* Each with its length, so that no two lists of texts give the same bytes. */
static void
add_text(StringInfo bytes, const char *text)
{
	int32 length = text != NULL ? (int32) strlen(text) : -1;

	appendBinaryStringInfo(bytes, (const char *) &length, sizeof(length));
	if (text != NULL)
		appendBinaryStringInfo(bytes, text, length);
}

/* Of all texts, which may be NULL. */
static void
make_digest(uint8 *digest, const char *const *texts, int count)
{
	StringInfoData bytes;
	bytea *result;

	initStringInfo(&bytes);
	appendStringInfoSpaces(&bytes, VARHDRSZ);
	appendBinaryStringInfo(&bytes, (const char *) salt(), SALT_SIZE);
	for (int i = 0; i < count; i++)
		add_text(&bytes, texts[i]);
	SET_VARSIZE(bytes.data, bytes.len);
	result = digest_make((bytea *) bytes.data);
	memcpy(digest, VARDATA_ANY(result), EXPORT_KEY_DIGEST);
	pfree(result);
}

void
export_key_make(ExportKey *key, const ForeignOptions *options, const char *profile_id,
				const char *body)
{
	const char *request[] = { options->endpoint, profile_id, body };
	const char *credentials[] = { options->token_endpoint, options->client_id,
								  options->client_secret, options->refresh_token,
								  options->access_token };

	key->database_id = MyDatabaseId;
	key->server_id = options->server_id;
	key->mapping_id = options->mapping_id;
	key->user_id = options->user_id;
	key->entity = options->entity->kind;
	make_digest(key->request, request, lengthof(request));
	make_digest(key->credentials, credentials, lengthof(credentials));
}
