/*-------------------------------------------------------------------------
 *
 * signals.c
 *		Brackets around calls that may start a thread.
 *
 *-------------------------------------------------------------------------
 */
#include "net/signals.h"

#include <pthread.h>

void
signals_block(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

void
signals_restore(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}
