/*-------------------------------------------------------------------------
 *
 * pump.h
 *		From a transfer to a block: the loop shared by the reader and the
 *		thread.
 *
 * It does not use PostgreSQL. The reader's callbacks may throw: a pump can be
 * run again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PUMP_H
#define ADSEXPORT_PUMP_H

#include <stdbool.h>

#include "net/request.h"
#include "stream/record_block.h"

typedef struct Pump Pump;
struct Pump
{
	Unpacker *unpacker;
	StreamInput input; /* what it is lent */
	Request *request;  /* whose body it is; NULL: it is from a file */
	Reactor *reactor;  /* that drives it; NULL: all of it is there */
	bool filling;      /* the block was begun */
	void *owner;

	/* Lend the unpacker what has arrived. Returns false if there is nothing new. */
	bool (*lend)(Pump *pump);

	/* Called before each piece of work but the first; returns false to stop. */
	bool (*goes_on)(Pump *pump, const RecordBlock *block);
};

typedef enum Supply
{
	SUPPLY_BLOCK, /* it is filled, as far as possible without waiting */
	SUPPLY_LAST_BLOCK,
	SUPPLY_NOTHING_YET, /* wait for the transfer, then continue with the same block */
	SUPPLY_BROKEN,      /* the transfer failed, and all that arrived has been read */
	SUPPLY_LEFT_OFF     /* as goes_on said */
} Supply;

extern Supply pump_fill(Pump *pump, RecordBlock *block);

#endif /* ADSEXPORT_PUMP_H */
