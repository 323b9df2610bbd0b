/*-------------------------------------------------------------------------
 *
 * crc32.h
 *		The CRC-32 of gzip and zip, as fast as the machine allows.
 *
 * Each inflated byte is checked, and with zlib's own function the check takes
 * a third of the time of inflating.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_CRC32_H
#define ADSEXPORT_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC-32 of what crc is the checksum of (0: nothing), followed by bytes[0 .. length). */
extern uint32_t stream_crc32(uint32_t crc, const unsigned char *bytes, size_t length);

/* The CRC-32 of two pieces one after the other, the second of that length. */
extern uint32_t stream_crc32_combine(uint32_t first, uint32_t second, uint64_t second_length);

/* The CRC-32 of the first piece, from that of both and that of the second one. */
extern uint32_t stream_crc32_remove_end(uint32_t both, uint32_t second, uint64_t second_length);

#endif /* ADSEXPORT_CRC32_H */
