/*-------------------------------------------------------------------------
 *
 * gunzip.h
 *		Inflate a gzip stream, or pass other data through unchanged.
 *
 * The first two bytes decide: 1f 8b is gzip (any number of members, each
 * with its CRC and length checked), anything else is handed on unchanged,
 * because some HTTP stacks and stores undo Content-Encoding on the way.
 * After the last member only zero bytes may follow.  Empty input is an
 * error (truncated): an export is at least "[]".
 *
 * What could continue forever without content is limited: see the constants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_GUNZIP_H
#define ADSEXPORT_GUNZIP_H

#include "stream/stream.h"

/* A member's whole header: an extra field may have 64 kB, name and comment are short. */
#define GUNZIP_MAX_HEADER 131072

/* Members without content in a row: writers that flush leave one now and then. */
#define GUNZIP_MAX_EMPTY_MEMBERS 65536

/* Compressed bytes in a row that inflate to nothing, as empty blocks do. */
#define GUNZIP_MAX_IDLE 1048576

/* Zeros after the last member, which come from padding to whole blocks. */
#define GUNZIP_MAX_PADDING 1048576

typedef struct Gunzip Gunzip;

/* Returns NULL when memory is short.  Free with gunzip_free. */
extern Gunzip *gunzip_create(void);

/* Prepare for another stream; keeps the allocated window. */
extern void gunzip_reset(Gunzip *gunzip);
extern void gunzip_free(Gunzip *gunzip);

/*
 * Inflate into output until it is full, the input is used up, or enough work
 * was done for one call.  *produced is always set.  Returns STREAM_DATA (call
 * again; it may have produced nothing), STREAM_NEED_INPUT, STREAM_END or
 * STREAM_ERROR.  Bytes may be produced with any of them except STREAM_ERROR,
 * after which the bytes produced before remain valid as data that was
 * delivered but not verified.  Since another member may follow, STREAM_END
 * only comes once input->last is set.
 */
extern StreamStatus gunzip_read(Gunzip *gunzip, StreamInput *input, unsigned char *output,
								size_t output_size, size_t *produced);

extern const StreamError *gunzip_error(const Gunzip *gunzip);

/*
 * For unzip, which must itself look at what follows each member: prepare for
 * exactly one gzip member.  Plain data is an error then, and STREAM_END comes
 * right after the member's trailer, without a look at anything that follows
 * and whether or not input->last is set. gunzip_next_member continues with
 * another one and keeps all counters.
 */
extern void gunzip_reset_to_member(Gunzip *gunzip);
extern void gunzip_next_member(Gunzip *gunzip);

/* Is the data handed on unchanged?  (Known after the first two bytes.) */
extern bool gunzip_is_plain(const Gunzip *gunzip);

/* CRC-32 of what was inflated since the last reset; 0 if the data is plain. */
extern uint32_t gunzip_content_crc(const Gunzip *gunzip);

/* Bytes consumed and produced since the last reset. */
extern uint64_t gunzip_bytes_in(const Gunzip *gunzip);
extern uint64_t gunzip_bytes_out(const Gunzip *gunzip);

/* In the units of STREAM_WORK. */
extern uint64_t gunzip_work(const Gunzip *gunzip);

#endif /* ADSEXPORT_GUNZIP_H */
