/*-------------------------------------------------------------------------
 *
 * spool.h
 *		A download kept in a temporary file, to be read again.
 *
 * Compressed bytes as they came.  The file is the server's (BufFile): it
 * counts towards temp_file_limit and goes away with the transaction at the
 * latest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SPOOL_H
#define ADSEXPORT_SPOOL_H

#include "postgres.h"

typedef struct Spool Spool;

/* Palloc'd in the current memory context, where it must be written and read, too. */
extern Spool *spool_create(void);

/* Delete the file.  NULL is allowed. */
extern void spool_close(Spool *spool);

/* Forget what was written. */
extern void spool_restart(Spool *spool);
extern void spool_write(Spool *spool, const char *bytes, size_t length);

/* All was written: from now on it can be read. */
extern void spool_complete(Spool *spool);
extern bool spool_is_complete(const Spool *spool);

/* Read from the beginning; *last says that nothing follows. */
extern void spool_rewind(Spool *spool);
extern size_t spool_read(Spool *spool, char *buffer, size_t size, bool *last);

#endif /* ADSEXPORT_SPOOL_H */
