/*-------------------------------------------------------------------------
 *
 * json_simd.h
 *		The byte-parallel steps of reading JSON.
 *
 * Three implementations of the same functions: SSE2 (any x86-64), NEON (any
 * arm64), and plain 64-bit words for everything else.  Compiling with
 * -DJSON_FORCE_PORTABLE chooses the last one, so that tests can compare them.
 * All of them load whole blocks, which JSON_PADDING makes safe.
 *
 * The words variant reads memory as little-endian words whatever the machine
 * is, so that bit n of a mask always stands for byte n.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_JSON_SIMD_H
#define ADSEXPORT_JSON_SIMD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(JSON_FORCE_PORTABLE)
#define JSON_SIMD_NAME "portable"
#elif defined(__SSE2__)
#define JSON_SIMD_SSE2
#define JSON_SIMD_NAME "sse2"
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define JSON_SIMD_NEON
#define JSON_SIMD_NAME "neon"
#include <arm_neon.h>
#else
#define JSON_SIMD_NAME "portable"
#endif

#define likely_true(condition) __builtin_expect(!!(condition), 1)
#define likely_false(condition) __builtin_expect(!!(condition), 0)

/* How many bytes find_string_stop and find_scalar_stop look at. */
#define STRING_STEP 32
#define SCALAR_STEP 16

/* A key is predicted by comparing this many bytes under a mask. */
#define KEY_PREFIX 32

#define SKIP_BLOCK 64

/* What is where in a block of 64 bytes, one bit a byte. */
typedef struct BlockMasks
{
	uint64_t quote;
	uint64_t backslash;
	uint64_t bracket; /* any of [ ] { } */
	uint64_t newline;
} BlockMasks;

static inline uint64_t
load_word(const void *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * find_string_stop: index of the first quote, backslash or control character
 * (the NUL after the data is one) among STRING_STEP bytes, or STRING_STEP.
 *
 * find_scalar_stop: index of the first byte among SCALAR_STEP that cannot be
 * inside a number or literal (white space, controls, , : " [ ] { }), or
 * SCALAR_STEP.
 *
 * key_prefix_equal: are the bytes that mask selects (0xff or 0) those of text,
 * and text zero elsewhere?  Text and mask are KEY_PREFIX long and aligned.
 *
 * classify_block: the four masks of SKIP_BLOCK bytes.
 *
 * all_plain_text: are 16 bytes all ASCII, none of them a control character
 * (DEL is none) or a backslash?
 */

#if defined(JSON_SIMD_SSE2)

static inline unsigned
find_string_stop(const char *bytes)
{
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i last_control = _mm_set1_epi8(0x1f);
	__m128i low = _mm_loadu_si128((const __m128i *) bytes);
	__m128i high = _mm_loadu_si128((const __m128i *) (bytes + 16));
	__m128i low_stop = _mm_or_si128(_mm_cmpeq_epi8(low, quote), _mm_cmpeq_epi8(low, backslash));
	__m128i high_stop = _mm_or_si128(_mm_cmpeq_epi8(high, quote), _mm_cmpeq_epi8(high, backslash));
	uint64_t mask;

	low_stop = _mm_or_si128(low_stop, _mm_cmpeq_epi8(_mm_min_epu8(low, last_control), low));
	high_stop = _mm_or_si128(high_stop, _mm_cmpeq_epi8(_mm_min_epu8(high, last_control), high));
	mask = (uint32_t) _mm_movemask_epi8(low_stop);
	mask |= (uint64_t) (uint32_t) _mm_movemask_epi8(high_stop) << 16;
	mask |= UINT64_C(1) << STRING_STEP;
	return (unsigned) __builtin_ctzll(mask);
}

static inline unsigned
find_scalar_stop(const char *bytes)
{
	__m128i block = _mm_loadu_si128((const __m128i *) bytes);
	__m128i folded = _mm_or_si128(block, _mm_set1_epi8(0x20));
	__m128i stop = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x20)), block);

	/* [ and ] differ from { and } in bit 0x20 only; "\x02" is a control. */
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8(',')));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8(':')));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8('"')));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(folded, _mm_set1_epi8('{')));
	stop = _mm_or_si128(stop, _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
	return (unsigned) __builtin_ctz((uint32_t) _mm_movemask_epi8(stop) | (1u << SCALAR_STEP));
}

