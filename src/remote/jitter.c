/*-------------------------------------------------------------------------
 *
 * jitter.c
 *		What keeps many that wait from coming at the same moment.
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
