/*-------------------------------------------------------------------------
 *
 * list_archive.c
 *		List what stream/unzip reads from an archive (for test_archives.py).
 *
 * usage: list_archive FILE PIECE
 *
 * The archive is handed on in pieces of PIECE bytes.  Prints "name length crc"
 * for each entry, then "end", or "error KIND: message".
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/unzip.h"

int
main(int argument_count, char **arguments)
{
	static unsigned char output[65536];
	Unzip *unzip = unzip_create();
	StreamInput input = { NULL, 0, false };
	unsigned char *piece;
	size_t piece_size;
	FILE *file;

	if (argument_count != 3 || unzip == NULL)
		return 2;
	file = fopen(arguments[1], "rb");
	piece_size = (size_t) atol(arguments[2]);
	piece = malloc(piece_size);
	if (file == NULL || piece == NULL)
		return 2;
	for (;;)
	{
		size_t produced;

		switch (unzip_read(unzip, &input, output, sizeof(output), &produced))
		{
			case STREAM_NEED_INPUT:
				input.next = piece;
				input.available = fread(piece, 1, piece_size, file);
				input.last = input.available == 0;
				break;
			case STREAM_ENTRY_END:
				printf("%s %llu %08x\n", unzip_entry_name(unzip),
					   (unsigned long long) unzip_entry_length(unzip), unzip_entry_crc(unzip));
				break;
			case STREAM_END:
				printf("end\n");
				fclose(file);
				free(piece);
				unzip_free(unzip);
				return 0;
			case STREAM_ERROR:
				printf("error %d: %s\n", unzip_error(unzip)->kind, unzip_error(unzip)->message);
				fclose(file);
				free(piece);
				unzip_free(unzip);
				return 1;
			default:
				break;
		}
	}
}
