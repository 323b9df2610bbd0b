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

#include "fdw/row_source.h"
#include "foreign/fdwapi.h"

typedef struct ForeignScanStatus
{
	MemoryContext context; /* of everything here */
	ForeignOptions *options;
	List *trees; /* filter, as planned */
	List *is_late;
	List *expression_states;
	TimestampTz now;             /* of the open ends of hour ranges */
	RowSource *source;           /* NULL under EXPLAIN without ANALYZE */
	bool started;                /* the feed knows what to ask for */
	bool ended;                  /* and has nothing more */
	bool would_block;            /* the last call found nothing yet, and did not wait */
	MemoryContext query_context; /* for evaluating the filter; reset before each use */
} ForeignScanStatus;

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
