/*-------------------------------------------------------------------------
 *
 * foreign_options.c
 *		What the options of a server, a user mapping and a table add up to,
 *		and the session's copies of it.
 *
 * Exports outlive the statement that requested them, and with thousands of
 * profiles there are thousands of exports. They share a copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "option/foreign_options.h"
#include "option/option.h"

typedef struct KeptOptions
{
	dlist_node node;
	MemoryContext context; /* holds the struct and what it points to */
	int users;
	uint32 mapping_hash;
	bool changed; /* the mapping has changed since */
	ForeignOptions options;
} KeptOptions;

/* A reference to a copy, which ends with a memory context. */
typedef struct Share
{
	MemoryContextCallback callback;
	KeptOptions *kept;
} Share;

static dlist_head all_kept = DLIST_STATIC_INIT(all_kept);

#define STRING_COUNT                                                                               \
	((sizeof(ForeignOptions) - offsetof(ForeignOptions, table_name)) / sizeof(char *))

/* The strings, one after the other. */
static char **
strings_of(const ForeignOptions *options)
{
	return (char **) ((char *) options + offsetof(ForeignOptions, table_name));
}

/*
 * Everything but the strings, byte for byte.  (If a compiler left anything in
 * the padding, there is one copy more than needed.)
 */
static void
plain_fields(ForeignOptions *plain, const ForeignOptions *options)
{
	memcpy(plain, options, sizeof(*plain));
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
foreign_options_equal(const ForeignOptions *a, const ForeignOptions *b)
{
	ForeignOptions a_plain;
	ForeignOptions b_plain;

	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		if (!strings_equal(strings_of(a)[i], strings_of(b)[i]))
			return false;
	}
	plain_fields(&a_plain, a);
	plain_fields(&b_plain, b);
	return memcmp(&a_plain, &b_plain, sizeof(ForeignOptions)) == 0;
}

static KeptOptions *
make_kept(const ForeignOptions *options)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw options", ALLOCSET_SMALL_SIZES);
	KeptOptions *kept = MemoryContextAllocZero(context, sizeof(KeptOptions));

	kept->context = context;
	plain_fields(&kept->options, options);
	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		const char *string = strings_of(options)[i];

		if (string != NULL)
			strings_of(&kept->options)[i] = MemoryContextStrdup(context, string);
	}
	kept->mapping_hash =
		GetSysCacheHashValue1(USERMAPPINGOID, ObjectIdGetDatum(options->mapping_id));
	/* Only now that nothing can fail any more. */
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_head(&all_kept, &kept->node);
	return kept;
}

static KeptOptions *
find_kept(const ForeignOptions *options)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptOptions *kept = dlist_container(KeptOptions, node, iter.cur);

		/* What was marked may have lost its secrets, or is about to. */
		if (kept->changed)
			continue;
		if (&kept->options == options || foreign_options_equal(&kept->options, options))
			return kept;
	}
	return NULL;
}

/* Secrets are not left behind in freed memory. */
static void
give_up_share(void *argument)
{
	KeptOptions *kept = ((Share *) argument)->kept;

	if (kept == NULL || --kept->users > 0)
		return;
	dlist_delete(&kept->node);
	for (size_t i = 0; i < STRING_COUNT; i++)
	{
		char *string = strings_of(&kept->options)[i];

		if (string != NULL)
			explicit_bzero(string, strlen(string));
	}
	MemoryContextDelete(kept->context);
}

const ForeignOptions *
foreign_options_keep(const ForeignOptions *options, MemoryContext context)
{
	Share *share = MemoryContextAllocZero(context, sizeof(Share));

	share->callback.func = give_up_share;
	share->callback.arg = share;
	MemoryContextRegisterResetCallback(context, &share->callback);

	share->kept = find_kept(options);
	if (share->kept == NULL)
		share->kept = make_kept(options);
	share->kept->users++;
	return &share->kept->options;
}

void
foreign_options_for_request(const ForeignOptions *options, RequestOptions *request_options)
{
	request_options->ca_file = options->ca_file;
	request_options->proxy = options->proxy;
	request_options->proxy_user = options->proxy_user;
	request_options->proxy_password = options->proxy_password;
	request_options->connect_timeout = options->connect_timeout;
	request_options->response_timeout = request_options->stall_timeout = options->stall_timeout;
}

void
foreign_options_mark_changed(uint32 mapping_hash)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptOptions *kept = dlist_container(KeptOptions, node, iter.cur);

		if (mapping_hash == 0 || kept->mapping_hash == mapping_hash)
			kept->changed = true;
	}
}

static void
wipe_secrets(ForeignOptions *options)
{
	const Option *option;

	for (int i = 0; (option = option_at(i)) != NULL; i++)
	{
		if (option->secret)
			wipe_string((char **) ((char *) options + option->offset));
	}
}

void
foreign_options_wipe_changed(bool (*is_held)(Oid user_id))
{
	dlist_iter iter;

	dlist_foreach(iter, &all_kept)
	{
		KeptOptions *kept = dlist_container(KeptOptions, node, iter.cur);

		if (kept->changed && !is_held(kept->options.user_id))
			wipe_secrets(&kept->options);
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
