/*-------------------------------------------------------------------------
 *
 * sharing.h
 *		What this session's exports have to do with other sessions.
 *
 * A shared export is driven by one session, which tells the others about each
 * change. In the others it follows: its record is a copy of the driver's, and
 * nothing is done for it until it is completed (then each session requests its
 * own links), or the driver is gone and it becomes this session's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SHARING_H
#define ADSEXPORT_SHARING_H

#include "session/export.h"

/*
 * A new export, or one that is requested again, which nobody drives yet: share
 * it, if others may see it.  True if another session's is used, which was
 * requested at that moment or later.  One of the serial refused is not used:
 * it was lost at the vendor (0: none is refused).
 */
extern bool sharing_begin(Export *export, Moment oldest, uint64 refused);

/* It has users again, or none.  Unusing does not throw. */
extern void sharing_use(Export *export);
extern void sharing_unuse(Export *export);

/* It is dropped, or its credentials have changed. Does not throw. */
extern void sharing_leave(Export *export);

/* Does another session drive it? */
extern bool sharing_follows(const Export *export);

/*
 * For one that follows: has it changed?  With wait, it may be driven by this
 * session afterwards.
 */
extern bool sharing_look(Export *export, bool wait);

/*
 * Before something is done for it: may this session?  If not, another one has
 * taken it over, what was in progress is dropped, and it follows.
 */
extern bool sharing_may_act(Export *export);

/* After something was done for it: tell the others. */
extern void sharing_tell(Export *export);

/*
 * This session continues to work: the exports that it drives stay its own.
 * Returns when this has to be called again, even if there is nothing else to
 * do.
 */
extern int64 sharing_keep_all(int64 now);

/* It stops working: others that wait may have them. Does not throw. */
extern void sharing_yield_all(void);

#endif /* ADSEXPORT_SHARING_H */
