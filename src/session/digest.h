/*-------------------------------------------------------------------------
 *
 * digest.h
 *		SHA-256 of what may have a secret in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DIGEST_H
#define ADSEXPORT_DIGEST_H

#include "postgres.h"

/*
 * Wipes and frees the content, also on error.  The library that hashes fails
 * only where memory is short; that is the error then (53200), whereas the
 * server would call it an internal one.
 */
extern bytea *digest_make(bytea *content);

#endif /* ADSEXPORT_DIGEST_H */
