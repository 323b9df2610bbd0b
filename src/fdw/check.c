/*-------------------------------------------------------------------------
 *
 * check.c
 *		adsexport_check(): the way to a vendor, one row for each step.
 *
 * For when nothing works.  Everything is requested afresh, once, and over
 * connections opened for the check: nothing that the session remembers is used
 * or changed, and a failure is reported immediately instead of being retried.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "fdw/check_steps.h"
#include "fdw/scan.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "option/load.h"
#include "session/network.h"

SQL_FUNCTION(adsexport_check);

static const VendorCheck *const vendor_checks[] = { &amazon_check, &amplitude_check };

StaticAssertDecl(lengthof(vendor_checks) == API_COUNT, "each vendor has a check");

static const VendorCheck *
check_of_api(ApiKind api)
{
	for (size_t i = 0; i < lengthof(vendor_checks); i++)
	{
		if (vendor_checks[i]->api == api)
			return vendor_checks[i];
	}
	pg_unreachable();
}

/* A server that this library serves, by whatever wrapper, and that the user may use. */
static Oid
find_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	AclResult allowed = compat_server_aclcheck(server->serverid, GetUserId());

	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FOREIGN_SERVER, server->servername);
	if (!OidIsValid(wrapper->fdwhandler) ||
		GetFdwRoutine(wrapper->fdwhandler)->BeginForeignScan != adsexport_begin_foreign_scan)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("server \"%s\" is not one of adsexport_fdw", server->servername)));
	return server->serverid;
}

Datum
adsexport_check(PG_FUNCTION_ARGS)
{
	Oid server_id = find_server(NameStr(*PG_GETARG_NAME(0)));
	ForeignOptions *options = foreign_options_load_server(server_id);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "adsexport_fdw check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	Check *check;

	foreign_options_load_mapping(options, GetUserId());
	check = MemoryContextAllocZero(context, sizeof(Check));
	check->options = options;
	result_set_begin(fcinfo, &check->rows);
	if (check->rows.desc->natts != CHECK_COLUMNS)
		elog(ERROR, "adsexport_check is declared with other columns than it returns");
	check->callback.func = check_release;
	check->callback.arg = check;
	MemoryContextRegisterResetCallback(context, &check->callback);

	old_context = MemoryContextSwitchTo(context);
	check->reactor = network_create_reactor();
	check_of_api(options->api)->run(check);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (Datum) 0;
}
