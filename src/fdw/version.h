/*-------------------------------------------------------------------------
 *
 * version.h
 *		The version of this library, and that of the extension's SQL objects.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FDW_VERSION_H
#define ADSEXPORT_FDW_VERSION_H

/*
 * Warn, once in a session, if the version of the extension's objects in this
 * database is not the library's.  Reads the catalogs.
 */
extern void warn_of_other_version(void);

#endif /* ADSEXPORT_FDW_VERSION_H */
