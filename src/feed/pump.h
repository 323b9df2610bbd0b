/*-------------------------------------------------------------------------
 *
 * pump.h
 *		From a transfer to a block: the loop that the reader and the thread share.
 *
 * Nothing of PostgreSQL is in it.  The reader's callbacks may throw: a pump
 * can be gone on with.
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
	Request *request;  /* whose body that is, or NULL: it is from a file */
	Reactor *reactor;  /* that drives it, or NULL: all of it is there */
	bool filling;      /* the block was begun */
	void *owner;

	/* Lend the unpacker what has arrived.  Returns false if that is nothing new. */
	bool (*lend)(Pump *pump);

	/* Asked before each piece of work but the first: false to leave off. */
	bool (*goes_on)(Pump *pump, const RecordBlock *block);
};

typedef enum Supply
{
	SUPPLY_BLOCK, /* it is filled, as far as that goes without waiting */
	SUPPLY_LAST_BLOCK,
	SUPPLY_NOTHING_YET, /* wait for the transfer, then go on with the same block */
	SUPPLY_BROKEN,      /* the transfer failed, and all that came is read */
	SUPPLY_LEFT_OFF     /* as goes_on said */
} Supply;

extern Supply pump_fill(Pump *pump, RecordBlock *block);

#endif /* ADSEXPORT_PUMP_H */
