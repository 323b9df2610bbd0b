/*-------------------------------------------------------------------------
 *
 * content_coding.h
 *		What a Content-Encoding header says was done to a body on its way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CONTENT_CODING_H
#define ADSEXPORT_CONTENT_CODING_H

#include "stream/stream.h"

typedef enum ContentCoding
{
	CODING_NONE,
	CODING_GZIP, /* or nothing, if the header names a coding that was undone since */
	CODING_DEFLATE,
	CODING_UNKNOWN /* another one, or several */
} ContentCoding;

/* From the value of the header (empty: there was none). */
extern ContentCoding content_coding_by_name(const char *header);

typedef struct ContentDecoder ContentDecoder;

/* For gzip or deflate.  Returns NULL when memory is short.  Free with content_decoder_free. */
extern ContentDecoder *content_decoder_create(ContentCoding coding);
extern void content_decoder_free(ContentDecoder *decoder);

/* Like gunzip_read. */
extern StreamStatus
content_decoder_read(ContentDecoder *decoder, StreamInput *input, unsigned char *output,
					 size_t output_size, size_t *produced);

/* Work done so far, in the units of STREAM_WORK. */
extern uint64_t content_decoder_work(const ContentDecoder *decoder);

extern const StreamError *content_decoder_error(const ContentDecoder *decoder);

/*
 * All of a short body at once.  Returns STREAM_END when it was decoded to its end,
 * STREAM_DATA when output was full before, and STREAM_ERROR with what was decoded
 * before the error.
 */
extern StreamStatus
content_decode(ContentCoding coding, const char *body, size_t length, unsigned char *output,
			   size_t output_size, size_t *produced, StreamError *error);

#endif /* ADSEXPORT_CONTENT_CODING_H */
