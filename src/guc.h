/*-------------------------------------------------------------------------
 *
 * guc.h
 *		The configuration parameters of the module, adsexport_fdw.* in
 *		postgresql.conf and SET.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_GUC_H
#define ADSEXPORT_GUC_H

#include "postgres.h"

/* Milliseconds between two notices about what a statement waits for; -1: off. */
extern int progress_interval;

/* A thread downloads and inflates large exports while they are read. */
extern bool read_ahead_enabled;

/* One LOG line for each finished export. */
extern bool log_exports;

/* May users other than superusers create servers with loopback endpoints? */
extern bool allow_loopback;

/* Share what is known of exports with the other sessions. */
extern bool share_exports;

/* How much shared memory is allocated by the first session that needs it. */
extern int shared_memory_kilobytes;

/* Define them, when the library is loaded. */
extern void define_settings(void);

#endif /* ADSEXPORT_GUC_H */
