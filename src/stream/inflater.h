/*-------------------------------------------------------------------------
 *
 * inflater.h
 *		Inflating raw deflate data, by zlib or, if it was built in, by ISA-L.
 *
 * ISA-L (make WITH_ISAL=1) inflates two to three times as fast.  The results
 * are the same; only the messages about corrupt data differ.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_INFLATER_H
#define ADSEXPORT_INFLATER_H

#include "stream/stream.h"

typedef struct Inflater Inflater;

/* Returns NULL when memory is short.  Free with inflater_free. */
extern Inflater *inflater_create(void);
extern void inflater_free(Inflater *inflater);
extern void inflater_reset(Inflater *inflater);

typedef enum InflaterResult
{
	INFLATER_MORE,    /* not at the end yet */
	INFLATER_END,     /* of the deflate data */
	INFLATER_CORRUPT, /* see inflater_problem */
	INFLATER_OUT_OF_MEMORY
} InflaterResult;

/* Inflate what input and output allow; *produced is set. */
extern InflaterResult inflater_run(Inflater *inflater, StreamInput *input, unsigned char *output,
								   size_t output_size, size_t *produced);

/* A phrase. */
extern const char *inflater_problem(const Inflater *inflater);

/*
 * At the end: bytes that were taken from the input although they belong to
 * what follows (ISA-L looks ahead).  Writes at most INFLATER_LEFTOVER bytes
 * and returns how many, which is never more than were taken since the reset.
 */
#define INFLATER_LEFTOVER 8
extern unsigned inflater_leftover(Inflater *inflater, unsigned char *bytes);

#endif /* ADSEXPORT_INFLATER_H */
