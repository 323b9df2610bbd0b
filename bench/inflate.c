/*
 * Inflate a file with zlib, to nowhere: the floor of everything that reads it.
 *
 *	inflate FILE.gz		a gzip file, as pigz -p1 -dc does
 *	inflate FILE.zip	every .gz entry of an archive that stores them
 *
 * Prints the number of members and bytes that came out.  CRCs are checked (by
 * zlib itself), because everyone who reads such a file has to.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static unsigned char out[128 * 1024];
static unsigned long long members, bytes;

static void
fail(const char *what)
{
	fprintf(stderr, "inflate: %s\n", what);
	exit(1);
}

static void
inflate_gzip(const unsigned char *data, size_t size)
{
	z_stream stream = { 0 };
	int rc = Z_OK;

	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		fail("out of memory");
	stream.next_in = (unsigned char *) data;
	while (size > 0 || stream.avail_in > 0)
	{
		if (stream.avail_in == 0)
		{
			stream.avail_in = size > 1 << 30 ? 1 << 30 : (uInt) size;
			size -= stream.avail_in;
		}
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		rc = inflate(&stream, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			fail(stream.msg ? stream.msg : "damaged data");
		bytes += sizeof(out) - stream.avail_out;
		if (rc == Z_STREAM_END)
		{
			members++;
			inflateReset(&stream);
		}
	}
	if (rc != Z_STREAM_END)
		fail("truncated data");
	inflateEnd(&stream);
}

static uint32_t
little(const unsigned char *p, int size)
{
	uint32_t value = 0;

	while (size-- > 0)
		value = value << 8 | p[size];
	return value;
}

static void
inflate_zip(const unsigned char *data, size_t size)
{
	const unsigned char *end = NULL;
	const unsigned char *entry;
	unsigned count;

	for (size_t back = 22; back <= size && back < 65536 + 22 && end == NULL; back++)
		if (memcmp(data + size - back, "PK\5\6", 4) == 0)
			end = data + size - back;
	if (end == NULL)
		fail("no end of central directory");
	count = little(end + 10, 2);
	entry = data + little(end + 16, 4);
	for (unsigned i = 0; i < count; i++)
	{
		uint32_t packed = little(entry + 20, 4);
		uint32_t name = little(entry + 28, 2);
		const unsigned char *local = data + little(entry + 42, 4);

		if (little(entry + 10, 2) != 0)
			fail("an entry is not stored");
		if (name > 3 && memcmp(entry + 46 + name - 3, ".gz", 3) == 0)
			inflate_gzip(local + 30 + little(local + 26, 2) + little(local + 28, 2), packed);
		entry += 46 + name + little(entry + 30, 2) + little(entry + 32, 2);
	}
}

int
main(int argc, char **argv)
{
	struct stat status;
	unsigned char *data;
	int file;

	if (argc != 2 || (file = open(argv[1], O_RDONLY)) < 0 || fstat(file, &status) < 0)
		fail("cannot open the file");
	data = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (data == MAP_FAILED || status.st_size < 22)
		fail("cannot read the file");
	if (memcmp(data, "PK", 2) == 0)
		inflate_zip(data, (size_t) status.st_size);
	else
		inflate_gzip(data, (size_t) status.st_size);
	printf("%llu members, %llu bytes\n", members, bytes);
	return 0;
}
