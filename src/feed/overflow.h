/*-------------------------------------------------------------------------
 *
 * overflow.h
 *		Bytes of a download, kept in a temporary file for a scan that rests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_OVERFLOW_H
#define ADSEXPORT_OVERFLOW_H

#include "postgres.h"

#include "utils/resowner.h"

typedef struct Overflow Overflow;

/* In that memory context; the file is removed with the resource owner, if not before. */
extern Overflow *overflow_create(MemoryContext context, ResourceOwner owner);

/*
 * NULL is allowed.  Not while a transaction is being aborted, when the file is
 * already gone.  Writes what is still in memory, so it may throw; then the file
 * is removed with its owner.
 */
extern void overflow_free(Overflow *overflow);

/* First in, first out; the two may alternate. */
extern void overflow_write(Overflow *overflow, const char *bytes, size_t length);
extern size_t overflow_read(Overflow *overflow, char *buffer, size_t size);

/* Nothing is left to be read.  True of NULL. */
extern bool overflow_is_empty(const Overflow *overflow);

#endif /* ADSEXPORT_OVERFLOW_H */
