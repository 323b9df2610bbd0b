/*-------------------------------------------------------------------------
 *
 * descriptors.h
 *		How many file descriptors this layer, and libcurl for it, holds.
 *
 * A server that budgets its descriptors needs to know.  But descriptors may be
 * opened in a thread or in a callback of libcurl, where the server's functions
 * cannot be called: they are only counted, and a layer above passes the sum on
 * when it can.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DESCRIPTORS_H
#define ADSEXPORT_DESCRIPTORS_H

/*
 * This many more are held, or are about to be opened; fewer if negative. May
 * be called in any thread.
 */
extern void descriptors_count(int more);

extern int descriptors_held(void);

#endif /* ADSEXPORT_DESCRIPTORS_H */
