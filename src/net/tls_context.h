/*-------------------------------------------------------------------------
 *
 * tls_context.h
 *		What the TLS library does besides speaking TLS.
 *
 * It decrypts in buffers of its own, which are not libcurl's memory, and
 * leaves in them, freed or not, what nobody needs any more: links, tokens.
 * And it returns only when there is data, however long a server sends messages
 * that are none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_TLS_CONTEXT_H
#define ADSEXPORT_TLS_CONTEXT_H

#include <stdbool.h>

#include <curl/curl.h>

/*
 * Let the connections that are opened for this handle overwrite what was read
 * from them (only OpenSSL 3 can), and read no more than so much in a turn (only
 * OpenSSL). With another library nothing is done.  False if libcurl refuses.
 */
extern bool tls_context_furnish(CURL *easy);

/* To be called by a thread before it lets libcurl do anything: a new turn. */
extern void tls_context_begin_turn(void);

#endif /* ADSEXPORT_TLS_CONTEXT_H */
