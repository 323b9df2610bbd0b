/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Every difference between PostgreSQL 13 and 19 that matters to this
 *		code.
 *
 * Include it right after postgres.h.  No other file looks at PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_COMPAT_H
#define ADSEXPORT_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 130000
#error "adsexport_fdw needs PostgreSQL 13 or later"
#endif

/*
 * The library is built with -fvisibility=hidden, so that names like
 * request_free cannot clash with those of another extension in the same
 * process.  What the server looks up by name is marked with this macro, which
 * is empty on Unix before version 16.
 */
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

/* The magic block: since version 18 it tells pg_get_loaded_modules() name and version. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_MODULE_MAGIC(module, number) PG_MODULE_MAGIC_EXT(.name = module, .version = number)
#else
#define COMPAT_MODULE_MAGIC(module, number) PG_MODULE_MAGIC
#endif

/* Instead of PG_FUNCTION_INFO_V1, which left the function itself hidden then. */
#define SQL_FUNCTION(name)                                                                         \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                               \
	PG_FUNCTION_INFO_V1(name)

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* A function that does not return; since version 18 the server marks it before the declaration. */
#ifndef pg_attribute_noreturn
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/* A case that falls through to the next; since version 19 a comment is not enough. */
#ifndef pg_fallthrough
#define pg_fallthrough __attribute__((fallthrough))
#endif

/* Lists of five: since version 14. */
#include "nodes/pg_list.h"
#ifndef list_make5
#define list_make5(a, b, c, d, e) lappend(list_make4((a), (b), (c), (d)), (e))
#endif

/*
 * Reading a date or time from its fields: since version 16 there is one more
 * output, which only the server's own messages need.
 */
#if PG_VERSION_NUM >= 160000
#define compat_decode_datetime(fields, types, count, kind, tm, fraction, zone)                     \
	DecodeDateTime((fields), (types), (count), (kind), (tm), (fraction), (zone),                   \
				   &(DateTimeErrorExtra){ 0 })
#else
#define compat_decode_datetime(fields, types, count, kind, tm, fraction, zone)                     \
	DecodeDateTime((fields), (types), (count), (kind), (tm), (fraction), (zone))
#endif

/* Generated columns that are computed when they are read: since version 18. */
#define compat_is_virtual(attribute) ((attribute)->attgenerated == 'v')

/* Input functions that can report a bad value without raising an error. */
#if PG_VERSION_NUM >= 160000
#define COMPAT_SOFT_ERRORS
#include "nodes/miscnodes.h"
#endif

/*
 * From date or timestamp to another of these types, without an error: what is
 * out of range becomes infinite, as in the server's comparisons.
 */
#include "utils/date.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 190000
#define COMPAT_MOMENT_CONVERSION(name, function, Source, Result)                                   \
	static inline Result name(Source value)                                                        \
	{                                                                                              \
		ErrorSaveContext problem = { T_ErrorSaveContext, false, false, NULL };                     \
		Result result = function(value, (Node *) &problem);                                        \
		if (problem.error_occurred)                                                                \
			result = value < 0 ? DT_NOBEGIN : DT_NOEND;                                            \
		return result;                                                                             \
	}
COMPAT_MOMENT_CONVERSION(compat_timestamp_to_timestamptz, timestamp2timestamptz_safe, Timestamp,
						 TimestampTz)
COMPAT_MOMENT_CONVERSION(compat_date_to_timestamptz, date2timestamptz_safe, DateADT, TimestampTz)
COMPAT_MOMENT_CONVERSION(compat_date_to_timestamp, date2timestamp_safe, DateADT, Timestamp)
#else
#define compat_timestamp_to_timestamptz(value)                                                     \
	timestamp2timestamptz_opt_overflow((value), &(int){ 0 })
#define compat_date_to_timestamptz(value) date2timestamptz_opt_overflow((value), &(int){ 0 })
#define compat_date_to_timestamp(value) date2timestamp_opt_overflow((value), &(int){ 0 })
#endif

/* The end of a hint about views that read as the current user: since version 15. */
#if PG_VERSION_NUM >= 150000
#define COMPAT_SECURITY_INVOKER_HINT                                                               \
	" A view with the option security_invoker reads with that of the user who asks."
#else
#define COMPAT_SECURITY_INVOKER_HINT ""
#endif

/* Encoding conversion that stops before a character it cannot convert. */
#if PG_VERSION_NUM >= 140000
#define COMPAT_ENCODING_CONVERSION_BUF
#endif

/* Roles that come with the server: named so since version 14. */
#include "catalog/pg_authid.h"
#ifndef ROLE_PG_MONITOR
#define ROLE_PG_MONITOR DEFAULT_ROLE_MONITOR
#endif

/* Wait events: in their own header since 14; those of extensions have names since 17. */
#include "pgstat.h"
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#define compat_wait_event(name) WaitEventExtensionNew(name)
#else
#define compat_wait_event(name) PG_WAIT_EXTENSION
#endif

/* A random number in [0, 1). */
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#define compat_random_fraction() pg_prng_double(&pg_global_prng_state)
#else
#define compat_random_fraction() ((double) random() / ((double) RAND_MAX + 1.0))
#endif

/* Was the table analyzed?  Unknown is -1 since 14; before, no pages. */
#if PG_VERSION_NUM >= 140000
#define compat_has_statistics(baserel) ((baserel)->tuples >= 0)
#else
#define compat_has_statistics(baserel) ((baserel)->pages > 0 || (baserel)->tuples > 0)
#endif

