/*-------------------------------------------------------------------------
 *
 * profile_reader.h
 *		Reads the answer of GET /v2/profiles as it arrives.
 *
 * There may be as many profiles as an agency has customers, so the list is
 * read as records are: in memory of a fixed size, one entry at a time.
 *
 * Plain C, no PostgreSQL header; nothing throws.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_PROFILE_READER_H
#define ADSEXPORT_PROFILE_READER_H

#include <stdint.h>

#include "stream/content_coding.h"
#include "stream/json.h"

typedef struct ProfileReader ProfileReader;

typedef struct ListedProfile
{
	uint64_t id;    /* 0: the entry has no usable one */
	bool is_agency; /* which has no exports */

	/* The entry's text, valid until the reader is used again. */
	const char *text;
	size_t length;
} ListedProfile;

/*
 * For a body that is encoded like that. Returns NULL when memory is short.
 * Free with profile_reader_free, which takes NULL.
 */
extern ProfileReader *profile_reader_create(ContentCoding coding);
extern void profile_reader_free(ProfileReader *reader);

/*
 * One feeding yields at most this much to read, and does about STREAM_WORK for
 * it, whatever is fed, so that a call stays short.  An entry of the list, of a
 * few hundred bytes, must fit.
 */
#define PROFILE_READER_BUFFER ((size_t) 256 * 1024)

/*
 * Takes as much of data as there is room and work for, and returns how much
 * that is.  last says that nothing follows; then feed until the
 * reader has come to an end, even if no data is left.
 */
extern size_t
profile_reader_feed(ProfileReader *reader, const char *data, size_t length, bool last);

/*
 * STREAM_RECORD: the next entry is in profile.  STREAM_NEED_INPUT: feed more.
 * STREAM_END: everything was fed, and the list was closed.  STREAM_ERROR: it is
 * not a list of profiles.
 */
extern StreamStatus profile_reader_next(ProfileReader *reader, ListedProfile *profile);

/* What is wrong with it, after STREAM_ERROR. */
extern const char *profile_reader_error(const ProfileReader *reader);

#endif /* ADSEXPORT_PROFILE_READER_H */
