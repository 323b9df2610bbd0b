/*-------------------------------------------------------------------------
 *
 * restore.h
 *		What to tell a restore that fills a materialized view.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_RESTORE_H
#define ADSEXPORT_RESTORE_H

#include "postgres.h"

#include "compat.h"

/* Does this statement fill a materialized view? */
extern bool is_refresh(void);

/*
 * A hint, and where it is for a restore also how that does without what the
 * statement asks for.
 */
extern const char *with_restore_hint(const char *hint);

#endif /* ADSEXPORT_RESTORE_H */
