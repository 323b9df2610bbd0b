/*-------------------------------------------------------------------------
 *
 * scan_status.h
 *		What is kept of a foreign scan while it is executed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SCAN_STATUS_H
#define ADSEXPORT_SCAN_STATUS_H

#include "postgres.h"

#include "fdw/plan_position.h"
#include "fdw/row_source.h"
#include "lib/ilist.h"

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
	Bitmapset *evaluated;        /* the expressions that the last evaluation needed */
	PlanPosition position;
	ForeignScanState *waiting_node; /* for waiting_scans.c; NULL: it does not wait */
	dlist_node waiting_link;
	MemoryContextCallback callback;
} ForeignScanStatus;

#endif /* ADSEXPORT_SCAN_STATUS_H */
