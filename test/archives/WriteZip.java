import java.io.*;
import java.nio.file.*;
import java.util.zip.*;

/** java WriteZip.java stored|deflated FOLDER NAME...: write these files to standard output, which cannot seek. */
public class WriteZip {
    public static void main(String[] arguments) throws Exception {
        try (ZipOutputStream zip = new ZipOutputStream(System.out)) {
            for (int i = 2; i < arguments.length; i++) {
                byte[] content = Files.readAllBytes(Paths.get(arguments[1], arguments[i]));
                ZipEntry entry = new ZipEntry(arguments[i]);
                if (arguments[0].equals("stored")) {
                    CRC32 crc = new CRC32();
                    crc.update(content);
                    entry.setMethod(ZipEntry.STORED);
                    entry.setSize(content.length);
                    entry.setCrc(crc.getValue());
                }
                zip.putNextEntry(entry);
                zip.write(content);
                zip.closeEntry();
            }
        }
    }
}
