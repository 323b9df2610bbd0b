/*-------------------------------------------------------------------------
 *
 * spool.h
 *		Downloads kept in a temporary file, to be read again.
 *
 * Compressed bytes as they arrived, one download after the other: a scan may
 * have thousands of parts, but has one file.  The file is the server's
 * (BufFile): it counts towards temp_file_limit and goes away with the
 * transaction at the latest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SPOOL_H
#define ADSEXPORT_SPOOL_H

#include "postgres.h"

typedef struct SpoolFile SpoolFile;
typedef struct Spool Spool;

/* Palloc'd in the current memory context. */
extern SpoolFile *spool_file_create(void);

/* Delete it, after all of its spools were freed.  NULL is allowed. */
extern void spool_file_close(SpoolFile *file);

/*
 * One download.  One of a file's spools may be written at a time, the one that
 * was created or restarted last.
 */
extern Spool *spool_create(SpoolFile *file);

/* NULL is allowed. */
extern void spool_free(Spool *spool);

/* Forget what was written. */
extern void spool_restart(Spool *spool);
extern void spool_write(Spool *spool, const char *bytes, size_t length);

/* Everything has been written: from now on it can be read. */
extern void spool_complete(Spool *spool);
extern bool spool_is_complete(const Spool *spool);

/* Read from the beginning; *last says that nothing follows. */
extern void spool_rewind(Spool *spool);
extern size_t spool_read(Spool *spool, char *buffer, size_t size, bool *last);

#endif /* ADSEXPORT_SPOOL_H */
