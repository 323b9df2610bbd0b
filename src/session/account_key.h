/*-------------------------------------------------------------------------
 *
 * account_key.h
 *		The account through which something is known, as a key for what
 *		sessions share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ACCOUNT_KEY_H
#define ADSEXPORT_ACCOUNT_KEY_H

#include "option/foreign_options.h"
#include "session/shared_memory.h"

/*
 * A key of database, server and user mapping as they are now, endpoint and
 * credentials.  Any change to server or mapping leads to another key, so that
 * nothing that was known by the old one is found any more.  Only where shared
 * memory is available; looks at catalogs, and allocates.
 */
extern SharedKey account_key(const ForeignOptions *options);

#endif /* ADSEXPORT_ACCOUNT_KEY_H */
