/*-------------------------------------------------------------------------
 *
 * pump.c
 *		From a transfer to a block: the loop shared by the reader and the
 *		thread.
 *
 *-------------------------------------------------------------------------
 */
#include "feed/pump.h"

static bool
has_failed(const Pump *pump)
{
	return pump->request != NULL && request_state(pump->request) == REQUEST_FAILED;
}

/* Has anything arrived that can be lent?  If not, drive the transfer once and look again. */
static bool
lend_or_drive(Pump *pump)
{
	if (pump->lend(pump))
		return true;
	if (pump->request == NULL || pump->reactor == NULL || has_failed(pump))
		return false;
	reactor_drive(pump->reactor);
	return pump->lend(pump);
}

Supply
pump_fill(Pump *pump, RecordBlock *block)
{
	for (;;)
	{
		StreamStatus status = pump->filling
								  ? record_block_continue(block, pump->unpacker, &pump->input)
								  : record_block_fill(block, pump->unpacker, &pump->input);

		pump->filling = true;
		if (status == STREAM_NEED_INPUT || status == STREAM_PAUSED)
		{
			if (!pump->goes_on(pump, block))
				return SUPPLY_LEFT_OFF;
			if (status == STREAM_PAUSED || lend_or_drive(pump))
				continue;
			if (record_block_is_empty(block))
				return has_failed(pump) ? SUPPLY_BROKEN : SUPPLY_NOTHING_YET;
		}
		pump->filling = false;
		return status == STREAM_END || status == STREAM_ERROR ? SUPPLY_LAST_BLOCK : SUPPLY_BLOCK;
	}
}
