/*-------------------------------------------------------------------------
 *
 * tls_memory.h
 *		What the TLS library keeps of what was received.
 *
 * It decrypts in buffers of its own, which are not libcurl's memory, and
 * leaves in them, freed or not, what nobody needs any more: links, tokens.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_TLS_MEMORY_H
#define ADSEXPORT_TLS_MEMORY_H

#include <stdbool.h>

#include <curl/curl.h>

/*
 * Let the connections that are opened for this handle overwrite what was read
 * from them (only OpenSSL 3 can), and return after each message that is not
 * data, such as a session ticket (only OpenSSL).  With another library nothing
 * is done.  Nested: it may be TLS within that to a proxy.  False if libcurl
 * refuses.
 */
extern bool tls_memory_furnish(CURL *easy, bool nested);

#endif /* ADSEXPORT_TLS_MEMORY_H */
