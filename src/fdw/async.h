/*-------------------------------------------------------------------------
 *
 * async.h
 *		Foreign scans side by side below an Append (PostgreSQL 14 and later).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ASYNC_H
#define ADSEXPORT_ASYNC_H

#include "postgres.h"

#include "compat.h"
#include "foreign/fdwapi.h"

#ifdef COMPAT_ASYNC
extern bool adsexport_is_foreign_path_async_capable(ForeignPath *path);
extern void adsexport_foreign_async_request(AsyncRequest *request);
extern void adsexport_foreign_async_configure_wait(AsyncRequest *request);
extern void adsexport_foreign_async_notify(AsyncRequest *request);
#endif

#endif /* ADSEXPORT_ASYNC_H */
