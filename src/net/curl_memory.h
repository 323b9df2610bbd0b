/*-------------------------------------------------------------------------
 *
 * curl_memory.h
 *		libcurl's memory, which is overwritten when it is freed.
 *
 * libcurl copies what it sends (headers with tokens, forms with secrets, links)
 * and leaves the copies behind in freed memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CURL_MEMORY_H
#define ADSEXPORT_CURL_MEMORY_H

#include <stdbool.h>

/*
 * Initialize libcurl so that it does that, before anything else is asked of it:
 * the first handle would do so in its own way.  If others in this process have
 * initialized it, its memory is as they wanted it.  Not to be called when the
 * library is loaded: some systems' implementations start threads here, which a
 * postmaster must not have.  False: libcurl cannot be used.
 */
extern bool curl_initialize(void);

#endif /* ADSEXPORT_CURL_MEMORY_H */
