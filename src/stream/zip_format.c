/*-------------------------------------------------------------------------
 *
 * zip_format.c
 *		What the headers of a zip archive say.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/zip_format.h"

#include <string.h>
#include <strings.h>

bool
zip_apply_zip64_extra(EntryHeader *header, const unsigned char *extra, bool has_offset)
{
	const unsigned char *next = extra;
	size_t left = header->extra_length;
	uint64_t *wanted[3];
	int wanted_count = 0;

	if (header->uncompressed == UINT32_MAX)
		wanted[wanted_count++] = &header->uncompressed;
	if (header->compressed == UINT32_MAX)
		wanted[wanted_count++] = &header->compressed;
	if (has_offset && header->offset == UINT32_MAX)
		wanted[wanted_count++] = &header->offset;
	if (wanted_count == 0)
		return true;

	while (left >= 4)
	{
		unsigned id = get_uint16(next);
		size_t length = get_uint16(next + 2);

		next += 4;
		left -= 4;
		if (length > left)
			return false;
		if (id == ZIP64_EXTRA_ID)
		{
			if (length < (size_t) wanted_count * 8)
				return false;
			for (int i = 0; i < wanted_count; i++)
				*wanted[i] = get_uint64(next + (size_t) 8 * i);
			return true;
		}
		next += length;
		left -= length;
	}
	return false;
}

static inline uint64_t
mix(uint64_t value)
{
	value ^= value >> 30;
	value *= UINT64_C(0xbf58476d1ce4e5b9);
	value ^= value >> 27;
	value *= UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

void
zip_add_to_set(EntrySet *set, const EntryHeader *header, uint32_t crc, uint64_t compressed,
			   uint64_t uncompressed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < header->name_length; i++)
		hash = (hash ^ (unsigned char) header->name[i]) * UINT64_C(0x100000001b3);
	hash = mix(hash ^ header->name_length);
	hash = mix(hash + crc + ((uint64_t) header->method << 32));
	hash = mix(hash + compressed);
	hash = mix(hash + uncompressed);
	hash = mix(hash + header->offset);
	set->count++;
	set->sum += hash;
	set->mixed_sum += mix(hash + UINT64_C(0x9e3779b97f4a7c15));
}

static bool
has_suffix(const EntryHeader *entry, const char *suffix, bool any_case)
{
	size_t length = strlen(suffix);
	const char *end = entry->name + entry->name_length;

	if (entry->name_length < length)
		return false;
	return any_case ? strncasecmp(end - length, suffix, length) == 0
					: memcmp(end - length, suffix, length) == 0;
}

EntryKind
zip_kind_by_name(const EntryHeader *entry)
{
	static const char *const perhaps[] = { ".json", ".jsonl", ".ndjson", ".gz", ".gzip" };
	const char *slash = strrchr(entry->name, '/');
	const char *base = slash != NULL ? slash + 1 : entry->name;

	/* A Mac's notes on a file (AppleDouble) have the file's name after two characters. */
	if (*base == '\0' || strncmp(base, "._", 2) == 0 || strcmp(base, ".DS_Store") == 0 ||
		strncmp(entry->name, "__MACOSX/", 9) == 0)
		return ENTRY_OF_NO_INTEREST;
	if (has_suffix(entry, ".json.gz", false))
		return ENTRY_EXPORT;
	for (size_t i = 0; i < sizeof(perhaps) / sizeof(perhaps[0]); i++)
		if (has_suffix(entry, perhaps[i], true))
			return ENTRY_PERHAPS;
	return ENTRY_OTHER;
}

const char *
zip_method_name(unsigned method)
{
	switch (method)
	{
		case 9:
			return " (Deflate64)";
		case 12:
			return " (bzip2)";
		case 14:
			return " (LZMA)";
		case 20:
		case 93:
			return " (Zstandard)";
		case 95:
			return " (XZ)";
		case 98:
			return " (PPMd)";
		case 99:
			return " (AES encryption)";
		default:
			return "";
	}
}
