/*-------------------------------------------------------------------------
 *
 * bench_stream.c
 *		Throughput of json and gunzip on this machine (a program, not a test).
 *
 * usage: bench_stream SAMPLE.json [MEGABYTES [PATH ...]]
 *
 * The sample is an array of records, or one record.  White space is taken out
 * of it, then its records are repeated in random order (with random digits)
 * until the wanted size is reached.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "stream/gunzip.h"
#include "stream/json.h"

#define BUFFER_SIZE (256 * 1024)
#define MAX_RECORDS 1000

/* Time of the processor, so that busy neighbours matter less. */
static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static char *
read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "rb");
	char *text;

	if (file == NULL)
	{
		perror(name);
		exit(2);
	}
	fseek(file, 0, SEEK_END);
	*length = (size_t) ftell(file);
	rewind(file);
	text = calloc(1, *length + JSON_PADDING);
	if (text == NULL || fread(text, 1, *length, file) != *length)
		exit(2);
	fclose(file);
	return text;
}

static size_t
compact(char *text, size_t length)
{
	size_t written = 0;
	bool in_string = false;

	for (size_t i = 0; i < length; i++)
	{
		if (in_string && text[i] == '\\')
			text[written++] = text[i++];
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && strchr(" \n\r\t", text[i]) != NULL)
			continue;
		text[written++] = text[i];
	}
	memset(text + written, 0, JSON_PADDING);
	return written;
}

static uint32_t
random_number(void)
{
	static uint64_t state = 42;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) (state >> 33);
}

/* Walk data in pieces of BUFFER_SIZE, as a scan does. */
static uint64_t
walk_all(const char *data, size_t length, char *const *wanted, int wanted_count)
{
	static char buffer[BUFFER_SIZE + JSON_PADDING];
	JsonPaths *paths = json_paths_create();
	JsonReader *reader;
	JsonValue values[100];
	size_t begin = 0;
	size_t filled = 0;
	size_t taken = 0;
	uint64_t records;
	StreamStatus status = STREAM_NEED_INPUT;

	for (int i = 0; i < wanted_count; i++)
		json_paths_add(paths, wanted[i]);
	reader = json_reader_create(paths);
	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	while (status != STREAM_END)
	{
		size_t consumed;

		status = json_reader_next(reader, buffer + begin, filled - begin, taken == length,
								  &consumed, values);
		begin += consumed;
		if (status == STREAM_ERROR)
		{
			printf("%s\n", json_reader_error(reader)->message);
			exit(1);
		}
		if (status == STREAM_NEED_INPUT)
		{
			size_t piece;

			memmove(buffer, buffer + begin, filled - begin);
			filled -= begin;
			begin = 0;
			piece = BUFFER_SIZE - filled < length - taken ? BUFFER_SIZE - filled : length - taken;
			memcpy(buffer + filled, data + taken, piece);
			filled += piece;
			taken += piece;
			memset(buffer + filled, 0, JSON_PADDING);
		}
	}
	records = json_reader_records(reader);
	json_reader_free(reader);
	json_paths_free(paths);
	return records;
}

static void
report(const char *what, size_t length, double elapsed, uint64_t records)
{
	printf("%-58s %7.2f GB/s", what, (double) length / elapsed / 1e9);
	if (records > 0)
		printf(" %8.1f ns/record", elapsed * 1e9 / (double) records);
	printf("\n");
}

static void
bench_json(const char *what, const char *data, size_t length, char *const *wanted, int wanted_count)
{
	double best = 1e9;
	uint64_t records = 0;

	for (int i = 0; i < 5; i++)
	{
		double start = seconds();
		double elapsed;

		records = walk_all(data, length, wanted, wanted_count);
		elapsed = seconds() - start;
		if (elapsed < best)
			best = elapsed;
	}
	report(what, length, best, records);
}

