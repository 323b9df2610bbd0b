/*-------------------------------------------------------------------------
 *
 * zip_format.h
 *		The records of a zip archive (inside stream/ only; PKWARE's APPNOTE 6.3).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ZIP_FORMAT_H
#define ADSEXPORT_ZIP_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/unzip.h"

/* Signatures, as little-endian numbers. */
#define LOCAL_HEADER 0x04034b50u
#define DESCRIPTOR 0x08074b50u
#define CENTRAL_HEADER 0x02014b50u
#define END_OF_DIRECTORY 0x06054b50u
#define ZIP64_END_OF_DIRECTORY 0x06064b50u
#define ZIP64_LOCATOR 0x07064b50u
#define DIGITAL_SIGNATURE 0x05054b50u
#define ARCHIVE_EXTRA_DATA 0x08064b50u
#define SPANNING_MARKER 0x30304b50u

/* Lengths of the records' fixed parts, signature included. */
#define SIGNATURE_SIZE 4
#define LOCAL_HEADER_SIZE 30
#define CENTRAL_HEADER_SIZE 46
#define END_OF_DIRECTORY_SIZE 22
#define ZIP64_END_OF_DIRECTORY_SIZE 56
#define ZIP64_LOCATOR_SIZE 20
#define MAX_DESCRIPTOR_SIZE 24

#define MAX_EXTRA 65535
#define ZIP64_EXTRA_ID 1

#define FLAG_ENCRYPTED 0x0001
#define FLAG_DESCRIPTOR 0x0008
#define FLAG_PATCH 0x0020
#define FLAG_STRONG_ENCRYPTION 0x0040
#define FLAG_MASKED_HEADER 0x2000

#define METHOD_STORED 0
#define METHOD_DEFLATED 8

static inline unsigned
get_uint16(const unsigned char *bytes)
{
	return (unsigned) bytes[0] | (unsigned) bytes[1] << 8;
}

static inline uint32_t
get_uint32(const unsigned char *bytes)
{
	return get_uint16(bytes) | (uint32_t) get_uint16(bytes + 2) << 16;
}

static inline uint64_t
get_uint64(const unsigned char *bytes)
{
	return get_uint32(bytes) | (uint64_t) get_uint32(bytes + 4) << 32;
}

/* What an entry is by its name. */
typedef enum EntryKind
{
	ENTRY_EXPORT,
	ENTRY_PERHAPS, /* its content decides */
	ENTRY_OTHER,
	ENTRY_OF_NO_INTEREST /* a directory, or a Mac's notes on a file */
} EntryKind;

/* What a local header and the central directory both say about an entry. */
typedef struct EntryHeader
{
	char name[UNZIP_MAX_NAME + 1];
	unsigned name_length;
	unsigned extra_length;
	unsigned comment_length;
	unsigned flags;
	unsigned method;
	unsigned disk;
	uint32_t crc;
	uint64_t compressed;
	uint64_t uncompressed;
	uint64_t offset; /* of the local header */
} EntryHeader;

/* Order-independent digest of a set of entries. */
typedef struct EntrySet
{
	uint64_t count;
	uint64_t sum;
	uint64_t mixed_sum;
} EntrySet;

/*
 * Replace sizes and an offset that are all ones with those of the zip64 extra
 * field, which has just these, in this order.  Returns false when one is
 * missing there.
 */
extern bool zip_apply_zip64_extra(EntryHeader *header, const unsigned char *extra, bool has_offset);

/* Add an entry, of which this much was read. */
extern void zip_add_to_set(EntrySet *set, const EntryHeader *header, uint32_t crc,
						   uint64_t compressed, uint64_t uncompressed);

extern EntryKind zip_kind_by_name(const EntryHeader *entry);

/* Names that people know, from APPNOTE 6.3, 4.4.5; empty if there is none. */
extern const char *zip_method_name(unsigned method);

#endif /* ADSEXPORT_ZIP_FORMAT_H */
