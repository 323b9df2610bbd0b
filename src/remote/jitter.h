/*-------------------------------------------------------------------------
 *
 * jitter.h
 *		Randomness, so that many that wait do not come at the same moment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JITTER_H
#define ADSEXPORT_JITTER_H

/* A random number in [0, 1). */
extern double random_fraction(void);

#endif /* ADSEXPORT_JITTER_H */
