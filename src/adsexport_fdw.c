/*-------------------------------------------------------------------------
 *
 * adsexport_fdw.c
 *		Foreign data wrapper for the bulk exports of Amazon Ads and Amplitude.
 *
 * This file connects the module to the server: magic block, handler.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/analyze.h"
#include "fdw/async.h"
#include "fdw/explain.h"
#include "fdw/import.h"
#include "fdw/modify.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "fdw/version.h"
#include "foreign/fdwapi.h"
#include "guc.h"

COMPAT_MODULE_MAGIC("adsexport_fdw", ADSEXPORT_VERSION);

extern PGDLLEXPORT void _PG_init(void);

SQL_FUNCTION(adsexport_fdw_handler);

void
_PG_init(void)
{
	define_settings();
}

Datum
adsexport_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	warn_of_other_version();
	routine->GetForeignRelSize = adsexport_get_foreign_rel_size;
	routine->GetForeignPaths = adsexport_get_foreign_paths;
	routine->GetForeignPlan = adsexport_get_foreign_plan;
	routine->BeginForeignScan = adsexport_begin_foreign_scan;
	routine->IterateForeignScan = adsexport_iterate_foreign_scan;
	routine->ReScanForeignScan = adsexport_rescan_foreign_scan;
	routine->EndForeignScan = adsexport_end_foreign_scan;
	routine->ExplainForeignScan = adsexport_explain_foreign_scan;
	routine->PlanForeignModify = adsexport_plan_foreign_modify;
	routine->AnalyzeForeignTable = adsexport_analyze_foreign_table;
	routine->ImportForeignSchema = import_foreign_schema;
#ifdef COMPAT_ASYNC
	routine->IsForeignPathAsyncCapable = adsexport_is_foreign_path_async_capable;
	routine->ForeignAsyncRequest = adsexport_foreign_async_request;
	routine->ForeignAsyncConfigureWait = adsexport_foreign_async_configure_wait;
	routine->ForeignAsyncNotify = adsexport_foreign_async_notify;
#endif
	PG_RETURN_POINTER(routine);
}
