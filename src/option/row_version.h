/*-------------------------------------------------------------------------
 *
 * row_version.h
 *		Which version of a server or user mapping is it?
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ROW_VERSION_H
#define ADSEXPORT_ROW_VERSION_H

#include "postgres.h"

/*
 * Which transaction wrote the row of the catalog that this cache has by its OID,
 * and where it stands: each change makes another.  Zeros if there is none.
 */
extern void row_version(int cache, Oid id, uint64 version[2]);

#endif /* ADSEXPORT_ROW_VERSION_H */
