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
 * from them.  Only OpenSSL 3 can; with another library nothing is done.  False
 * if libcurl refuses.
 */
extern bool tls_memory_wipe(CURL *easy);

#endif /* ADSEXPORT_TLS_MEMORY_H */
