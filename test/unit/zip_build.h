/*-------------------------------------------------------------------------
 *
 * zip_build.h
 *		Building zip archives byte by byte, with the variants of the format.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ZIP_BUILD_H
#define ADSEXPORT_ZIP_BUILD_H

#include "gzip_build.h"

typedef enum Descriptor
{
	NO_DESCRIPTOR,
	DESCRIPTOR_SIGNED_32,
	DESCRIPTOR_SIGNED_64,
	DESCRIPTOR_BARE_32,
	DESCRIPTOR_BARE_64,
	DESCRIPTOR_KINDS
} Descriptor;

typedef struct EntryOptions
{
	bool deflate;
	Descriptor descriptor;
	bool sizes_in_header; /* despite a descriptor */
	bool zip64;           /* sizes in extra fields */
	bool other_extra;     /* an unrelated extra field first */
	unsigned flags;       /* more of them */
	unsigned method;      /* instead, if not 0 */
} EntryOptions;

typedef struct Archive
{
	Bytes bytes;
	Bytes central;
	unsigned count;
	bool zip64;
	size_t central_start;
	size_t last_descriptor; /* where things are, to damage them */
	size_t last_header;
	size_t last_content;
} Archive;

__attribute__((unused)) static void
append_extra(Bytes *bytes, bool other, bool zip64, uint64_t uncompressed, uint64_t compressed,
			 bool with_offset, uint64_t offset)
{
	if (other)
	{
		append_number(bytes, 0x5455, 2);
		append_number(bytes, 5, 2);
		append_text(bytes, "\x01zzzz");
	}
	if (zip64)
	{
		append_number(bytes, 1, 2);
		append_number(bytes, with_offset ? 24 : 16, 2);
		append_number(bytes, uncompressed, 8);
		append_number(bytes, compressed, 8);
		if (with_offset)
			append_number(bytes, offset, 8);
	}
}

__attribute__((unused)) static void
add_entry(Archive *archive, const char *name, const Bytes *content, EntryOptions options)
{
	Bytes packed = { 0 };
	Bytes *bytes = &archive->bytes;
	size_t offset = bytes->length;
	uint32_t crc = (uint32_t) crc32_z(0, content->data, content->length);
	unsigned method = options.method != 0 ? options.method : options.deflate ? 8 : 0;
	unsigned flags = options.flags | (options.descriptor != NO_DESCRIPTOR ? 8 : 0);
	bool sizes = options.descriptor == NO_DESCRIPTOR || options.sizes_in_header;
	unsigned extra = (options.other_extra ? 9 : 0) + (options.zip64 ? 20 : 0);

	if (options.deflate)
		append_deflated(&packed, content->data, content->length, 6);
	else
		append_bytes(&packed, content);

	archive->last_header = offset;
	append_number(bytes, 0x04034b50, 4);
	append_number(bytes, 20, 2);
	append_number(bytes, flags, 2);
	append_number(bytes, method, 2);
	append_number(bytes, 0x12345678, 4);
	append_number(bytes, sizes ? crc : 0, 4);
	append_number(bytes, options.zip64 ? UINT32_MAX : sizes ? packed.length : 0, 4);
	append_number(bytes, options.zip64 ? UINT32_MAX : sizes ? content->length : 0, 4);
	append_number(bytes, strlen(name), 2);
	append_number(bytes, extra, 2);
	append_text(bytes, name);
	append_extra(bytes, options.other_extra, options.zip64, sizes ? content->length : 0,
				 sizes ? packed.length : 0, false, 0);
	archive->last_content = bytes->length;
	append_bytes(bytes, &packed);
	archive->last_descriptor = bytes->length;
	if (options.descriptor != NO_DESCRIPTOR)
	{
		int size =
			options.descriptor == DESCRIPTOR_SIGNED_64 || options.descriptor == DESCRIPTOR_BARE_64
				? 8
				: 4;

		if (options.descriptor == DESCRIPTOR_SIGNED_32 ||
			options.descriptor == DESCRIPTOR_SIGNED_64)
			append_number(bytes, 0x08074b50, 4);
		append_number(bytes, crc, 4);
		append_number(bytes, packed.length, size);
		append_number(bytes, content->length, size);
	}

	bytes = &archive->central;
	append_number(bytes, 0x02014b50, 4);
	append_number(bytes, 20, 2);
	append_number(bytes, 20, 2);
	append_number(bytes, flags, 2);
	append_number(bytes, method, 2);
	append_number(bytes, 0x12345678, 4);
	append_number(bytes, crc, 4);
	append_number(bytes, options.zip64 ? UINT32_MAX : packed.length, 4);
	append_number(bytes, options.zip64 ? UINT32_MAX : content->length, 4);
	append_number(bytes, strlen(name), 2);
	append_number(bytes, (options.other_extra ? 9 : 0) + (options.zip64 ? 28 : 0), 2);
	append_number(bytes, 3, 2);
	append_number(bytes, 0, 2);
	append_number(bytes, 0, 2);
	append_number(bytes, 0, 4);
	append_number(bytes, options.zip64 ? UINT32_MAX : offset, 4);
	append_text(bytes, name);
	append_extra(bytes, options.other_extra, options.zip64, content->length, packed.length, true,
				 offset);
	append_text(bytes, "com");
	archive->count++;
	free(packed.data);
}

__attribute__((unused)) static void
finish_archive(Archive *archive, const char *comment)
{
	Bytes *bytes = &archive->bytes;
	size_t start = bytes->length;
	size_t end;

	archive->central_start = start;
	append_bytes(bytes, &archive->central);
	end = bytes->length;
	if (archive->zip64)
	{
		append_number(bytes, 0x06064b50, 4);
		append_number(bytes, 44 + 5, 8);
		append_number(bytes, 45, 2);
		append_number(bytes, 45, 2);
		append_number(bytes, 0, 4);
		append_number(bytes, 0, 4);
		append_number(bytes, archive->count, 8);
		append_number(bytes, archive->count, 8);
		append_number(bytes, end - start, 8);
		append_number(bytes, start, 8);
		append_text(bytes, "extra");
		append_number(bytes, 0x07064b50, 4);
		append_number(bytes, 0, 4);
		append_number(bytes, end, 8);
		append_number(bytes, 1, 4);
	}
	append_number(bytes, 0x06054b50, 4);
	append_number(bytes, 0, 4);
	append_number(bytes, archive->zip64 ? UINT16_MAX : archive->count & UINT16_MAX, 2);
	append_number(bytes, archive->zip64 ? UINT16_MAX : archive->count & UINT16_MAX, 2);
	append_number(bytes, archive->zip64 ? UINT32_MAX : end - start, 4);
	append_number(bytes, archive->zip64 ? UINT32_MAX : start, 4);
	append_number(bytes, strlen(comment), 2);
	append_text(bytes, comment);
}

__attribute__((unused)) static void
clear_archive(Archive *archive)
{
	free(archive->bytes.data);
	free(archive->central.data);
	memset(archive, 0, sizeof(*archive));
}

__attribute__((unused)) static Bytes
gzip_of(const char *content)
{
	Bytes bytes = { 0 };

	append_gzip(&bytes, content);
	return bytes;
}

__attribute__((unused)) static void
add_gzip(Archive *archive, const char *name, const char *content, EntryOptions options)
{
	Bytes bytes = gzip_of(content);

	add_entry(archive, name, &bytes, options);
	free(bytes.data);
}

#endif /* ADSEXPORT_ZIP_BUILD_H */