static inline bool
key_prefix_equal(const char *bytes, const unsigned char *text, const unsigned char *mask)
{
	__m128i low = _mm_loadu_si128((const __m128i *) bytes);
	__m128i high = _mm_loadu_si128((const __m128i *) (bytes + 16));
	__m128i low_text = _mm_load_si128((const __m128i *) text);
	__m128i high_text = _mm_load_si128((const __m128i *) (text + 16));
	__m128i equal;

	low = _mm_and_si128(low, _mm_load_si128((const __m128i *) mask));
	high = _mm_and_si128(high, _mm_load_si128((const __m128i *) (mask + 16)));
	equal = _mm_and_si128(_mm_cmpeq_epi8(low, low_text), _mm_cmpeq_epi8(high, high_text));
	return _mm_movemask_epi8(equal) == 0xffff;
}

static inline uint64_t
gather_mask(__m128i first, __m128i second, __m128i third, __m128i fourth)
{
	uint64_t low = (uint32_t) _mm_movemask_epi8(first) |
				   ((uint64_t) (uint32_t) _mm_movemask_epi8(second) << 16);
	uint64_t high = (uint32_t) _mm_movemask_epi8(third) |
					((uint64_t) (uint32_t) _mm_movemask_epi8(fourth) << 16);

	return low | (high << 32);
}

static inline void
classify_block(const char *bytes, BlockMasks *masks)
{
	__m128i part[4];
	__m128i folded[4];

	for (int i = 0; i < 4; i++)
	{
		part[i] = _mm_loadu_si128((const __m128i *) (bytes + 16 * i));
		/* Brings [ to { and ] to }. */
		folded[i] = _mm_or_si128(part[i], _mm_set1_epi8(0x20));
	}
#define EQUAL(blocks, i, character) _mm_cmpeq_epi8((blocks)[i], _mm_set1_epi8(character))
#define EQUAL_MASK(blocks, character)                                                              \
	gather_mask(EQUAL(blocks, 0, character), EQUAL(blocks, 1, character),                          \
				EQUAL(blocks, 2, character), EQUAL(blocks, 3, character))
#define BRACKET(i) _mm_or_si128(EQUAL(folded, i, '{'), EQUAL(folded, i, '}'))
	masks->quote = EQUAL_MASK(part, '"');
	masks->backslash = EQUAL_MASK(part, '\\');
	masks->newline = EQUAL_MASK(part, '\n');
	masks->bracket = gather_mask(BRACKET(0), BRACKET(1), BRACKET(2), BRACKET(3));
#undef BRACKET
#undef EQUAL_MASK
#undef EQUAL
}

static inline bool
all_plain_text(const char *bytes)
{
	__m128i block = _mm_loadu_si128((const __m128i *) bytes);
	__m128i special = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));

	/* Compared as signed numbers, bytes beyond ASCII are less than a space, too. */
	special = _mm_or_si128(special, _mm_cmplt_epi8(block, _mm_set1_epi8(' ')));
	return _mm_movemask_epi8(special) == 0;
}

#elif defined(JSON_SIMD_NEON)

/* One nibble a byte (f or 0) from a vector of ff and 00. */
static inline uint64_t
nibble_mask(uint8x16_t match)
{
	return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(match), 4)), 0);
}

static inline uint8x16_t
string_stop_match(uint8x16_t block)
{
	uint8x16_t stop = vorrq_u8(vceqq_u8(block, vdupq_n_u8('"')), vceqq_u8(block, vdupq_n_u8('\\')));

	return vorrq_u8(stop, vcltq_u8(block, vdupq_n_u8(0x20)));
}

