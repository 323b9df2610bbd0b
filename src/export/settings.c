/*-------------------------------------------------------------------------
 *
 * settings.c
 *		What the options of a server, a user mapping and a table add up to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "export/settings.h"

Settings *
settings_copy(const Settings *settings, MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Settings *copy = palloc(sizeof(Settings));
	char **strings[] = { &copy->table_name,    &copy->server_name,   &copy->user_name,
						 &copy->region,        &copy->endpoint,      &copy->token_endpoint,
						 &copy->ca_file,       &copy->proxy,         &copy->client_id,
						 &copy->client_secret, &copy->refresh_token, &copy->access_token,
						 &copy->api_key,       &copy->secret_key };

	*copy = *settings;
	for (int i = 0; i < (int) lengthof(strings); i++)
		if (*strings[i] != NULL)
			*strings[i] = pstrdup(*strings[i]);
	if (copy->profile_count > 0)
	{
		copy->profile_ids = palloc(sizeof(char *) * copy->profile_count);
		for (int i = 0; i < copy->profile_count; i++)
			copy->profile_ids[i] = pstrdup(settings->profile_ids[i]);
	}
	MemoryContextSwitchTo(old_context);
	return copy;
}
