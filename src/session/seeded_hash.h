/*-------------------------------------------------------------------------
 *
 * seeded_hash.h
 *		A hash function for tables whose keys others choose.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SEEDED_HASH_H
#define ADSEXPORT_SEEDED_HASH_H

#include "postgres.h"

/*
 * For the server's hash tables (HASH_FUNCTION).  Their own functions give each
 * session the same values, so that whoever chooses the keys can put all of
 * them into one bucket, where each is compared with all others.  This one
 * gives values of this session alone.
 */
extern uint32 seeded_hash(const void *key, Size size);

/* Before the first use; raises an error if there are no random bytes. */
extern void seeded_hash_prepare(void);

#endif /* ADSEXPORT_SEEDED_HASH_H */
