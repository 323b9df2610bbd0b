/*-------------------------------------------------------------------------
 *
 * settings.c
 *		What the options of a server, a user mapping and a table add up to,
 *		and the session's copies of it.
 *
 * Exports outlive the statement that asked for them, and there are thousands
 * of them where there are thousands of profiles.  They share a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "option/settings.h"

typedef struct KeptSettings
{
	dlist_node node;
	MemoryContext context; /* holds the struct and what it points to */
	int users;
	uint32 mapping_hash;
	bool changed; /* the mapping is another one now */
	Settings settings;
} KeptSettings;

/* Somebody's share in a copy, which ends with a memory context. */
typedef struct Share
{
	MemoryContextCallback callback;
	KeptSettings *kept;
} Share;

static dlist_head all_kept = DLIST_STATIC_INIT(all_kept);

#define STRING_COUNT ((sizeof(Settings) - offsetof(Settings, table_name)) / sizeof(char *))

static const size_t secret_fields[] = {
	offsetof(Settings, client_secret), offsetof(Settings, refresh_token),
	offsetof(Settings, access_token),  offsetof(Settings, api_key),
	offsetof(Settings, secret_key),    offsetof(Settings, proxy_password),
};

/* The strings, one after the other. */
static char **
strings_of(const Settings *settings)
{
	return (char **) ((char *) settings + offsetof(Settings, table_name));
}

/*
 * Everything but the strings, byte for byte.  (Should a compiler have left
 * anything in the padding, there is a copy more than needed.)
 */
static void
plain_fields(Settings *plain, const Settings *settings)
{
	memcpy(plain, settings, sizeof(*plain));
	memset(strings_of(plain), 0, STRING_COUNT * sizeof(char *));
	plain->profile_ids = NULL;
	plain->profile_count = -1;
}

static bool
strings_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
settings_equal(const Settings *a, const Settings *b)
{
	Settings a_plain;
	Settings b_plain;

	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		if (!strings_equal(strings_of(a)[i], strings_of(b)[i]))
			return false;
	}
	plain_fields(&a_plain, a);
	plain_fields(&b_plain, b);
	return memcmp(&a_plain, &b_plain, sizeof(Settings)) == 0;
}

static KeptSettings *
make_kept(const Settings *settings)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw settings", ALLOCSET_SMALL_SIZES);
	KeptSettings *kept = MemoryContextAllocZero(context, sizeof(KeptSettings));

	kept->context = context;
	plain_fields(&kept->settings, settings);
	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		const char *string = strings_of(settings)[i];

		if (string != NULL)
			strings_of(&kept->settings)[i] = MemoryContextStrdup(context, string);
	}
	kept->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(settings->mapping_id));
	/* Now that nothing can go wrong any more. */
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_head(&all_kept, &kept->node);
	return kept;
}

static KeptSettings *
find_kept(const Settings *settings)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptSettings *kept = dlist_container(KeptSettings, node, iter.cur);

		/* What was marked may have lost its secrets, or is about to. */
		if (kept->changed)
			continue;
		if (&kept->settings == settings || settings_equal(&kept->settings, settings))
			return kept;
	}
	return NULL;
}

/* Secrets are not left behind in freed memory. */
static void
give_up_share(void *argument)
{
	KeptSettings *kept = ((Share *) argument)->kept;

	if (kept == NULL || --kept->users > 0)
		return;
	dlist_delete(&kept->node);
	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		char *string = strings_of(&kept->settings)[i];

		if (string != NULL)
			explicit_bzero(string, strlen(string));
	}
	MemoryContextDelete(kept->context);
}

const Settings *
settings_keep(const Settings *settings, MemoryContext context)
{
	Share *share = MemoryContextAllocZero(context, sizeof(Share));

	share->callback.func = give_up_share;
	share->callback.arg = share;
	MemoryContextRegisterResetCallback(context, &share->callback);

	share->kept = find_kept(settings);
	if (share->kept == NULL)
		share->kept = make_kept(settings);
	share->kept->users++;
	return &share->kept->settings;
}

void
settings_for_request(const Settings *settings, RequestOptions *options)
{
	options->ca_file = settings->ca_file;
	options->proxy = settings->proxy;
	options->proxy_user = settings->proxy_user;
	options->proxy_password = settings->proxy_password;
	options->connect_timeout = settings->connect_timeout;
	options->response_timeout = options->stall_timeout = settings->stall_timeout;
}

void
settings_mark_changed(uint32 mapping_hash)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptSettings *kept = dlist_container(KeptSettings, node, iter.cur);

		if (kept->mapping_hash == mapping_hash)
			kept->changed = true;
	}
}

void
settings_wipe_changed(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptSettings *kept = dlist_container(KeptSettings, node, iter.cur);

		for (size_t i = 0; kept->changed && i < lengthof(secret_fields); i++)
			wipe_string((char **) ((char *) &kept->settings + secret_fields[i]));
	}
}

void
wipe_string(char **secret)
{
	if (*secret == NULL)
		return;
	explicit_bzero(*secret, strlen(*secret));
	pfree(*secret);
	*secret = NULL;
}
