/*-------------------------------------------------------------------------
 *
 * scan.h
 *		Execution of foreign scans.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SCAN_H
#define ADSEXPORT_SCAN_H

#include "postgres.h"

#include "fdw/scan_status.h"
#include "foreign/fdwapi.h"

extern void adsexport_begin_foreign_scan(ForeignScanState *node, int eflags);
extern TupleTableSlot *adsexport_iterate_foreign_scan(ForeignScanState *node);
extern void adsexport_rescan_foreign_scan(ForeignScanState *node);
extern void adsexport_end_foreign_scan(ForeignScanState *node);

/*
 * What the scan requests, as far as that is known: with known_only, parameters
 * that are not set yet count as unknown.  Lives until the next call.
 */
extern ExportQuery *scan_evaluate_query(ForeignScanState *node, bool known_only);

#endif /* ADSEXPORT_SCAN_H */
