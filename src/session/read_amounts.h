/*-------------------------------------------------------------------------
 *
 * read_amounts.h
 *		How much of an export was read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_READ_AMOUNTS_H
#define ADSEXPORT_READ_AMOUNTS_H

#include "postgres.h"

typedef struct ReadAmounts
{
	int64 downloaded; /* bytes */
	int64 inflated;
	int64 records;
} ReadAmounts;

static inline void
read_amounts_add(ReadAmounts *sum, const ReadAmounts *more)
{
	sum->downloaded += more->downloaded;
	sum->inflated += more->inflated;
	sum->records += more->records;
}

#endif /* ADSEXPORT_READ_AMOUNTS_H */
