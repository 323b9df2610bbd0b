/*-------------------------------------------------------------------------
 *
 * descriptors.h
 *		How many file descriptors this layer, and libcurl for it, holds.
 *
 * A server that budgets its descriptors wants to be told.  What happens here
 * may happen in a thread or in a callback of libcurl, where nothing can be
 * told: it is counted, and the layer that answers for the process looks at the sum
 * when it may.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_DESCRIPTORS_H
#define ADSEXPORT_DESCRIPTORS_H

/* This many more are held, or are about to be opened; fewer if negative.  For any thread. */
extern void descriptors_count(int more);

extern int descriptors_held(void);

#endif /* ADSEXPORT_DESCRIPTORS_H */
