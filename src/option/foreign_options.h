/*-------------------------------------------------------------------------
 *
 * foreign_options.h
 *		What the options of a server, a user mapping and a table add up to.
 *
 * Filled by option/load.c (table wins over mapping over server over default),
 * read by everything that talks to a remote.  All durations are milliseconds.
 * Strings and the struct live in the memory context that was current when it
 * was loaded.  Credentials must never be printed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FOREIGN_OPTIONS_H
#define ADSEXPORT_FOREIGN_OPTIONS_H

#include "postgres.h"

#include "entity/entity.h"
#include "net/request.h"

/* The most that a scan can read, or an option can list: one export each. */
#define MAX_PROFILES 10000

typedef enum IncompleteHours
{
	INCOMPLETE_HOURS_ERROR,
	INCOMPLETE_HOURS_WARNING,
	INCOMPLETE_HOURS_IGNORE
} IncompleteHours;

typedef enum OnInvalid
{
	ON_INVALID_ERROR,
	ON_INVALID_NULL
} OnInvalid;

typedef struct ForeignOptions
{
	Oid relation_id; /* InvalidOid when there is no table */
	Oid server_id;
	Oid user_id;
	Oid mapping_id; /* InvalidOid until the mapping is loaded */

	const Entity *entity; /* NULL when there is no table */

	/* server */
	ApiKind api;
	int max_jobs;
	bool eager;
	int poll_interval;
	int poll_interval_max;
	int64 export_timeout;
	int request_span; /* hours */
	int concurrency;
	int connect_timeout;
	int stall_timeout;
	int max_retries;

	/* server or table */
	char **profile_ids;   /* decimal, no duplicates, in the order given; table wins
								 * over mapping over server */
	int profile_count;    /* -1: left out everywhere */
	unsigned ad_products; /* AD_PRODUCT_* bits */
	int64 max_age;
	IncompleteHours incomplete_hours;
	double fdw_startup_cost;
	double fdw_tuple_cost;

	/* table; -1 where left out */
	int64 default_start; /* hours */
	int64 event_time_max_lag;
	int64 event_time_max_lead;
	double estimated_rows;
	OnInvalid on_invalid;
	JsonTextPolicy invalid_text;

	/*
	 * Strings, NULL where left out.  All from here to the end are, which
	 * foreign_options.c relies on.
	 */
	char *table_name;
	char *server_name;
	char *user_name;
	char *region;
	char *endpoint; /* base URL without a slash at its end */
	char *token_endpoint;
	char *ca_file; /* NULL: the system's */
	char *proxy;   /* NULL: the environment's, never for a loopback address */
	/* of the user mapping */
	char *client_id;
	char *client_secret;
	char *refresh_token;
	char *access_token;
	char *api_key;
	char *secret_key;
	char *proxy_user;
	char *proxy_password;
} ForeignOptions;

/*
 * The session's own copy of such options, shared by all that keep the same
 * ones; it lives at least as long as context. It leaves out profile_ids: what
 * keeps options is about one profile, or about none.
 */
extern const ForeignOptions *
foreign_options_keep(const ForeignOptions *options, MemoryContext context);

/* What is the same for each request; the caller changes timeouts that differ. */
extern void
foreign_options_for_request(const ForeignOptions *options, RequestOptions *request_options);

/*
 * Kept options of a user mapping that changed (0: any may have): mark them, and
 * wipe the secrets of those that are marked, except for users whose secrets may
 * still be needed. Neither throws.
 */
extern void foreign_options_mark_changed(uint32 mapping_hash);
extern void foreign_options_wipe_changed(bool (*is_held)(Oid user_id));

/*
 * Overwrite a secret, free it and set it to NULL; does nothing if it is NULL
 * already. Does not throw.
 */
extern void wipe_string(char **secret);

#endif /* ADSEXPORT_FOREIGN_OPTIONS_H */
