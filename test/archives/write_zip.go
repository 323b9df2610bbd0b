// Write the files named on the command line to standard output, which cannot seek.
//
//	go run write_zip.go stored|deflated|raw FOLDER NAME...
package main

import (
	"archive/zip"
	"hash/crc32"
	"log"
	"os"
	"path/filepath"
)

func main() {
	writer := zip.NewWriter(os.Stdout)
	for _, name := range os.Args[3:] {
		content, err := os.ReadFile(filepath.Join(os.Args[2], name))
		if err != nil {
			log.Fatal(err)
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if os.Args[1] != "deflated" {
			header.Method = zip.Store
		}
		create := writer.CreateHeader
		if os.Args[1] == "raw" {
			// Sizes and checksum are known beforehand, so there is no descriptor.
			header.CRC32 = crc32.ChecksumIEEE(content)
			header.CompressedSize64 = uint64(len(content))
			header.UncompressedSize64 = uint64(len(content))
			create = writer.CreateRaw
		}
		entry, err := create(header)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := entry.Write(content); err != nil {
			log.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		log.Fatal(err)
	}
}
