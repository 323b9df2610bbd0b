/*-------------------------------------------------------------------------
 *
 * import.h
 *		IMPORT FOREIGN SCHEMA.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_IMPORT_H
#define ADSEXPORT_IMPORT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/* The callback ImportForeignSchema: CREATE FOREIGN TABLE commands as strings. */
extern List *import_foreign_schema(ImportForeignSchemaStmt *stmt, Oid server_id);

#endif /* ADSEXPORT_IMPORT_H */
