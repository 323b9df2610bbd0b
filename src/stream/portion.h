/*-------------------------------------------------------------------------
 *
 * portion.h
 *		The part of the input that one call may take (inside stream/ only).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PORTION_H
#define ADSEXPORT_PORTION_H

#include "stream/stream.h"

/* The first bytes of the input, no more than a call may take. */
static inline StreamInput
stream_portion(const StreamInput *input)
{
	StreamInput portion = *input;

	if (portion.available > STREAM_MAX_TAKEN)
	{
		portion.available = STREAM_MAX_TAKEN;
		portion.last = false;
	}
	return portion;
}

/*
 * Take from the input what was taken from the portion. Returns the status for
 * the caller, which has more input if only the portion was used up.
 */
static inline StreamStatus
stream_take_portion(StreamInput *input, const StreamInput *portion, StreamStatus status)
{
	input->available -= (size_t) (portion->next - input->next);
	input->next = portion->next;
	return status == STREAM_NEED_INPUT && input->available > 0 ? STREAM_DATA : status;
}

#endif /* ADSEXPORT_PORTION_H */
