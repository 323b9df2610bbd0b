/*-------------------------------------------------------------------------
 *
 * stream.h
 *		What the byte streams (gunzip, unzip, json) have in common.
 *
 * Everything in stream/ is plain C: no PostgreSQL header, no I/O, no global
 * state, nothing that longjmps.  A stream is created on malloc'd memory and
 * belongs to its creator; one stream is used by one thread at a time.  After
 * STREAM_ERROR a stream keeps answering STREAM_ERROR until it is reset.
 *
 * No call does more than a constant amount of work (STREAM_WORK), whether or
 * not it produces anything, so that even data that was compressed a
 * thousandfold, twice, keeps no caller waiting.  The walk of a large record,
 * which has to be read as a whole, is as long as the record, and what is done
 * with a value as long as the value; but they give up when they are told to
 * (StreamStop).  And whatever a format allows
 * to continue forever without content has a limit here, with an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_STREAM_H
#define ADSEXPORT_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum StreamStatus
{
	STREAM_DATA,        /* made progress; bytes may have been produced */
	STREAM_NEED_INPUT,  /* all input is used up: feed more */
	STREAM_PAUSED,      /* records: enough for one call; check for interrupts, and call again */
	STREAM_ENTRY_BEGIN, /* unzip: the next entry's content follows */
	STREAM_ENTRY_END,   /* unzip, records: the entry was read and verified */
	STREAM_RECORD,      /* json: one record was found */
	STREAM_END,         /* complete and verified */
	STREAM_ERROR        /* see the stream's StreamError */
} StreamStatus;

typedef enum StreamErrorKind
{
	STREAM_ERROR_NONE,
	STREAM_ERROR_TRUNCATED,   /* the input ended too early */
	STREAM_ERROR_CORRUPT,     /* a checksum, a length or the syntax is wrong */
	STREAM_ERROR_UNSUPPORTED, /* well-formed, but not something we read */
	STREAM_ERROR_CHANGED,     /* not the same as when it was read before */
	STREAM_ERROR_TOO_LARGE,   /* over a fixed limit */
	STREAM_ERROR_OUT_OF_MEMORY,
	STREAM_ERROR_STOPPED /* told to (StreamStop): nothing is wrong, call again */
} StreamErrorKind;

/*
 * message is a complete lower-case phrase in PostgreSQL's style, ASCII, with
 * any bytes of the input escaped, for example
 * "gzip checksum is 1a2b3c4d, but the trailer says 5e6f7081".  offset counts
 * bytes of the stream's own input (compressed for gunzip and unzip).
 */
typedef struct StreamError
{
	StreamErrorKind kind;
	uint64_t offset;
	char message[256];
} StreamError;

/*
 * The most work of a call, roughly: a byte inflated counts once, a byte taken
 * from the input STREAM_WORK_TAKEN times.  That takes a few milliseconds.
 */
#define STREAM_WORK ((size_t) 1024 * 1024)
#define STREAM_WORK_TAKEN 16

/* At most this many bytes are taken from the input in a call. */
#define STREAM_MAX_TAKEN (STREAM_WORK / STREAM_WORK_TAKEN)

/*
 * Set from outside (by a signal handler or another thread) to make a walk or a
 * conversion give up, which looks at it about once for STREAM_WORK bytes; NULL:
 * it never does.
 */
typedef const volatile sig_atomic_t StreamStop;

static inline bool
stream_stop_is_set(StreamStop *stop)
{
	return stop != NULL && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0;
}

/*
 * Input is lent to a stream: it advances next and lowers available.  last
 * says that nothing follows what is available.
 */
typedef struct StreamInput
{
	const unsigned char *next;
	size_t available;
	bool last;
} StreamInput;

#endif /* ADSEXPORT_STREAM_H */
