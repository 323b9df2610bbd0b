/*-------------------------------------------------------------------------
 *
 * crc32.c
 *		The CRC-32 of gzip and zip, as fast as the machine allows.
 *
 * On x86-64 with carry-less multiplication (any since 2010, detected at run
 * time) 64 bytes are folded at a time, as in V. Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel,
 * 2009); 128 bytes where it multiplies vectors of 256 bits (since about 2020).
 * Elsewhere zlib does it (from 1.2.12 on with arm64's CRC instructions, if it
 * was compiled for them).
 *
 *-------------------------------------------------------------------------
 */
#include <zlib.h>

#include "stream/crc32.h"

/* If ISA-L was built in, its function is more than twice as fast (64 GB/s here against 28). */
#if defined(ADSEXPORT_WITH_ISAL) && !defined(CRC32_FORCE_NARROW)
#define CRC32_BY_ISAL
#include <isa-l/crc.h>
#elif defined(__x86_64__) && defined(__GNUC__)
#define CRC32_BY_FOLDING
#include <immintrin.h>
#endif

#ifdef CRC32_BY_ISAL

/*
 * ISA-L leaves something in the upper halves of vector registers, which slows
 * down the instructions for narrow ones with which records are walked.
 *
 * The compiler must know, as it may keep values of ours there if it compiles for
 * AVX. To it these names stand for whole registers.
 */
static void
leave_wide_registers(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper" ::
							 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
							   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
							   "xmm15");
#endif
}

#endif

#ifdef CRC32_BY_FOLDING

#define FOLD_BLOCK 64
#define WIDE_FOLD_BLOCK 128

/* -DCRC32_FORCE_NARROW leaves the wide one out, which is how the tests reach the other. */
#ifndef CRC32_FORCE_NARROW
#define CRC32_BY_WIDE_FOLDING
#endif

/*
 * Remainders of powers of x by the polynomial (bit-reflected), to fold by n
 * bits: of x^(n + 32) and of x^(n - 32).
 */
#define FOLD_1024 0x01e88ef372, 0x014a7fe880
#define FOLD_512 0x0154442bd4, 0x01c6e41596
#define FOLD_128 0x01751997d0, 0x00ccaa009e

/* The first of two constants in the low half. */
#define CONSTANT_PAIR(pair) MAKE_CONSTANT_PAIR(pair)
#define MAKE_CONSTANT_PAIR(low, high) _mm_set_epi64x((high), (low))

/*
 * To 32 bits: count lanes of 128 bits, then the rest of the bytes, of which
 * there are a multiple of 16.
 */
static inline __attribute__((always_inline, target("pclmul,sse4.1"))) uint32_t
crc32_of_lanes(const __m128i *lanes, int count, const __m128i *next, size_t length)
{
	const __m128i fold_by_one = CONSTANT_PAIR(FOLD_128);
	const __m128i fold_to_64 = _mm_set_epi64x(0, 0x0163cd6124);
	const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);
	const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);
	__m128i folded = lanes[0];
	__m128i reduced;

#define FOLD_ONE(more)                                                                             \
	folded = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(folded, fold_by_one, 0x00),          \
										 _mm_clmulepi64_si128(folded, fold_by_one, 0x11)),         \
						   (more))
	for (int i = 1; i < count; i++)
		FOLD_ONE(lanes[i]);
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

/* length is at least FOLD_BLOCK and a multiple of 16; crc is inverted. */
static __attribute__((target("pclmul,sse4.1"))) uint32_t
crc32_by_folding(uint32_t crc, const unsigned char *bytes, size_t length)
{
	const __m128i fold_by_four = CONSTANT_PAIR(FOLD_512);
	const __m128i *next = (const __m128i *) bytes;
	__m128i lanes[4];

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
	return crc32_of_lanes(lanes, 4, next, length);
}

#ifdef CRC32_BY_WIDE_FOLDING

/* Likewise with vectors of twice the width; length is at least WIDE_FOLD_BLOCK. */
static __attribute__((target("pclmul,sse4.1,avx2,vpclmulqdq"))) uint32_t
crc32_by_wide_folding(uint32_t crc, const unsigned char *bytes, size_t length)
{
	const __m256i fold_by_eight = _mm256_broadcastsi128_si256(CONSTANT_PAIR(FOLD_1024));
	const __m256i *next = (const __m256i *) bytes;
	__m256i wide[4];
	__m128i lanes[8];

	for (int i = 0; i < 4; i++)
		wide[i] = _mm256_loadu_si256(next++);
	wide[0] = _mm256_xor_si256(wide[0], _mm256_set_epi64x(0, 0, 0, crc));
	length -= WIDE_FOLD_BLOCK;

	for (; length >= WIDE_FOLD_BLOCK; length -= WIDE_FOLD_BLOCK)
		for (int i = 0; i < 4; i++)
		{
			__m256i low = _mm256_clmulepi64_epi128(wide[i], fold_by_eight, 0x00);
			__m256i high = _mm256_clmulepi64_epi128(wide[i], fold_by_eight, 0x11);

			wide[i] = _mm256_xor_si256(_mm256_xor_si256(low, high), _mm256_loadu_si256(next++));
		}
	for (int i = 0; i < 4; i++)
	{
		lanes[2 * i] = _mm256_castsi256_si128(wide[i]);
		lanes[2 * i + 1] = _mm256_extracti128_si256(wide[i], 1);
	}
	return crc32_of_lanes(lanes, 8, (const __m128i *) next, length);
}

#endif /* CRC32_BY_WIDE_FOLDING */

#endif /* CRC32_BY_FOLDING */

uint32_t
stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length)
{
#ifdef CRC32_BY_ISAL
	if (length == 0)
		return crc;
	crc = crc32_gzip_refl(crc, bytes, length);
	leave_wide_registers();
	return crc;
#else
#ifdef CRC32_BY_FOLDING
	if (length >= FOLD_BLOCK && __builtin_cpu_supports("pclmul") &&
		__builtin_cpu_supports("sse4.1"))
	{
		size_t folded = length & ~(size_t) 15;

#ifdef CRC32_BY_WIDE_FOLDING
		if (length >= WIDE_FOLD_BLOCK && __builtin_cpu_supports("vpclmulqdq") &&
			__builtin_cpu_supports("avx2"))
			crc = ~crc32_by_wide_folding(~crc, bytes, folded);
		else
#endif
			crc = ~crc32_by_folding(~crc, bytes, folded);
		bytes += folded;
		length -= folded;
	}
#endif
	/* zlib understands a null pointer as a question for the initial value. */
	return length == 0 ? crc : (uint32_t) crc32_z(crc, bytes, length);
#endif
}

/*
 * In steps if the second part has more bytes than z_off_t can count: that has
 * 32 bits on some machines, and zlib does not return from a negative length.
 */
uint32_t
stream_crc32_combine(uint32_t first, uint32_t second, uint64_t second_length)
{
	for (; second_length > INT32_MAX; second_length -= INT32_MAX)
		first = (uint32_t) crc32_combine(first, 0, INT32_MAX);
	return (uint32_t) crc32_combine(first, second, (z_off_t) second_length);
}

/*
 * Appending bytes is multiplying by a power of x, modulo a primitive
 * polynomial of degree 32. Powers repeat after 2^32 - 1, an odd number, so
 * appending as many bytes as are missing from that undoes it.
 */
uint32_t
stream_crc32_remove_end(uint32_t both, uint32_t second, uint64_t second_length)
{
	const uint64_t period = UINT64_C(0xffffffff);

	return stream_crc32_combine(both ^ second, 0, period - second_length % period);
}
