"""Prints the program in a function's zip.

Lambda starts the file `bootstrap`, which has to be executable; nothing else belongs in there.

usage: bootstrap_of.py bootstrap.zip
"""

import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    entries = archive.infolist()
    if [entry.filename for entry in entries] != ["bootstrap"]:
        sys.exit(f"bootstrap alone is wanted, there is {archive.namelist()}")
    mode = entries[0].external_attr >> 16
    if mode & 0o111 != 0o111:
        sys.exit(f"bootstrap cannot be started, its mode is {mode:o}")
    sys.stdout.buffer.write(archive.read(entries[0]))