/* The children that an Append or MergeAppend may leave out; NULL if it never does. */
#if PG_VERSION_NUM >= 180000
#define compat_prune_info(append, estate)                                                          \
	((append)->part_prune_index >= 0                                                               \
		 ? (PartitionPruneInfo *) list_nth((estate)->es_part_prune_infos,                          \
										   (append)->part_prune_index)                             \
		 : NULL)
#else
#define compat_prune_info(append, estate) ((append)->part_prune_info)
#endif

/*
 * Can MOVE rewind the query that is being started, without EXEC_FLAG_REWIND?
 * Before version 15 it can do that with any cursor.
 */
#if PG_VERSION_NUM >= 150000
#define compat_may_be_rewound() false
#else
#include "tcop/pquery.h"
#include "utils/portal.h"
#define compat_may_be_rewound() (ActivePortal != NULL && ActivePortal->name[0] != '\0')
#endif

/* A ModifyTable has a list of plans below it, not a single one. */
#if PG_VERSION_NUM < 140000
#define COMPAT_MODIFY_TABLE_PLANS
#endif

/* A clause like those of WHERE. */
#if PG_VERSION_NUM >= 140000
#define compat_make_restrictinfo(root, clause) make_simple_restrictinfo(root, clause)
#else
#define compat_make_restrictinfo(root, clause) make_simple_restrictinfo(clause)
#endif

/* A random number for a sample, above 0 and below 1. */
#if PG_VERSION_NUM >= 150000
#define compat_sampler_fraction(state) sampler_random_fract(&(state)->randstate)
#else
#define compat_sampler_fraction(state) sampler_random_fract((state)->randstate)
#endif

/* A path without sort order, outer relation, further quals or private data. */
#if PG_VERSION_NUM >= 180000
#define compat_create_foreignscan_path(root, rel, rows, startup, total, outer)                     \
	create_foreignscan_path(root, rel, NULL, rows, 0, startup, total, NIL, outer, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define compat_create_foreignscan_path(root, rel, rows, startup, total, outer)                     \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, outer, NULL, NIL, NIL)
#else
#define compat_create_foreignscan_path(root, rel, rows, startup, total, outer)                     \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, outer, NULL, NIL)
#endif

/* The user as whom a scan runs, view owners and SECURITY DEFINER included. */
#include "executor/executor.h"
#include "miscadmin.h"
static inline Oid
compat_scan_user(ForeignScanState *node)
{
	Oid user;
#if PG_VERSION_NUM >= 160000
	user = ((ForeignScan *) node->ss.ps.plan)->checkAsUser;
#else
	user = exec_rt_fetch(((ForeignScan *) node->ss.ps.plan)->scan.scanrelid, node->ss.ps.state)
			   ->checkAsUser;
#endif
	return OidIsValid(user) ? user : GetUserId();
}

/* Foreign scans side by side below an Append. */
#if PG_VERSION_NUM >= 140000
#define COMPAT_ASYNC
#define compat_is_async(node) ((node)->ss.ps.async_capable)
#else
#define compat_is_async(node) false
#endif

/*
 * A struct in shared memory that is found by its name, without preloading. The
 * first caller initialises it with init, which must not throw. Raises an error
 * if there is no room.  Since version 17 the server has a registry for this;
 * before that, a few hundred bytes fit into the slack of its main shared
 * memory.
 */
#include "storage/lwlock.h"
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#if PG_VERSION_NUM >= 190000
static inline void
compat_init_named(void *memory, void *init)
{
	((void (*)(void *)) init)(memory);
}
#endif
static inline void *
compat_named_struct(const char *name, size_t size, void (*init)(void *memory))
{
	bool found;
#if PG_VERSION_NUM >= 190000
	return GetNamedDSMSegment(name, size, compat_init_named, &found, (void *) init);
#else
	return GetNamedDSMSegment(name, size, init, &found);
#endif
}
#else
#include "storage/shmem.h"
static inline void *
compat_named_struct(const char *name, size_t size, void (*init)(void *memory))
{
	void *memory;
	bool found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(name, size, &found);
	if (!found)
		init(memory);
	LWLockRelease(AddinShmemInitLock);
	return memory;
}
#endif

/*
 * A lock tranche, by which waits for the lock are shown: since version 19 the
 * name is registered with it.
 */
#if PG_VERSION_NUM >= 190000
#define compat_new_tranche(name) LWLockNewTrancheId(name)
#define compat_register_tranche(tranche, name) ((void) (tranche))
#else
#define compat_new_tranche(name) LWLockNewTrancheId()
#define compat_register_tranche(tranche, name) LWLockRegisterTranche((tranche), (name))
#endif

/* Only the parameters that were defined may begin with this prefix. */
#if PG_VERSION_NUM >= 150000
#define compat_reserve_settings(prefix) MarkGUCPrefixReserved(prefix)
#else
#define compat_reserve_settings(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* May a user use a foreign server?  Since version 16 one function serves all kinds of objects. */
#include "utils/acl.h"
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server.h"
#define compat_server_aclcheck(server, user)                                                       \
	object_aclcheck(ForeignServerRelationId, (server), (user), ACL_USAGE)
#else
#define compat_server_aclcheck(server, user) pg_foreign_server_aclcheck((server), (user), ACL_USAGE)
#endif

/* ExplainProperty...: in their own header since 18. */
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#endif /* ADSEXPORT_COMPAT_H */
