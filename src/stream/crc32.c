/*-------------------------------------------------------------------------
 *
 * crc32.c
 *		The CRC-32 of gzip and zip, as fast as the machine allows.
 *
 * On x86-64 with carry-less multiplication (any since 2010, asked at run time)
 * 64 bytes are folded at a time, as in V. Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel,
 * 2009).  Elsewhere zlib does it (from 1.2.12 on with
 * arm64's CRC instructions, where it was compiled for them).
 *
 *-------------------------------------------------------------------------
 */
#include <zlib.h>

#include "stream/crc32.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define CRC32_BY_FOLDING
#include <immintrin.h>
#endif

#ifdef CRC32_BY_FOLDING

#define FOLD_BLOCK 64

/* length is at least FOLD_BLOCK and a multiple of 16; crc is inverted. */
static __attribute__((target("pclmul,sse4.1"))) uint32_t
crc32_by_folding(uint32_t crc, const unsigned char *bytes, size_t length)
{
	/* Remainders of powers of x by the polynomial (bit-reflected), from the paper. */
	const __m128i fold_by_four = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
	const __m128i fold_by_one = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
	const __m128i fold_to_64 = _mm_set_epi64x(0, 0x0163cd6124);
	const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);
	const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);
	const __m128i *next = (const __m128i *) bytes;
	__m128i lanes[4];
	__m128i folded;
	__m128i reduced;

	for (int i = 0; i < 4; i++)
		lanes[i] = _mm_loadu_si128(next++);
	lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int) crc));
	length -= FOLD_BLOCK;

	for (; length >= FOLD_BLOCK; length -= FOLD_BLOCK)
		for (int i = 0; i < 4; i++)
		{
			__m128i low = _mm_clmulepi64_si128(lanes[i], fold_by_four, 0x00);
			__m128i high = _mm_clmulepi64_si128(lanes[i], fold_by_four, 0x11);

			lanes[i] = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128(next++));
		}

#define FOLD_ONE(more)                                                                             \
	folded = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(folded, fold_by_one, 0x00),          \
										 _mm_clmulepi64_si128(folded, fold_by_one, 0x11)),         \
						   (more))
	folded = lanes[0];
	FOLD_ONE(lanes[1]);
	FOLD_ONE(lanes[2]);
	FOLD_ONE(lanes[3]);
	for (; length >= 16; length -= 16)
		FOLD_ONE(_mm_loadu_si128(next++));
#undef FOLD_ONE

	/* 128 bits to 64 */
	folded =
		_mm_xor_si128(_mm_clmulepi64_si128(folded, fold_by_one, 0x10), _mm_srli_si128(folded, 8));
	folded =
		_mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(folded, low_halves), fold_to_64, 0x00),
					  _mm_srli_si128(folded, 4));

	/* Barrett's reduction of 64 bits to 32 */
	reduced = _mm_clmulepi64_si128(_mm_and_si128(folded, low_halves), polynomial, 0x10);
	reduced = _mm_clmulepi64_si128(_mm_and_si128(reduced, low_halves), polynomial, 0x00);
	return (uint32_t) _mm_extract_epi32(_mm_xor_si128(folded, reduced), 1);
}

#endif /* CRC32_BY_FOLDING */

uint32_t
stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length)
{
#ifdef CRC32_BY_FOLDING
	if (length >= FOLD_BLOCK && __builtin_cpu_supports("pclmul") &&
		__builtin_cpu_supports("sse4.1"))
	{
		size_t folded = length & ~(size_t) 15;

		crc = ~crc32_by_folding(~crc, bytes, folded);
		bytes += folded;
		length -= folded;
	}
#endif
	/* zlib takes a null pointer for a question about the first value. */
	return length == 0 ? crc : (uint32_t) crc32_z(crc, bytes, length);
}

uint32_t
stream_crc32_combine(uint32_t first, uint32_t second, uint64_t second_length)
{
	return (uint32_t) crc32_combine(first, second, (z_off_t) second_length);
}

/*
 * To append bytes is to multiply by a power of x, modulo a primitive polynomial
 * of degree 32.  Powers repeat after 2^32 - 1, an odd number, so that as many
 * bytes again as are missing from that undo it.
 */
uint32_t
stream_crc32_remove_end(uint32_t both, uint32_t second, uint64_t second_length)
{
	const uint64_t period = UINT64_C(0xffffffff);

	return stream_crc32_combine(both ^ second, 0, period - second_length % period);
}
