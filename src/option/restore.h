/*-------------------------------------------------------------------------
 *
 * restore.h
 *		Hints for a restore that fills a materialized view.
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
 * A hint; in a restore, with a sentence on how to restore without the data
 * that the statement reads.
 */
extern const char *with_restore_hint(const char *hint);

#endif /* ADSEXPORT_RESTORE_H */
