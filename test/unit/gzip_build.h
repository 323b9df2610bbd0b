/*-------------------------------------------------------------------------
 *
 * gzip_build.h
 *		Building gzip members byte by byte, with every option of the format.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_GZIP_BUILD_H
#define ADSEXPORT_GZIP_BUILD_H

#include <zlib.h>

#include "check.h"

#define GZIP_HEADER_CRC 0x02
#define GZIP_EXTRA 0x04
#define GZIP_NAME 0x08
#define GZIP_COMMENT 0x10

/* Raw deflate data of content. */
__attribute__((unused)) static void
append_deflated(Bytes *bytes, const void *content, size_t length, int level)
{
	z_stream deflater;
	size_t bound;
	unsigned char *output;

	memset(&deflater, 0, sizeof(deflater));
	if (deflateInit2(&deflater, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	bound = deflateBound(&deflater, length);
	output = malloc(bound);
	deflater.next_in = (Bytef *) content;
	deflater.avail_in = (uInt) length;
	deflater.next_out = output;
	deflater.avail_out = (uInt) bound;
	if (deflate(&deflater, Z_FINISH) != Z_STREAM_END)
		abort();
	append(bytes, output, deflater.total_out);
	deflateEnd(&deflater);
	free(output);
}

__attribute__((unused)) static void
append_gzip_with_flags(Bytes *bytes, const void *content, size_t length, unsigned flags)
{
	size_t start = bytes->length;

	append_number(bytes, 0x8b1f, 2);
	append_number(bytes, 8, 1);
	append_number(bytes, flags, 1);
	append_number(bytes, 0x12345678, 4);
	append_number(bytes, 0x0300, 2);
	if (flags & GZIP_EXTRA)
	{
		append_number(bytes, 7, 2);
		append_text(bytes, "XX\x03");
		append_number(bytes, 0, 1);
		append_text(bytes, "abc");
	}
	if (flags & GZIP_NAME)
		append(bytes, "name.json", 10);
	if (flags & GZIP_COMMENT)
		append(bytes, "a comment", 10);
	if (flags & GZIP_HEADER_CRC)
		append_number(bytes, crc32(0, bytes->data + start, (uInt) (bytes->length - start)) & 0xffff,
					  2);
	append_deflated(bytes, content, length, 6);
	append_number(bytes, crc32(0, content, (uInt) length), 4);
	append_number(bytes, length, 4);
}

__attribute__((unused)) static void
append_gzip(Bytes *bytes, const char *content)
{
	append_gzip_with_flags(bytes, content, strlen(content), 0);
}

#endif /* ADSEXPORT_GZIP_BUILD_H */