static void
bench_gunzip(const char *data, size_t length)
{
	static unsigned char output[BUFFER_SIZE];
	z_stream deflater;
	unsigned char *compressed;
	size_t compressed_length;
	Gunzip *gunzip = gunzip_create();
	double start;
	double elapsed;

	memset(&deflater, 0, sizeof(deflater));
	deflateInit2(&deflater, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
	compressed_length = deflateBound(&deflater, length);
	compressed = malloc(compressed_length);
	deflater.next_in = (Bytef *) data;
	deflater.avail_in = (uInt) length;
	deflater.next_out = compressed;
	deflater.avail_out = (uInt) compressed_length;
	deflate(&deflater, Z_FINISH);
	compressed_length = deflater.total_out;
	deflateEnd(&deflater);
	printf("gzip -6: %zu -> %zu bytes\n", length, compressed_length);

	for (int round = 0; round < 3; round++)
	{
		StreamInput input = { compressed, compressed_length, true };
		z_stream inflater;
		size_t produced;

		start = seconds();
		while (gunzip_read(gunzip, &input, output, sizeof(output), &produced) == STREAM_DATA)
			;
		elapsed = seconds() - start;
		if (gunzip_bytes_out(gunzip) != length)
			exit(1);
		gunzip_reset(gunzip);
		report("gunzip (of inflated bytes)", length, elapsed, 0);

		memset(&inflater, 0, sizeof(inflater));
		inflateInit2(&inflater, 31);
		inflater.next_in = compressed;
		inflater.avail_in = (uInt) compressed_length;
		start = seconds();
		do
		{
			inflater.next_out = output;
			inflater.avail_out = sizeof(output);
		} while (inflate(&inflater, Z_NO_FLUSH) == Z_OK);
		report("zlib inflate to nowhere", length, seconds() - start, 0);
		inflateEnd(&inflater);
	}
	free(compressed);
	gunzip_free(gunzip);
}

int
main(int argument_count, char **arguments)
{
	static char *six[] = { "targetId",
						   "campaignId",
						   "state",
						   "bid.bid",
						   "targetDetails.keyword",
						   "targetDetails.matchType" };
	static char *fourteen[] = { "targetId",
								"campaignId",
								"adGroupId",
								"adProduct",
								"state",
								"negative",
								"deliveryStatus",
								"creationDateTime",
								"lastUpdatedDateTime",
								"bid.bid",
								"bid.currencyCode",
								"targetDetails.keyword",
								"targetDetails.matchType",
								"targetDetails" };
	size_t sample_length;
	size_t size = 200;
	size_t length = 0;
	char *sample;
	char *data;
	const char *starts[MAX_RECORDS];
	size_t lengths[MAX_RECORDS];
	int records = 0;
	int depth = 0;
	bool in_string = false;

	if (argument_count < 2)
	{
		fprintf(stderr, "usage: bench_stream SAMPLE.json [MEGABYTES [PATH ...]]\n");
		return 2;
	}
	if (argument_count > 2)
		size = (size_t) atoi(arguments[2]);
	size *= 1000000;
	sample = read_file(arguments[1], &sample_length);
	sample_length = compact(sample, sample_length);
	for (size_t i = sample[0] == '[' ? 1 : 0; i < sample_length && records < MAX_RECORDS; i++)
	{
		if (in_string && sample[i] == '\\')
			i++;
		else if (sample[i] == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if ((sample[i] == '{' || sample[i] == '[') && depth++ == 0)
			starts[records] = sample + i;
		else if ((sample[i] == '}' || sample[i] == ']') && --depth == 0)
		{
			lengths[records] = (size_t) (sample + i + 1 - starts[records]);
			records++;
		}
	}

	data = malloc(size + 1000000);
	while (length < size)
	{
		uint32_t record = random_number() % (uint32_t) records;

		data[length] = length == 0 ? '[' : ',';
		length++;
		memcpy(data + length, starts[record], lengths[record]);
		for (size_t i = 0; i < lengths[record]; i++)
			if (data[length + i] >= '1' && data[length + i] <= '9')
				data[length + i] = (char) ('1' + random_number() % 9);
		length += lengths[record];
	}
	data[length++] = ']';

	bench_json("json, nothing wanted", data, length, NULL, 0);
	if (argument_count > 3)
		bench_json("json, paths given", data, length, arguments + 3, argument_count - 3);
	else
	{
		bench_json("json, 6 paths of targets", data, length, six, 6);
		bench_json("json, 4 top-level paths of targets", data, length, fourteen, 4);
		bench_json("json, 14 paths of targets", data, length, fourteen, 14);
	}
	bench_gunzip(data, length);
	free(data);
	free(sample);
	return 0;
}