static inline unsigned
find_string_stop(const char *bytes)
{
	uint64_t low = nibble_mask(string_stop_match(vld1q_u8((const uint8_t *) bytes)));
	uint64_t high;

	if (low != 0)
		return (unsigned) __builtin_ctzll(low) / 4;
	high = nibble_mask(string_stop_match(vld1q_u8((const uint8_t *) bytes + 16)));
	return high != 0 ? 16 + (unsigned) __builtin_ctzll(high) / 4 : STRING_STEP;
}

static inline unsigned
find_scalar_stop(const char *bytes)
{
	uint8x16_t block = vld1q_u8((const uint8_t *) bytes);
	uint8x16_t folded = vorrq_u8(block, vdupq_n_u8(0x20));
	uint8x16_t stop = vcleq_u8(block, vdupq_n_u8(0x20));
	uint64_t mask;

	stop = vorrq_u8(stop, vceqq_u8(block, vdupq_n_u8(',')));
	stop = vorrq_u8(stop, vceqq_u8(block, vdupq_n_u8(':')));
	stop = vorrq_u8(stop, vceqq_u8(block, vdupq_n_u8('"')));
	stop = vorrq_u8(stop, vceqq_u8(folded, vdupq_n_u8('{')));
	stop = vorrq_u8(stop, vceqq_u8(folded, vdupq_n_u8('}')));
	mask = nibble_mask(stop);
	return mask != 0 ? (unsigned) __builtin_ctzll(mask) / 4 : SCALAR_STEP;
}

static inline bool
key_prefix_equal(const char *bytes, const unsigned char *text, const unsigned char *mask)
{
	uint8x16_t low = vandq_u8(vld1q_u8((const uint8_t *) bytes), vld1q_u8(mask));
	uint8x16_t high = vandq_u8(vld1q_u8((const uint8_t *) bytes + 16), vld1q_u8(mask + 16));

	low = veorq_u8(low, vld1q_u8(text));
	high = veorq_u8(high, vld1q_u8(text + 16));
	return vmaxvq_u8(vorrq_u8(low, high)) == 0;
}

static inline uint64_t
gather_mask(uint8x16_t first, uint8x16_t second, uint8x16_t third, uint8x16_t fourth)
{
	static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	uint8x16_t bit = vld1q_u8(bits);
	uint8x16_t low = vpaddq_u8(vandq_u8(first, bit), vandq_u8(second, bit));
	uint8x16_t high = vpaddq_u8(vandq_u8(third, bit), vandq_u8(fourth, bit));

	low = vpaddq_u8(low, high);
	low = vpaddq_u8(low, low);
	return vgetq_lane_u64(vreinterpretq_u64_u8(low), 0);
}

static inline void
classify_block(const char *bytes, BlockMasks *masks)
{
	uint8x16_t part[4];
	uint8x16_t folded[4];

	for (int i = 0; i < 4; i++)
	{
		part[i] = vld1q_u8((const uint8_t *) bytes + 16 * i);
		/* Brings [ to { and ] to }. */
		folded[i] = vorrq_u8(part[i], vdupq_n_u8(0x20));
	}
#define EQUAL(blocks, i, character) vceqq_u8((blocks)[i], vdupq_n_u8(character))
#define EQUAL_MASK(blocks, character)                                                              \
	gather_mask(EQUAL(blocks, 0, character), EQUAL(blocks, 1, character),                          \
				EQUAL(blocks, 2, character), EQUAL(blocks, 3, character))
#define BRACKET(i) vorrq_u8(EQUAL(folded, i, '{'), EQUAL(folded, i, '}'))
	masks->quote = EQUAL_MASK(part, '"');
	masks->backslash = EQUAL_MASK(part, '\\');
	masks->newline = EQUAL_MASK(part, '\n');
	masks->bracket = gather_mask(BRACKET(0), BRACKET(1), BRACKET(2), BRACKET(3));
#undef BRACKET
#undef EQUAL_MASK
#undef EQUAL
}

