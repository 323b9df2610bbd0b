/*-------------------------------------------------------------------------
 *
 * explain.h
 *		What EXPLAIN shows of a foreign scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_EXPLAIN_H
#define ADSEXPORT_EXPLAIN_H

#include "postgres.h"

#include "commands/explain.h"
#include "nodes/execnodes.h"

extern void adsexport_explain_foreign_scan(ForeignScanState *node, ExplainState *es);

#endif /* ADSEXPORT_EXPLAIN_H */
