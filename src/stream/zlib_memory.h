/*-------------------------------------------------------------------------
 *
 * zlib_memory.h
 *		Memory for zlib that is overwritten when it is freed.
 *
 * In its window remains what it inflated last: it may be a token.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ZLIB_MEMORY_H
#define ADSEXPORT_ZLIB_MEMORY_H

/* For zalloc and zfree of a z_stream. */
extern void *zlib_allocate(void *unused, unsigned count, unsigned size);
extern void zlib_wipe(void *unused, void *address);

#endif /* ADSEXPORT_ZLIB_MEMORY_H */
