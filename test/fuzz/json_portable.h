/*-------------------------------------------------------------------------
 *
 * json_portable.h
 *		Gives the public functions of stream/json other names.
 *
 *-------------------------------------------------------------------------
 */
#define json_paths_create portable_paths_create
#define json_paths_free portable_paths_free
#define json_paths_add portable_paths_add
#define json_paths_count portable_paths_count
#define json_reader_create portable_reader_create
#define json_reader_free portable_reader_free
#define json_reader_reset portable_reader_reset
#define json_reader_next portable_reader_next
#define json_reader_stop_when portable_reader_stop_when
#define json_reader_error portable_reader_error
#define json_reader_records portable_reader_records
#define json_reader_record_offset portable_reader_record_offset
#define json_reader_offset portable_reader_offset
#define json_cursor_open portable_cursor_open
#define json_cursor_next portable_cursor_next
#define json_string_equals portable_string_equals
#define json_validate portable_validate
#define json_string_decoded_size portable_string_decoded_size
#define json_string_decode portable_string_decode
#define json_text_copy portable_text_copy
#define json_text_copied_size portable_text_copied_size
