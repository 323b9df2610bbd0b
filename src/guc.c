/*-------------------------------------------------------------------------
 *
 * guc.c
 *		The configuration parameters of the module, adsexport_fdw.* in
 *		postgresql.conf and SET.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "guc.h"
#include "utils/guc.h"

int progress_interval = 10000;
bool read_ahead_enabled = true;
bool log_exports = false;
bool allow_loopback = false;
bool share_exports = true;
int shared_memory_kilobytes = 8192;

void
define_settings(void)
{
	DefineCustomIntVariable("adsexport_fdw.progress_interval",
							"Sets the time between notices about what a statement is waiting for.",
							"-1 turns notices off.", &progress_interval, 10000, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"adsexport_fdw.read_ahead",
		"Downloads and inflates large exports in a thread while they are read.", NULL,
		&read_ahead_enabled, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("adsexport_fdw.log_exports",
							 "Logs each export that finishes or fails.", NULL, &log_exports, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"adsexport_fdw.allow_loopback",
		"Lets users other than superusers create servers with endpoints on loopback "
		"addresses.",
		NULL, &allow_loopback, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("adsexport_fdw.share_exports",
							 "Shares exports with the other sessions of the cluster.",
							 "Shared are the exports, the limits on how many are in progress, "
							 "and what has been learned about them.",
							 &share_exports, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("adsexport_fdw.shared_memory",
							"Sets the amount of memory for what the sessions of the cluster share.",
							"It is allocated by the first session that needs it, and stays until "
							"the server is restarted.",
							&shared_memory_kilobytes, 8192, 1024, 1024 * 1024, PGC_SIGHUP,
							GUC_UNIT_KB, NULL, NULL, NULL);
	compat_reserve_settings("adsexport_fdw");
}
