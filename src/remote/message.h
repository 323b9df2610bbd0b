/*-------------------------------------------------------------------------
 *
 * message.h
 *		The small messages of the APIs: tokens, export status, errors.
 *
 * Plain C, no PostgreSQL header.  Nothing throws; results are in the caller's
 * structs.  Any bytes may be passed in.  If memory is short, a message cannot
 * be read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_MESSAGE_H
#define ADSEXPORT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The vendor's access tokens have at most 2048 bytes. */
#define MESSAGE_MAX_TOKEN 8192
#define MESSAGE_MAX_URL 16384
#define MESSAGE_MAX_EXPORT_ID 256

/* Room for an error text of 512 bytes and what truncation may add. */
#define MESSAGE_MAX_TEXT 528

typedef struct TokenMessage
{
	char access_token[MESSAGE_MAX_TOKEN];
	int64_t expires_in; /* seconds, never negative; -1 when absent */

	/* When there is no token: what the answer says instead, or empty. */
	char error_text[MESSAGE_MAX_TEXT];
	bool refused; /* it is an OAuth error for which a retry is pointless */
} TokenMessage;

/* False unless the body is a JSON object with a usable access_token. */
extern bool message_parse_token(const char *body, size_t length, TokenMessage *message);

typedef enum ExportStatus
{
	EXPORT_STATUS_RUNNING,   /* IN_PROGRESS, PROCESSING, and an unknown word without a link */
	EXPORT_STATUS_COMPLETED, /* COMPLETED, and an unknown word with a link */
	EXPORT_STATUS_FAILED     /* FAILED, FAILURE, CANCELLED */
} ExportStatus;

typedef enum LinkState
{
	LINK_ABSENT,
	LINK_PRESENT,
	LINK_TOO_LONG,
	LINK_MALFORMED /* no string, or control characters in it */
} LinkState;

typedef struct StatusMessage
{
	char export_id[MESSAGE_MAX_EXPORT_ID];
	ExportStatus status;
	char status_word[64]; /* as sent, but printable; foreign text, like the texts below */
	LinkState link;
	char url[MESSAGE_MAX_URL]; /* empty unless it is present */
	int64_t file_size;         /* bytes of the compressed file; -1 when absent */
	bool has_generated_at;
	int64_t generated_at; /* microseconds since 1970, UTC */
	int64_t took;         /* from createdAt to generatedAt, in milliseconds; -1: not given */
	char error_code[64];  /* when failed: TIMED_OUT, INTERNAL_ERROR, ... */
	char error_text[MESSAGE_MAX_TEXT];
} StatusMessage;

/* False unless the body is a JSON object with exportId and status. */
extern bool message_parse_status(const char *body, size_t length, StatusMessage *message);

/*
 * What an error body says, for people: the text in whichever of the vendors'
 * dialects it is (see dialect_text; S3's XML), the title of an HTML page, else
 * its beginning.  At most 512 bytes, control characters and invalid UTF-8
 * escaped.  Empty for an empty body.
 */
#define MESSAGE_MARKUP "(an HTML or XML page)" /* one that has none of these */

extern void message_error_text(const char *body, size_t length, char *text, size_t text_size);

/*
 * Copy at most 512 bytes of a text; what cannot be printed becomes \xNN, and
 * white space a single space.
 */
extern void message_printable(const char *input, size_t length, char *output, size_t output_size);

/*
 * Microseconds since 1970 of an ISO 8601 date-time (see stream/iso_time.h),
 * less the digits after the sixth of its fraction.
 */
extern bool message_parse_time(const char *text, int64_t *microseconds);

#endif /* ADSEXPORT_MESSAGE_H */