static inline bool
all_plain_text(const char *bytes)
{
	uint8x16_t block = vld1q_u8((const uint8_t *) bytes);
	uint8x16_t special = vceqq_u8(block, vdupq_n_u8('\\'));

	/* Below 20 and over 7f in one comparison: block - 20 >= 60. */
	special = vorrq_u8(special, vcgeq_u8(vsubq_u8(block, vdupq_n_u8(0x20)), vdupq_n_u8(0x60)));
	return vmaxvq_u8(special) == 0;
}

#else /* portable */

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* 80 in each byte that is zero, 00 in all others (exactly, no carries). */
static inline uint64_t
zero_bytes(uint64_t word)
{
	const uint64_t low_bits = EVERY_BYTE(0x7f);

	return ~(((word & low_bits) + low_bits) | word | low_bits);
}

static inline uint64_t
equal_bytes(uint64_t word, unsigned char character)
{
	return zero_bytes(word ^ EVERY_BYTE(character));
}

/* One bit a byte from a word of 80 and 00. */
static inline uint64_t
pack_bytes(uint64_t match)
{
	return ((match >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline unsigned
find_string_stop(const char *bytes)
{
	for (unsigned i = 0; i < STRING_STEP; i += 8)
	{
		uint64_t word = load_word(bytes + i);
		uint64_t stop =
			equal_bytes(word, '"') | equal_bytes(word, '\\') | zero_bytes(word & EVERY_BYTE(0xe0));

		if (stop != 0)
			return i + (unsigned) __builtin_ctzll(stop) / 8;
	}
	return STRING_STEP;
}

static inline unsigned
find_scalar_stop(const char *bytes)
{
	for (unsigned i = 0; i < SCALAR_STEP; i += 8)
	{
		uint64_t word = load_word(bytes + i);
		uint64_t folded = word | EVERY_BYTE(0x20);
		uint64_t stop = zero_bytes(word & EVERY_BYTE(0xe0)) | equal_bytes(word, ' ') |
						equal_bytes(word, ',') | equal_bytes(word, ':') | equal_bytes(word, '"') |
						equal_bytes(folded, '{') | equal_bytes(folded, '}');

		if (stop != 0)
			return i + (unsigned) __builtin_ctzll(stop) / 8;
	}
	return SCALAR_STEP;
}

static inline bool
key_prefix_equal(const char *bytes, const unsigned char *text, const unsigned char *mask)
{
	uint64_t different = 0;

	for (unsigned i = 0; i < KEY_PREFIX; i += 8)
		different |= (load_word(bytes + i) & load_word(mask + i)) ^ load_word(text + i);
	return different == 0;
}

static inline void
classify_block(const char *bytes, BlockMasks *masks)
{
	memset(masks, 0, sizeof(*masks));
	for (unsigned i = 0; i < SKIP_BLOCK; i += 8)
	{
		uint64_t word = load_word(bytes + i);
		uint64_t folded = word | EVERY_BYTE(0x20);

		masks->quote |= pack_bytes(equal_bytes(word, '"')) << i;
		masks->backslash |= pack_bytes(equal_bytes(word, '\\')) << i;
		masks->newline |= pack_bytes(equal_bytes(word, '\n')) << i;
		masks->bracket |= pack_bytes(equal_bytes(folded, '{') | equal_bytes(folded, '}')) << i;
	}
}

static inline bool
all_plain_text(const char *bytes)
{
	uint64_t special = 0;

	for (unsigned i = 0; i < 16; i += 8)
	{
		uint64_t word = load_word(bytes + i);

		special |= word | ~((word | EVERY_BYTE(0x80)) - EVERY_BYTE(0x20)) | equal_bytes(word, '\\');
	}
	return (special & EVERY_BYTE(0x80)) == 0;
}

#endif

#endif /* ADSEXPORT_JSON_SIMD_H */
