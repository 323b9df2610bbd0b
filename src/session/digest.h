/*-------------------------------------------------------------------------
 *
 * digest.h
 *		SHA-256 of content that may include a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DIGEST_H
#define ADSEXPORT_DIGEST_H

#include "postgres.h"

/*
 * Wipes and frees the content, also on error. The hash function fails only if
 * memory is short; that is the error raised then (53200), where the server
 * would report an internal one.
 */
extern bytea *digest_make(bytea *content);

#endif /* ADSEXPORT_DIGEST_H */
