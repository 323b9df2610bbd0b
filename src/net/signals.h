/*-------------------------------------------------------------------------
 *
 * signals.h
 *		Brackets around calls that may start a thread.
 *
 * A thread inherits the mask of its creator: with all signals blocked, the
 * process's handlers never run in it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_SIGNALS_H
#define ADSEXPORT_SIGNALS_H

#include <signal.h>

extern void signals_block(sigset_t *saved);
extern void signals_restore(const sigset_t *saved);

#endif /* ADSEXPORT_SIGNALS_H */
