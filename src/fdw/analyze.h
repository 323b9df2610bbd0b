/*-------------------------------------------------------------------------
 *
 * analyze.h
 *		The command ANALYZE on foreign tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ANALYZE_H
#define ADSEXPORT_ANALYZE_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern bool
adsexport_analyze_foreign_table(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif /* ADSEXPORT_ANALYZE_H */
