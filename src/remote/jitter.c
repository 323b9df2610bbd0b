/*-------------------------------------------------------------------------
 *
 * jitter.c
 *		Randomness, so that many that wait do not come at the same moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "remote/jitter.h"

double
random_fraction(void)
{
	return compat_random_fraction();
}
