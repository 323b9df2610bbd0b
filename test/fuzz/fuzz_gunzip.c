/*-------------------------------------------------------------------------
 *
 * fuzz_gunzip.c
 *		Fuzz stream/gunzip and compare with zlib's own gzip mode.
 *
 * The first byte chooses: odd, the rest is a compressed stream; even, the rest
 * is content, which is compressed first, perhaps damaged, and must come back.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"
#include "gzip_build.h"
#include "pieces.h"
#include "stream/gunzip.h"

#define MAX_CONTENT (1 << 20)

typedef struct Outcome
{
	StreamStatus status;
	StreamError error;
	bool plain;
	uint32_t crc;
	Bytes content;
} Outcome;

/* pieces: cut input and output at random, else hand all over at once. */
static void
run(Gunzip *gunzip, const uint8_t *data, size_t length, bool pieces, Outcome *outcome)
{
	Pieces lent;
	uint8_t *output = NULL;

	pieces_begin(&lent, data, length);
	gunzip_reset(gunzip);
	outcome->content.length = 0;
	do
	{
		size_t output_size = pieces ? 1 + fuzz_below(100) : 65536;
		size_t produced;

		output = realloc(output, output_size);
		outcome->status = gunzip_read(gunzip, &lent.input, output, output_size, &produced);
		EXPECT(produced <= output_size, "%zu", produced);
		append(&outcome->content, output, produced);
		if (outcome->status == STREAM_NEED_INPUT)
		{
			size_t size = pieces ? fuzz_below(50) : length;

			EXPECT(lent.input.available == 0 && !lent.input.last, "%zu left", lent.input.available);
			pieces_lend(&lent, size, true);
		}
	} while ((outcome->status == STREAM_DATA || outcome->status == STREAM_NEED_INPUT) &&
			 outcome->content.length < MAX_CONTENT);
	outcome->error = *gunzip_error(gunzip);
	outcome->plain = gunzip_is_plain(gunzip);
	outcome->crc = gunzip_content_crc(gunzip);
	pieces_end(&lent);
	free(output);
}

/*
 * The same by zlib's gzip mode.  Returns true if all of data is members and
 * zeros behind them.
 */
static bool
inflate_by_zlib(const uint8_t *data, size_t length, Bytes *content)
{
	z_stream inflater;
	bool good = true;
	bool member = true;

	memset(&inflater, 0, sizeof(inflater));
	if (inflateInit2(&inflater, 16 + MAX_WBITS) != Z_OK)
		abort();
	inflater.next_in = (Bytef *) data;
	inflater.avail_in = (uInt) length;
	while (good && (member || inflater.avail_in > 0) && content->length < MAX_CONTENT)
	{
		uint8_t output[4096];
		int result;

		if (!member)
		{
			if (*inflater.next_in == 0)
			{
				while (inflater.avail_in > 0 && *inflater.next_in == 0)
				{
					inflater.next_in++;
					inflater.avail_in--;
				}
				good = inflater.avail_in == 0;
				break;
			}
			inflateReset(&inflater);
			member = true;
		}
		inflater.next_out = output;
		inflater.avail_out = sizeof(output);
		result = inflate(&inflater, Z_NO_FLUSH);
		append(content, output, sizeof(output) - inflater.avail_out);
		if (result == Z_STREAM_END)
			member = false;
		else if (result != Z_OK)
			good = false;
	}
	inflateEnd(&inflater);
	return good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Gunzip *gunzip;
	Outcome whole = { 0 };
	Outcome cut = { 0 };
	Bytes stream = { 0 };
	Bytes reference = { 0 };
	bool damaged = false;
	bool single = true;

	if (gunzip == NULL)
		gunzip = gunzip_create();
	if (size < 2)
		return 0;
	fuzz_state = data[0];
	if (data[0] & 1)
		append(&stream, data + 1, size - 1);
	else
	{
		size_t first = (data[0] & 2) ? fuzz_below(size) : size - 1;

		append_gzip_with_flags(&stream, data + 1, first, data[0] >> 3);
		single = first == size - 1;
		if (!single)
			append_gzip_with_flags(&stream, data + 1 + first, size - 1 - first, data[0] >> 4);
		if (data[0] & 4)
		{
			stream.data[fuzz_below(stream.length)] ^= (uint8_t) (1 << fuzz_below(8));
			damaged = true;
		}
	}

	run(gunzip, stream.data, stream.length, false, &whole);
	run(gunzip, stream.data, stream.length, true, &cut);
	if (whole.content.length < MAX_CONTENT && cut.content.length < MAX_CONTENT)
	{
		bool good;

		EXPECT(whole.status == cut.status, "%d and %d", whole.status, cut.status);
		EXPECT(same_bytes(&whole.content, &cut.content), "%zu and %zu bytes", whole.content.length,
			   cut.content.length);
		EXPECT(whole.crc == cut.crc && whole.plain == cut.plain, "%u and %u", whole.crc, cut.crc);
		EXPECT(strcmp(whole.error.message, cut.error.message) == 0, "%s and %s",
			   whole.error.message, cut.error.message);
		EXPECT((whole.status == STREAM_ERROR) == (whole.error.message[0] != '\0'), "%s",
			   whole.error.message);

		good = inflate_by_zlib(stream.data, stream.length, &reference);
		if (whole.plain)
			EXPECT(same_bytes(&whole.content, &stream), "plain data was changed");
		else
		{
			EXPECT(good == (whole.status == STREAM_END), "zlib says %d, gunzip %d: %s", good,
				   whole.status, whole.error.message);
			if (good)
			{
				EXPECT(same_bytes(&whole.content, &reference), "other content than zlib's");
				EXPECT(whole.crc == crc32_z(0, reference.data, reference.length), "%u", whole.crc);
			}
		}
		/*
		 * Nothing but the magic protects a header: one bit in the length of an
		 * extra field can hide a member, and no reader of gzip can tell.
		 */
		if (!(data[0] & 1) && (!damaged || (single && whole.status == STREAM_END && !whole.plain)))
			EXPECT(whole.content.length == size - 1 &&
					   memcmp(whole.content.data, data + 1, size - 1) == 0,
				   "content did not come back: %s", whole.error.message);
	}
	free(whole.content.data);
	free(cut.content.data);
	free(stream.data);
	free(reference.data);
	return 0;
}
